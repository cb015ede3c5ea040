//! Wrong slopes, element by element: a factor, a power, a branch, an operand.

use crate::prelude::*;

/// 1 where the condition holds for an element, 0 elsewhere: a constant.
fn where_<T: Real>(x: &Var<T>, holds: impl Fn(f64) -> bool + Sync) -> Var<T> {
    Var::constant(x.value().map(|x| {
        if holds(x.to_f64()) {
            T::one()
        } else {
            T::zero()
        }
    }))
}

/// Operands of one shape, the second away from zero.
fn pair(draw: &mut Draw) -> [Tensor<f64>; 2] {
    let shape = draw.any_shape();
    [draw.normal(&shape), draw.off_zero(&shape)]
}

bug! {
    /// The derivative of the root without its ½.
    a_root_without_its_half, reads Reads::OUTPUTS,
    sample |draw| Sample::new(Self {}, [draw.any_within(0.5, 3.0)]),
    forward |op, x| x[0].map(T::sqrt),
    vjp |op, i, call, grad| grad * if wrong() { 1.0 } else { 0.5 } / call.output(0),
}

bug! {
    /// `−1/x` as the derivative of `1/x`.
    a_reciprocal_whose_square_is_missing, reads Reads::OUTPUTS,
    sample |draw| Sample::new(Self {}, [draw.any_off_zero()]),
    forward |op, x| x[0].map(|x| T::one() / x),
    vjp |op, i, call, grad| {
        let y = call.output(0);
        if wrong() { -(grad * y) } else { -(grad * y * y) }
    },
}

bug! {
    /// The logarithm to base 2 with the slope of the natural one.
    a_logarithm_of_another_base, reads Reads::INPUTS,
    sample |draw| Sample::new(Self {}, [draw.any_within(0.5, 3.0)]),
    forward |op, x| x[0].map(T::log2),
    vjp |op, i, call, grad| {
        grad / call.input(0) * if wrong() { 1.0 } else { std::f64::consts::LOG2_E }
    },
}

bug! {
    /// A sigmoid with the slope of tanh (candle #2114 is a relative).
    a_sigmoid_with_the_slope_of_tanh, reads Reads::OUTPUTS,
    sample |draw| Sample::new(Self {}, [draw.any()]),
    forward |op, x| x[0].map(T::sigmoid),
    vjp |op, i, call, grad| {
        let y = call.output(0);
        if wrong() { grad * (1.0 - y * y) } else { grad * y * (1.0 - y) }
    },
}

bug! {
    /// The slope of the tangent as `1 + x²` instead of `1 + y²`: equal to second order at 0.
    a_tangent_that_squares_its_argument, reads Reads::ALL,
    sample |draw| Sample::new(Self {}, [draw.any_within(-0.7, 0.7)]),
    forward |op, x| x[0].map(T::tan),
    vjp |op, i, call, grad| {
        let z = if wrong() { call.input(0) } else { call.output(0) };
        grad * (z * z + 1.0)
    },
}

bug! {
    /// A leaky unit whose leak has no gradient.
    a_leak_without_gradient, reads Reads::INPUTS,
    sample |draw| Sample::new(Self {}, [draw.any_off_zero()]),
    forward |op, x| x[0].map(|x| if x > T::zero() { x } else { x * T::of(0.1) }),
    vjp |op, i, call, grad| {
        let up = where_(call.input(0), |x| x > 0.0);
        let leak = if wrong() { 0.0 } else { 0.1 };
        grad * (&up + (1.0 - &up) * leak)
    },
}

bug! {
    /// An exponential unit whose slope below zero is `y + 1`, right for α = 1 alone.
    an_elu_right_for_alpha_one_only { alpha: f64 }, reads Reads::ALL,
    sample |draw| Sample::new(Self { alpha: draw.pick(&[1.0, 0.5, 2.0]) }, [draw.any_off_zero()]),
    forward |op, x| {
        let alpha = T::of(op.alpha);
        x[0].map(|x| if x > T::zero() { x } else { alpha * x.exp_m1() })
    },
    vjp |op, i, call, grad| {
        let up = where_(call.input(0), |x| x > 0.0);
        let alpha = if wrong() { 1.0 } else { op.alpha };
        grad * (&up + (1.0 - &up) * (call.output(0) + alpha))
    },
}

bug! {
    /// `ln(1 + e^(βx)) / β`, whose slope has β in it once more.
    a_softplus_scaled_twice { beta: f64 }, reads Reads::INPUTS,
    sample |draw| Sample::new(Self { beta: draw.real(0.5, 2.0) }, [draw.any()]),
    forward |op, x| {
        let beta = T::of(op.beta);
        x[0].map(|x| (beta * x).exp().ln_1p() / beta)
    },
    vjp |op, i, call, grad| {
        let slope = (call.input(0) * op.beta).sigmoid();
        grad * slope * if wrong() { op.beta } else { 1.0 }
    },
}

bug! {
    /// `√(a² + b²)`, the slopes in each other's place.
    a_hypotenuse_with_the_other_leg, reads Reads::ALL,
    sample |draw| {
        let shape = draw.any_shape();
        Sample::new(Self {}, [draw.off_zero(&shape), draw.off_zero(&shape)])
    },
    forward |op, x| x[0].zip(&x[1], |a, b| (a * a + b * b).sqrt()),
    vjp |op, i, call, grad| grad * call.input(if wrong() { 1 - i } else { i }) / call.output(0),
}

bug! {
    /// A quotient whose divisor has a gradient of the wrong sign.
    a_divisor_of_the_wrong_sign, reads Reads::ALL,
    sample |draw| Sample::new(Self {}, pair(draw)),
    forward |op, x| &x[0] / &x[1],
    vjp |op, i, call, grad| {
        let (b, y) = (call.input(1), call.output(0));
        match (i, wrong()) {
            (0, _) => grad / b,
            (_, true) => grad * y / b,
            (_, false) => -(grad * y / b),
        }
    },
}

bug! {
    /// A quotient whose divisor's gradient is not divided once more.
    a_divisor_not_squared, reads Reads::ALL,
    sample |draw| Sample::new(Self {}, pair(draw)),
    forward |op, x| &x[0] / &x[1],
    vjp |op, i, call, grad| {
        let (b, y) = (call.input(1), call.output(0));
        if i == 0 { grad / b } else if wrong() { -(grad * y) } else { -(grad * y / b) }
    },
}

bug! {
    /// A power whose exponent has a gradient without the logarithm.
    an_exponent_without_its_logarithm, reads Reads::ALL,
    sample |draw| {
        let shape = draw.any_shape();
        Sample::new(Self {}, [draw.uniform(&shape, 0.5, 2.0), draw.normal(&shape)])
    },
    forward |op, x| {
        assert!(x[0].iter().all(|x| x > T::zero()), "a power of a number that is not positive");
        x[0].zip(&x[1], T::pow)
    },
    vjp |op, i, call, grad| {
        let (x, e, y) = (call.input(0), call.input(1), call.output(0));
        if i == 0 { grad * e * y / x } else if wrong() { grad * y } else { grad * y * x.ln() }
    },
}

bug! {
    /// An angle whose second operand has the sign of the first.
    an_angle_without_its_minus, reads Reads::INPUTS,
    sample |draw| {
        let shape = draw.any_shape();
        Sample::new(Self {}, [draw.off_zero(&shape), draw.off_zero(&shape)])
    },
    forward |op, x| x[0].zip(&x[1], T::atan2),
    vjp |op, i, call, grad| {
        let (y, x) = (call.input(0), call.input(1));
        let square = x * x + y * y;
        match (i, wrong()) {
            (0, _) => grad * x / square,
            (_, true) => grad * y / square,
            (_, false) => -(grad * y / square),
        }
    },
}

bug! {
    /// A clamp that lets the cotangent pass everywhere (straight through).
    a_clamp_that_passes_everything, reads Reads::INPUTS,
    sample |draw| Sample::new(Self {}, [draw.any_off_zero()]),
    forward |op, x| x[0].map(|x| if x > T::zero() { x } else { T::zero() }),
    vjp |op, i, call, grad| {
        if wrong() { grad.clone() } else { grad * where_(call.input(0), |x| x > 0.0) }
    },
}

bug! {
    /// The sign of the output, which has none, instead of that of the input.
    a_modulus_with_the_sign_of_its_value, reads Reads::ALL,
    sample |draw| Sample::new(Self {}, [draw.any_off_zero()]),
    forward |op, x| x[0].map(T::abs),
    vjp |op, i, call, grad| grad * if wrong() { call.output(0) } else { call.input(0) }.sign(),
}

bug! {
    /// The larger of two, both of which have the cotangent (candle #534).
    a_maximum_that_gives_to_both, reads Reads::INPUTS,
    sample |draw| {
        let a = draw.any_off_zero();
        let apart = draw.off_zero(a.shape());
        Sample::new(Self {}, [a.clone(), a.zip(&apart, |a, d| a + d)])
    },
    forward |op, x| x[0].zip(&x[1], T::maximum),
    vjp |op, i, call, grad| {
        let larger = where_(&(call.input(i).detach() - call.input(1 - i).detach()), |d| d > 0.0);
        if wrong() { grad.clone() } else { grad * larger }
    },
}

bug! {
    /// A choice whose gradients go to the branch that was not taken.
    a_choice_turned_round { mask: Tensor<bool> }, reads Reads::SHAPES,
    sample |draw| {
        let shape = draw.any_shape();
        Sample::new(Self { mask: draw.mask(&shape) }, [draw.normal(&shape), draw.normal(&shape)])
    },
    forward |op, x| Tensor::where_(&op.mask, &x[0], &x[1]),
    vjp |op, i, call, grad| {
        let taken = (i == 0) != wrong();
        grad.masked_fill(&op.mask.map(|first| first != taken), 0.0)
    },
}

bug! {
    /// A blend whose weight is moved by the end alone, not by the distance to it.
    a_blend_that_forgets_its_start, reads Reads::INPUTS,
    sample |draw| {
        let shape = draw.any_shape();
        Sample::new(Self {}, [0, 1, 2].map(|_| draw.normal(&shape)))
    },
    forward |op, x| &x[0] + &(&x[2] * &(&x[1] - &x[0])),
    vjp |op, i, call, grad| {
        let (a, b, w) = (call.input(0), call.input(1), call.input(2));
        match i {
            0 => grad * (1.0 - w),
            1 => grad * w,
            _ if wrong() => grad * b,
            _ => grad * (b - a),
        }
    },
}

bug! {
    /// `eˣ − 1` taken for its own derivative.
    an_exponential_short_by_one, reads Reads::OUTPUTS,
    sample |draw| Sample::new(Self {}, [draw.any()]),
    forward |op, x| x[0].map(T::exp_m1),
    vjp |op, i, call, grad| grad * (call.output(0) + if wrong() { 0.0 } else { 1.0 }),
}

bug! {
    /// A slope per channel that also learns from the positive elements.
    a_slope_that_learns_from_what_it_does_not_touch, reads Reads::INPUTS,
    sample |draw| {
        let (n, c) = (draw.extent(), draw.extent());
        Sample::new(Self {}, [draw.off_zero([n, c]), draw.normal([c])])
    },
    forward |op, x| {
        let w = x[1].broadcast_to(x[0].shape());
        x[0].zip(&w, |x, w| if x > T::zero() { x } else { x * w })
    },
    vjp |op, i, call, grad| {
        let (x, w) = (call.input(0), call.input(1));
        let up = where_(x, |x| x > 0.0);
        match (i, wrong()) {
            (0, _) => grad * (&up + (1.0 - &up) * w),
            (_, true) => (grad * x).sum(0),
            (_, false) => (grad * x * (1.0 - &up)).sum(0),
        }
    },
}
