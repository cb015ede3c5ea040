//! Largest and smallest elements over axes, where ties share.

use super::mean::restored;
use super::prelude::*;

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

    fn reads(&self) -> Reads {
        Reads::Both
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        if !T::PLAIN {
            return self.shared(&x[0]).into();
        }
        let axes = self.axes.clone();
        if self.largest { x[0].max(axes) } else { x[0].min(axes) }.into()
    }

    fn vjp<T: Real>(&self, _i: usize, call: &Call<T>, grad: &Cotangents<T>) -> Var<T> {
        let x = call.input(0);
        let y = restored(call.output(0), &self.axes, x.shape());
        let share = Var::constant(share(x.value(), y.value(), &self.axes));
        restored(grad, &self.axes, x.shape()) * share
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let rank = draw.within(0, 3);
        let shape = draw.filled_shape(rank);
        let op = Self { axes: draw.axes(rank), largest: draw.once_in(2) };
        Sample::new(op, [draw.apart(shape)])
    }
}

impl Extreme {
    /// The value whose tangent is the mean over the elements that tie.
    fn shared<T: Real>(&self, x: &Tensor<T>) -> Tensor<T> {
        let kept = keep(self.axes.clone());
        let y = if self.largest { x.max(kept) } else { x.min(kept) };
        let share = share(x, &y, &self.axes);
        x.zip(&share, |x, share| if share == T::zero() { share } else { x * share }).sum(self.axes.clone())
    }
}

/// Which part of an extreme `y` each element has: equal parts where it is attained. NaN beside a
/// NaN, which no element equals.
fn share<T: Real>(x: &Tensor<T>, y: &Tensor<T>, axes: &Axes) -> Tensor<T> {
    let attained = x.zip(y, |x, y| if x == y { T::one() } else { T::zero() });
    let ties = attained.sum(keep(axes.clone()));
    attained / &ties
}

impl<T: Real> Var<T> {
    /// The largest element over some axes; a NaN wins. Equal ones share the cotangent equally.
    ///
    /// # Panics
    /// If there is no such axis, one is named twice, or there is no element to choose from.
    #[must_use]
    #[track_caller]
    pub fn amax(&self, axes: impl Into<Axes>) -> Self {
        Self::custom(Extreme { axes: axes.into(), largest: true }, &[self])
    }

    /// The smallest element over some axes; a NaN wins. Equal ones share the cotangent equally.
    ///
    /// # Panics
    /// If there is no such axis, one is named twice, or there is no element to choose from.
    #[must_use]
    #[track_caller]
    pub fn amin(&self, axes: impl Into<Axes>) -> Self {
        Self::custom(Extreme { axes: axes.into(), largest: false }, &[self])
    }
}

pub(super) const ENTRIES: &[Entry] = &[Entry::op::<Extreme>("amax"), Entry::op::<Extreme>("amin")];
