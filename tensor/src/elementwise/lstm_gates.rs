//! The gates of a long short-term memory, and their cotangent: one pass over the rows of a batch.

use crate::create::buffer;
use crate::kernels::simd::{Body, Level};
use crate::{Real, Tensor, parallel, require};

/// Steps of work for each element of the memory: five exponentials in vectors.
const STEPS: usize = 16;

impl<T: Real> Tensor<T> {
    /// The next hidden state and memory of a long short-term memory, and its gates:
    /// `c′ = σ(f)·c + σ(i)·tanh g`, `h = σ(o)·tanh c′`, and `[σ(i), σ(f), tanh g, σ(o)]`.
    ///
    /// * `self`: the sums `[i, f, g, o]` of the gates, `[.., 4·width]`
    /// * `c`: the memory, `[.., width]`
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let sums = Tensor::<f64>::zeros([1, 4]);
    /// let [h, memory, gates] = sums.lstm_gates(&Tensor::ones([1, 1]));
    /// assert_eq!((memory.item(), h.item()), (0.5, 0.5 * 0.5_f64.tanh()));
    /// assert_eq!(gates.to_vec(), [0.5, 0.5, 0.0, 0.5]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[must_use]
    #[track_caller]
    pub fn lstm_gates(&self, c: &Self) -> [Self; 3] {
        const OP: &str = "lstm_gates";
        let width = self.gate_width(OP, c);
        let (mut h, mut memory) = (buffer(OP, c.shape()), buffer(OP, c.shape()));
        let mut gates = buffer(OP, self.shape());
        if !c.is_empty() {
            let [sums, old] = [self, c].map(Tensor::contiguous);
            let [sums, old] = [&sums, &old].map(|x| x.as_slice().expect("made contiguous"));
            activate(width, [sums, old], [&mut h, &mut memory, &mut gates]);
        }
        let state = c.layout().to_row_major();
        [
            Self::from_parts(h, state),
            Self::from_parts(memory, state),
            Self::from_parts(gates, self.layout().to_row_major()),
        ]
    }

    /// The gradients in the sums and in the memory of [`lstm_gates`](Self::lstm_gates), given the cotangents `dh` and
    /// `dmemory` of the next hidden state and memory.
    ///
    /// * `self`, `c`: as there
    /// * `memory`, `gates`: its results
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let (sums, c) = (Tensor::<f64>::zeros([1, 4]), Tensor::ones([1, 1]));
    /// let [_, memory, gates] = sums.lstm_gates(&c);
    /// let [dh, dmemory] = [0.0, 1.0].map(|x| Tensor::full([1, 1], x));
    /// let [dsums, dc] = sums.lstm_gates_gradient(&c, [&memory, &gates], [&dh, &dmemory]);
    /// assert_eq!((dsums.to_vec(), dc.to_vec()), (vec![0.0, 0.25, 0.5, 0.0], vec![0.5]));
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[must_use]
    #[track_caller]
    pub fn lstm_gates_gradient(
        &self,
        c: &Self,
        [memory, gates]: [&Self; 2],
        [dh, dmemory]: [&Self; 2],
    ) -> [Self; 2] {
        const OP: &str = "lstm_gates_gradient";
        let width = self.gate_width(OP, c);
        for (name, x, like) in [
            ("memory", memory, c),
            ("gates", gates, self),
            ("dh", dh, c),
            ("dmemory", dmemory, c),
        ] {
            require!(
                x.shape() == like.shape(),
                "{OP}: {name} is {:?} instead of {:?}",
                x.shape(),
                like.shape()
            );
        }
        let (mut dsums, mut dc) = (buffer(OP, self.shape()), buffer(OP, c.shape()));
        if !c.is_empty() {
            let dense = [self, c, memory, gates, dh, dmemory].map(Tensor::contiguous);
            let inputs = dense
                .each_ref()
                .map(|x| x.as_slice().expect("made contiguous"));
            differentiate(width, inputs, [&mut dsums, &mut dc]);
        }
        [
            Self::from_parts(dsums, self.layout().to_row_major()),
            Self::from_parts(dc, c.layout().to_row_major()),
        ]
    }

    /// The width of the memory, if there are four sums for each of its elements.
    #[track_caller]
    fn gate_width(&self, op: &str, c: &Self) -> usize {
        let fits = c.rank() > 0
            && self.rank() == c.rank()
            && self.size(-1) == 4 * c.size(-1)
            && self.shape()[..self.rank() - 1] == c.shape()[..c.rank() - 1];
        require!(
            fits,
            "{op}: {:?}: not four sums for each element of a memory {:?}",
            self.shape(),
            c.shape()
        );
        c.size(-1)
    }
}

/// [`Tensor::lstm_gates`] on slices: `h`, `memory` and `gates` from `sums` and `c`. The width is not 0.
pub(crate) fn activate<T: Real>(width: usize, [sums, c]: [&[T]; 2], results: [&mut [T]; 3]) {
    let [h, memory, gates] = results;
    let at_once = rows_at_once(width);
    let outputs = h
        .chunks_mut(at_once * width)
        .zip(memory.chunks_mut(at_once * width))
        .zip(gates.chunks_mut(4 * at_once * width));
    let inputs = sums.chunks(4 * at_once * width);
    let mut tasks: Vec<_> = outputs.zip(inputs.zip(c.chunks(at_once * width))).collect();
    let (work, level) = (STEPS * c.len(), Level::best());
    parallel::for_chunks_mut(&mut tasks, 1, work, |_, tasks| {
        let (((h, memory), gates), (sums, c)) = &mut tasks[0];
        level.run(Activations {
            width,
            sums,
            c,
            h,
            memory,
            gates,
        });
    });
}

/// [`Tensor::lstm_gates_gradient`] on slices: `dsums` and `dc` from `[sums, c, memory, gates, dh, dmemory]`. The width is
/// not 0.
pub(crate) fn differentiate<T: Real>(width: usize, inputs: [&[T]; 6], results: [&mut [T]; 2]) {
    let [dsums, dc] = results;
    let at_once = rows_at_once(width);
    let work = STEPS * dc.len();
    let outputs = dsums.chunks_mut(4 * at_once * width);
    let mut tasks: Vec<_> = outputs.zip(dc.chunks_mut(at_once * width)).collect();
    let level = Level::best();
    parallel::for_chunks_mut(&mut tasks, 1, work, |task, tasks| {
        let (dsums, dc) = &mut tasks[0];
        let part = |x: usize, each: usize| &inputs[x][task * at_once * each..];
        level.run(GatesGradient {
            width,
            sums: part(0, 4 * width),
            c: part(1, width),
            memory: part(2, width),
            gates: part(3, 4 * width),
            dh: part(4, width),
            dmemory: part(5, width),
            dsums,
            dc,
        });
    });
}

/// The rows of a task, which depend on the shape alone.
fn rows_at_once(width: usize) -> usize {
    (parallel::CHUNK / STEPS).div_ceil(width)
}

/// `[i, f, g, o]` of a row.
#[inline(always)]
fn four<T>(row: &[T], width: usize) -> [&[T]; 4] {
    std::array::from_fn(|k| &row[k * width..][..width])
}

struct Activations<'a, T> {
    width: usize,
    sums: &'a [T],
    c: &'a [T],
    h: &'a mut [T],
    memory: &'a mut [T],
    gates: &'a mut [T],
}

impl<T: Real> Body for Activations<'_, T> {
    type Output = ();

    const USES_512_BITS: bool = true;

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let width = self.width;
        let states = self
            .h
            .chunks_exact_mut(width)
            .zip(self.memory.chunks_exact_mut(width));
        for (row, (h, memory)) in states.enumerate() {
            let of_row = 4 * row * width..4 * (row + 1) * width;
            let (sums, gates) = (&self.sums[of_row.clone()], &mut self.gates[of_row]);
            // A loop for each gate: one function of contiguous elements.
            for (k, (x, y)) in sums
                .chunks_exact(width)
                .zip(gates.chunks_exact_mut(width))
                .enumerate()
            {
                let pairs = y.iter_mut().zip(x);
                if k == 2 {
                    pairs.for_each(|(y, &x)| *y = x.tanh());
                } else {
                    pairs.for_each(|(y, &x)| *y = x.sigmoid());
                }
            }
            let [i, f, g, o] = four(gates, width);
            let c = &self.c[row * width..][..width];
            for j in 0..width {
                memory[j] = f[j] * c[j] + i[j] * g[j];
                h[j] = o[j] * memory[j].tanh();
            }
        }
    }
}

struct GatesGradient<'a, T> {
    width: usize,
    sums: &'a [T],
    c: &'a [T],
    memory: &'a [T],
    gates: &'a [T],
    dh: &'a [T],
    dmemory: &'a [T],
    dsums: &'a mut [T],
    dc: &'a mut [T],
}

impl<T: Real> Body for GatesGradient<'_, T> {
    type Output = ();

    const USES_512_BITS: bool = true;

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let width = self.width;
        let outputs = self
            .dsums
            .chunks_exact_mut(4 * width)
            .zip(self.dc.chunks_exact_mut(width));
        for (row, (dsums, dc)) in outputs.enumerate() {
            let [c, memory, dh, dmemory] =
                [self.c, self.memory, self.dh, self.dmemory].map(|x| &x[row * width..][..width]);
            let sums = &self.sums[4 * row * width..][..4 * width];
            let [i, f, g, o] = four(&self.gates[4 * row * width..][..4 * width], width);
            // First the cotangents of the gates, then their slopes, a loop for each.
            let [di, df, dg, dout] = four_mut(dsums, width);
            for j in 0..width {
                let d = dh[j] * o[j] * memory[j].tanh_slope() + dmemory[j];
                di[j] = d * g[j];
                df[j] = d * c[j];
                dg[j] = d * i[j];
                dout[j] = dh[j] * memory[j].tanh();
                dc[j] = d * f[j];
            }
            for (k, (x, dx)) in sums
                .chunks_exact(width)
                .zip(dsums.chunks_exact_mut(width))
                .enumerate()
            {
                let pairs = dx.iter_mut().zip(x);
                if k == 2 {
                    pairs.for_each(|(dx, &x)| *dx *= x.tanh_slope());
                } else {
                    pairs.for_each(|(dx, &x)| *dx *= x.sigmoid_slope());
                }
            }
        }
    }
}

#[inline(always)]
fn four_mut<T>(row: &mut [T], width: usize) -> [&mut [T]; 4] {
    let (first, second) = row.split_at_mut(2 * width);
    let ((a, b), (c, d)) = (first.split_at_mut(width), second.split_at_mut(width));
    [a, b, c, d]
}
