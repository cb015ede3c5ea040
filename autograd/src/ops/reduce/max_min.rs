//! Largest and smallest elements over axes.

use super::mean_variance::{count, restored};
use crate::ops::prelude::*;

/// The largest or the smallest element over some axes.
#[derive(Clone, Debug)]
pub struct Extreme {
    axes: Axes,
    largest: bool,
}

impl Op for Extreme {
    fn name(&self) -> &'static str {
        if self.largest { "amax" } else { "amin" }
    }

    fn attributes(&self) -> Attributes {
        vec![("axes", self.axes.clone().into())]
    }

    fn reads(&self) -> Reads {
        Reads::ALL
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        if !T::PLAIN {
            return self.shared(&x[0]).into();
        }
        let axes = self.axes.clone();
        if self.largest {
            x[0].max(axes)
        } else {
            x[0].min(axes)
        }
        .into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |grad| {
            let x = call.input(0);
            let y = restored(call.output(0), &self.axes, x.shape());
            let share = Var::constant(share(x.value(), y.value(), &self.axes));
            restored(grad, &self.axes, x.shape()) * share
        });
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let rank = draw.within(0, 3);
        let shape = draw.filled_shape(rank);
        let op = Self {
            axes: draw.axes(rank),
            largest: draw.once_in(2),
        };
        Sample::new(op, [draw.apart(shape)])
    }
}

impl Extreme {
    /// The extreme. On dual numbers its tangent is the mean over the tied elements.
    fn shared<T: Real>(&self, x: &Tensor<T>) -> Tensor<T> {
        let kept = keep(self.axes.clone());
        let y = if self.largest {
            x.max(kept)
        } else {
            x.min(kept)
        };
        let share = share(x, &y, &self.axes);
        let moved = |x: T, share: T| {
            if share == T::zero() {
                share
            } else {
                (x - x.primal()) * share
            }
        };
        // Only the tangent is averaged. The value stays exact, because the rule compares it with the
        // elements.
        let moved = x.zip(&share, moved).sum(keep(self.axes.clone()));
        y.zip(
            &moved,
            |y, by| if by.is_nan() { y } else { y.primal() + by },
        )
        .sum(self.axes.clone())
    }
}

/// The part of the cotangent that each element gets: `1 / ties` where it equals the extreme `y`, else
/// 0. NaN for all elements if `y` is NaN, which no element equals.
fn share<T: Real>(x: &Tensor<T>, y: &Tensor<T>, axes: &Axes) -> Tensor<T> {
    let attained = x.zip(y, |x, y| if x == y { T::one() } else { T::zero() });
    let ties = attained.sum(keep(axes.clone()));
    attained / &ties
}

impl<T: Real> Var<T> {
    /// The largest element over some axes; NaN if one is NaN. Tied elements get equal parts of the
    /// cotangent.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![5.0, 1.0, 5.0, 1.0], [4]));
    /// let y = x.amax(..);
    /// assert_eq!(y.item(), 5.0);
    /// assert_eq!(y.backward().wrt(&x).to_vec(), [0.5, 0.0, 0.5, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or is named twice, or there is no element to choose from.
    #[must_use]
    #[track_caller]
    pub fn amax(&self, axes: impl Into<Axes>) -> Self {
        Self::apply(
            Extreme {
                axes: axes.into(),
                largest: true,
            },
            [self],
        )
    }

    /// The smallest element over some axes; NaN if one is NaN. Tied elements get equal parts of the
    /// cotangent.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![5.0, 1.0, 5.0, 1.0], [4]));
    /// let y = x.amin(..);
    /// assert_eq!(y.item(), 1.0);
    /// assert_eq!(y.backward().wrt(&x).to_vec(), [0.0, 0.5, 0.0, 0.5]);
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or is named twice, or there is no element to choose from.
    #[must_use]
    #[track_caller]
    pub fn amin(&self, axes: impl Into<Axes>) -> Self {
        Self::apply(
            Extreme {
                axes: axes.into(),
                largest: false,
            },
            [self],
        )
    }

    /// The largest element over some axes; NaN if one is NaN. Of tied elements, the first in row-major
    /// order gets the whole cotangent; with [`amax`](Self::amax) each gets an equal part.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![5.0, 1.0, 5.0, 1.0], [4]));
    /// let y = x.max(..);
    /// assert_eq!(y.item(), 5.0);
    /// assert_eq!(y.backward().wrt(&x).to_vec(), [1.0, 0.0, 0.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or is named twice, or there is no element to choose from.
    #[must_use]
    #[track_caller]
    pub fn max(&self, axes: impl Into<Axes>) -> Self {
        self.first("max", axes.into(), Tensor::argmax).0
    }

    /// The smallest element over some axes; NaN if one is NaN. Of tied elements, the first in row-major
    /// order gets the whole cotangent; with [`amin`](Self::amin) each gets an equal part.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![5.0, 1.0, 5.0, 1.0], [4]));
    /// let y = x.min(..);
    /// assert_eq!(y.item(), 1.0);
    /// assert_eq!(y.backward().wrt(&x).to_vec(), [0.0, 1.0, 0.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or is named twice, or there is no element to choose from.
    #[must_use]
    #[track_caller]
    pub fn min(&self, axes: impl Into<Axes>) -> Self {
        self.first("min", axes.into(), Tensor::argmin).0
    }

    /// The largest element over some axes, as [`max`](Self::max), and where it is, as
    /// [`argmax`](Self::argmax).
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Var::constant(Tensor::from_vec(vec![1.0, 5.0, 3.0, 2.0], [2, 2]));
    /// let (y, index) = x.max_with_indices(1);
    /// assert_eq!((y.value().to_vec(), index.to_vec()), (vec![5.0, 3.0], vec![1, 0]));
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or is named twice, or there is no element to choose from.
    #[must_use]
    #[track_caller]
    pub fn max_with_indices(&self, axes: impl Into<Axes>) -> (Self, Tensor<i64>) {
        self.first("max_with_indices", axes.into(), Tensor::argmax)
    }

    /// The smallest element over some axes, as [`min`](Self::min), and where it is, as
    /// [`argmin`](Self::argmin).
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Var::constant(Tensor::from_vec(vec![1.0, 5.0, 3.0, 2.0], [2, 2]));
    /// let (y, index) = x.min_with_indices(1);
    /// assert_eq!((y.value().to_vec(), index.to_vec()), (vec![1.0, 2.0], vec![0, 1]));
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or is named twice, or there is no element to choose from.
    #[must_use]
    #[track_caller]
    pub fn min_with_indices(&self, axes: impl Into<Axes>) -> (Self, Tensor<i64>) {
        self.first("min_with_indices", axes.into(), Tensor::argmin)
    }

    /// Where the largest element over some axes is, see [`Tensor::argmax`].
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Var::constant(Tensor::from_vec(vec![1.0, 5.0, 3.0, 2.0], [2, 2]));
    /// assert_eq!(x.argmax(1).to_vec(), [1, 0]);
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or is named twice, or there is no element to choose from.
    #[must_use]
    #[track_caller]
    pub fn argmax(&self, axes: impl Into<Axes>) -> Tensor<i64> {
        self.value().argmax(axes)
    }

    /// Where the smallest element over some axes is, see [`Tensor::argmin`].
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Var::constant(Tensor::from_vec(vec![1.0, 5.0, 3.0, 2.0], [2, 2]));
    /// assert_eq!(x.argmin(1).to_vec(), [0, 1]);
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or is named twice, or there is no element to choose from.
    #[must_use]
    #[track_caller]
    pub fn argmin(&self, axes: impl Into<Axes>) -> Tensor<i64> {
        self.value().argmin(axes)
    }

    /// The elements whose positions `search` returns, and the positions.
    #[track_caller]
    fn first(
        &self,
        op: &str,
        axes: Axes,
        search: impl Fn(&Tensor<T>, Axes) -> Tensor<i64>,
    ) -> (Self, Tensor<i64>) {
        let (lines, result) = self.lines(op, &axes);
        require!(
            result.contains(&0) || lines.size(-1) > 0,
            "{op}: {:?}: no element to choose from",
            self.shape()
        );
        let indices = search(self.value(), axes);
        let mut places = lines.shape().to_vec();
        places[lines.rank() - 1] = 1;
        let values = lines.gather(-1, &indices.reshape(places));
        (values.reshape(&result), indices)
    }

    /// The operand with the reduced axes merged into a last axis, and the shape of the result.
    #[track_caller]
    fn lines(&self, op: &str, axes: &Axes) -> (Self, Vec<usize>) {
        let shape = self.shape();
        let reduced = axes.resolve(op, shape);
        let rest: Vec<_> = (0..shape.len())
            .filter(|&axis| !reduced.contains(axis))
            .collect();
        let mut result: Vec<_> = rest.iter().map(|&axis| shape[axis]).collect();
        let order: Vec<_> = rest
            .into_iter()
            .chain(reduced.iter())
            .map(|axis| axis as isize)
            .collect();
        let lines = [result.as_slice(), &[count("max", axes, shape)]].concat();
        if axes.is_kept() {
            result = shape.to_vec();
            reduced.iter().for_each(|axis| result[axis] = 1);
        }
        (self.permute(order).reshape(lines), result)
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<Extreme>("amax"),
    OpInfo::op::<Extreme>("amin"),
    OpInfo::function("max", |draw| {
        let rank = draw.within(0, 3);
        let (shape, axes) = (draw.filled_shape(rank), draw.axes(rank));
        let description = format!("max({axes:?})");
        Case::new(
            description,
            generic!([axes] | x | x.max(axes.clone())),
            [draw.apart(shape)],
        )
    }),
    OpInfo::function("min", |draw| {
        let rank = draw.within(0, 3);
        let (shape, axes) = (draw.filled_shape(rank), draw.axes(rank));
        let description = format!("min({axes:?})");
        Case::new(
            description,
            generic!([axes] | x | x.min(axes.clone())),
            [draw.apart(shape)],
        )
    }),
];
