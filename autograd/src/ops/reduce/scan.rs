//! Running sums and products along an axis, by a linear recurrence.

use crate::ops::prelude::*;

/// `yᵢ = aᵢ yᵢ₋₁ + bᵢ` along an axis, or the adjoint of that in `b`, `yᵢ = aᵢ₊₁ yᵢ₊₁ + bᵢ`.
///
/// Each is the rule of the other, so running products have an exact gradient to every order, with
/// zeros among their factors too.
#[derive(Clone, Debug)]
struct Recurrence {
    axis: usize,
    adjoint: bool,
}

impl Recurrence {
    #[track_caller]
    fn of<T: Real>(&self, a: &Var<T>, b: &Var<T>) -> Var<T> {
        Var::apply(self.clone(), [a, b])
    }

    fn transposed(&self) -> Self {
        Self {
            adjoint: !self.adjoint,
            ..self.clone()
        }
    }
}

impl Op for Recurrence {
    fn name(&self) -> &'static str {
        "recurrence"
    }

    fn reads(&self) -> Reads {
        Reads::ALL
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        let axis = self.axis as isize;
        if self.adjoint {
            x[1].linear_recurrence_adjoint(&x[0], axis).into()
        } else {
            x[1].linear_recurrence(&x[0], axis).into()
        }
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let Some(g) = out.grad(0) else { return };
        let db = self.transposed().of(call.input(0), g);
        if out.wants(0) {
            let y = call.output(0);
            let (now, before) = if self.adjoint { (y, &db) } else { (&db, y) };
            out.add(0, now * shifted(before, self.axis, 0.0));
        }
        out.add(1, db);
    }

    fn outline(&self, _inputs: &[&[usize]]) -> Outline {
        Outline::run().reach(Reach::Whole)
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let rank = draw.within(1, 3);
        let shape = draw.shape(rank);
        let op = Self {
            axis: draw.within(0, rank - 1),
            adjoint: draw.once_in(2),
        };
        Sample::new(op, [draw.normal(&shape), draw.normal(&shape)])
    }
}

/// `x` shifted by one position along an axis; the first position is `first`.
#[track_caller]
fn shifted<T: Real>(x: &Var<T>, axis: usize, first: f64) -> Var<T> {
    let mut widths = vec![[0, 0]; x.rank()];
    widths[axis] = [1, -1];
    if x.shape()[axis] == 0 {
        x.clone()
    } else {
        x.pad(&widths, first)
    }
}

/// The running sum along an axis.
#[derive(Clone, Debug)]
pub struct Cumsum {
    axis: isize,
}

impl Op for Cumsum {
    fn name(&self) -> &'static str {
        "cumsum"
    }

    fn attributes(&self) -> Attributes {
        vec![("axis", self.axis.into())]
    }

    fn reads(&self) -> Reads {
        Reads::SHAPES
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].cumsum(self.axis).into()
    }

    fn vjp<T: Real>(&self, _call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |grad| {
            grad.flip(self.axis).cumsum(self.axis).flip(self.axis)
        });
    }

    fn outline(&self, _inputs: &[&[usize]]) -> Outline {
        Outline::run().reach(Reach::Whole)
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let rank = draw.within(1, 3);
        let (shape, axis) = (draw.shape(rank), draw.axis(rank));
        Sample::new(Self { axis }, [draw.normal(shape)])
    }
}

/// The running product along an axis.
#[derive(Clone, Debug)]
pub struct Cumprod {
    axis: isize,
}

impl Op for Cumprod {
    fn name(&self) -> &'static str {
        "cumprod"
    }

    fn attributes(&self) -> Attributes {
        vec![("axis", self.axis.into())]
    }

    fn reads(&self) -> Reads {
        Reads::ALL
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].cumprod(self.axis).into()
    }

    // y is the solution of yᵢ = xᵢ yᵢ₋₁ with y₋₁ = 1.
    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |grad| {
            let x = call.input(0);
            let axis = wengert_tensor::resolve_axis("cumprod", self.axis, x.shape());
            let later = Recurrence {
                axis,
                adjoint: true,
            }
            .of(x, grad);
            later * shifted(call.output(0), axis, 1.0)
        });
    }

    fn outline(&self, _inputs: &[&[usize]]) -> Outline {
        Outline::run().reach(Reach::Whole)
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let rank = draw.within(1, 3);
        let (shape, axis) = (draw.shape(rank), draw.axis(rank));
        Sample::new(Self { axis }, [with_zeros(draw, shape)])
    }
}

/// The logarithm of the running sum of exponentials along an axis, and `x` minus it.
///
/// The difference is an output because the rule reads it: its exponential is the share of an element
/// in the sum up to it.
#[derive(Clone, Debug)]
pub struct LogCumsumExp {
    axis: isize,
}

impl Op for LogCumsumExp {
    fn name(&self) -> &'static str {
        "logcumsumexp"
    }

    fn attributes(&self) -> Attributes {
        vec![("axis", self.axis.into())]
    }

    fn reads(&self) -> Reads {
        Reads::outputs([1])
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        let (y, part) = x[0].logcumsumexp_with_logits(self.axis);
        [y, part].into()
    }

    // dx_j = e^(x_j − y_j) s_j with s_j = Σ_{i ≥ j} g_i e^(y_j − y_i) = g_j + e^(y_j − y_{j+1}) s_{j+1},
    // whose factor is 1 − e^(x_{j+1} − y_{j+1}).
    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let part = call.output(1);
        let axis = wengert_tensor::resolve_axis("logcumsumexp", self.axis, part.shape());
        // The second output is x − y.
        let (of_sum, direct) = match (out.take(0), out.take(1)) {
            (Some(g), None) => (g, None),
            (None, Some(h)) => (-&h, Some(h)),
            (Some(g), Some(h)) => (g - &h, Some(h)),
            (None, None) => return,
        };
        let adjoint = true;
        let later = Recurrence { axis, adjoint }.of(&-part.exp_m1(), &of_sum);
        let dx = part.exp() * later;
        out.add(
            0,
            match direct {
                Some(direct) => dx + direct,
                None => dx,
            },
        );
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let rank = draw.within(1, 3);
        let (shape, axis) = (draw.shape(rank), draw.axis(rank));
        Sample::new(Self { axis }, [draw.normal(shape)])
    }
}

/// Normal values, some of them 0.
pub(crate) fn with_zeros(draw: &mut Draw, shape: Vec<usize>) -> Tensor<f64> {
    let (x, chance) = (draw.normal(&shape), draw.uniform(&shape, 0.0, 1.0));
    x.zip(&chance, |x, chance| if chance < 0.2 { 0.0 } else { x })
}

impl<T: Real> Var<T> {
    /// The running sum along an axis: `y[…, i, …] = x[…, 0, …] + … + x[…, i, …]`.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0, 3.0], [3]));
    /// let y = x.cumsum(0);
    /// assert_eq!(y.value().to_vec(), [1.0, 3.0, 6.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [3.0, 2.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    #[must_use]
    #[track_caller]
    pub fn cumsum(&self, axis: isize) -> Self {
        Self::apply(Cumsum { axis }, [self])
    }

    /// The running product along an axis: `y[…, i, …] = x[…, 0, …] · … · x[…, i, …]`.
    ///
    /// The gradient is exact where factors are 0, too.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0, 3.0], [3]));
    /// let y = x.cumprod(0);
    /// assert_eq!(y.value().to_vec(), [1.0, 2.0, 6.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [9.0, 4.0, 2.0]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    #[must_use]
    #[track_caller]
    pub fn cumprod(&self, axis: isize) -> Self {
        Self::apply(Cumprod { axis }, [self])
    }

    /// The logarithm of the running sum of exponentials along an axis, without overflow:
    /// `y[…, i, …] = ln(e^x[…, 0, …] + … + e^x[…, i, …])`.
    ///
    /// An element −∞ contributes 0 to the sum, and its gradient is 0.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Var::constant(Tensor::from_vec(vec![0.0_f64, 0.0, 0.0], [3]));
    /// let y = x.logcumsumexp(0).exp();
    /// assert!(y.value().zip(&Tensor::arange(1.0, 4.0, 1.0), |y, n: f64| (y - n).abs() < 1e-12).all(..).item());
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    #[must_use]
    #[track_caller]
    pub fn logcumsumexp(&self, axis: isize) -> Self {
        let [y, _] = Self::apply_array(LogCumsumExp { axis }, [self]);
        y
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<Recurrence>("recurrence"),
    OpInfo::op::<Cumsum>("cumsum"),
    OpInfo::op::<Cumprod>("cumprod"),
    OpInfo::op::<LogCumsumExp>("logcumsumexp"),
];
