//! Means, variances and standard deviations.

use crate::ops::prelude::*;

/// `x − mean` over some axes, a symmetric map.
#[derive(Clone, Debug)]
pub struct Centred {
    axes: Axes,
}

impl Op for Centred {
    fn name(&self) -> &'static str {
        "centred"
    }

    fn attributes(&self) -> Attributes {
        vec![("axes", self.axes.clone().into())]
    }

    fn reads(&self) -> Reads {
        Reads::SHAPES
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        let mean = x[0].shifted_mean(self.axes.clone());
        let kept = Tensor::from_vec(mean.to_vec(), kept_shape(&self.axes, x[0].shape()));
        x[0].zip(&kept, |x, mean| x - mean).into()
    }

    fn vjp<T: Real>(&self, _call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |grad| grad.centred(&self.axes));
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let rank = draw.within(0, 3);
        let x = {
            let shape = draw.filled_shape(rank);
            draw.normal(shape)
        };
        Sample::new(
            Self {
                axes: draw.axes(rank),
            },
            [x],
        )
    }
}

/// The variance over some axes.
#[derive(Clone, Debug)]
pub struct Variance {
    axes: Axes,
    correction: usize,
}

impl Op for Variance {
    fn name(&self) -> &'static str {
        "var"
    }

    fn attributes(&self) -> Attributes {
        vec![
            ("axes", self.axes.clone().into()),
            ("correction", self.correction.into()),
        ]
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].var(self.axes.clone(), self.correction).into()
    }

    // The derivative through the mean vanishes, because Σ (x − mean) = 0.
    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |grad| {
            let x = call.input(0);
            let factor = 2.0 / degrees_of_freedom("var", &self.axes, x.shape(), self.correction);
            x.centred(&self.axes) * (restored(grad, &self.axes, x.shape()) * factor)
        });
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let rank = draw.within(0, 3);
        let x = {
            let shape = draw.filled_shape(rank);
            draw.normal(shape)
        };
        let axes = draw.axes(rank);
        let correction = usize::from(count("var", &axes, x.shape()) > 1 && draw.once_in(2));
        Sample::new(Self { axes, correction }, [x])
    }
}

/// The number of elements that are reduced to one result.
#[track_caller]
pub(crate) fn count(op: &str, axes: &Axes, shape: &[usize]) -> usize {
    axes.resolve(op, shape)
        .iter()
        .map(|axis| shape[axis])
        .product()
}

/// The divisor of a sum of squares, `n − correction`; NaN if it is not positive.
#[track_caller]
fn degrees_of_freedom(op: &str, axes: &Axes, shape: &[usize], correction: usize) -> f64 {
    let count = count(op, axes, shape);
    if count > correction {
        (count - correction) as f64
    } else {
        f64::NAN
    }
}

/// A shape with the reduced axes as extent 1.
fn kept_shape(axes: &Axes, shape: &[usize]) -> Vec<usize> {
    let axes = axes.resolve("sum", shape);
    let extents = shape.iter().enumerate();
    extents
        .map(|(axis, &n)| if axes.contains(axis) { 1 } else { n })
        .collect()
}

/// The result of a reduction with its axes back as extent 1, so that it broadcasts to the operand.
#[track_caller]
pub(crate) fn restored<T: Real>(y: &Var<T>, axes: &Axes, shape: &[usize]) -> Var<T> {
    y.reshape(kept_shape(axes, shape))
}

impl<T: Real> Var<T> {
    /// The mean over some axes, `Σ x / n`; of no elements NaN.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2]));
    /// let y = x.mean(0);
    /// assert_eq!(y.value().to_vec(), [2.0, 3.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [0.5, 0.5, 0.5, 0.5]);
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[must_use]
    #[track_caller]
    pub fn mean(&self, axes: impl Into<Axes>) -> Self {
        let axes = axes.into();
        let n = count("mean", &axes, self.shape());
        self.sum(axes).div_scalar(n as f64)
    }

    /// The variance over some axes, `Σ (x − mean)² / (n − correction)`.
    ///
    /// Correction 0 is the variance of a population, 1 the unbiased estimate from a sample. NaN
    /// where `n ≤ correction`.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 3.0], [2]));
    /// let y = x.var(.., 0);
    /// assert_eq!(y.item(), 1.0);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [-1.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[must_use]
    #[track_caller]
    pub fn var(&self, axes: impl Into<Axes>, correction: usize) -> Self {
        Self::apply(
            Variance {
                axes: axes.into(),
                correction,
            },
            [self],
        )
    }

    /// The standard deviation over some axes, the root of the [variance](Self::var).
    ///
    /// Where it is 0 the gradient is 0. The result is right even if the variance overflows or
    /// underflows. NaN where `n ≤ correction`.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0_f64, 3.0], [2]));
    /// let y = x.std(.., 0);
    /// assert_eq!(y.item(), 1.0);
    /// let dx = y.backward().wrt(&x).to_vec();
    /// assert!((dx[0] + 0.5).abs() < 1e-12 && (dx[1] - 0.5).abs() < 1e-12);
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[must_use]
    #[track_caller]
    pub fn std(&self, axes: impl Into<Axes>, correction: usize) -> Self {
        let axes = axes.into();
        let freedom = degrees_of_freedom("std", &axes, self.shape(), correction);
        self.centred(&axes).norm(2.0, axes) / freedom.sqrt()
    }

    /// `self − mean` over some axes.
    #[track_caller]
    fn centred(&self, axes: &Axes) -> Self {
        Self::apply(Centred { axes: axes.clone() }, [self])
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<Variance>("var"),
    OpInfo::op::<Centred>("std"),
    OpInfo::function("mean", |draw| {
        let rank = draw.within(0, 3);
        let shape = draw.filled_shape(rank);
        let axes = draw.axes(rank);
        let description = format!("mean({axes:?})");
        Case::new(
            description,
            generic!([axes] | x | x.mean(axes.clone())),
            [draw.normal(shape)],
        )
    }),
    OpInfo::function("std", |draw| {
        let rank = draw.within(1, 3);
        let shape: Vec<_> = draw.filled_shape(rank).into_iter().map(|n| n + 1).collect();
        // If the numbers are close together, rounding dominates the second derivative.
        let axes = draw.axes(rank);
        let correction = draw.within(0, 1);
        let description = format!("std({axes:?}, {correction})");
        let f = generic!([axes, correction] | x | x.std(axes.clone(), correction));
        Case::new(description, f, [draw.apart(shape) * 5.0])
    }),
];
