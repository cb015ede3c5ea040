//! Functions that are constant beyond bounds.

use super::piecewise_slope::Gate;
use crate::ops::prelude::*;

/// Every element clamped to an interval.
#[derive(Clone, Debug)]
pub struct Clamp {
    low: f64,
    high: f64,
}

impl Clamp {
    /// The op for one element.
    fn function<T: Real>(&self) -> impl Fn(T) -> T + Sync + use<T> {
        let (low, high) = (T::of(self.low), T::of(self.high));
        move |x| {
            let x = if x <= low { low } else { x };
            if x >= high { high } else { x }
        }
    }

    fn gate(&self) -> Gate {
        Gate::inside(self.low, self.high, 1.0)
    }
}

impl Op for Clamp {
    fn name(&self) -> &'static str {
        "clamp"
    }

    fn attributes(&self) -> Attributes {
        vec![("low", self.low.into()), ("high", self.high.into())]
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].map(self.function()).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input_owned(0, |grad| self.gate().apply_owned(grad, call.input(0)));
    }

    fn on_slices<T: Real>(&self, _: &[&[usize]]) -> Option<OnSlices<T>> {
        Some(self.gate().pointwise_input(self.function()))
    }

    fn outline(&self, inputs: &[&[usize]]) -> Outline {
        Outline::elementwise(inputs)
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let [low, high] = draw.pick(&[
            [-0.05, 0.05],
            [0.0, f64::INFINITY],
            [f64::NEG_INFINITY, 0.05],
            [f64::NEG_INFINITY, f64::INFINITY],
            [-0.05, 1000.0],
        ]);
        Sample::new(Self { low, high }, [draw.any_off_zero()])
    }
}

impl<T: Real> Var<T> {
    /// Every element clamped to `[low, high]`, of which one may be infinite; NaN stays NaN.
    ///
    /// The slope is 1 strictly between the bounds, 0 at them and beyond.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![-2.0, 0.5, 2.0], [3]));
    /// let y = x.clamp(0.0, 1.0);
    /// assert_eq!(y.value().to_vec(), [0.0, 0.5, 1.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [0.0, 1.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If `low > high` or one of them is NaN.
    #[must_use]
    #[track_caller]
    pub fn clamp(&self, low: f64, high: f64) -> Self {
        require!(
            low <= high,
            "clamp: {:?}: {low}..={high} is an empty range",
            self.shape()
        );
        Self::apply(Clamp { low, high }, [self])
    }

    /// [`clamp`](Self::clamp) under its name as an activation function.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![-2.0, 0.5, 2.0], [3]));
    /// let y = x.hardtanh(-1.0, 1.0);
    /// assert_eq!(y.value().to_vec(), [-1.0, 0.5, 1.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [0.0, 1.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If `low > high` or one of them is NaN.
    #[must_use]
    #[track_caller]
    pub fn hardtanh(&self, low: f64, high: f64) -> Self {
        self.clamp(low, high)
    }

    /// `min(max(x, 0), 6)`; its slope at 0 and at 6 is 0.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![-2.0, 3.0, 9.0], [3]));
    /// let y = x.relu6();
    /// assert_eq!(y.value().to_vec(), [0.0, 3.0, 6.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [0.0, 1.0, 0.0]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn relu6(&self) -> Self {
        self.clamp(0.0, 6.0)
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<Clamp>("clamp"),
    OpInfo::function("hardtanh", |draw| {
        Case::new(
            "hardtanh(-0.05, 0.07)",
            generic!(|x| x.hardtanh(-0.05, 0.07)),
            [draw.any_off_zero()],
        )
    }),
    OpInfo::function("relu6", |draw| {
        // A third below 0, a third between the bounds, a third above 6.
        let x = draw
            .any_off_zero()
            .map(|x| if x > 0.5 { x + 6.0 } else { x });
        Case::new("relu6", generic!(|x| x.relu6()), [x])
    }),
];
