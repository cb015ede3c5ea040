//! The error function in single precision, without branches, calls or tables, so that the compiler vectorises
//! loops over it. Double precision uses the crate `libm`.
//!
//! Method and coefficients: the Cephes library (Moshier, 1992), changed to round twice less: the square in the
//! exponent is split, and the linear term of the series at 0 is added last.

use crate::elementwise::elementary::f32::exp;

/// Below this |x| the series at 0 is used, from here on the expansion in 1/x.
const SERIES_BOUND: f32 = 1.0;

/// `erf x − x` for |x| < 1.
#[inline(always)]
fn erf_minus_x(x: f32) -> f32 {
    let s = x * x;
    let t = 7.853_861_4e-5_f32;
    let t = t * s - 8.010_193_6e-4;
    let t = t * s + 5.188_327_7e-3;
    let t = t * s - 2.685_381_2e-2;
    let t = t * s + 1.128_358_5e-1;
    let t = t * s - 3.761_262_6e-1;
    x * (t * s + 1.283_791_7e-1)
}

/// `1 − erf x` for x ≥ 1.
#[inline(always)]
fn tail(x: f32) -> f32 {
    // From 11 on the value rounds to 0. The comparison is false for NaN, which is kept.
    let x = if x > 11.0 { 11.0 } else { x };
    tail_by(x, x, 1.0)
}

/// `1 − erf x` for x ≥ 1, where `x² = factor · root²`.
#[inline(always)]
fn tail_by(x: f32, root: f32, factor: f32) -> f32 {
    // e^(−x²) = e^(−f·u²) · e^(f·(u² − r²)) with the root r and the factor f: the square of u, the upper
    // half of the bits of r, is exact, and the second exponent is small.
    let upper = f32::from_bits(root.to_bits() & 0xffff_f000);
    let rest = (upper - root) * (upper + root) * factor;
    let more = rest * (1.0 + rest * (0.5 + rest * (1.0 / 6.0 + rest * (1.0 / 24.0))));
    let q = 1.0 / x;
    let s = q * q;
    let p = 2.326_82e-2_f32;
    let p = p * s - 1.387_039_4e-1;
    let p = p * s + 3.687_424_7e-1;
    let p = p * s - 5.824_733e-1;
    let p = p * s + 6.210_004_6e-1;
    let p = p * s - 4.944_515_3e-1;
    let p = p * s + 3.404_88e-1;
    let p = p * s - 2.741_127e-1;
    let p = p * s + 5.638_259_4e-1;
    let r = -1.047_766_4e1_f32;
    let r = r * s + 1.297_72e1;
    let r = r * s - 7.495_518_8;
    let r = r * s + 2.921_019;
    let r = r * s - 1.015_265_3;
    let r = r * s + 4.218_463_4e-1;
    let r = r * s - 2.820_767_6e-1;
    let r = r * s + 5.641_895e-1;
    let series = if x < 2.0 { p } else { r };
    // Two roundings fewer than the products with `q` and with `1 + more`.
    let value = exp(-upper * upper * factor) * (series / x);
    value + value * more
}

/// The error function, within 2 ulps (units in the last place).
#[inline(always)]
#[must_use]
pub(crate) fn erf(x: f32) -> f32 {
    let size = x.abs();
    let far = 1.0 - tail(size);
    let near = size + erf_minus_x(size);
    (if size < SERIES_BOUND { near } else { far }).copysign(x)
}

/// `1 − erf x`, within 5 ulps (units in the last place).
#[inline(always)]
#[must_use]
pub(crate) fn erfc(x: f32) -> f32 {
    let size = x.abs();
    let tail = tail(size);
    let far = if x < 0.0 { 2.0 - tail } else { tail };
    let near = (1.0 - x) - erf_minus_x(x);
    if size < SERIES_BOUND { near } else { far }
}

/// The normal distribution function `½ erfc(−x/√2)`, within 8 ulps.
///
/// The exponential in the tail is of `x²/2` itself: the rounding of `x/√2` would be multiplied by `x²`.
#[inline(always)]
#[must_use]
pub(crate) fn normal_cdf(x: f32) -> f32 {
    let size = x.abs();
    // From 15 on the value rounds to 0. The comparison is false for NaN, which is kept.
    let size = if size > 15.0 { 15.0 } else { size };
    let z = size * std::f32::consts::FRAC_1_SQRT_2;
    let tail = 0.5 * tail_by(z, size, 0.5);
    let far = if x > 0.0 { 1.0 - tail } else { tail };
    let near = 0.5 + 0.5 * (z + erf_minus_x(z)).copysign(x);
    if z < SERIES_BOUND { near } else { far }
}

/// The same in double precision.
#[must_use]
pub(crate) fn normal_cdf_double(x: f64) -> f64 {
    const ROOT: f64 = std::f64::consts::FRAC_1_SQRT_2;
    // √½ − ROOT
    const ROOT_REST: f64 = -4.833_646_656_726_457e-17;
    let z = x * -ROOT;
    // Beyond this the value is 0 or 1, and an infinite z has no rest.
    if z.abs() > 40.0 || z.is_nan() {
        return 0.5 * libm::erfc(z);
    }
    // The rounding error of the product (Dekker, 1971).
    let split = |a: f64| {
        let upper = f64::from_bits(a.to_bits() & !((1 << 27) - 1));
        (upper, a - upper)
    };
    let ((a, b), (c, d)) = (split(-x), split(ROOT));
    let lost = ((a * c - z) + a * d + b * c) + b * d - x * ROOT_REST;
    let slope = -std::f64::consts::FRAC_2_SQRT_PI * (-z * z).exp();
    0.5 * (libm::erfc(z) + slope * lost)
}

#[cfg(test)]
mod tests {
    use super::{erf, erfc};
    use crate::elementwise::elementary::tests::ulps_single as ulps;

    #[test]
    fn every_kind_of_argument_is_right_to_the_last_digits() {
        for bits in (0..=u32::MAX).step_by(2003) {
            let x = f32::from_bits(bits);
            if x.is_nan() {
                assert!(erf(x).is_nan() && erfc(x).is_nan());
                continue;
            }
            assert!(ulps(erf(x), libm::erf(f64::from(x))) <= 2.0, "erf {x:e}");
            assert!(ulps(erfc(x), libm::erfc(f64::from(x))) <= 5.0, "erfc {x:e}");
        }
    }

    #[test]
    fn the_normal_distribution_function_keeps_its_digits_in_the_tail() {
        for bits in (0..=u32::MAX).step_by(2003) {
            let x = f32::from_bits(bits);
            let exact = super::normal_cdf_double(f64::from(x));
            if x.is_nan() {
                assert!(super::normal_cdf(x).is_nan());
            } else {
                let found = super::normal_cdf(x);
                assert!(ulps(found, exact) <= 8.0, "{x:e}: {found:e}, not {exact:e}");
            }
        }
    }

    #[test]
    fn the_bounds_of_the_pieces_and_the_limits_are_right() {
        for x in [1.0_f32, 2.0, 9.2, 10.05, 11.0] {
            for x in [x.next_down(), x, x.next_up()] {
                for x in [x, -x] {
                    assert!(ulps(erf(x), libm::erf(f64::from(x))) <= 2.0, "erf {x:e}");
                    assert!(ulps(erfc(x), libm::erfc(f64::from(x))) <= 5.0, "erfc {x:e}");
                }
            }
        }
        assert_eq!(erfc(f32::INFINITY), 0.0);
        assert_eq!(erfc(f32::NEG_INFINITY), 2.0);
        assert_eq!([erf(f32::INFINITY), erf(f32::NEG_INFINITY)], [1.0, -1.0]);
        assert_eq!(erf(-0.0).to_bits(), (-0.0_f32).to_bits());
        assert_eq!(erfc(0.0), 1.0);
    }
}
