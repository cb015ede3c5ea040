//! Arithmetic with plain numbers: `scale · x + shift`, and `value / x`.

use super::prelude::*;

/// `scale · x + shift` with constants.
#[derive(Clone, Debug)]
pub struct Affine {
    scale: f64,
    shift: f64,
}

impl Op for Affine {
    fn name(&self) -> &'static str {
        "affine"
    }

    fn reads(&self) -> Reads {
        Reads::Shapes
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        let (scale, shift) = (T::of(self.scale), T::of(self.shift));
        // Leaving out what changes nothing keeps the sign of −0 and one rounding.
        let y = match (self.scale == 1.0, self.shift == 0.0) {
            (true, _) => x[0].map(|x| x + shift),
            (false, true) if self.scale == -1.0 => x[0].map(|x| -x),
            (false, true) => x[0].map(|x| x * scale),
            (false, false) => x[0].map(|x| x * scale + shift),
        };
        y.into()
    }

    fn vjp<T: Real>(&self, _i: usize, _call: &Call<T>, grad: &Cotangents<T>) -> Var<T> {
        if self.scale == 1.0 { (**grad).clone() } else { grad.mul_scalar(self.scale) }
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let scale = draw.pick(&[1.0, -1.0, 0.0, 2.5, -0.3]);
        let shift = draw.pick(&[0.0, 1.0, -0.7]);
        Sample::new(Self { scale, shift }, [draw.any()])
    }
}

/// `x / value` with a constant.
#[derive(Clone, Debug)]
pub struct DivScalar {
    value: f64,
}

impl Op for DivScalar {
    fn name(&self) -> &'static str {
        "div_scalar"
    }

    fn reads(&self) -> Reads {
        Reads::Shapes
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        let value = T::of(self.value);
        x[0].map(|x| x / value).into()
    }

    fn vjp<T: Real>(&self, _i: usize, _call: &Call<T>, grad: &Cotangents<T>) -> Var<T> {
        grad.div_scalar(self.value)
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        Sample::new(Self { value: draw.pick(&[3.0, -0.7]) }, [draw.any()])
    }
}

impl<T: Real> Var<T> {
    #[track_caller]
    fn affine(&self, scale: f64, shift: f64) -> Self {
        Self::custom(Affine { scale, shift }, &[self])
    }

    /// `self + value`
    #[must_use]
    #[track_caller]
    pub fn add_scalar(&self, value: f64) -> Self {
        self.affine(1.0, value)
    }

    /// `self − value`
    #[must_use]
    #[track_caller]
    pub fn sub_scalar(&self, value: f64) -> Self {
        self.affine(1.0, -value)
    }

    /// `value − self`
    #[must_use]
    #[track_caller]
    pub fn rsub_scalar(&self, value: f64) -> Self {
        self.affine(-1.0, value)
    }

    /// `self · value`
    #[must_use]
    #[track_caller]
    pub fn mul_scalar(&self, value: f64) -> Self {
        self.affine(value, 0.0)
    }

    /// `self / value`
    #[must_use]
    #[track_caller]
    pub fn div_scalar(&self, value: f64) -> Self {
        Self::custom(DivScalar { value }, &[self])
    }

    /// `value / self`
    #[must_use]
    #[track_caller]
    pub fn rdiv_scalar(&self, value: f64) -> Self {
        Self::full(self.shape(), value).div(self)
    }

    /// `−self`
    #[must_use]
    #[track_caller]
    #[allow(clippy::should_implement_trait, reason = "the operator calls this method")]
    pub fn neg(&self) -> Self {
        self.affine(-1.0, 0.0)
    }
}

pub(super) const ENTRIES: &[Entry] = &[
    Entry::op::<Affine>("affine"),
    Entry::op::<DivScalar>("div_scalar"),
    Entry::function("add_scalar", |draw| Case::new("x + 0.3", generic!(|x| x + 0.3), [draw.any()])),
    Entry::function("sub_scalar", |draw| Case::new("x − 0.3", generic!(|x| x - 0.3), [draw.any()])),
    Entry::function("rsub_scalar", |draw| Case::new("0.3 − x", generic!(|x| 0.3 - x), [draw.any()])),
    Entry::function("mul_scalar", |draw| Case::new("1.7 x", generic!(|x| 1.7 * x), [draw.any()])),
    Entry::function("rdiv_scalar", |draw| {
        Case::new("1.7 / x", generic!(|x| 1.7 / x), [draw.any_off_zero()])
    }),
    Entry::function("neg", |draw| Case::new("−x", generic!(|x| -x), [draw.any()])),
];
