//! The loops of elementwise operations, sums and small products over slices, for programs that plan their own memory: no
//! tensors. The bits are those of the same operation on contiguous tensors.
//!
//! ```
//! use wengert_tensor::slices;
//!
//! let x = [1.0_f32, 2.0, 3.0];
//! let mut y = [0.0; 3];
//! slices::map_costly(&x, &mut y, &|x: f32| x.sqrt());
//! slices::zip_in_place(&mut y, &x, |y, x| y * x);
//! assert_eq!(y[0] + slices::sum(&x), 7.0);
//! ```

use crate::elementwise::pointwise::{self, Cheap, Cost, Costly};
use crate::kernels::simd::Level;
use crate::{Element, ElementFunction, Number};

pub use crate::matrix::{SliceMatrix as Matrix, matmul_of_slices as matmul};
pub use crate::reduce::{MAX_ROWS, sum_of_rows, sum_of_slice as sum};

/// A product of more multiply-adds is large enough for tensors and several threads.
pub const MAX_MULTIPLY_ADDS: usize = 1 << 18;

/// Slices up to this length are not worth the choice of an instruction set.
const SHORT: usize = 4;

/// `out[i] = f(x[i])`
///
/// # Panics
/// If the lengths differ.
#[inline]
#[track_caller]
pub fn map<T: Element, U: Element>(x: &[T], out: &mut [U], f: &impl ElementFunction<T, U>) {
    map_by::<Cheap, T, U>(x, out, f);
}

/// [`map`] for a function that is bound by arithmetic, such as an exponential: uses the widest vectors of the
/// processor.
///
/// # Panics
/// If the lengths differ.
#[inline]
#[track_caller]
pub fn map_costly<T: Element, U: Element>(x: &[T], out: &mut [U], f: &impl ElementFunction<T, U>) {
    map_by::<Costly, T, U>(x, out, f);
}

/// `out[i] = f(x[i], y[i])`
///
/// # Panics
/// If the lengths differ.
#[inline]
#[track_caller]
pub fn zip<T: Element, U: Element, V: Element>(
    x: &[T],
    y: &[U],
    out: &mut [V],
    f: impl Fn(T, U) -> V + Sync,
) {
    zip_by::<Cheap, T, U, V>(x, y, out, &|(x, y)| f(x, y));
}

/// [`zip`] for a function of pairs that is bound by arithmetic, see [`map_costly`].
///
/// # Panics
/// If the lengths differ.
#[inline]
#[track_caller]
pub fn zip_costly<T: Element, U: Element, V: Element>(
    x: &[T],
    y: &[U],
    out: &mut [V],
    f: &impl ElementFunction<(T, U), V>,
) {
    zip_by::<Costly, T, U, V>(x, y, out, f);
}

/// `x[i] = f(x[i], y[i])`
///
/// # Panics
/// If the lengths differ.
#[inline]
#[track_caller]
pub fn zip_in_place<T: Element, U: Element>(x: &mut [T], y: &[U], f: impl Fn(T, U) -> T + Sync) {
    require_equal(x.len(), y.len());
    if x.len() <= SHORT {
        for (x, &y) in x.iter_mut().zip(y) {
            *x = f(*x, y);
        }
    } else {
        pointwise::zip_in_place::<Cheap, _, _, _>(Level::best(), &|(x, y)| f(x, y), x, y);
    }
}

#[inline]
#[track_caller]
fn map_by<C: Cost, T: Element, U: Element>(x: &[T], out: &mut [U], f: &impl ElementFunction<T, U>) {
    require_equal(out.len(), x.len());
    if out.len() <= SHORT {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = f.at(x);
        }
    } else {
        pointwise::map::<C, T, U, _>(Level::best(), f, out, x);
    }
}

#[inline]
#[track_caller]
fn zip_by<C: Cost, T: Element, U: Element, V: Element>(
    x: &[T],
    y: &[U],
    out: &mut [V],
    f: &impl ElementFunction<(T, U), V>,
) {
    require_equal(x.len(), y.len());
    require_equal(out.len(), x.len());
    if out.len() <= SHORT {
        for ((out, &x), &y) in out.iter_mut().zip(x).zip(y) {
            *out = f.at((x, y));
        }
    } else {
        pointwise::zip::<C, T, U, V, _>(Level::best(), f, out, x, y);
    }
}

/// Adds every element of `x` to that of `sum`.
///
/// # Panics
/// If the lengths differ.
#[inline]
#[track_caller]
pub fn add_assign<T: Number>(sum: &mut [T], x: &[T]) {
    zip_in_place(sum, x, |sum, x| sum + x);
}

#[track_caller]
fn require_equal(a: usize, b: usize) {
    assert!(a == b, "slices: lengths {a} and {b} differ");
}
