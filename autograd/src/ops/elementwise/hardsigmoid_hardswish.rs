//! Piecewise polynomials that approximate the sigmoid and swish.

use super::piecewise_slope::Gate;
use crate::ops::prelude::*;

/// `x / 6 + 1/2`, clamped to [0, 1].
#[derive(Clone, Debug)]
pub struct Hardsigmoid;

impl Op for Hardsigmoid {
    fn name(&self) -> &'static str {
        "hardsigmoid"
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].map(hardsigmoid).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input_owned(0, |grad| {
            Gate::inside(-3.0, 3.0, 1.0 / 6.0).apply_owned(grad, call.input(0))
        });
    }

    fn outline(&self, inputs: &[&[usize]]) -> Outline {
        Outline::elementwise(inputs)
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        Sample::new(Self, [around_three(draw)])
    }
}

#[inline]
fn hardsigmoid<T: Real>(x: T) -> T {
    let three = T::of(3.0);
    let inside = (x + three) / T::of(6.0);
    let y = if x >= three { T::one() } else { inside };
    if x <= -three { T::zero() } else { y }
}

/// Numbers below −3, between −3 and 3, and above 3, at least 0.1 from the kinks at ±3.
fn around_three(draw: &mut Draw) -> Tensor<f64> {
    draw.any_off_zero()
        .map(|x| if x.abs() > 0.8 { x * 4.0 } else { x * 3.5 })
}

/// `x · hardsigmoid(x)`
#[derive(Clone, Debug)]
pub struct Hardswish;

impl Smooth for Hardswish {
    const NAME: &'static str = "hardswish";
    const OF: Of = Of::X;

    #[inline(always)]
    fn value<T: Real>(&self, x: T) -> T {
        x * hardsigmoid(x)
    }

    #[inline(always)]
    fn slope<T: Real>(&self, x: T) -> T {
        let three = T::of(3.0);
        let inside = x / three + T::of(0.5);
        let slope = if x >= three { T::one() } else { inside };
        if x <= -three { T::zero() } else { slope }
    }

    fn curvature<T: Real>(&self, x: &Var<T>) -> Var<T> {
        Gate::inside(-3.0, 3.0, 1.0 / 3.0).apply(&Var::full(x.shape(), 1.0), x)
    }

    fn sample(draw: &mut Draw) -> (Self, Tensor<f64>) {
        (Self, around_three(draw))
    }
}

impl<T: Real> Var<T> {
    /// `(x + 3) / 6`, clamped to [0, 1]; its slope at −3 and at 3 is 0.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![-4.0, 0.0, 4.0], [3]));
    /// let y = x.hardsigmoid();
    /// assert_eq!(y.value().to_vec(), [0.0, 0.5, 1.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [0.0, 1.0 / 6.0, 0.0]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn hardsigmoid(&self) -> Self {
        Self::apply(Hardsigmoid, [self])
    }

    /// `x · hardsigmoid(x)`, see [`hardsigmoid`](Self::hardsigmoid) (Howard et al., 2019); its slope is
    /// 0 at −3 and 1 at 3.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![-4.0, 0.0, 4.0], [3]));
    /// let y = x.hardswish();
    /// assert_eq!(y.value().to_vec(), [0.0, 0.0, 4.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [0.0, 0.5, 1.0]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn hardswish(&self) -> Self {
        Self::apply(Elementwise(Hardswish), [self])
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<Hardsigmoid>("hardsigmoid"),
    OpInfo::op::<Elementwise<Hardswish>>("hardswish"),
    OpInfo::op::<Slope<Hardswish>>("slope of hardswish"),
];
