//! Exponential functions and logarithms without branches, calls or tables, so that the compiler vectorises
//! loops over them.
//!
//! Multiply-adds are fused where the code says `mul_add` and nowhere else: a vector lane, a single number and every
//! instruction set give the same bits. A processor without the instruction calls a function for each of them, which is
//! many times slower.
//!
//! Error bounds are in ulps (units in the last place) of the exact result. Tests check single precision
//! against the platform's double precision over numbers of every magnitude, and double precision against the
//! platform's functions, whose own error is at most 1 ulp.

/// The functions of one float type.
macro_rules! functions {
    (
        $module:ident, $t:ty, $bits:ty, bias: $bias:literal, mantissa: $mantissa:literal,
        round: $round:expr, range: $low:literal..$high:literal, one_from: $one_from:literal,
        ln2: $ln2_high:literal + $ln2_low:literal, root: $root:literal,
        log10e: $log10e_high:literal + $log10e_low:literal,
        log10_2: $log10_2_high:literal + $log10_2_low:literal,
        exp_remainder: |$r:ident, $r2:ident| $exp_remainder:expr, series: |$z:ident, $w:ident| $series:expr
    ) => {
        pub(crate) mod $module {
            /// `1.5 · 2^mantissa`: adding it rounds a small number to an integer, which is then in the lowest
            /// bits of the sum.
            const ROUND: $t = $round;

            /// `(eʳ − 1 − r) / r²` for |r| ≤ ln 2 / 2: the minimax polynomial for `eʳ − 1` (Remez, 1934),
            /// evaluated by Estrin's scheme (1960), which has short dependency chains.
            #[inline(always)]
            fn exp_remainder($r: $t, $r2: $t) -> $t {
                $exp_remainder
            }

            /// Range reduction `x = n ln 2 + r`: returns `eʳ − 1`, and a word whose lowest bits are `n + BIAS`.
            /// Shifted left by the width of the mantissa, they are the exponent field of `2ⁿ`.
            #[inline(always)]
            fn reduced<const BIAS: $bits>(x: $t) -> ($t, $bits) {
                let shift = ROUND + BIAS as $t;
                let shifted = x.mul_add(std::$module::consts::LOG2_E, shift);
                let n = shifted - shift;
                let r = n.mul_add(-$ln2_low, n.mul_add(-$ln2_high, x));
                let square = r * r;
                let p = square.mul_add(exp_remainder(r, square), r);
                (p, shifted.to_bits())
            }

            /// eˣ, within 2 ulps, subnormal results included.
            #[inline(always)]
            #[must_use]
            pub(crate) fn exp(x: $t) -> $t {
                // Beyond these bounds the result is ∞ or 0. Both comparisons are false for NaN, which is kept.
                let x = if x > $high { $high } else { x };
                let x = if x < $low { $low } else { x };
                // 2ⁿ as a product of two powers: 2ⁿ alone could overflow or be subnormal.
                let (p, n) = reduced::<{ 2 * $bias }>(x);
                let half = n >> 1;
                let rest = n.wrapping_sub(half);
                (1.0 + p) * <$t>::from_bits(half << $mantissa) * <$t>::from_bits(rest << $mantissa)
            }

            /// eˣ for x ≤ 0, with the bits of [`exp`], in fewer operations: 2ⁿ is at most 1, so one power that is a
            /// multiple of it is finite and normal for every n, and a constant undoes the multiple.
            #[inline(always)]
            #[must_use]
            pub(crate) fn exp_nonpositive(x: $t) -> $t {
                // Even with the bias, as in `exp`: ties between two n are rounded to the same one.
                const UP: $bits = $bias / 2 + 2;
                const DOWN: $t = <$t>::from_bits(($bias - UP) << $mantissa);
                // The comparison is false for NaN, which is kept.
                let x = if x < $low { $low } else { x };
                let (p, n) = reduced::<{ $bias + UP }>(x);
                (1.0 + p) * <$t>::from_bits(n << $mantissa) * DOWN
            }

            /// 2ˣ, within 2 ulps, subnormal results included; exact for whole x.
            #[inline(always)]
            #[must_use]
            pub(crate) fn exp2(x: $t) -> $t {
                const LOG2_E: $t = std::$module::consts::LOG2_E;
                let x = if x > $high * LOG2_E {
                    $high * LOG2_E
                } else {
                    x
                };
                let x = if x < $low * LOG2_E { $low * LOG2_E } else { x };
                let shift = ROUND + (2 * $bias) as $t;
                let shifted = x + shift;
                let r = (x - (shifted - shift)) * std::$module::consts::LN_2;
                let square = r * r;
                let power = 1.0 + square.mul_add(exp_remainder(r, square), r);
                let half = shifted.to_bits() >> 1;
                let rest = shifted.to_bits().wrapping_sub(half);
                power * <$t>::from_bits(half << $mantissa) * <$t>::from_bits(rest << $mantissa)
            }

            /// `eˣ − 1` for |x| ≤ 64, within 2 ulps.
            #[inline(always)]
            fn exp_m1_bounded(x: $t) -> $t {
                let (p, n) = reduced::<$bias>(x);
                let scale = <$t>::from_bits(n << $mantissa);
                scale.mul_add(p, scale - 1.0)
            }

            /// `eˣ − 1`, within 2 ulps.
            #[inline(always)]
            #[must_use]
            pub(crate) fn exp_m1(x: $t) -> $t {
                let size = if x.abs() > 64.0 { 64.0 } else { x.abs() };
                let near = exp_m1_bounded(size.copysign(x));
                let near = if x == 0.0 { x } else { near };
                if x > 64.0 { exp(x) } else { near }
            }

            /// `x²` rounded, and the rounding error.
            #[inline(always)]
            fn square_and_rest(x: $t) -> ($t, $t) {
                let square = x * x;
                (square, x.mul_add(x, -square))
            }

            /// `e^(factor · x²)` for a factor that is a power of two, or minus one, within 4 ulps.
            #[inline(always)]
            #[must_use]
            pub(crate) fn exp_square(x: $t, factor: $t) -> $t {
                // x² = square + rest: the rest is at most half an ulp of the square, so e^rest is 1 + rest.
                let (square, rest) = square_and_rest(x);
                let value = exp(square * factor);
                // The square of a large number, or the exponential, is infinite: then there is no rest.
                let end = if factor > 0.0 { <$t>::INFINITY } else { 0.0 };
                let exact = value.mul_add(rest * factor, value);
                if value == end { value } else { exact }
            }

            /// [`exp_square`] for a negative factor and an x whose square is finite, with the same bits.
            #[inline(always)]
            #[must_use]
            pub(crate) fn exp_minus_square(x: $t, factor: $t) -> $t {
                let (square, rest) = square_and_rest(x);
                let value = exp_nonpositive(square * factor);
                value.mul_add(rest * factor, value)
            }

            /// `eˣ / 2` for x ≥ 0, within 2 ulps, finite wherever the result is.
            #[inline(always)]
            fn half_exp(x: $t) -> $t {
                // ln 2 beyond the range of `exp`. The comparison is false for NaN, which is kept.
                let x = if x > $high + 1.0 { $high + 1.0 } else { x };
                let (p, n) = reduced::<{ 2 * $bias }>(x);
                let half = n >> 1;
                let rest = n.wrapping_sub(half);
                let first = p.mul_add(0.5, 0.5) * <$t>::from_bits(half << $mantissa);
                first * <$t>::from_bits(rest << $mantissa)
            }

            /// sinh x, within 4 ulps.
            #[inline(always)]
            #[must_use]
            pub(crate) fn sinh(x: $t) -> $t {
                let size = x.abs();
                // For small x as (e + e / (e + 1)) / 2 with e = eˣ − 1, which does not cancel.
                let small = if size > 1.0 { 1.0 } else { size };
                let e = exp_m1_bounded(small);
                let small = (e + e / (e + 1.0)) * 0.5;
                let half = half_exp(size);
                let large = half - 0.25 / half;
                let y = if size < 1.0 { small } else { large };
                (if size == 0.0 { size } else { y }).copysign(x)
            }

            /// cosh x, within 3 ulps.
            #[inline(always)]
            #[must_use]
            pub(crate) fn cosh(x: $t) -> $t {
                let half = half_exp(x.abs());
                half + 0.25 / half
            }

            /// tanh x, within 3 ulps.
            #[inline(always)]
            #[must_use]
            pub(crate) fn tanh(x: $t) -> $t {
                // From $one_from on the value rounds to 1. The comparison is false for NaN, which is kept.
                let size = if x.abs() > $one_from {
                    $one_from
                } else {
                    x.abs()
                };
                let e = exp_m1_bounded(size + size);
                (e / (e + 2.0)).copysign(x)
            }

            /// `1 / (1 + e⁻ˣ)`, within 3 ulps.
            #[inline(always)]
            #[must_use]
            pub(crate) fn sigmoid(x: $t) -> $t {
                let e = exp_nonpositive(-x.abs());
                let up = 1.0 / (1.0 + e);
                if x < 0.0 { e * up } else { up }
            }

            /// `k` and `f` with `x = 2ᵏ (1 + f)` and `1 + f` in [√½, √2), for a normal `x`.
            #[inline(always)]
            fn split(x: $t) -> ($t, $t) {
                // The bits of 2^mantissa: an integer ORed into the lowest bits is added to the number.
                const INTEGER: $bits = ($bias + $mantissa) << $mantissa;
                const FRACTION: $bits = (1 << $mantissa) - 1;
                let bits = x
                    .to_bits()
                    .wrapping_sub($root)
                    .wrapping_add($bias << $mantissa);
                let k = <$t>::from_bits(bits >> $mantissa | INTEGER)
                    - (<$t>::from_bits(INTEGER) + $bias as $t);
                (k, <$t>::from_bits((bits & FRACTION) + $root) - 1.0)
            }

            /// `ln(1 + f)` as `f − (half − small)`: returns `half` and `small`. Method: fdlibm (Sun
            /// Microsystems, 1993).
            #[inline(always)]
            fn ln_fraction(f: $t) -> ($t, $t) {
                let s = f / (2.0 + f);
                let ($z, half) = (s * s, 0.5 * f * f);
                let $w = $z * $z;
                (half, s * (half + $series))
            }

            /// `ln(x · 2^exponent) + correction` for a normal `x` and a correction that is small compared with
            /// `x − 1`.
            #[inline(always)]
            fn ln_normal(x: $t, exponent: $t, correction: $t) -> $t {
                let (k, f) = split(x);
                let (k, (half, small)) = (k + exponent, ln_fraction(f));
                let low = small + k.mul_add($ln2_low, correction);
                k.mul_add($ln2_high, f - (half - low))
            }

            /// log₂ x, within 2 ulps, exact for powers of two; −∞ at 0, NaN for negative x.
            #[inline(always)]
            #[must_use]
            pub(crate) fn log2(x: $t) -> $t {
                const SCALE: $t = ((1 as $bits) << $mantissa) as $t;
                let is_small = x < <$t>::MIN_POSITIVE;
                let (k, f) = split(if is_small { x * SCALE } else { x });
                let k = if is_small { k - $mantissa as $t } else { k };
                let (half, small) = ln_fraction(f);
                let y = (f - (half - small)).mul_add(std::$module::consts::LOG2_E, k);
                let y = if x == 0.0 { <$t>::NEG_INFINITY } else { y };
                let y = if x < 0.0 { <$t>::NAN } else { y };
                if x < <$t>::INFINITY { y } else { x }
            }

            /// log₁₀ x, within 1 ulp, exact for powers of ten; −∞ at 0, NaN for negative x. Method: FreeBSD's msun
            /// (Schultz, 2011).
            #[inline(always)]
            #[must_use]
            pub(crate) fn log10(x: $t) -> $t {
                const SCALE: $t = ((1 as $bits) << $mantissa) as $t;
                // The upper half of a number times that of a constant is exact.
                const LOWER: $bits = (1 << ($mantissa / 2 + 1)) - 1;
                let is_small = x < <$t>::MIN_POSITIVE;
                let (k, f) = split(if is_small { x * SCALE } else { x });
                let k = if is_small { k - $mantissa as $t } else { k };
                let (half, small) = ln_fraction(f);
                let upper = <$t>::from_bits((f - half).to_bits() & !LOWER);
                let lower = ((f - upper) - half) + small;
                let (powers, high) = (k * $log10_2_high, upper * $log10e_high);
                let low = k * $log10_2_low + ((lower + upper) * $log10e_low + lower * $log10e_high);
                let sum = powers + high;
                let y = sum + (low + ((powers - sum) + high));
                let y = if x == 0.0 { <$t>::NEG_INFINITY } else { y };
                let y = if x < 0.0 { <$t>::NAN } else { y };
                if x < <$t>::INFINITY { y } else { x }
            }

            /// ln x, within 1 ulp; −∞ at 0, NaN for negative x.
            #[inline(always)]
            #[must_use]
            pub(crate) fn ln(x: $t) -> $t {
                // Subnormal numbers are scaled to normal ones.
                const SCALE: $t = ((1 as $bits) << $mantissa) as $t;
                let is_small = x < <$t>::MIN_POSITIVE;
                let normal = if is_small { x * SCALE } else { x };
                let y = ln_normal(normal, if is_small { -$mantissa as $t } else { 0.0 }, 0.0);
                let y = if x == 0.0 { <$t>::NEG_INFINITY } else { y };
                let y = if x < 0.0 { <$t>::NAN } else { y };
                if x < <$t>::INFINITY { y } else { x }
            }

            /// `ln(1 + x)`, within 2 ulps; −∞ at −1, NaN below −1.
            #[inline(always)]
            #[must_use]
            pub(crate) fn ln_1p(x: $t) -> $t {
                let u = 1.0 + x;
                // The rounding error of the sum 1 + x, computed for the larger of the two operands.
                let lost = if x < 1.0 {
                    x - (u - 1.0)
                } else {
                    1.0 - (u - x)
                };
                let y = ln_normal(u, 0.0, lost / u);
                let y = if x == 0.0 { x } else { y };
                let y = if x == -1.0 { <$t>::NEG_INFINITY } else { y };
                let y = if x < -1.0 { <$t>::NAN } else { y };
                if x < <$t>::INFINITY { y } else { x }
            }
        }
    };
}

functions!(
    f32, f32, u32, bias: 127, mantissa: 23,
    round: 12_582_912.0, range: -104.0..89.0, one_from: 10.0,
    ln2: 0.693_359_375 + -2.121_944_4e-4, root: 0x3f35_04f3,
    log10e: 0.434_326_171_875 + -3.168_997e-5, log10_2: 0.301_025_390_625 + 4.605_039e-6,
    exp_remainder: |r, r2| {
        let low = r.mul_add(0.166_665_44, 0.500_000_006);
        let high = r.mul_add(0.008_366_489, 0.041_666_286);
        r2.mul_add(r2.mul_add(0.001_394_626_6, high), low)
    },
    series: |z, w| {
        let even = w.mul_add(0.242_790_79, 0.400_009_72);
        z.mul_add(w.mul_add(0.284_987_87, 0.666_666_63), w * even)
    }
);

functions!(
    f64, f64, u64, bias: 1023, mantissa: 52,
    round: 6_755_399_441_055_744.0, range: -746.0..710.0, one_from: 22.0,
    ln2: 0.693_147_180_369_123_8 + 1.908_214_929_270_587_7e-10, root: 0x3fe6_a09e_667f_3bcd,
    log10e: 0.434_294_484_555_721_3 + -2.652_469_455_307_855_3e-9,
    log10_2: 0.301_029_995_664_066_5 + -8.532_344_317_057_107e-14,
    exp_remainder: |r, r2| {
        let r4 = r2 * r2;
        let low = r2.mul_add(
            r.mul_add(0.008_333_333_333_315_074, 0.041_666_666_666_577_86),
            r.mul_add(0.166_666_666_666_666_85, 0.500_000_000_000_000_5),
        );
        let middle = r2.mul_add(
            r.mul_add(2.755_722_868_327_341_6e-6, 2.480_150_550_391_817e-5),
            r.mul_add(0.000_198_412_699_021_088_45, 0.001_388_888_893_130_674_9),
        );
        let high = r.mul_add(2.511_426_755_111_438_5e-8, 2.762_596_908_247_452_4e-7);
        r4.mul_add(r4.mul_add(high, middle), low)
    },
    series: |z, w| {
        let even = w.mul_add(0.153_138_376_992_093_73, 0.222_221_984_321_497_84);
        let even = w.mul_add(even, 0.399_999_999_994_094_2);
        let odd = w.mul_add(0.147_981_986_051_165_86, 0.181_835_721_616_180_5);
        let odd = w.mul_add(odd, 0.285_714_287_436_623_9);
        z.mul_add(w.mul_add(odd, 0.666_666_666_666_673_5), w * even)
    }
);

pub(crate) mod double_power;
#[cfg(test)]
pub(crate) mod tests;
