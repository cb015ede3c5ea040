//! A sequence through a long short-term memory, and its gradient: all steps, written where they stay.

use crate::create::buffer;
use crate::elementwise::lstm_gates::{activate, differentiate};
use crate::elementwise::outer_loops::copy;
use crate::kernels::gemm::{self, Gemm};
use crate::memory::Scratch;
use crate::{Real, Tensor, require};

/// Extents of a sequence.
#[derive(Clone, Copy)]
struct Sizes {
    steps: usize,
    batch: usize,
    width: usize,
}

impl Sizes {
    /// Elements of a state.
    fn state(self) -> usize {
        self.batch * self.width
    }

    /// `sums ← sums + h·Wᵀ` of one step.
    fn forward_product(self) -> Gemm {
        Gemm {
            b: [1, self.width],
            accumulate: true,
            ..Gemm::row_major(self.batch, self.width, 4 * self.width)
        }
    }

    /// `dh ← dsums·W` of one step.
    fn backward_product(self) -> Gemm {
        Gemm::row_major(self.batch, 4 * self.width, self.width)
    }
}

impl<T: Real> Tensor<T> {
    /// A sequence through a long short-term memory. At step `t` the sums of the gates are
    /// `s[t] = x[t] + weight·h[t − 1]`, and hidden state, memory and gates follow from them as in
    /// [`lstm_gates`](Self::lstm_gates).
    ///
    /// * `self`: `x`, what the input and the biases add to the sums `[i, f, g, o]`, `[steps, batch, 4·width]`
    /// * `weight`: `[4·width, width]`
    /// * `state`: hidden state and memory before the first step, `[batch, width]`
    /// * returns the hidden states and the memories, `[steps, batch, width]`, the gates and the sums,
    ///   `[steps, batch, 4·width]`
    ///
    /// Source: Gers, Schmidhuber and Cummins, "Learning to Forget: Continual Prediction with LSTM" (2000); the order of the
    /// gates is PyTorch's.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let (x, weight, h) = (Tensor::<f64>::zeros([2, 1, 4]), Tensor::zeros([4, 1]), Tensor::ones([1, 1]));
    /// let [_, memory, _, _] = x.lstm_sequence(&weight, [&h, &h]);
    /// assert_eq!(memory.to_vec(), [0.5, 0.25]); // all gates are half open, and nothing is added
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[must_use]
    #[track_caller]
    pub fn lstm_sequence(&self, weight: &Self, state: [&Self; 2]) -> [Self; 4] {
        const OP: &str = "lstm_sequence";
        let sizes = self.lstm_sizes(OP, weight, state);
        let (width, each) = (sizes.width, sizes.state());
        let shape = [sizes.steps, sizes.batch, width];
        let (mut hidden, mut memory) = (buffer(OP, &shape), buffer(OP, &shape));
        let (mut gates, mut sums) = (buffer(OP, self.shape()), buffer(OP, self.shape()));
        if each > 0 {
            copy(self, &mut sums);
            let dense = [
                state[0].contiguous(),
                state[1].contiguous(),
                weight.contiguous(),
            ];
            let [h, c, weight] = dense
                .each_ref()
                .map(|x| x.as_slice().expect("made contiguous"));
            let product = sizes.forward_product();
            for t in 0..sizes.steps {
                let (old_h, h_now) = hidden[..(t + 1) * each].split_at_mut(t * each);
                let (old_c, c_now) = memory[..(t + 1) * each].split_at_mut(t * each);
                let before = |old: &[T]| old.len().checked_sub(each);
                let old_h = before(old_h).map_or(h, |first| &old_h[first..]);
                let old_c = before(old_c).map_or(c, |first| &old_c[first..]);
                let of_step = 4 * t * each..4 * (t + 1) * each;
                let (sums, gates) = (&mut sums[of_step.clone()], &mut gates[of_step]);
                gemm::multiply(&product, old_h, weight, sums);
                activate(width, [sums, old_c], [h_now, c_now, gates]);
            }
        }
        [
            Self::from_vec(hidden, shape),
            Self::from_vec(memory, shape),
            Self::from_vec(gates, self.shape()),
            Self::from_vec(sums, self.shape()),
        ]
    }

    /// The gradients of [`lstm_sequence`](Self::lstm_sequence) in its input and in hidden state and memory before the first
    /// step. That in the weight is `Σₜ dx[t]ᵀ·h[t − 1]`, one product of matrices with a row for each step and sequence.
    ///
    /// * `self`: its fourth result, the sums, `[steps, batch, 4·width]`
    /// * `weight`, `c`: its weight, `[4·width, width]`, and the memory before the first step, `[batch, width]`
    /// * `memory`, `gates`: its second and third result, `[steps, batch, width]` and `[steps, batch, 4·width]`
    /// * `dhidden`, `dmemory`: cotangents of the hidden states and, if there is one, of the memories,
    ///   `[steps, batch, width]`
    /// * returns `dx`, `[steps, batch, 4·width]`, and `dh` and `dc`, `[batch, width]`
    ///
    /// Source: backpropagation through time (Werbos, 1990).
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let (x, weight, h) = (Tensor::<f64>::zeros([2, 1, 4]), Tensor::zeros([4, 1]), Tensor::ones([1, 1]));
    /// let [hidden, memory, gates, sums] = x.lstm_sequence(&weight, [&h, &h]);
    /// let (nothing, ones) = (hidden.map(|_| 0.0), hidden.map(|_| 1.0));
    /// let [_, _, dc] = sums.lstm_sequence_gradient(&weight, &h, [&memory, &gates], (&nothing, Some(&ones)));
    /// assert_eq!(dc.item(), 0.5 + 0.25);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[must_use]
    #[track_caller]
    pub fn lstm_sequence_gradient(
        &self,
        weight: &Self,
        c: &Self,
        [memory, gates]: [&Self; 2],
        (dhidden, dmemory): (&Self, Option<&Self>),
    ) -> [Self; 3] {
        const OP: &str = "lstm_sequence_gradient";
        let sizes = self.lstm_sizes(OP, weight, [c, c]);
        let (width, each) = (sizes.width, sizes.state());
        let shape = [sizes.steps, sizes.batch, width];
        for (name, x, needed) in [
            ("memory", memory, &shape[..]),
            ("gates", gates, self.shape()),
            ("dhidden", dhidden, &shape[..]),
            ("dmemory", dmemory.unwrap_or(memory), &shape[..]),
        ] {
            require!(
                x.shape() == needed,
                "{OP}: {name} is {:?} instead of {needed:?}",
                x.shape()
            );
        }
        let state = [sizes.batch, width];
        let mut dsums = buffer(OP, self.shape());
        let (mut dh, mut dc) = (buffer(OP, &state), buffer(OP, &state));
        dh.fill(T::zero());
        dc.fill(T::zero());
        if each > 0 {
            let dense = [self, weight, c, memory, gates, dhidden].map(Tensor::contiguous);
            let [sums, weight, c, memory, gates, dhidden] = dense
                .each_ref()
                .map(|x| x.as_slice().expect("made contiguous"));
            let dmemory = dmemory.map(Tensor::contiguous);
            let dmemory = dmemory
                .as_ref()
                .map(|x| x.as_slice().expect("made contiguous"));
            let product = sizes.backward_product();
            let mut dc_now = Scratch::<T>::new(each);
            for t in (0..sizes.steps).rev() {
                let (of_state, of_step) =
                    (t * each..(t + 1) * each, 4 * t * each..4 * (t + 1) * each);
                add(&mut dh, &dhidden[of_state.clone()]);
                dc_now.copy_from_slice(&dc);
                if let Some(dmemory) = dmemory {
                    add(&mut dc_now, &dmemory[of_state.clone()]);
                }
                let old = t.checked_sub(1).map_or(c, |t| &memory[t * each..][..each]);
                let inputs = [
                    &sums[of_step.clone()],
                    old,
                    &memory[of_state],
                    &gates[of_step.clone()],
                    &dh,
                    &dc_now,
                ];
                let dsums = &mut dsums[of_step];
                differentiate(width, inputs, [dsums, &mut dc]);
                gemm::multiply(&product, dsums, weight, &mut dh);
            }
        }
        [
            Self::from_vec(dsums, self.shape()),
            Self::from_vec(dh, state),
            Self::from_vec(dc, state),
        ]
    }

    /// The extents, if the shapes fit.
    #[track_caller]
    fn lstm_sizes(&self, op: &str, weight: &Self, state: [&Self; 2]) -> Sizes {
        let width = weight.shape().last().copied().unwrap_or(0);
        require!(
            self.rank() == 3 && weight.shape() == [4 * width, width] && self.size(-1) == 4 * width,
            "{op}: {:?} with the weight {:?}: [steps, batch, 4·width] and [4·width, width] are needed",
            self.shape(),
            weight.shape()
        );
        let batch = self.size(1);
        for x in state {
            require!(
                x.shape() == [batch, width],
                "{op}: {:?}: a state is {:?} instead of {:?}",
                self.shape(),
                x.shape(),
                [batch, width]
            );
        }
        Sizes {
            steps: self.size(0),
            batch,
            width,
        }
    }
}

/// `x ← x + y`
fn add<T: Real>(x: &mut [T], y: &[T]) {
    for (x, &y) in x.iter_mut().zip(y) {
        *x += y;
    }
}
