//! Exponential linear units.

use super::piecewise_slope::Gate;
use crate::ops::prelude::*;

/// `scale · x` above 0, `scale · alpha · (e^(rate·x) − 1)` elsewhere.
#[derive(Clone, Debug)]
pub struct Elu {
    alpha: f64,
    scale: f64,
    rate: f64,
}

impl Smooth for Elu {
    const NAME: &'static str = "elu";
    const OF: Of = Of::X;

    #[inline(always)]
    fn value<T: Real>(&self, x: T) -> T {
        let scale = T::of(self.scale);
        if x > T::zero() {
            x * scale
        } else {
            (x * T::of(self.rate)).exp_m1() * T::of(self.alpha) * scale
        }
    }

    #[inline(always)]
    fn slope<T: Real>(&self, x: T) -> T {
        let scale = T::of(self.scale);
        if x > T::zero() {
            scale
        } else {
            (x * T::of(self.rate)).exp() * T::of(self.alpha * self.rate) * scale
        }
    }

    fn curvature<T: Real>(&self, x: &Var<T>) -> Var<T> {
        let factor = self.scale * self.alpha * self.rate * self.rate;
        // Above 0 the exponential overflows, and its derivative times 0 would be NaN.
        let below = Gate::at_zero(1.0, 1.0, 0.0).apply(x, x);
        Gate::at_zero(factor, factor, 0.0).apply(&(below * self.rate).exp(), x)
    }

    fn attributes(&self) -> Attributes {
        vec![
            ("alpha", self.alpha.into()),
            ("scale", self.scale.into()),
            ("rate", self.rate.into()),
        ]
    }

    fn sample(draw: &mut Draw) -> (Self, Tensor<f64>) {
        let [alpha, scale, rate] = draw.pick(&[
            [1.0, 1.0, 1.0],
            [0.5, 1.0, 1.0],
            [0.7, 1.0, 1.0 / 0.7],
            SELU,
        ]);
        (Self { alpha, scale, rate }, draw.any_off_zero())
    }
}

/// The constants that keep mean 0 and variance 1 from layer to layer (Klambauer et al., 2017).
const SELU: [f64; 3] = [1.673_263_242_354_377_2, 1.050_700_987_355_480_5, 1.0];

impl<T: Real> Var<T> {
    #[track_caller]
    fn elu_of(&self, alpha: f64, scale: f64, rate: f64) -> Self {
        Self::apply(Elementwise(Elu { alpha, scale, rate }), [self])
    }

    /// `x` above 0, `α (eˣ − 1)` below (Clevert et al., 2015); its slope at 0 is α.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(-1.0_f64));
    /// let y = x.elu(1.0);
    /// assert!((y.item() + 0.632_120_558_829).abs() < 1e-11);
    /// assert!((y.backward().wrt(&x).item() - 0.367_879_441_171).abs() < 1e-11);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn elu(&self, alpha: f64) -> Self {
        self.elu_of(alpha, 1.0, 1.0)
    }

    /// The self-normalising unit: λ times [`elu`](Self::elu), with λ = 1.0507… and α = 1.6732…
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(1.0_f64));
    /// let y = x.selu();
    /// assert!((y.item() - 1.050_700_987_355).abs() < 1e-11);
    /// assert!((y.backward().wrt(&x).item() - 1.050_700_987_355).abs() < 1e-11);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn selu(&self) -> Self {
        let [alpha, scale, rate] = SELU;
        self.elu_of(alpha, scale, rate)
    }

    /// `x` above 0, `α (e^(x/α) − 1)` below; its slope at 0 is 1 for every α.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(-2.0_f64));
    /// let y = x.celu(2.0);
    /// assert!((y.item() + 1.264_241_117_657).abs() < 1e-11);
    /// assert!((y.backward().wrt(&x).item() - 0.367_879_441_171).abs() < 1e-11);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn celu(&self, alpha: f64) -> Self {
        self.elu_of(alpha, 1.0, 1.0 / alpha)
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<Elementwise<Elu>>("elu"),
    OpInfo::op::<Slope<Elu>>("slope of elu"),
    OpInfo::function("selu", |draw| {
        Case::new("selu", generic!(|x| x.selu()), [draw.any_off_zero()])
    }),
    OpInfo::function("celu", |draw| {
        Case::new(
            "celu(0.7)",
            generic!(|x| x.celu(0.7)),
            [draw.any_off_zero()],
        )
    }),
];
