//! The gated linear unit, and its cotangent: one pass, in which a sigmoid is computed once.

use crate::axes::resolve_axis;
use crate::create::buffer;
use crate::kernels::simd::{Body, Level};
use crate::{Real, Tensor, parallel, require};

/// Elements of a half in a task.
const CHUNK: usize = parallel::CHUNK / 4;

/// Elements of a half that are computed together.
const LANES: usize = 16;

/// The shortest half for which a loop in vectors is faster than the two steps one after the other.
const MIN_HALF: usize = 16;

impl<T: Real> Tensor<T> {
    /// `y = a σ(b)` with the halves `a` and `b` of an axis.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![4.0, 6.0, 0.0, 1000.0], [4]);
    /// assert_eq!(x.glu(0).to_vec(), [2.0, 6.0]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist or its extent is odd.
    #[must_use]
    #[track_caller]
    pub fn glu(&self, axis: isize) -> Self {
        let (shape, half) = halves("glu", self.shape(), axis);
        if half < MIN_HALF {
            let [a, b] = self.split_in_halves(axis);
            return a.zip(&b.sigmoid(), |a, s| a * s);
        }
        let mut y = buffer("glu", &shape);
        if !y.is_empty() {
            let (x, level) = (self.contiguous(), Level::best());
            let x = x.as_slice().expect("made contiguous");
            let work = 4 * y.len();
            if half < CHUNK {
                let rows = CHUNK.div_ceil(half);
                parallel::for_chunks_mut(&mut y, rows * half, work, |task, y| {
                    let x = &x[2 * task * rows * half..][..2 * y.len()];
                    level.run(Glu { half, x, y });
                });
            } else {
                let mut tasks = Vec::new();
                for (x, y) in x.chunks(2 * half).zip(y.chunks_mut(half)) {
                    let (a, b) = x.split_at(half);
                    let inputs = a.chunks(CHUNK).zip(b.chunks(CHUNK));
                    tasks.extend(inputs.zip(y.chunks_mut(CHUNK)));
                }
                parallel::for_chunks_mut(&mut tasks, 1, work, |_, tasks| {
                    let ((a, b), y) = &mut tasks[0];
                    level.run(GluPart { a, b, y });
                });
            }
        }
        Self::from_vec(y, shape)
    }

    /// The gradient `[g σ(b), g a σ(b) σ(−b)]`, joined along the axis, of [`glu`](Self::glu), given the cotangent `g` of
    /// its result.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![4.0, 0.0], [2]);
    /// assert_eq!(x.glu_gradient(&Tensor::ones([1]), 0).to_vec(), [0.5, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist, its extent is odd or the shape of `g` is not that of the result.
    #[must_use]
    #[track_caller]
    pub fn glu_gradient(&self, g: &Self, axis: isize) -> Self {
        const OP: &str = "glu_gradient";
        let (shape, half) = halves(OP, self.shape(), axis);
        require!(
            g.shape() == shape,
            "{OP}: {:?} and a cotangent of {:?}: {shape:?} is needed",
            self.shape(),
            g.shape()
        );
        if half < MIN_HALF {
            let [a, b] = self.split_in_halves(axis);
            let da = g.zip(&b, |g, b| g * logistic_and_slope(b)[0]);
            let db = (g * &a).zip(&b, |ga, b| ga * logistic_and_slope(b)[1]);
            return Self::concat(&[&da, &db], axis);
        }
        let mut dx = buffer(OP, self.shape());
        if !dx.is_empty() {
            let (x, g, level) = (self.contiguous(), g.contiguous(), Level::best());
            let [x, g] = [&x, &g].map(|x| x.as_slice().expect("made contiguous"));
            let work = 4 * g.len();
            if half < CHUNK {
                let rows = CHUNK.div_ceil(half);
                parallel::for_chunks_mut(&mut dx, 2 * rows * half, work, |task, dx| {
                    let x = &x[2 * task * rows * half..][..dx.len()];
                    let g = &g[task * rows * half..][..dx.len() / 2];
                    level.run(GluGradient { half, x, g, dx });
                });
            } else {
                let mut tasks = Vec::new();
                let rows = x.chunks(2 * half).zip(g.chunks(half));
                for ((x, g), dx) in rows.zip(dx.chunks_mut(2 * half)) {
                    let ((a, b), (da, db)) = (x.split_at(half), dx.split_at_mut(half));
                    let inputs = a.chunks(CHUNK).zip(b.chunks(CHUNK)).zip(g.chunks(CHUNK));
                    let outputs = da.chunks_mut(CHUNK).zip(db.chunks_mut(CHUNK));
                    tasks.extend(inputs.zip(outputs));
                }
                parallel::for_chunks_mut(&mut tasks, 1, work, |_, tasks| {
                    let (((a, b), g), (da, db)) = &mut tasks[0];
                    level.run(GluGradientPart { a, b, g, da, db });
                });
            }
        }
        Self::from_parts(dx, self.layout().to_row_major())
    }

    fn split_in_halves(&self, axis: isize) -> [Self; 2] {
        let half = self.size(axis) as isize / 2;
        [self.slice(axis, ..half), self.slice(axis, half..)]
    }
}

/// `[σ(x), σ(x) σ(−x)]`: the logistic function and its slope, which share an exponential.
#[inline(always)]
fn logistic_and_slope<T: Real>(x: T) -> [T; 2] {
    let e = x.exp_neg_abs();
    let up = T::one() / (T::one() + e);
    let small = e * up;
    [if x > T::zero() { up } else { small }, small * up]
}

/// The shape of the result, and the elements of a half that are neighbours.
#[track_caller]
fn halves(op: &str, shape: &[usize], axis: isize) -> (Vec<usize>, usize) {
    let axis = resolve_axis(op, axis, shape);
    require!(
        shape[axis].is_multiple_of(2),
        "{op}: {shape:?}: axis {axis} has an odd extent"
    );
    let mut result = shape.to_vec();
    result[axis] /= 2;
    let half = result[axis..].iter().product();
    (result, half)
}

/// `y = a σ(b)` of rows `[a, b]`.
struct Glu<'a, T> {
    half: usize,
    x: &'a [T],
    y: &'a mut [T],
}

impl<T: Real> Body for Glu<'_, T> {
    type Output = ();

    const USES_512_BITS: bool = true;

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let rows = self.x.chunks_exact(2 * self.half);
        for (x, y) in rows.zip(self.y.chunks_exact_mut(self.half)) {
            let (a, b) = x.split_at(self.half);
            GluPart { a, b, y }.run::<FMA>();
        }
    }
}

/// `y = a σ(b)` of parts of halves.
struct GluPart<'a, T> {
    a: &'a [T],
    b: &'a [T],
    y: &'a mut [T],
}

impl<T: Real> Body for GluPart<'_, T> {
    type Output = ();

    const USES_512_BITS: bool = true;

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for (y, (&a, &b)) in self.y.iter_mut().zip(self.a.iter().zip(self.b)) {
            *y = a * b.sigmoid();
        }
    }
}

/// The gradients of rows `[a, b]`.
struct GluGradient<'a, T> {
    half: usize,
    x: &'a [T],
    g: &'a [T],
    dx: &'a mut [T],
}

impl<T: Real> Body for GluGradient<'_, T> {
    type Output = ();

    const USES_512_BITS: bool = true;

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let half = self.half;
        let rows = self.x.chunks_exact(2 * half).zip(self.g.chunks_exact(half));
        for ((x, g), dx) in rows.zip(self.dx.chunks_exact_mut(2 * half)) {
            let ((a, b), (da, db)) = (x.split_at(half), dx.split_at_mut(half));
            GluGradientPart { a, b, g, da, db }.run::<FMA>();
        }
    }
}

/// The gradients of parts of halves.
struct GluGradientPart<'a, T> {
    a: &'a [T],
    b: &'a [T],
    g: &'a [T],
    da: &'a mut [T],
    db: &'a mut [T],
}

impl<T: Real> Body for GluGradientPart<'_, T> {
    type Output = ();

    const USES_512_BITS: bool = true;

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        // Through arrays: LLVM would have to compare all pairs of slices to see that they do not overlap.
        let whole = self.a.len() - self.a.len() % LANES;
        for start in (0..whole).step_by(LANES) {
            let [a, b, g] = [self.a, self.b, self.g]
                .map(|x| *x[start..].first_chunk::<LANES>().expect("whole chunks"));
            let (mut da, mut db) = (a, b);
            for lane in 0..LANES {
                let [value, slope] = logistic_and_slope(b[lane]);
                da[lane] = g[lane] * value;
                db[lane] = g[lane] * a[lane] * slope;
            }
            self.da[start..start + LANES].copy_from_slice(&da);
            self.db[start..start + LANES].copy_from_slice(&db);
        }
        for at in whole..self.a.len() {
            let [value, slope] = logistic_and_slope(self.b[at]);
            self.da[at] = self.g[at] * value;
            self.db[at] = self.g[at] * self.a[at] * slope;
        }
    }
}
