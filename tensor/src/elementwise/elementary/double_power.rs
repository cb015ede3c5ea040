//! Powers of double precision, `xʸ = 2^(y log₂ x)`, without branches, calls or tables, so that the compiler
//! vectorises loops over them.
//!
//! An absolute error of `y log₂ x` becomes a relative one of the power, and `y log₂ x` is as large as 1074: the
//! logarithm has 67 bits at least, as a sum of two numbers. Method: fdlibm's `e_pow.c` (Sun Microsystems, 1993). Upper
//! halves of numbers have 26 bits, so their products are exact (Dekker, 1971).

/// The upper 26 bits of a number: a product of two such numbers is exact.
#[inline(always)]
fn upper(x: f64) -> f64 {
    const LOWER: u64 = (1 << 27) - 1;
    f64::from_bits(x.to_bits() & !LOWER)
}

/// `(2 artanh(s) / (s ln 2) − G − F s²) / s⁴` with `G = 2 / ln 2` and `F = G / 3`, as a function of `w = s²` and `w²`, for
/// |s| ≤ 0.0865: the minimax polynomial (Remez, 1934), evaluated by Estrin's scheme (1960).
#[inline(always)]
fn log2_remainder(w: f64, w2: f64) -> f64 {
    let low = w.mul_add(0.412_198_583_112_559_6, 0.577_078_016_355_584_5);
    let middle = w.mul_add(0.262_308_507_877_720_1, 0.320_598_897_012_538_1);
    let high = w.mul_add(0.197_243_973_201_039_79, 0.221_897_558_927_736_13);
    (w2 * w2).mul_add(high, w2.mul_add(middle, low))
}

/// `(eʳ − 1 − r) / r²` for |r| ≤ ln 2 / 2, as [`log2_remainder`] is.
#[inline(always)]
fn exp_remainder(r: f64, r2: f64) -> f64 {
    let r4 = r2 * r2;
    let low = r2.mul_add(
        r.mul_add(0.008_333_333_333_318_541, 0.041_666_666_666_666_415),
        r.mul_add(0.166_666_666_666_666_8, 0.5),
    );
    let middle = r2.mul_add(
        r.mul_add(2.755_723_748_642_065_3e-6, 2.480_158_702_590_438_3e-5),
        r.mul_add(0.000_198_412_698_933_091_44, 0.001_388_888_888_903_308_4),
    );
    let high = r.mul_add(2.511_123_525_883_783_3e-8, 2.755_752_589_673_425e-7);
    let high = r2.mul_add(2.083_855_508_648_158e-9, high);
    (r4 * r4).mul_add(high, r4.mul_add(middle, low))
}

/// log₂ x for a positive finite x, as a sum of its upper 26 bits and the rest, with a relative error below 2⁻⁶⁷.
#[inline(always)]
fn log2(x: f64) -> (f64, f64) {
    /// Subnormal numbers are scaled to normal ones.
    const SCALE: f64 = (1_u64 << 52) as f64;
    const FRACTION: u64 = (1 << 52) - 1;
    /// The bits of 2^−¼ and of 2^¼.
    const LEAST: u64 = 0x3fea_e89f_995a_d3ad;
    const MIDDLE: f64 = 1.189_207_115_002_721;
    /// The bits of 2⁵²: or-ing an integer into the lowest bits adds it to the number.
    const INTEGER: u64 = (1023 + 52) << 52;
    /// Near 2^½. Its logarithm is the sum of a multiple of 2⁻⁴⁰, so that adding an exponent is exact, and the rest.
    const CENTRE: f64 = 181.0 / 128.0;
    const CENTRE_LOG2: (f64, f64) = (0.499_845_887_083_211, -5.621_848_729_602_859e-15);
    /// `2 / ln 2` and a third of it, as sums of the upper 26 bits and the rest.
    const G: (f64, f64) = (2.885_390_043_258_667, 3.851_925_982_253_235e-8);
    const F: (f64, f64) = (0.961_796_686_053_276_1, 7.872_699_542_894_897e-9);

    // x = 2ᵏ z with z in [2^−¼, 2^¾), and c the nearer one of 1 and √2.
    let is_small = x < f64::MIN_POSITIVE;
    let normal = if is_small { x * SCALE } else { x };
    let bits = normal
        .to_bits()
        .wrapping_sub(LEAST)
        .wrapping_add(1023 << 52);
    let bias = f64::from_bits(INTEGER) + if is_small { 1023.0 + 52.0 } else { 1023.0 };
    let k = f64::from_bits(bits >> 52 | INTEGER) - bias;
    let z = f64::from_bits((bits & FRACTION).wrapping_add(LEAST));
    let is_upper = z > MIDDLE;
    let c = if is_upper { CENTRE } else { 1.0 };
    let k = if is_upper { k + CENTRE_LOG2.0 } else { k };
    let k_rest = if is_upper { CENTRE_LOG2.1 } else { 0.0 };

    // ln(z / c) = 2 artanh(s) with s = (z − c) / (z + c), whose rest has 53 bits of its own.
    let difference = z - c;
    let sum = z + c;
    let reciprocal = 1.0 / sum;
    let s = difference * reciprocal;
    let (s_high, sum_high) = (upper(s), upper(sum));
    let sum_low = z - (sum_high - c);
    let s_low = reciprocal * ((difference - s_high * sum_high) - s_high * sum_low);

    // log₂(z / c) = s t with t = G + F s² + …, in parts whose products are exact.
    let w = s * s;
    let square = s_high * s_high;
    let square_high = upper(square);
    let square_low = (square - square_high) + s_low * (s_high + s);
    let (term, w2) = (F.0 * square_high, w * w);
    let rest = F.0.mul_add(square_low, F.1.mul_add(w, G.1));
    let rest = w2.mul_add(log2_remainder(w, w2), rest);
    let t_high = upper((G.0 + term) + rest);
    let t_low = rest - ((t_high - G.0) - term);
    let product = s_high * t_high;
    let product_rest = (s_low * t_high + t_low * s) + k_rest;

    let high = upper((product + product_rest) + k);
    (high, product_rest - ((high - k) - product))
}

/// 2 to the power `high + low`, for a `high` of 53 bits and a small `low`; ∞ and 0 beyond the range.
#[inline(always)]
fn exp2(high: f64, low: f64) -> f64 {
    /// Adding it rounds to an integer, which is then in the lowest bits of the sum, with twice the bias.
    const ROUND: f64 = 6_755_399_441_055_744.0 + 2046.0;
    /// Adding it rounds to a multiple of 2⁻²⁶.
    const ROUND_26: f64 = 6_755_399_441_055_744.0 / 67_108_864.0;
    /// The beyond of every result.
    const END: f64 = 1100.0;
    /// ln 2 as a multiple of 2⁻²⁶, and the rest.
    const LN_2_PARTS: (f64, f64) = (0.693_147_167_563_438_4, 1.299_650_689_388_988_9e-8);

    let bounded = if high > END { END } else { high };
    let bounded = if bounded < -END { -END } else { bounded };
    let low = if bounded == high { low } else { 0.0 };
    // high + low = n + t with |t| ≤ ½. The part of t that is a multiple of 2⁻²⁶ gives exact first terms.
    let shifted = bounded + ROUND;
    let multiple = (bounded + ROUND_26) - ROUND_26;
    let t_high = multiple - (shifted - ROUND);
    let t_low = (bounded - multiple) + low;
    let first = t_high * LN_2_PARTS.0;
    let rest = t_low.mul_add(std::f64::consts::LN_2, t_high * LN_2_PARTS.1);
    let r = first + rest;
    let square = r * r;
    let power = (1.0 + first) + square.mul_add(exp_remainder(r, square), rest);
    // 2ⁿ as a product of two powers: 2ⁿ alone could overflow or be subnormal.
    let half = shifted.to_bits() >> 1;
    let other = shifted.to_bits().wrapping_sub(half);
    power * f64::from_bits(half << 52) * f64::from_bits(other << 52)
}

/// `xʸ` for a positive finite x and a finite y, within 1 ulp, subnormal results included. A power that is a number of
/// double precision is exact.
#[inline(always)]
#[must_use]
pub(crate) fn pow(x: f64, y: f64) -> f64 {
    let (high, low) = log2(x);
    let y_high = upper(y);
    exp2(y_high * high, (y - y_high) * high + y * low)
}

#[cfg(test)]
mod tests;
