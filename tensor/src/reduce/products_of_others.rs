//! Products of all elements of a row but one: the slope of a product.
//!
//! Element i of a row belongs to lane `i mod LANES`. The others of an element are those of its lane before it, those of
//! its lane after it, and the other lanes: one pass forwards and one backwards, each of vectors.

use crate::axes::resolve_axis;
use crate::create::buffer;
use crate::kernels::simd::{Body, Level};
use crate::{Number, Tensor, parallel};

/// One register of 512 bits, or two of 256, in single precision.
const LANES: usize = 16;

/// Elements of the rows of one task, about.
const TASK: usize = 1 << 12;

impl<T: Number> Tensor<T> {
    /// For each element of the rows along the last axis, the product of the other elements of its row, without a
    /// division by an element, which may be 0.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![2, 0, 5], [1, 3]);
    /// assert_eq!(x.products_of_others().to_vec(), [0, 10, 0]);
    /// ```
    ///
    /// # Panics
    /// If there is no axis.
    #[must_use]
    #[track_caller]
    pub fn products_of_others(&self) -> Self {
        const OP: &str = "products_of_others";
        let axis = resolve_axis(OP, -1, self.shape());
        let (length, x) = (self.shape()[axis], self.contiguous());
        let x = x.as_slice().expect("made contiguous");
        let mut out = buffer(OP, self.shape());
        let length = length.max(1);
        let chunk = length * TASK.div_ceil(length);
        let level = Level::best();
        parallel::for_chunks_mut(&mut out, chunk, 2 * x.len(), |task, out| {
            let x = &x[task * chunk..][..out.len()];
            level.run(OthersOfRows { x, out, length });
        });
        Self::from_parts(out, self.layout().to_row_major())
    }
}

/// Some rows.
struct OthersOfRows<'a, T> {
    x: &'a [T],
    out: &'a mut [T],
    length: usize,
}

impl<T: Number> Body for OthersOfRows<'_, T> {
    type Output = ();
    const USES_512_BITS: bool = true;

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let rows = self.x.chunks_exact(self.length);
        for (x, out) in rows.zip(self.out.chunks_exact_mut(self.length)) {
            others(x, out);
        }
    }
}

/// The products of one row.
#[inline(always)]
fn others<T: Number>(x: &[T], out: &mut [T]) {
    let (x, x_tail) = x.as_chunks::<LANES>();
    let (out, out_tail) = out.as_chunks_mut::<LANES>();
    let mut before = [T::one(); LANES];
    for (out, x) in out.iter_mut().zip(x) {
        *out = before;
        for (before, &x) in before.iter_mut().zip(x) {
            *before = *before * x;
        }
    }
    for ((out, before), &x) in out_tail.iter_mut().zip(&mut before).zip(x_tail) {
        *out = *before;
        *before = *before * x;
    }
    let mut after = other_lanes(before);
    for ((out, after), &x) in out_tail.iter_mut().zip(&mut after).zip(x_tail) {
        *out = *out * *after;
        *after = *after * x;
    }
    for (out, x) in out.iter_mut().zip(x).rev() {
        for lane in 0..LANES {
            out[lane] = out[lane] * after[lane];
            after[lane] = after[lane] * x[lane];
        }
    }
}

/// For each lane the product of the others: those before it times those after it.
#[inline(always)]
fn other_lanes<T: Number>(lanes: [T; LANES]) -> [T; LANES] {
    let mut others = [T::one(); LANES];
    let mut product = T::one();
    for lane in 0..LANES {
        others[lane] = product;
        product = product * lanes[lane];
    }
    product = T::one();
    for lane in (0..LANES).rev() {
        others[lane] = others[lane] * product;
        product = product * lanes[lane];
    }
    others
}
