//! The slopes of piecewise linear functions, multiplied by a cotangent: their rules are calls of this op.

use crate::ops::prelude::*;

/// The slopes of a function with kinks at `low` and `high`: below `low`, at `low`, between them, at `high`,
/// above `high`.
///
/// The first operand is multiplied by the slope at the second. Where the slope is 0 the
/// result is 0, even for an infinite cotangent. At NaN the slope is
/// that above `high`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gate {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) slopes: [f64; 5],
}

impl Gate {
    /// The gate of a function with one kink, at 0: its slopes below 0, at 0 and above 0.
    pub(crate) const fn at_zero(below: f64, at: f64, above: f64) -> Self {
        Self {
            low: 0.0,
            high: 0.0,
            slopes: [below, at, above, above, above],
        }
    }

    /// The gate of a function whose slope is 0 outside the open interval `low..high`; a bound may be
    /// infinite.
    pub(crate) const fn inside(low: f64, high: f64, slope: f64) -> Self {
        let at_low = if low.is_infinite() { slope } else { 0.0 };
        let at_high = if high.is_infinite() { slope } else { 0.0 };
        Self {
            low,
            high,
            slopes: [0.0, at_low, slope, at_high, 0.0],
        }
    }

    /// `grad` times the slope at `x`. The slope is piecewise constant, so `x` is detached.
    #[track_caller]
    pub(crate) fn apply<T: Real>(self, grad: &Var<T>, x: &Var<T>) -> Var<T> {
        Var::apply(self, [grad, &x.detach()])
    }

    /// As [`apply`](Self::apply), and takes the cotangent by value, to work in place.
    #[track_caller]
    pub(crate) fn apply_owned<T: Real>(self, grad: Var<T>, x: &Var<T>) -> Var<T> {
        Var::apply(self, (grad, [&x.detach()]))
    }

    /// A function with these slopes, on slices.
    pub(crate) fn pointwise_input<T: Real>(
        self,
        value: impl Fn(T) -> T + Sync + 'static,
    ) -> OnSlices<T> {
        let op = OnSlices::pointwise(move |x, y| slices::map(x[0], y, &value));
        op.input(0, move |at, out| self.on_slices(at.grad, at.x[0], out))
    }

    /// A function with these slopes at its value, on slices.
    pub(crate) fn pointwise_output<T: Real>(
        self,
        value: impl Fn(T) -> T + Sync + 'static,
    ) -> OnSlices<T> {
        let op = OnSlices::pointwise(move |x, y| slices::map(x[0], y, &value));
        op.input(0, move |at, out| self.on_slices(at.grad, at.y, out))
    }

    fn on_slices<T: Real>(&self, grad: &[T], x: &[T], out: &mut [T]) {
        if self.is_step() {
            slices::zip(grad, x, out, step);
        } else {
            slices::zip(grad, x, out, self.function());
        }
    }

    /// Whether the slope is 1 above 0 and 0 elsewhere, as that of `relu`: that has a faster loop.
    fn is_step(&self) -> bool {
        self.low == 0.0 && self.slopes == Self::at_zero(0.0, 0.0, 1.0).slopes
    }

    /// The op for one element: a function of its cotangent and of the point at which the slope is taken.
    fn function<T: Real>(&self) -> impl Fn(T, T) -> T + Sync + use<T> {
        let (low, high, zero) = (T::of(self.low), T::of(self.high), T::zero());
        let [below, at_low, inside, at_high, above] = self.slopes.map(T::of);
        move |grad, x| {
            // One selection after another: each is a vector instruction.
            let slope = if x == high { at_high } else { above };
            let slope = if x < high { inside } else { slope };
            let slope = if x == low { at_low } else { slope };
            let slope = if x < low { below } else { slope };
            if slope == zero { zero } else { grad * slope }
        }
    }
}

impl Op for Gate {
    fn name(&self) -> &'static str {
        "gate"
    }

    fn reads(&self) -> Reads {
        Reads::inputs([1])
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        if self.is_step() {
            return x[0].zip(&x[1], step).into();
        }
        x[0].zip(&x[1], self.function()).into()
    }

    fn forward_owned<T: Real>(&self, mut grad: Tensor<T>, others: &Inputs<'_, T>) -> Outputs<T> {
        if self.is_step() {
            grad.zip_in_place(&others[0], step);
        } else {
            grad.zip_in_place(&others[0], self.function());
        }
        grad.into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(1, |_| Var::full(call.input_shape(1), 0.0));
        out.input(0, |g| self.apply(g, call.input(1)));
    }

    fn outline(&self, inputs: &[&[usize]]) -> Outline {
        Outline::elementwise(inputs)
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let gate = draw.pick(&[
            Self::at_zero(0.0, 0.0, 1.0),
            Self::at_zero(-1.0, 0.0, 1.0),
            Self::at_zero(0.3, 0.3, 1.0),
            Self::inside(-0.05, 0.05, 0.5),
            Self {
                low: -0.05,
                high: 0.08,
                slopes: [1.0, 2.0, 3.0, 4.0, 5.0],
            },
        ]);
        let shape = draw.any_shape();
        Sample::new(gate, [draw.normal(&shape), draw.off_zero(&shape)])
    }
}

/// `grad` where `x` is above 0, or NaN.
fn step<T: Real>(grad: T, x: T) -> T {
    if x <= T::zero() { T::zero() } else { grad }
}

pub(super) const OPS: &[OpInfo] = &[OpInfo::op::<Gate>("gate")];
