//! Random inputs for checks: where an op may be sampled.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use wengert_tensor::{Axes, Slice, Tensor, keep};

/// An op and inputs where it is differentiable and well conditioned.
#[derive(Clone, Debug)]
pub struct Sample<O> {
    /// The op, its options drawn too.
    pub op: O,
    /// Its inputs.
    pub inputs: Vec<Tensor<f64>>,
}

impl<O> Sample<O> {
    /// An op and its inputs.
    pub fn new(op: O, inputs: impl Into<Vec<Tensor<f64>>>) -> Self {
        Self {
            op,
            inputs: inputs.into(),
        }
    }
}

/// A seeded random source of shapes, values and options, biased towards edge cases: extents 1 and 0,
/// primes, equal and unequal extents, sizes beside the width of vector registers.
#[derive(Clone, Debug)]
pub struct Draw {
    rng: ChaCha8Rng,
    size: usize,
}

/// The largest [`Draw::size`].
pub const LARGEST: usize = 3;

impl Draw {
    /// A source by seed; `size` from 0 (the smallest shapes) to [`LARGEST`], so that a failing case
    /// can be shrunk.
    #[must_use]
    pub fn new(seed: u64, size: usize) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            size: size.min(LARGEST),
        }
    }

    /// The bound on shapes, from 0 to [`LARGEST`].
    #[must_use]
    pub const fn size(&self) -> usize {
        self.size
    }

    /// A whole number in `low..=high`.
    pub fn within(&mut self, low: usize, high: usize) -> usize {
        self.rng.random_range(low..=high)
    }

    /// A real number in `low..high`.
    pub fn real(&mut self, low: f64, high: f64) -> f64 {
        self.rng.random_range(low..high)
    }

    /// True once in `n` times.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.within(1, n) == 1
    }

    /// One of the choices.
    ///
    /// # Panics
    /// If there are no choices.
    pub fn pick<X: Clone>(&mut self, choices: &[X]) -> X {
        let i = self.within(0, choices.len() - 1);
        choices[i].clone()
    }

    /// An extent of at least 1.
    pub fn extent(&mut self) -> usize {
        let choices: &[usize] = match self.size {
            0 => &[1, 2],
            1 => &[1, 2, 3, 3, 4],
            2 => &[1, 2, 3, 4, 5, 7],
            _ => &[1, 2, 3, 5, 7, 8, 9],
        };
        self.pick(choices)
    }

    /// A shape of `rank` axes with at most 60 elements; one in twelve has a zero extent.
    pub fn shape(&mut self, rank: usize) -> Vec<usize> {
        let mut shape = self.filled_shape(rank);
        if rank > 0 && self.once_in(12) {
            let axis = self.within(0, rank - 1);
            shape[axis] = 0;
        }
        shape
    }

    /// As [`shape`](Self::shape), never empty.
    #[allow(clippy::missing_panics_doc, reason = "a product over 60 has a factor")]
    pub fn filled_shape(&mut self, rank: usize) -> Vec<usize> {
        let mut shape: Vec<_> = (0..rank).map(|_| self.extent()).collect();
        while shape.iter().product::<usize>() > 60 {
            let largest = (0..rank)
                .max_by_key(|&i| shape[i])
                .expect("a product over 60 has a factor");
            shape[largest] = shape[largest].div_ceil(2);
        }
        shape
    }

    /// A shape of rank 0 to 4.
    pub fn any_shape(&mut self) -> Vec<usize> {
        let rank = self.pick(&[0, 1, 1, 2, 2, 3, 4]);
        self.shape(rank)
    }

    /// A shape that broadcasts to `shape`: some axes 1, some leading axes missing.
    pub fn broadcastable(&mut self, shape: &[usize]) -> Vec<usize> {
        let missing = if self.once_in(3) {
            self.within(0, shape.len())
        } else {
            0
        };
        shape[missing..]
            .iter()
            .map(|&n| if self.once_in(3) { 1 } else { n })
            .collect()
    }

    /// An axis of a shape, counted from the front or from the end.
    ///
    /// # Panics
    /// If the rank is 0.
    pub fn axis(&mut self, rank: usize) -> isize {
        let axis = self.within(0, rank - 1) as isize;
        if self.once_in(2) {
            axis - rank as isize
        } else {
            axis
        }
    }

    /// Normal values of mean 0 and deviation 1.
    pub fn normal(&mut self, shape: impl AsRef<[usize]>) -> Tensor<f64> {
        Tensor::normal(shape, 0.0, 1.0, &mut self.rng)
    }

    /// Uniform values.
    pub fn uniform(&mut self, shape: impl AsRef<[usize]>, low: f64, high: f64) -> Tensor<f64> {
        Tensor::uniform(shape, low..high, &mut self.rng)
    }

    /// Values of both signs, at least 0.1 from zero.
    pub fn off_zero(&mut self, shape: impl AsRef<[usize]>) -> Tensor<f64> {
        self.uniform(shape, -1.5, 1.5)
            .map(|x| x + if x < 0.0 { -0.1 } else { 0.1 })
    }

    /// Values no two of which are closer than about 0.05, in random order: no ties.
    pub fn apart(&mut self, shape: impl AsRef<[usize]>) -> Tensor<f64> {
        let count = shape.as_ref().iter().product::<usize>();
        let mut values: Vec<f64> = (0..count)
            .map(|i| (i as f64 - 0.5 * count as f64) * 0.1 + self.rng.random_range(-0.025..0.025))
            .collect();
        for i in (1..count).rev() {
            values.swap(i, self.rng.random_range(0..=i));
        }
        Tensor::from_vec(values, shape)
    }

    /// Values of any shape, at least 0.1 from zero.
    pub fn any_off_zero(&mut self) -> Tensor<f64> {
        let shape = self.any_shape();
        self.off_zero(shape)
    }

    /// Uniform values of any shape.
    pub fn any_within(&mut self, low: f64, high: f64) -> Tensor<f64> {
        let shape = self.any_shape();
        self.uniform(shape, low, high)
    }

    /// Some axes to reduce, kept or not.
    pub fn axes(&mut self, rank: usize) -> Axes {
        if rank == 0 || self.once_in(4) {
            return if self.once_in(2) {
                Axes::from(..)
            } else {
                keep(..)
            };
        }
        let mut axes: Vec<isize> = (0..rank as isize).filter(|_| self.once_in(2)).collect();
        if axes.is_empty() {
            axes.push(self.axis(rank));
        }
        if self.once_in(2) {
            keep(axes)
        } else {
            Axes::from(axes)
        }
    }

    /// A slice of an axis of extent `n`: parts, steps, backwards, one element, nothing.
    pub fn slice(&mut self, n: usize) -> Slice {
        let n = n as isize;
        let start = self.within(0, n.max(1) as usize - 1) as isize;
        match self.within(0, 6) {
            0 => Slice::from(..),
            1 => Slice::from(..).step(-1),
            2 => Slice::from(..).step(2),
            3 => Slice::from(start..),
            4 => Slice::new(None, Some(start - n - 1), -2),
            5 => Slice::from(start..start + 1),
            _ => Slice::from(..-1),
        }
    }

    /// Normal values of any shape.
    pub fn any(&mut self) -> Tensor<f64> {
        let shape = self.any_shape();
        self.normal(shape)
    }

    /// Indices in `0..bound`, repeats likely.
    pub fn indices(&mut self, shape: impl AsRef<[usize]>, bound: usize) -> Tensor<i64> {
        let count = shape.as_ref().iter().product::<usize>();
        let values = (0..count)
            .map(|_| self.rng.random_range(0..bound as i64))
            .collect();
        Tensor::from_vec(values, shape)
    }

    /// Random bits.
    pub fn mask(&mut self, shape: impl AsRef<[usize]>) -> Tensor<bool> {
        self.uniform(shape, 0.0, 1.0).map(|x| x < 0.5)
    }

    /// The generator itself.
    pub fn rng(&mut self) -> &mut impl Rng {
        &mut self.rng
    }
}
