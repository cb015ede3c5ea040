//! Wrong numbers: signs, constants, precision, cotangents, sums that are missing.

use crate::prelude::*;
use wengert_tensor::keep;

bug! {
    /// The derivative of the cosine without its minus.
    wrong_sign, reads Reads::INPUTS,
    sample |draw| Sample::new(Self {}, [draw.any()]),
    forward |op, x| x[0].map(T::cos),
    vjp |op, i, call, grad| {
        let x = call.input(0);
        // −sin x, as the cosine of a shifted angle.
        let slope = (x + std::f64::consts::FRAC_PI_2).custom_cos();
        if wrong() { grad * slope * -1.0 } else { grad * slope }
    },
}

bug! {
    /// `ln 2` with six digits.
    a_constant_given_with_six_digits, reads Reads::OUTPUTS,
    sample |draw| Sample::new(Self {}, [draw.any()]),
    forward |op, x| x[0].map(T::exp2),
    vjp |op, i, call, grad| {
        #[allow(clippy::approx_constant, reason = "six digits are the bug")]
        let ln2 = if wrong() { 0.693_147 } else { std::f64::consts::LN_2 };
        grad * call.output(0) * ln2
    },
}

bug! {
    /// A multiplication whose backward used the other operand and forgot the incoming gradient
    /// (DL4J #5978).
    the_incoming_cotangent_ignored, reads Reads::INPUTS,
    sample |draw| {
        let shape = draw.any_shape();
        Sample::new(Self {}, [draw.normal(&shape), draw.normal(&shape)])
    },
    forward |op, x| &x[0] * &x[1],
    vjp |op, i, call, grad| {
        let other = call.input(1 - i);
        if wrong() { other.clone() } else { grad * other }
    },
}

bug! {
    /// A table of slopes kept in single precision.
    single_precision_inside_a_double_rule, reads Reads::OUTPUTS,
    sample |draw| Sample::new(Self {}, [draw.any()]),
    forward |op, x| x[0].map(T::tanh),
    vjp |op, i, call, grad| {
        let y = call.output(0);
        let rounding = y.value().map(|y| T::of(f64::from(y.to_f64() as f32) - y.to_f64()));
        let y = if wrong() { y + Var::constant(rounding) } else { y.clone() };
        grad * (1.0 - &y * &y)
    },
}

bug! {
    /// The cotangents of a product of matrices in each other's place, which square matrices hide.
    inputs_swapped, reads Reads::INPUTS,
    sample |draw| {
        let n = draw.extent();
        Sample::new(Self {}, [draw.normal([n, n]), draw.normal([n, n])])
    },
    forward |op, x| x[0].matmul(&x[1]),
    vjp |op, i, call, grad| {
        let left = if wrong() { i == 1 } else { i == 0 };
        if left { grad.matmul(&call.input(1).t()) } else { call.input(0).t().matmul(grad) }
    },
}

bug! {
    /// The gradient of a bias summed over the features of a square batch instead of its rows.
    the_wrong_axis_summed_in_a_square, reads Reads::SHAPES,
    sample |draw| {
        let n = draw.extent();
        Sample::new(Self {}, [draw.normal([n, n]), draw.normal([n])])
    },
    forward |op, x| &x[0] + &x[1],
    vjp |op, i, call, grad| {
        if i == 0 { grad.clone() } else { grad.sum(isize::from(wrong())) }
    },
}

bug! {
    /// The gradient of a broadcast operand taken from one row of many (burn #181 is a relative).
    a_broadcast_axis_not_summed, reads Reads::INPUTS,
    sample |draw| {
        let (n, m) = (draw.extent(), draw.extent());
        Sample::new(Self {}, [draw.normal([n, m]), draw.normal([m])])
    },
    forward |op, x| &x[0] * &x[1],
    vjp |op, i, call, grad| {
        let whole = grad * call.input(1 - i);
        match (i, wrong()) {
            (0, _) => whole,
            (_, true) => whole.select(0, 0),
            (_, false) => whole.sum(0),
        }
    },
}

bug! {
    /// The derivative of a softmax without the part that comes through the sum.
    a_softmax_that_forgets_the_sum, reads Reads::OUTPUTS,
    sample |draw| Sample::new(Self {}, [draw.normal([2, 3])]),
    forward |op, x| x[0].softmax(-1),
    vjp |op, i, call, grad| {
        let y = call.output(0);
        if wrong() { grad * y * (1.0 - y) } else { y * (grad - (grad * y).sum(keep(-1))) }
    },
}

bug! {
    /// A derivative that divides by the operand: NaN at 0, where it is ½ (candle #2083).
    not_a_number_at_zero, reads Reads::ALL,
    sample |draw| {
        let x = draw.normal([5]).map(|x| if x < 0.0 { 0.0 } else { x });
        Sample::new(Self {}, [x])
    },
    forward |op, x| x[0].map(|x| x * x.sigmoid()),
    vjp |op, i, call, grad| {
        let (x, y) = (call.input(0), call.output(0));
        let s = if wrong() { y / x } else { x.sigmoid() };
        grad * (&s + y * (1.0 - &s))
    },
}

bug! {
    /// The derivative of a product as the product over the factor, which may be 0 (burn #5141).
    a_product_divided_by_its_factors, reads Reads::INPUTS,
    sample |draw| {
        let x = draw.off_zero([3]);
        let zero = draw.once_in(2);
        Sample::new(Self {}, [x.map(|x| if zero && x > 0.0 { 0.0 } else { x })])
    },
    forward |op, x| x[0].prod(..),
    vjp |op, i, call, grad| {
        let x = call.input(0);
        let [a, b, c] = [0, 1, 2].map(|k| x.select(0, k));
        let others = [&b * &c, &a * &c, &a * &b];
        let others = Var::stack(&others.iter().collect::<Vec<_>>(), 0);
        if wrong() { grad * (&a * &b * &c) / x } else { grad * others }
    },
}

bug! {
    /// Both branches computed and multiplied by a mask: `0·∞` where the exponential overflows
    /// (candle #2328).
    a_branch_not_taken_overflows, reads Reads::INPUTS,
    sample |draw| {
        let x = draw.off_zero([4]);
        Sample::new(Self {}, [x.map(|x| if x > 1.0 { 900.0 } else { x })])
    },
    forward |op, x| x[0].map(|x| if x > T::zero() { x } else { x.exp_m1() }),
    vjp |op, i, call, grad| {
        let x = call.input(0);
        let up = x.value().map(|x| x > T::zero());
        let bounded = if wrong() { x.clone() } else { x.masked_fill(&up, 0.0) };
        let mask = Var::constant(up.map(|up| if up { T::one() } else { T::zero() }));
        grad * (&mask + (1.0 - &mask) * bounded.exp())
    },
}

/// The cosine, as a rule may use it.
trait Cosine {
    fn custom_cos(&self) -> Self;
}

impl<T: Real> Cosine for Var<T> {
    fn custom_cos(&self) -> Self {
        Self::apply(Cos, [self])
    }
}

#[derive(Clone, Debug)]
struct Cos;

impl Op for Cos {
    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].map(T::cos).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |g| {
            g * (call.input(0) + std::f64::consts::FRAC_PI_2).custom_cos()
        });
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        Sample::new(Self, [draw.any()])
    }
}
