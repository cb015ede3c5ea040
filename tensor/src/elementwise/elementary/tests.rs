use super::{f32 as single, f64 as double};

/// The error of a value in ulps of the exact one.
pub(crate) fn ulps_single(found: f32, exact: f64) -> f64 {
    let nearest = (exact as f32).abs().clamp(f32::MIN_POSITIVE, f32::MAX);
    let power_of_two = f32::from_bits(nearest.to_bits() & 0x7f80_0000);
    (f64::from(found) - exact).abs() / (f64::from(power_of_two) * f64::from(f32::EPSILON))
}

/// The error of a value in ulps of `near`, which is within 1 ulp of the exact one.
pub(crate) fn ulps_double(found: f64, near: f64) -> f64 {
    let size = near.abs().max(f64::MIN_POSITIVE);
    let power_of_two = f64::from_bits(size.to_bits() & 0x7ff0_0000_0000_0000);
    (found - near).abs() / (power_of_two * f64::EPSILON)
}

/// Name, function, the same function in double precision, and the documented error bound in ulps.
type Single = (&'static str, fn(f32) -> f32, fn(f64) -> f64, f64);

fn logistic(x: f64) -> f64 {
    let e = (-x.abs()).exp();
    if x < 0.0 {
        e / (1.0 + e)
    } else {
        1.0 / (1.0 + e)
    }
}

const SINGLE: [Single; 11] = [
    ("exp", single::exp, f64::exp, 2.0),
    ("exp2", single::exp2, f64::exp2, 2.0),
    ("exp_m1", single::exp_m1, f64::exp_m1, 2.0),
    ("sinh", single::sinh, f64::sinh, 4.0),
    ("cosh", single::cosh, f64::cosh, 3.0),
    ("tanh", single::tanh, f64::tanh, 3.0),
    ("sigmoid", single::sigmoid, logistic, 3.0),
    ("ln", single::ln, f64::ln, 1.0),
    ("ln_1p", single::ln_1p, f64::ln_1p, 2.0),
    ("log2", single::log2, f64::log2, 2.0),
    ("log10", single::log10, f64::log10, 1.0),
];

/// Checks every `step`-th bit pattern of single precision: normal, subnormal, infinite, NaN.
fn check_single(step: usize) {
    for (name, function, exact, bound) in SINGLE {
        for bits in (0..=u32::MAX).step_by(step) {
            let x = f32::from_bits(bits);
            let (found, exact) = (function(x), exact(f64::from(x)));
            if exact.is_nan() {
                assert!(found.is_nan(), "{name} {x:e}: {found:e}");
            } else if (exact as f32).is_infinite() {
                assert_eq!(found, exact as f32, "{name} {x:e}");
            } else {
                // Asserted for each number: a maximum over all of them would ignore NaN.
                let ulps = ulps_single(found, exact);
                assert!(ulps <= bound, "{name} {x:e}: {ulps:.2} ulps");
            }
        }
    }
}

#[test]
fn single_precision_is_within_the_stated_bounds() {
    check_single(1009);
}

#[test]
#[ignore = "all 2³² numbers: minutes"]
fn single_precision_is_within_the_stated_bounds_for_every_number() {
    check_single(1);
}

#[test]
fn exp_of_nonpositive_numbers_has_the_bits_of_exp() {
    for bits in (0..=u32::MAX).step_by(997) {
        let x = -f32::from_bits(bits).abs();
        let (found, exact) = (single::exp_nonpositive(x), single::exp(x));
        assert!(
            found.to_bits() == exact.to_bits() || x.is_nan() && found.is_nan(),
            "{x:e}: {found:e}"
        );
    }
    let line = (0..400_000).map(|i| f64::from(i) * -2.003e-3);
    let every = (0..=u64::MAX)
        .step_by(0x0000_2345_6789_abcd)
        .map(f64::from_bits);
    // Where the exponent of the power changes.
    let ties = (0..1100).map(|n| -(f64::from(n) + 0.5) * std::f64::consts::LN_2);
    for x in line.chain(every.map(|x| -x.abs())).chain(ties) {
        let (found, exact) = (double::exp_nonpositive(x), double::exp(x));
        assert!(
            found.to_bits() == exact.to_bits() || x.is_nan() && found.is_nan(),
            "{x:e}: {found:e}"
        );
    }
    for n in 0..150_u8 {
        let tie = -(f32::from(n) + 0.5) * std::f32::consts::LN_2;
        for x in [tie.next_down(), tie, tie.next_up()] {
            assert_eq!(
                single::exp_nonpositive(x).to_bits(),
                single::exp(x).to_bits(),
                "{x:e}"
            );
        }
    }
}

#[test]
fn exp_of_minus_a_square_has_the_bits_of_exp_of_a_square() {
    for bits in (0..=20.0_f32.to_bits()).step_by(997) {
        let x = f32::from_bits(bits);
        for factor in [-0.5, -1.0] {
            let found = single::exp_minus_square(x, factor);
            assert_eq!(
                found.to_bits(),
                single::exp_square(x, factor).to_bits(),
                "{x:e}"
            );
        }
    }
    for x in (0..50_000).map(|i| f64::from(i) * 1.003e-3) {
        for factor in [-0.5, -1.0] {
            let found = double::exp_minus_square(x, factor);
            assert_eq!(
                found.to_bits(),
                double::exp_square(x, factor).to_bits(),
                "{x:e}"
            );
        }
    }
}

type Double = (&'static str, fn(f64) -> f64, fn(f64) -> f64, f64);

const DOUBLE: [Double; 11] = [
    ("exp", double::exp, f64::exp, 2.0),
    ("exp2", double::exp2, f64::exp2, 2.0),
    ("exp_m1", double::exp_m1, f64::exp_m1, 2.0),
    ("sinh", double::sinh, f64::sinh, 4.0),
    ("cosh", double::cosh, f64::cosh, 3.0),
    ("tanh", double::tanh, f64::tanh, 3.0),
    ("sigmoid", double::sigmoid, logistic, 3.0),
    ("ln", double::ln, f64::ln, 1.0),
    ("ln_1p", double::ln_1p, f64::ln_1p, 2.0),
    ("log2", double::log2, f64::log2, 2.0),
    ("log10", double::log10, f64::log10, 1.0),
];

#[test]
fn double_precision_agrees_with_the_platform() {
    for (name, function, platform, bound) in DOUBLE {
        let check = |x: f64| {
            let (found, near) = (function(x), platform(x));
            if near.is_nan() {
                assert!(found.is_nan(), "{name} {x:e}: {found:e}");
            } else if near.is_infinite() {
                assert_eq!(found, near, "{name} {x:e}");
            } else {
                // The platform's own error may have the opposite sign.
                let ulps = ulps_double(found, near);
                assert!(ulps <= bound + 1.0, "{name} {x:e}: {ulps:.2} ulps");
            }
        };
        for i in -300_000..300_000 {
            let x = f64::from(i) * 2.491_582e-3;
            for x in [x, x * 1e-3, x * 1e-7, x * 1e200] {
                check(x);
            }
        }
        // Numbers of every magnitude.
        for bits in (0..=u64::MAX).step_by(0x0000_1234_5678_9abc) {
            check(f64::from_bits(bits));
        }
    }
}

#[test]
fn logarithms_of_powers_of_ten_are_whole() {
    for n in -37..=38 {
        assert_eq!(single::log10(10_f64.powi(n) as f32), n as f32);
    }
    for n in -307..=308 {
        let power: f64 = format!("1e{n}").parse().expect("a number");
        assert_eq!(double::log10(power), f64::from(n));
    }
}

#[test]
fn powers_of_two_and_their_logarithms_are_exact() {
    for n in -149..=127_i16 {
        let power = (f64::from(n)).exp2() as f32;
        assert_eq!(single::exp2(f32::from(n)).to_bits(), power.to_bits(), "{n}");
        assert_eq!(single::log2(power), f32::from(n));
    }
    for n in -1074..=1023 {
        let power = f64::from(n).exp2();
        assert_eq!(double::exp2(f64::from(n)).to_bits(), power.to_bits(), "{n}");
        assert_eq!(double::log2(power), f64::from(n));
    }
}

#[test]
fn exp_of_a_large_square_is_infinite_or_zero() {
    for factor in [1.0, 0.5, 4.0] {
        for x in [20.0, 1e10, 1e30, f32::INFINITY] {
            for x in [x, -x] {
                assert_eq!(single::exp_square(x, factor), f32::INFINITY, "{x:e}");
                assert_eq!(single::exp_square(x, -factor), 0.0, "{x:e}");
                let (x, factor) = (f64::from(x) * 2.0, f64::from(factor));
                assert_eq!(double::exp_square(x, factor), f64::INFINITY, "{x:e}");
                assert_eq!(double::exp_square(x, -factor), 0.0, "{x:e}");
            }
        }
    }
}

#[test]
fn corners_are_exact() {
    assert_eq!(single::exp(0.0), 1.0);
    assert_eq!(double::exp(-0.0), 1.0);
    for x in [f32::NEG_INFINITY, -1e30, -104.0] {
        assert_eq!(single::exp(x), 0.0);
    }
    assert_eq!(single::exp(f32::INFINITY), f32::INFINITY);
    assert_eq!(double::exp(f64::INFINITY), f64::INFINITY);
    assert_eq!(double::exp(f64::NEG_INFINITY), 0.0);
    assert!(double::exp(f64::NAN).is_nan() && double::tanh(f64::NAN).is_nan());
    assert!(double::exp(-745.0) > 0.0, "subnormal results are kept");
    assert_eq!(single::tanh(f32::INFINITY), 1.0);
    assert_eq!(double::tanh(f64::NEG_INFINITY), -1.0);
    assert_eq!(double::ln(1.0), 0.0);
    assert_eq!(single::ln(f32::INFINITY), f32::INFINITY);
    assert!(single::ln(f32::NEG_INFINITY).is_nan() && double::ln(-1e-310).is_nan());
    assert_eq!(double::ln(5e-324), 5e-324_f64.ln());
    for zero in [0.0, -0.0] {
        assert_eq!(double::ln(zero), f64::NEG_INFINITY);
        assert_eq!(double::log10(zero), f64::NEG_INFINITY);
        for odd in [double::sinh, double::tanh, double::exp_m1, double::ln_1p] {
            assert_eq!(odd(zero).to_bits(), zero.to_bits());
        }
    }
    // The largest numbers with a finite result, and the next.
    assert!(double::sinh(710.475_860_073_943_9).is_finite());
    assert_eq!(double::sinh(-710.475_860_073_944_1), f64::NEG_INFINITY);
    assert!(single::cosh(89.415_985).is_finite() && single::cosh(-89.416) == f32::INFINITY);
    assert_eq!(single::sinh(-0.0).to_bits(), (-0.0_f32).to_bits());
    assert_eq!(single::ln_1p(-1.0), f32::NEG_INFINITY);
    assert_eq!(single::exp_m1(-200.0), -1.0);
}
