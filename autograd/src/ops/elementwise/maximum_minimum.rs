//! Elementwise maximum and minimum.

use crate::ops::prelude::*;
use crate::ops::shape::pair;

/// The first operand where the second exceeds the third, half of it at a tie, 0 elsewhere; all of
/// it where one is NaN.
#[derive(Clone, Debug)]
pub struct Larger;

impl Op for Larger {
    fn name(&self) -> &'static str {
        "larger"
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        let (zero, half) = (T::zero(), T::of(0.5));
        let kept = x[0].zip3(&x[1], &x[2], move |g, a, b| {
            if a < b {
                zero
            } else if a == b {
                g * half
            } else {
                g
            }
        });
        kept.into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |g| larger(g, call.input(1), call.input(2)));
        for i in [1, 2] {
            out.input(i, |_| Var::full(call.input_shape(i), 0.0));
        }
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let shape = draw.any_shape();
        let (a, gap) = (draw.normal(&shape), draw.off_zero(&shape));
        Sample::new(Self, [draw.normal(&shape), a.clone(), a + &gap])
    }
}

#[track_caller]
fn larger<T: Real>(grad: &Var<T>, a: &Var<T>, b: &Var<T>) -> Var<T> {
    Var::apply(Larger, [grad, &a.detach(), &b.detach()])
}

/// The larger of two tensors of one shape, element by element.
#[derive(Clone, Debug)]
pub struct Maximum;

impl Op for Maximum {
    fn name(&self) -> &'static str {
        "maximum"
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].maximum(&x[1]).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let (a, b) = (call.input(0), call.input(1));
        out.input(0, |g| larger(g, a, b));
        out.input(1, |g| larger(g, b, a));
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        Sample::new(Self, unequal(draw))
    }
}

/// The smaller of two tensors of one shape, element by element.
#[derive(Clone, Debug)]
pub struct Minimum;

impl Op for Minimum {
    fn name(&self) -> &'static str {
        "minimum"
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].minimum(&x[1]).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let (a, b) = (call.input(0), call.input(1));
        out.input(0, |g| larger(g, b, a));
        out.input(1, |g| larger(g, a, b));
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        Sample::new(Self, unequal(draw))
    }
}

/// Two tensors of one shape, nowhere equal.
fn unequal(draw: &mut Draw) -> [Tensor<f64>; 2] {
    let shape = draw.any_shape();
    let (a, gap) = (draw.normal(&shape), draw.off_zero(&shape));
    let b = &a + &gap;
    [a, b]
}

/// A column and a row without a common element.
fn column_and_row(draw: &mut Draw) -> [Tensor<f64>; 2] {
    let (rows, columns) = (draw.extent(), draw.extent());
    let all = draw.apart([rows + columns]);
    let (column, row) = (all.slice(0, ..rows as isize), all.slice(0, rows as isize..));
    [column.unsqueeze(1).contiguous(), row.contiguous()]
}

impl<T: Real> Var<T> {
    /// The larger of two tensors, element by element, broadcasting; NaN if either is NaN.
    ///
    /// At a tie each operand gets half of the cotangent; where one is NaN, both get all of it.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 5.0], [2]));
    /// let y = x.maximum(&Var::scalar(3.0));
    /// assert_eq!(y.value().to_vec(), [3.0, 5.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [0.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast to each other.
    #[must_use]
    #[track_caller]
    pub fn maximum(&self, other: &Self) -> Self {
        pair("maximum", Maximum, self, other)
    }

    /// The smaller of two tensors, element by element, broadcasting; NaN if either is NaN.
    ///
    /// At a tie each operand gets half of the cotangent; where one is NaN, both get all of it.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 5.0], [2]));
    /// let y = x.minimum(&Var::scalar(3.0));
    /// assert_eq!(y.value().to_vec(), [1.0, 3.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [1.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast to each other.
    #[must_use]
    #[track_caller]
    pub fn minimum(&self, other: &Self) -> Self {
        pair("minimum", Minimum, self, other)
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<Larger>("larger"),
    OpInfo::op::<Maximum>("maximum"),
    OpInfo::op::<Minimum>("minimum"),
    OpInfo::function("maximum", |draw| {
        Case::new(
            "maximum, broadcasting",
            generic!(|a, b| a.maximum(b)),
            column_and_row(draw),
        )
    }),
    OpInfo::function("minimum", |draw| {
        Case::new(
            "minimum, broadcasting",
            generic!(|a, b| a.minimum(b)),
            column_and_row(draw),
        )
    }),
];
