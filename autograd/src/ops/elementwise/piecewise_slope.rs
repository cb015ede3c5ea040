//! The slopes of piecewise linear functions, multiplied by a cotangent: their rules are calls of this op.

use std::hint::select_unpredictable;

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

/// `$call` with the function `$f` of [`Gate::selection`], which has another type for each: a loop of its own.
macro_rules! selected {
    ($gate:expr, $f:ident => $call:expr) => {{
        let [below, _, inside, _, above] = $gate.slopes.map(T::of);
        let (low, high) = (T::of($gate.low), T::of($gate.high));
        match $gate.selection::<T>() {
            Selection::Step => {
                let $f = step;
                $call
            }
            Selection::Kink => {
                let $f = kink(low, below, above);
                $call
            }
            Selection::Hole => {
                let $f = hole(low, below, above);
                $call
            }
            Selection::Band => {
                let $f = band(low, high, inside);
                $call
            }
            Selection::Any => {
                let $f = $gate.function();
                $call
            }
        }
    }};
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
        selected!(self, f => slices::zip(grad, x, out, f));
    }

    /// The fewest instructions that select the slope.
    fn selection<T: Real>(&self) -> Selection {
        // As they are in `T`: a slope of 1e-50 is 0 in `f32`.
        let slopes = self.slopes.map(|slope| T::of(slope).to_f64());
        let [below, at_low, inside, at_high, above] = slopes;
        if self.low == self.high {
            return match [below, at_low, above] {
                [0.0, 0.0, 1.0] if self.low == 0.0 => Selection::Step,
                [a, at, b] if a == at && a != 0.0 && b != 0.0 => Selection::Kink,
                [a, 0.0, b] if a != 0.0 && b != 0.0 => Selection::Hole,
                _ => Selection::Any,
            };
        }
        if [below, at_low, at_high, above] == [0.0; 4] && inside != 0.0 {
            return Selection::Band;
        }
        Selection::Any
    }

    /// The op for one element: a function of its cotangent and of the point at which the slope is taken.
    fn function<T: Real>(&self) -> impl Fn(T, T) -> T + Sync + use<T> {
        let (low, high, zero) = (T::of(self.low), T::of(self.high), T::zero());
        let [below, at_low, inside, at_high, above] = self.slopes.map(T::of);
        move |grad, x| {
            // One selection after another: each is a vector instruction. Of products, because LLVM would load one of
            // two captured slopes, for each element by itself.
            let product = |slope: T| select_unpredictable(slope == zero, zero, grad * slope);
            let y = select_unpredictable(x == high, product(at_high), product(above));
            let y = select_unpredictable(x < high, product(inside), y);
            let y = select_unpredictable(x == low, product(at_low), y);
            select_unpredictable(x < low, product(below), y)
        }
    }
}

/// How a [`Gate`] selects its slope.
enum Selection {
    /// [`step`], as for `relu`.
    Step,
    /// [`kink`], as for `leaky_relu`.
    Kink,
    /// [`hole`], as for `abs` and `hardshrink`.
    Hole,
    /// [`band`], as for `clamp`.
    Band,
    /// [`Gate::function`].
    Any,
}

/// `grad` where `x` is above 0, or NaN.
#[inline]
fn step<T: Real>(grad: T, x: T) -> T {
    if x <= T::zero() { T::zero() } else { grad }
}

/// `grad` times one slope up to `low` and another above it, and for NaN; neither is 0.
fn kink<T: Real>(low: T, below: T, above: T) -> impl Fn(T, T) -> T + Sync {
    // Of two products: LLVM would load one of two captured slopes, for each element by itself.
    move |grad, x| select_unpredictable(x <= low, grad * below, grad * above)
}

/// `grad` times one slope below a point and another above it, and for NaN, and 0 at the point; neither slope is 0.
fn hole<T: Real>(at: T, below: T, above: T) -> impl Fn(T, T) -> T + Sync {
    move |grad, x| {
        let y = select_unpredictable(x < at, grad * below, grad * above);
        select_unpredictable(x == at, T::zero(), y)
    }
}

/// `grad` times a slope between `low` and `high`, and 0 elsewhere, and for NaN.
fn band<T: Real>(low: T, high: T, slope: T) -> impl Fn(T, T) -> T + Sync {
    move |grad, x| {
        let inside = if x < high { grad * slope } else { T::zero() };
        if x > low { inside } else { T::zero() }
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
        let (grad, x) = (&x[0], &x[1]);
        selected!(self, f => grad.zip(x, f)).into()
    }

    fn forward_owned<T: Real>(&self, mut grad: Tensor<T>, others: &Inputs<'_, T>) -> Outputs<T> {
        selected!(self, f => grad.zip_in_place(&others[0], f));
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
            Self::at_zero(1.0, 0.0, 1.0),
            Self::at_zero(0.01, 0.01, 1.0),
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

pub(super) const OPS: &[OpInfo] = &[OpInfo::op::<Gate>("gate")];

#[cfg(test)]
mod tests {
    use super::{Gate, Selection};
    use crate::op::{Inputs, Op};
    use crate::var::Var;
    use wengert_tensor::Tensor;

    /// Every way to select has the bits of the general one, at kinks, infinities and NaN too.
    #[test]
    fn each_selection_gives_the_bits_of_the_general_one() {
        let special = [0.0, 1.0, 0.3, 3.0, 1e-300, f64::INFINITY];
        let mut points: Vec<f64> = special.iter().flat_map(|&x| [x, -x]).collect();
        points.push(f64::NAN);
        let count = points.len();
        let grad = Tensor::from_fn([count, count], |i| points[i[0]]);
        let x = Tensor::from_fn([count, count], |i| points[i[1]]);
        let mut seen = [false; 5];
        let any = Gate {
            low: -1.0,
            high: 0.3,
            slopes: [1.0, 2.0, 3.0, 4.0, 5.0],
        };
        for gate in [
            Gate::at_zero(0.0, 0.0, 1.0),
            Gate::at_zero(0.01, 0.01, 1.0),
            Gate::at_zero(-0.5, -0.5, 2.0),
            Gate::at_zero(1.0, 0.0, 1.0),
            Gate::at_zero(-1.0, 0.0, 1.0),
            Gate::at_zero(0.0, 0.0, 0.0),
            Gate::at_zero(2.0, 0.0, 0.0),
            Gate {
                low: 0.3,
                high: 0.3,
                slopes: [0.0, 0.0, 1.0, 1.0, 1.0],
            },
            Gate::inside(-3.0, 3.0, 1.0 / 6.0),
            Gate::inside(f64::NEG_INFINITY, 0.3, 1.0),
            Gate::inside(0.0, f64::INFINITY, 1.0),
            Gate::inside(f64::NEG_INFINITY, f64::INFINITY, 1.0),
            Gate::inside(-1.0, 1.0, 0.0),
            any,
        ] {
            seen[match gate.selection::<f64>() {
                Selection::Step => 0,
                Selection::Kink => 1,
                Selection::Hole => 2,
                Selection::Band => 3,
                Selection::Any => 4,
            }] = true;
            let bits = |x: &Tensor<f64>| {
                let bits = x.to_vec().into_iter();
                bits.map(|x| if x.is_nan() { u64::MAX } else { x.to_bits() })
                    .collect::<Vec<_>>()
            };
            let expected = bits(&grad.zip(&x, gate.function()));
            let (g, at) = (Var::constant(grad.clone()), Var::constant(x.clone()));
            let found = gate.forward(&Inputs(&[&g, &at]));
            assert_eq!(
                bits(found.0.get(0).expect("one output")),
                expected,
                "{gate:?}"
            );
            let found = gate.forward_owned(grad.contiguous(), &Inputs(&[&at]));
            assert_eq!(
                bits(found.0.get(0).expect("one output")),
                expected,
                "{gate:?}, owned"
            );
            let own = Tensor::from_vec(grad.to_vec(), grad.shape());
            let found = gate.forward_owned(own, &Inputs(&[&at]));
            assert_eq!(
                bits(found.0.get(0).expect("one output")),
                expected,
                "{gate:?}, in place"
            );
            let mut found = vec![0.0; grad.len()];
            gate.on_slices(&grad.to_vec(), &x.to_vec(), &mut found);
            assert_eq!(
                bits(&Tensor::from_vec(found, [grad.len()])),
                expected,
                "{gate:?}"
            );
        }
        assert_eq!(seen, [true; 5], "every way to select");
    }
}
