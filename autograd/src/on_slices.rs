//! An op on plain slices.

use std::fmt;

use wengert_tensor::{ElementFunction, Real, slices};

/// An op of one output and its rule on plain slices, which have the elements in row-major order: what
/// [`Op::on_slices`](crate::Op::on_slices) returns, and [`Replay`](crate::Replay) runs without tensors around small operands.
///
/// Values and contributions have the bits of [`Op::forward`](crate::Op::forward) and of the rule, and contributions come in
/// the order of the rule; [`check_op`](crate::check_op) compares them. [`slices`] has loops with vector instructions.
///
/// ```
/// use wengert_autograd::OnSlices;
/// use wengert_tensor::slices;
///
/// // y = a·b
/// let product = OnSlices::<f64>::pointwise(|x, y| slices::zip(x[0], x[1], y, |a, b| a * b))
///     .input(0, |at, out| slices::zip(at.grad, at.x[1], out, |g, b| g * b))
///     .input(1, |at, out| slices::zip(at.grad, at.x[0], out, |g, a| g * a));
/// # let _ = product;
/// ```
pub struct OnSlices<T: Real> {
    pub(crate) value: Box<dyn Fn(&[&[T]], &mut [T])>,
    /// In the order in which the rule adds them.
    pub(crate) contributions: Vec<(usize, Contribution<T>)>,
    /// Whether it is for operands of the shape of the output only.
    pub(crate) is_pointwise: bool,
    /// Whether the bits of `forward` or of the rule may depend on strides. If so, it is used for contiguous operands only.
    pub(crate) depends_on_strides: bool,
}

/// How a rule computes its contribution to the cotangent of an input.
pub(crate) enum Contribution<T: Real> {
    /// The cotangent of the output.
    Unchanged,
    /// A function of the values.
    Of(Box<dyn Fn(&SliceCall<'_, T>, &mut [T])>),
}

/// The slices that a rule of [`OnSlices`] reads. A value that [`Op::reads`](crate::Op::reads) does not declare is empty.
#[derive(Clone, Copy, Debug)]
pub struct SliceCall<'a, T> {
    /// The cotangent of the output.
    pub grad: &'a [T],
    /// The inputs.
    pub x: &'a [&'a [T]],
    /// The output.
    pub y: &'a [T],
}

/// The most inputs of such an op; one of more inputs runs by its `forward` and `vjp`.
pub(crate) const MAX_INPUTS: usize = 4;

impl<T: Real> OnSlices<T> {
    /// An op with this value and without any contribution. It is used for operands that are contiguous on the tape, since
    /// a product may sum in another order where they are not.
    pub fn new(value: impl Fn(&[&[T]], &mut [T]) + 'static) -> Self {
        Self {
            value: Box::new(value),
            contributions: Vec::new(),
            is_pointwise: false,
            depends_on_strides: true,
        }
    }

    /// As [`new`](Self::new), for an op that works element by element: it is used for operands of one shape only.
    pub fn pointwise(value: impl Fn(&[&[T]], &mut [T]) + 'static) -> Self {
        Self {
            is_pointwise: true,
            depends_on_strides: false,
            ..Self::new(value)
        }
    }

    /// The same op, whose rule then adds this contribution to the cotangent of input `i`.
    #[must_use]
    pub fn input(
        mut self,
        i: usize,
        contribution: impl Fn(&SliceCall<'_, T>, &mut [T]) + 'static,
    ) -> Self {
        let contribution = Contribution::Of(Box::new(contribution));
        self.contributions.push((i, contribution));
        self
    }

    /// The same op, whose rule then adds the cotangent of the output to that of input `i`.
    #[must_use]
    pub fn input_unchanged(mut self, i: usize) -> Self {
        self.contributions.push((i, Contribution::Unchanged));
        self
    }

    /// An op of one operand: its value, and a cotangent times its slope at the operand, as functions of numbers.
    pub fn of_input(
        value: impl ElementFunction<T, T> + 'static,
        slope: impl ElementFunction<(T, T), T> + 'static,
    ) -> Self {
        Self::pointwise(move |x, y| slices::map_costly(x[0], y, &value)).input(0, move |at, out| {
            slices::zip_costly(at.grad, at.x[0], out, &slope);
        })
    }

    /// As [`of_input`](Self::of_input), with the slope as a function of the output.
    pub fn of_output(
        value: impl ElementFunction<T, T> + 'static,
        slope: impl ElementFunction<(T, T), T> + 'static,
    ) -> Self {
        Self::pointwise(move |x, y| slices::map_costly(x[0], y, &value)).input(0, move |at, out| {
            slices::zip_costly(at.grad, at.y, out, &slope);
        })
    }

    /// As [`new`](Self::new), for an op whose bits do not depend on strides.
    fn in_any_layout(value: impl Fn(&[&[T]], &mut [T]) + 'static) -> Self {
        Self {
            depends_on_strides: false,
            ..Self::new(value)
        }
    }

    /// One element, repeated.
    pub(crate) fn repeat() -> Self {
        let op = Self::in_any_layout(|x, y| y.fill(x[0][0]));
        op.input(0, |at, out| out[0] = slices::sum(at.grad))
    }

    /// The sum of all elements.
    pub(crate) fn sum() -> Self {
        let op = Self::in_any_layout(|x, y| y[0] = slices::sum(x[0]));
        op.input(0, |at, out| out.fill(at.grad[0]))
    }

    /// The same elements in another shape.
    pub(crate) fn same() -> Self {
        Self::in_any_layout(|x, y| y.copy_from_slice(x[0])).input_unchanged(0)
    }
}

impl<T: Real> fmt::Debug for OnSlices<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inputs: Vec<usize> = self.contributions.iter().map(|(i, _)| *i).collect();
        f.debug_struct("OnSlices")
            .field("contributions", &inputs)
            .finish_non_exhaustive()
    }
}
