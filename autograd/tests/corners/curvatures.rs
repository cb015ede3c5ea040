//! Second derivatives of smooth functions keep their digits at every argument, where they are tiny too.

#![allow(clippy::unreadable_literal)] // digits as the program that computed them prints them

use wengert_autograd::transform::hessian;
use wengert_autograd::{Graph, Tape, Var, grad};
use wengert_tensor::{Real, Tensor};

use crate::tails::apply;

/// Function, argument and second derivative, from 400 digits.
#[rustfmt::skip]
const EXACT: &[(&str, f64, f64)] = &[
    ("sigmoid", -36.0, 2.319522830243567e-16),
    ("sigmoid", -20.0, 2.061153605445141e-09),
    ("sigmoid", -5.5, 0.00402057450479101),
    ("sigmoid", -0.7, 0.07457878844034181),
    ("sigmoid", 0.7, -0.07457878844034181),
    ("sigmoid", 5.5, -0.00402057450479101),
    ("sigmoid", 20.0, -2.061153605445141e-09),
    ("sigmoid", 40.0, -4.248354255291589e-18),
    ("tanh", -36.0, 4.304148928016911e-31),
    ("tanh", -20.0, 3.398683404233271e-17),
    ("tanh", -5.5, 0.00013360468035949794),
    ("tanh", -0.7, 0.7672323100919165),
    ("tanh", 0.7, -0.7672323100919165),
    ("tanh", 5.5, -0.00013360468035949794),
    ("tanh", 20.0, -3.398683404233271e-17),
    ("tanh", 40.0, -1.4438811102763322e-34),
    ("logsigmoid", -36.0, -2.319522830243568e-16),
    ("logsigmoid", -20.0, -2.061153613941849e-09),
    ("logsigmoid", -5.5, -0.004053571694869767),
    ("logsigmoid", -0.7, -0.22171287329310904),
    ("logsigmoid", 0.7, -0.22171287329310904),
    ("logsigmoid", 5.5, -0.004053571694869767),
    ("logsigmoid", 20.0, -2.061153613941849e-09),
    ("logsigmoid", 40.0, -4.248354255291589e-18),
    ("silu", -36.0, -7.886377622828128e-15),
    ("silu", -20.0, -3.710076488101912e-08),
    ("silu", -5.5, -0.014006016386611022),
    ("silu", -0.7, 0.3912205946779789),
    ("silu", 0.7, 0.3912205946779789),
    ("silu", 5.5, -0.014006016386611022),
    ("silu", 20.0, -3.710076488101912e-08),
    ("silu", 40.0, -1.6143746170108038e-16),
    ("mish", -36.0, -7.886377622828132e-15),
    ("mish", -20.0, -3.710076504245658e-08),
    ("mish", -5.5, -0.014153390270219286),
    ("mish", -0.7, 0.4843199026467487),
    ("mish", 0.7, 0.35397641561712784),
    ("mish", 5.5, -0.0005894739346979867),
    ("mish", 20.0, -6.4574984070979e-16),
    ("mish", 40.0, -5.631136330077695e-33),
    ("gelu", -36.0, -1.9499347046007906e-279),
    ("gelu", -20.0, -2.1973374481395856e-85),
    ("gelu", -5.5, -3.0424572120184754e-06),
    ("gelu", -0.7, 0.4715034393838095),
    ("gelu", 0.7, 0.4715034393838095),
    ("gelu", 5.5, -3.0424572120184754e-06),
    ("gelu", 20.0, -2.1973374481395856e-85),
    ("gelu", 40.0, -0.0),
    ("gelu_tanh", -36.0, 0.0),
    ("gelu_tanh", -20.0, -2.5620732028460162e-257),
    ("gelu_tanh", -5.5, -3.5479815824881377e-07),
    ("gelu_tanh", -0.7, 0.4708629268446337),
    ("gelu_tanh", 0.7, 0.4708629268446337),
    ("gelu_tanh", 5.5, -3.5479815824881377e-07),
    ("gelu_tanh", 20.0, -2.5620732028460162e-257),
    ("gelu_tanh", 40.0, 0.0),
    ("erf", -36.0, 0.0),
    ("erf", -20.0, 8.644149897547193e-173),
    ("erf", -5.5, 9.045647649789214e-13),
    ("erf", -0.7, 0.967784804574754),
    ("erf", 0.7, -0.967784804574754),
    ("erf", 5.5, -9.045647649789214e-13),
    ("erf", 20.0, -8.644149897547193e-173),
    ("erf", 40.0, 0.0),
    ("erfc", -36.0, 0.0),
    ("erfc", -20.0, -8.644149897547193e-173),
    ("erfc", -5.5, -9.045647649789214e-13),
    ("erfc", -0.7, -0.967784804574754),
    ("erfc", 0.7, 0.967784804574754),
    ("erfc", 5.5, 9.045647649789214e-13),
    ("erfc", 20.0, 8.644149897547193e-173),
    ("erfc", 40.0, 0.0),
    ("softplus", -36.0, 2.319522830243568e-16),
    ("softplus", -20.0, 2.061153613941849e-09),
    ("softplus", -5.5, 0.004053571694869767),
    ("softplus", -0.7, 0.22171287329310904),
    ("softplus", 0.7, 0.22171287329310904),
    ("softplus", 5.5, 0.004053571694869767),
    ("softplus", 20.0, 2.061153613941849e-09),
    ("softplus", 40.0, 4.248354255291589e-18),
    ("exp_m1", -36.0, 2.3195228302435696e-16),
    ("exp_m1", -20.0, 2.061153622438558e-09),
    ("exp_m1", -5.5, 0.004086771438464067),
    ("exp_m1", -0.7, 0.4965853037914095),
    ("exp_m1", 0.7, 2.0137527074704766),
    ("exp_m1", 5.5, 244.69193226422038),
    ("exp_m1", 20.0, 485165195.4097903),
    ("exp_m1", 40.0, 2.3538526683702e+17),
    ("atan", -36.0, 4.280086481525185e-05),
    ("atan", -20.0, 0.00024875467192368207),
    ("atan", -5.5, 0.011264),
    ("atan", -0.7, 0.6306022251249944),
    ("atan", 0.7, -0.6306022251249944),
    ("atan", 5.5, -0.011264),
    ("atan", 20.0, -0.00024875467192368207),
    ("atan", 40.0, -3.12109740906e-05),
    ("asinh", -36.0, 0.0007707127375888345),
    ("asinh", -20.0, 0.002490654211665448),
    ("asinh", -5.5, 0.03148383712319704),
    ("asinh", -0.7, 0.38487405661968344),
    ("asinh", 0.7, -0.38487405661968344),
    ("asinh", 5.5, -0.03148383712319704),
    ("asinh", 20.0, -0.002490654211665448),
    ("asinh", 40.0, -0.0006244145199301204),
    ("softsign", -36.0, 3.9484334590251315e-05),
    ("softsign", -20.0, 0.00021595939963286903),
    ("softsign", -5.5, 0.007282658170232135),
    ("softsign", -0.7, 0.40708324852432326),
    ("softsign", 0.7, -0.40708324852432326),
    ("softsign", 5.5, -0.007282658170232135),
    ("softsign", 20.0, -0.00021595939963286903),
    ("softsign", 40.0, -2.9018731591242145e-05),
    ("ln_1p", -0.7, -11.111111111111107),
    ("ln_1p", 0.7, -0.34602076124567477),
    ("ln_1p", 5.5, -0.023668639053254437),
    ("ln_1p", 20.0, -0.0022675736961451248),
    ("ln_1p", 40.0, -0.000594883997620464),
];

/// The second derivative by forward mode over a backward pass, and by two backward passes.
fn second_derivatives<T: Real>(name: &str, x: f64) -> [f64; 2] {
    let at = Tensor::scalar(T::of(x));
    let forward = hessian(|x: &[Var<_>]| apply(name, &x[0]), std::slice::from_ref(&at));
    let x = Tape::new().leaf(at);
    let one = Var::constant(Tensor::scalar(T::one()));
    let y = apply(name, &x);
    let slope = grad(&[(&y, one.clone())], &[&x], Graph::Create).remove(0);
    let slope = slope.expect("y depends on x");
    let backward = grad(&[(&slope, one)], &[&x], Graph::Skip).remove(0);
    let backward = backward.expect("the slope depends on x");
    [forward[0][0].item(), backward.item()].map(T::to_f64)
}

/// A relative error: an exponential of x² amplifies the rounding of x² by x²/2, at most 800.
const DOUBLE: f64 = 1e-12;
const SINGLE: f64 = 1e-4;

#[test]
fn second_derivatives_keep_their_digits_in_double_precision() {
    for &(name, x, exact) in EXACT {
        for found in second_derivatives::<f64>(name, x) {
            let off = (found - exact).abs();
            assert!(
                off <= DOUBLE * exact.abs(),
                "{name}″({x}): {found:e}, not {exact:e}"
            );
        }
    }
}

#[test]
fn second_derivatives_keep_their_digits_in_single_precision() {
    for &(name, x, exact) in EXACT {
        // Arguments that are exact in single precision; where the result is a normal number.
        if x != f64::from(x as f32) || exact.abs() < f64::from(f32::MIN_POSITIVE) {
            continue;
        }
        for found in second_derivatives::<f32>(name, x) {
            let off = (found - exact).abs();
            assert!(
                off <= SINGLE * exact.abs(),
                "{name}″({x}): {found:e}, not {exact:e}"
            );
        }
    }
}
