//! Arithmetic with plain numbers: `scale · x + shift`, and `x / value`.

use std::ops::{Add, Mul, Neg, Sub};

use crate::ops::prelude::*;

/// `scale · x + shift` with constants.
#[derive(Clone, Debug)]
pub struct Affine {
    scale: f64,
    shift: f64,
}

impl Affine {
    pub(crate) const fn adding(value: f64) -> Self {
        Self {
            scale: 1.0,
            shift: value,
        }
    }

    pub(crate) const fn subtracting(value: f64) -> Self {
        Self::adding(-value)
    }

    pub(crate) const fn subtracted_from(value: f64) -> Self {
        Self {
            scale: -1.0,
            shift: value,
        }
    }

    pub(crate) const fn scaling(factor: f64) -> Self {
        Self {
            scale: factor,
            shift: 0.0,
        }
    }

    /// The value for a tensor by reference, or by value, in place if the buffer is uniquely owned.
    fn of<T: Real, X>(&self, x: X) -> Tensor<T>
    where
        X: Add<f64, Output = Tensor<T>> + Mul<f64, Output = Tensor<T>> + Neg<Output = Tensor<T>>,
        f64: Sub<X, Output = Tensor<T>>,
    {
        // A shift of 0 is not added, because −0 + 0 is +0. A factor of ±1 is not multiplied: that saves
        // a loop.
        match (self.scale, self.shift) {
            (1.0, shift) => x + shift,
            (-1.0, 0.0) => -x,
            (-1.0, shift) => shift - x,
            (scale, 0.0) => x * scale,
            (scale, shift) => x * scale + shift,
        }
    }
}

impl Op for Affine {
    fn name(&self) -> &'static str {
        "affine"
    }

    fn attributes(&self) -> Attributes {
        vec![("scale", self.scale.into()), ("shift", self.shift.into())]
    }

    fn reads(&self) -> Reads {
        Reads::SHAPES
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        self.of(&x[0]).into()
    }

    fn forward_owned<T: Real>(&self, x: Tensor<T>, _: &Inputs<'_, T>) -> Outputs<T> {
        self.of(x).into()
    }

    fn vjp<T: Real>(&self, _call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input_owned(0, |g| if self.scale == 1.0 { g } else { g * self.scale });
    }

    fn on_slices<T: Real>(&self, _: &[&[usize]]) -> Option<OnSlices<T>> {
        let (scale, shift) = (T::of(self.scale), T::of(self.shift));
        // As in `of`.
        let op = match (self.scale, self.shift) {
            (1.0, _) => OnSlices::pointwise(move |x, y| slices::map(x[0], y, &|x: T| x + shift)),
            (-1.0, 0.0) => OnSlices::pointwise(|x, y| slices::map(x[0], y, &|x: T| -x)),
            (-1.0, _) => OnSlices::pointwise(move |x, y| slices::map(x[0], y, &|x: T| shift - x)),
            (_, 0.0) => OnSlices::pointwise(move |x, y| slices::map(x[0], y, &|x: T| x * scale)),
            _ => OnSlices::pointwise(move |x, y| slices::map(x[0], y, &|x: T| x * scale + shift)),
        };
        Some(if self.scale == 1.0 {
            op.input_unchanged(0)
        } else {
            op.input(0, move |at, out| {
                slices::map(at.grad, out, &|g: T| g * scale);
            })
        })
    }

    fn outline(&self, inputs: &[&[usize]]) -> Outline {
        Outline::elementwise(inputs)
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

impl DivScalar {
    pub(crate) const fn by(value: f64) -> Self {
        Self { value }
    }
}

impl Op for DivScalar {
    fn name(&self) -> &'static str {
        "div_scalar"
    }

    fn attributes(&self) -> Attributes {
        vec![("value", self.value.into())]
    }

    fn reads(&self) -> Reads {
        Reads::SHAPES
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        (&x[0] / self.value).into()
    }

    fn forward_owned<T: Real>(&self, x: Tensor<T>, _: &Inputs<'_, T>) -> Outputs<T> {
        (x / self.value).into()
    }

    fn vjp<T: Real>(&self, _call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input_owned(0, |g| g / self.value);
    }

    fn on_slices<T: Real>(&self, _: &[&[usize]]) -> Option<OnSlices<T>> {
        let value = T::of(self.value);
        let op = OnSlices::pointwise(move |x, y| slices::map(x[0], y, &|x: T| x / value));
        Some(op.input(0, move |at, out| {
            slices::map(at.grad, out, &|g: T| g / value);
        }))
    }

    fn outline(&self, inputs: &[&[usize]]) -> Outline {
        Outline::elementwise(inputs)
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        Sample::new(
            Self {
                value: draw.pick(&[3.0, -0.7]),
            },
            [draw.any()],
        )
    }
}

impl<T: Real> Var<T> {
    /// `self + value`
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(2.0));
    /// let y = x.add_scalar(5.0);
    /// assert_eq!((y.item(), (&x + 5.0).item()), (7.0, 7.0));
    /// assert_eq!(y.backward().wrt(&x).item(), 1.0);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn add_scalar(&self, value: f64) -> Self {
        Self::apply(Affine::adding(value), [self])
    }

    /// `self − value`
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(2.0));
    /// let y = x.sub_scalar(5.0);
    /// assert_eq!((y.item(), (&x - 5.0).item()), (-3.0, -3.0));
    /// assert_eq!(y.backward().wrt(&x).item(), 1.0);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn sub_scalar(&self, value: f64) -> Self {
        Self::apply(Affine::subtracting(value), [self])
    }

    /// `value − self`
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(2.0));
    /// let y = x.rsub_scalar(5.0);
    /// assert_eq!((y.item(), (5.0 - &x).item()), (3.0, 3.0));
    /// assert_eq!(y.backward().wrt(&x).item(), -1.0);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn rsub_scalar(&self, value: f64) -> Self {
        Self::apply(Affine::subtracted_from(value), [self])
    }

    /// `self · value`
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(2.0));
    /// let y = x.mul_scalar(5.0);
    /// assert_eq!((y.item(), (&x * 5.0).item()), (10.0, 10.0));
    /// assert_eq!(y.backward().wrt(&x).item(), 5.0);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn mul_scalar(&self, value: f64) -> Self {
        Self::apply(Affine::scaling(value), [self])
    }

    /// `self / value`
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(2.0));
    /// let y = x.div_scalar(4.0);
    /// assert_eq!((y.item(), (&x / 4.0).item()), (0.5, 0.5));
    /// assert_eq!(y.backward().wrt(&x).item(), 0.25);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn div_scalar(&self, value: f64) -> Self {
        Self::apply(DivScalar::by(value), [self])
    }

    /// `value / self`
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(2.0));
    /// let y = x.rdiv_scalar(8.0);
    /// assert_eq!((y.item(), (8.0 / &x).item()), (4.0, 4.0));
    /// assert_eq!(y.backward().wrt(&x).item(), -2.0);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn rdiv_scalar(&self, value: f64) -> Self {
        Self::full(self.shape(), value).div(self)
    }

    /// `−self`
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(2.0));
    /// let y = x.neg();
    /// assert_eq!(y.item(), -2.0);
    /// assert_eq!(y.backward().wrt(&x).item(), -1.0);
    /// ```
    #[must_use]
    #[track_caller]
    #[allow(
        clippy::should_implement_trait,
        reason = "the operator calls this method"
    )]
    pub fn neg(&self) -> Self {
        Self::apply(Affine::scaling(-1.0), [self])
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<Affine>("affine"),
    OpInfo::op::<DivScalar>("div_scalar"),
    OpInfo::function("add_scalar", |draw| {
        Case::new("x + 0.3", generic!(|x| x + 0.3), [draw.any()])
    }),
    OpInfo::function("sub_scalar", |draw| {
        Case::new("x − 0.3", generic!(|x| x - 0.3), [draw.any()])
    }),
    OpInfo::function("rsub_scalar", |draw| {
        Case::new("0.3 − x", generic!(|x| 0.3 - x), [draw.any()])
    }),
    OpInfo::function("mul_scalar", |draw| {
        Case::new("1.7 x", generic!(|x| 1.7 * x), [draw.any()])
    }),
    OpInfo::function("rdiv_scalar", |draw| {
        Case::new("1.7 / x", generic!(|x| 1.7 / x), [draw.any_off_zero()])
    }),
    OpInfo::function("neg", |draw| {
        Case::new("−x", generic!(|x| -x), [draw.any()])
    }),
    // Every operator that takes a variable by value, one after the other.
    OpInfo::function("neg", |draw| {
        Case::new(
            "in place, one after the other",
            generic!(|x| -(0.3 - (((x - 0.2) * 1.7 + 0.4) / 1.3 - 0.1)) * 0.7),
            [draw.any()],
        )
    }),
    // The tape keeps the operands and the result of the product, so nothing may be computed in place.
    OpInfo::function("mul_scalar", |draw| {
        Case::new(
            "kept",
            generic!(|x| (x.sigmoid() * 1.7).sigmoid() * 0.3 + 0.2),
            [draw.any()],
        )
    }),
];
