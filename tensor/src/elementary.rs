//! Exponential functions without branches, calls or tables, so that loops over them become vectors.
//!
//! They round every product and sum on its own, also where the machine could fuse them: a lane of
//! a vector, a single number and every instruction set give the same bits.
//!
//! Method and coefficients of the single-precision functions and of `tanh` are those of the Cephes
//! library (Moshier, 1992).

/// The functions of one float type.
macro_rules! functions {
    ($module:ident, $t:ty, $bits:ty, $exponent_bias:literal, $mantissa_bits:literal,
     magic: $magic:expr, range: $low:literal..$high:literal, ln2: $ln2_high:literal + $ln2_low:literal,
     exp: [$($e:expr),*], tanh: $tanh:expr) => {
        pub(crate) mod $module {
            /// 2ⁿ for `n` given as `n + MAGIC`, whose lowest bits hold `n`.
            #[inline(always)]
            fn power_of_two(n: $t) -> $t {
                let exponent = n.to_bits().wrapping_add($exponent_bias);
                <$t>::from_bits(exponent << $mantissa_bits)
            }

            /// eˣ, within 2 units in the last place.
            #[inline(always)]
            #[must_use]
            pub(crate) fn exp(x: $t) -> $t {
                // So large that the sum has no digits behind the point: adding it rounds.
                const MAGIC: $t = $magic;
                // Beyond these the result is ∞ or 0 anyway. A NaN passes both comparisons.
                let x = if x > $high { $high } else { x };
                let x = if x < $low { $low } else { x };
                let n = (x * std::$module::consts::LOG2_E + MAGIC) - MAGIC;
                let r = (x - n * $ln2_high) - n * $ln2_low;
                let mut p = 0.0;
                $(p = p * r + $e;)*
                let p = (p * (r * r) + r) + 1.0;
                // 2ⁿ alone would overflow, or lose a result below the normal numbers.
                let half = n * 0.5 + MAGIC;
                let rest = (n - (half - MAGIC)) + MAGIC;
                p * power_of_two(half) * power_of_two(rest)
            }

            /// tanh x, within 3 units in the last place.
            #[inline(always)]
            #[must_use]
            pub(crate) fn tanh(x: $t) -> $t {
                let size = x.abs();
                let far = 1.0 - 2.0 / (exp(size + size) + 1.0);
                let square = size * size;
                let near = size + size * square * $tanh(square);
                (if size < 0.625 { near } else { far }).copysign(x)
            }
        }
    };
}

functions!(
    f32, f32, u32, 127, 23,
    magic: 12_582_912.0, range: -104.0..89.0,
    ln2: 0.693_359_375 + -2.121_944_4e-4,
    exp: [
        1.987_569_1e-4,
        1.398_199_9e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        1.666_666_5e-1,
        5.000_000_1e-1
    ],
    tanh: |s: f32| {
        ((((-5.704_988_7e-3 * s + 2.063_908_8e-2) * s - 5.373_971_6e-2) * s + 1.333_144_2e-1) * s)
            - 3.333_328_2e-1
    }
);

functions!(
    f64, f64, u64, 1023, 52,
    magic: 6_755_399_441_055_744.0, range: -746.0..710.0,
    ln2: 0.693_145_751_953_125 + 1.428_606_820_309_417_2e-6,
    // 1/13!, 1/12!, …, 1/2!: the series, whose next term is below a rounding.
    exp: [
        1.605_904_383_682_161_3e-10,
        2.087_675_698_786_81e-9,
        2.505_210_838_544_172e-8,
        2.755_731_922_398_589e-7,
        2.755_731_922_398_589_3e-6,
        2.480_158_730_158_73e-5,
        1.984_126_984_126_984e-4,
        1.388_888_888_888_889e-3,
        8.333_333_333_333_333e-3,
        4.166_666_666_666_666_4e-2,
        1.666_666_666_666_666_6e-1,
        0.5
    ],
    tanh: |s: f64| {
        let p = (-9.643_991_794_250_523e-1 * s - 9.928_772_310_019_185e1) * s
            - 1.614_687_684_417_084_6e3;
        let q = ((s + 1.128_116_784_916_329_3e2) * s + 2.235_488_390_601_004_5e3) * s
            + 4.844_063_053_251_255e3;
        p / q
    }
);

#[cfg(test)]
mod tests {
    use super::{f32 as single, f64 as double};

    /// The distance from `found` to the exact value, in units in the last place of `f32`.
    fn off_single(found: f32, exact: f64) -> f64 {
        let unit = f64::from((exact as f32).abs().max(f32::MIN_POSITIVE)) * f64::from(f32::EPSILON);
        (f64::from(found) - exact).abs() / unit
    }

    fn off_double(found: f64, near: f64) -> f64 {
        (found - near).abs() / (near.abs().max(f64::MIN_POSITIVE) * f64::EPSILON)
    }

    #[test]
    fn single_precision_is_right_to_the_last_digits() {
        for bits in (0..=u32::MAX).step_by(4001) {
            let x = f32::from_bits(bits);
            if x.is_nan() {
                assert!(single::exp(x).is_nan() && single::tanh(x).is_nan());
                continue;
            }
            let (exp, tanh) = (f64::from(x).exp(), f64::from(x).tanh());
            if exp < f64::from(f32::MAX) {
                assert!(off_single(single::exp(x), exp) <= 1.5, "exp {x:e}");
            } else {
                assert_eq!(single::exp(x), f32::INFINITY, "exp {x:e}");
            }
            assert!(off_single(single::tanh(x), tanh) <= 2.5, "tanh {x:e}");
        }
    }

    #[test]
    fn double_precision_agrees_with_the_platform() {
        for i in -2_000_000..2_000_000 {
            let x = f64::from(i) * 3.737_373e-4;
            let exp = x.exp();
            if exp.is_finite() {
                assert!(off_double(double::exp(x), exp) <= 2.0, "exp {x:e}");
            } else {
                assert_eq!(double::exp(x), f64::INFINITY, "exp {x:e}");
            }
            for x in [x, x * 1e-3, x * 1e-200] {
                assert!(off_double(double::tanh(x), x.tanh()) <= 3.0, "tanh {x:e}");
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
        assert!(
            double::exp(-745.0) > 0.0,
            "results below the normal numbers are kept"
        );
        assert_eq!(single::tanh(f32::INFINITY), 1.0);
        assert_eq!(double::tanh(f64::NEG_INFINITY), -1.0);
        assert_eq!(double::tanh(-0.0).to_bits(), (-0.0_f64).to_bits());
    }
}
