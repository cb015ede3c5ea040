//! Functions of the elements of one and two tensors, in new memory and in place.
//!
//! A method compiles the loop over its function ([`pointwise`]) and hands it to the [`outer_loops`]. Chunks depend on shapes and
//! layouts alone and elements are independent of each other, so results do not depend on the number of threads or the order
//! of the loops.

use crate::elementwise::outer_loops::{self, Operands};
use crate::elementwise::pointwise::{self, Cheap, Cost, Costly, ElementFunction};
use crate::kernels::simd::Level;
use crate::{Element, Tensor};

/// `out[i] = f((x[i], y[i]))` for operands that may be constant.
#[inline]
fn zip_operands<C: Cost, T, U, V, F>(
    level: Level,
    f: &F,
    out: &mut [V],
    operands: Operands<'_, T, U>,
) where
    T: Element,
    U: Element,
    V: Element,
    F: ElementFunction<(T, U), V>,
{
    // A constant condition: what the outer loops do for memory-bound functions alone is not compiled for others.
    if const { C::STEPS == Cheap::STEPS } {
        match operands {
            Operands::Slices(x, y) => pointwise::zip::<C, _, _, _, _>(level, f, out, x, y),
            Operands::Large(x, y) => pointwise::zip_non_temporal(level, f, out, x, y),
            Operands::ConstantLeft(x, y) => {
                pointwise::map::<C, _, _, _>(level, &move |y| f.at((x, y)), out, y);
            }
            Operands::ConstantRight(x, y) => {
                pointwise::map::<C, _, _, _>(level, &move |x| f.at((x, y)), out, x);
            }
        }
    } else if let Operands::Slices(x, y) = operands {
        pointwise::zip::<C, _, _, _, _>(level, f, out, x, y);
    } else {
        unreachable!("functions bound by arithmetic get slices");
    }
}

impl<T: Element> Tensor<T> {
    /// `y[i] = f(x[i])` for every element; the result has the shape of `self`. In what order, on which threads and how often
    /// the function is called for an element is not defined.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1.0, 2.0], [2]);
    /// assert_eq!(x.map(|x| 10.0 * x).to_vec(), [10.0, 20.0]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn map<U: Element>(&self, f: impl Fn(T) -> U + Sync) -> Tensor<U> {
        self.map_by::<Cheap, U>(f)
    }

    /// [`map`](Self::map) for a function that is bound by arithmetic, such as an exponential: uses the widest
    /// vectors of the processor, and several threads from fewer elements on.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![0.0_f64, 1.0], [2]);
    /// assert_eq!(x.map_costly(|x: f64| x.exp()).to_vec(), [1.0, std::f64::consts::E]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn map_costly<U: Element>(&self, f: impl ElementFunction<T, U>) -> Tensor<U> {
        self.map_by::<Costly, U>(f)
    }

    #[track_caller]
    fn map_by<C: Cost, U: Element>(&self, f: impl ElementFunction<T, U>) -> Tensor<U> {
        let layout = self.row_major();
        if self.len() == 1 {
            return Tensor::from_one(f.at(self.first()), layout);
        }
        let level = Level::best();
        outer_loops::map(self, layout, C::STEPS, &|out, x| {
            pointwise::map::<C, _, _, _>(level, &f, out, x);
        })
    }

    /// `y[i] = f(a[i], b[i])`, with both operands broadcast to one shape.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let (a, b) = (Tensor::from_vec(vec![1, 2], [2]), Tensor::from_vec(vec![3.5, 4.5], [2]));
    /// assert_eq!(a.zip(&b, |a, b| f64::from(a) * b).to_vec(), [3.5, 9.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast together.
    #[must_use]
    #[track_caller]
    pub fn zip<U: Element, V: Element>(
        &self,
        other: &Tensor<U>,
        f: impl Fn(T, U) -> V + Sync,
    ) -> Tensor<V> {
        self.zip_named("zip", other, f)
    }

    /// [`zip`](Self::zip) for a function of pairs that is bound by arithmetic; see
    /// [`map_costly`](Self::map_costly).
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let (a, b) = (Tensor::from_vec(vec![3.0_f64, 5.0], [2]), Tensor::from_vec(vec![4.0, 12.0], [2]));
    /// assert_eq!(a.zip_costly(&b, |(a, b): (f64, f64)| a.hypot(b)).to_vec(), [5.0, 13.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast together.
    #[must_use]
    #[track_caller]
    pub fn zip_costly<U: Element, V: Element>(
        &self,
        other: &Tensor<U>,
        f: impl ElementFunction<(T, U), V>,
    ) -> Tensor<V> {
        self.zip_by::<Costly, U, V>("zip", other, f)
    }

    /// [`zip`](Self::zip) with the name of the operation for panic messages.
    #[track_caller]
    pub(crate) fn zip_named<U: Element, V: Element>(
        &self,
        op: &str,
        other: &Tensor<U>,
        f: impl Fn(T, U) -> V + Sync,
    ) -> Tensor<V> {
        self.zip_by::<Cheap, U, V>(op, other, move |(a, b)| f(a, b))
    }

    /// [`zip_costly`](Self::zip_costly) with the name of the operation for panic messages.
    #[track_caller]
    pub(crate) fn zip_costly_named<U: Element, V: Element>(
        &self,
        op: &str,
        other: &Tensor<U>,
        f: impl ElementFunction<(T, U), V>,
    ) -> Tensor<V> {
        self.zip_by::<Costly, U, V>(op, other, f)
    }

    #[track_caller]
    fn zip_by<C: Cost, U: Element, V: Element>(
        &self,
        op: &str,
        other: &Tensor<U>,
        f: impl ElementFunction<(T, U), V>,
    ) -> Tensor<V> {
        let layout = self.broadcast_layout(op, other);
        if layout.len() == 1 {
            return Tensor::from_one(f.at((self.first(), other.first())), layout);
        }
        let level = Level::best();
        outer_loops::zip(op, (self, other), layout, C::STEPS, &|out, operands| {
            zip_operands::<C, _, _, _, _>(level, &f, out, operands);
        })
    }

    /// `x ← f(x)` for every element; in place if the tensor is contiguous and its buffer uniquely owned.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let mut x = Tensor::from_vec(vec![1, 2], [2]);
    /// x.map_in_place(|x| x + 1);
    /// assert_eq!(x.to_vec(), [2, 3]);
    /// ```
    #[track_caller]
    pub fn map_in_place(&mut self, f: impl Fn(T) -> T + Sync) {
        let Some(values) = self.writable() else {
            *self = self.map(f);
            return;
        };
        if let [x] = values {
            *x = f(*x);
            return;
        }
        let level = Level::best();
        outer_loops::map_in_place(values, &|x| {
            pointwise::map_in_place::<Cheap, _, _>(level, &f, x);
        });
    }

    /// `x ← f(x, y)` for every element, with `other` broadcast to the shape of `self`; in place if the tensor is
    /// contiguous and its buffer uniquely owned.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let mut x = Tensor::from_vec(vec![1, 2, 3, 4], [2, 2]);
    /// x.zip_in_place(&Tensor::from_vec(vec![10, 100], [2]), |x, y| x * y);
    /// assert_eq!(x.to_vec(), [10, 200, 30, 400]);
    /// ```
    ///
    /// # Panics
    /// If `other` does not broadcast to the shape of `self`.
    #[track_caller]
    pub fn zip_in_place<U: Element>(&mut self, other: &Tensor<U>, f: impl Fn(T, U) -> T + Sync) {
        let right = other.layout().broadcast_to(self.shape());
        if !self.is_writable() {
            *self = self.zip(&other.with_layout(right), f);
            return;
        }
        if self.is_empty() {
            return;
        }
        let (level, f) = (Level::best(), move |(x, y)| f(x, y));
        let layout = self.layout().to_row_major();
        let values = self.as_mut_slice();
        outer_loops::zip_in_place(values, &layout, other, &right, &|x, y| {
            pointwise::zip_in_place::<Cheap, _, _, _>(level, &f, x, y);
        });
    }
}
