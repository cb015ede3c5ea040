//! Trigonometric functions without branches, calls or tables, so that the compiler vectorises loops over them.
//!
//! Angles are reduced by multiples of π/2 that are split into parts (Cody and Waite, 1980), which is exact enough
//! up to [`single::BOUND`] and [`double::BOUND`]; larger angles are left to the platform. Multiply-adds are fused where the
//! code says so, as in [`elementary`](super::elementary), so that every instruction set gives the same bits. Polynomials:
//! fdlibm (Sun Microsystems, 1993) for sine and cosine, Cephes (Moshier, 1992) for the inverse tangent.

/// `1.5 · 2⁵²`: adding it rounds a small number to an integer, which is then in the lowest bits of the sum.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// The sine if `quadrant` is even, the cosine otherwise, negative in the second half of the circle.
#[inline(always)]
fn by_quadrant(quadrant: u64, sine: f64, cosine: f64) -> f64 {
    let size = if quadrant & 1 == 0 { sine } else { cosine };
    f64::from_bits(size.to_bits() ^ (quadrant & 2) << 62)
}

/// Numerator and denominator of the tangent.
#[inline(always)]
fn by_parity(quadrant: u64, sine: f64, cosine: f64) -> [f64; 2] {
    if quadrant & 1 == 0 {
        [sine, cosine]
    } else {
        [-cosine, sine]
    }
}

/// The angle of a point, with the `atan` and the `PI_REST` of the module.
macro_rules! atan2 {
    ($t:ident) => {
        /// The angle of the point (`x`, `y`) in [−π, π], within 4 ulps; special values are those of C.
        #[inline(always)]
        pub(crate) fn atan2(y: $t, x: $t) -> $t {
            use std::$t::consts::{FRAC_PI_2, PI};

            let (height, width) = (y.abs(), x.abs());
            let is_steep = height > width;
            let (top, bottom) = if is_steep {
                (width, height)
            } else {
                (height, width)
            };
            // 0/0 and ∞/∞ are 0 and 1 here.
            let ratio = if top == bottom { 1.0 } else { top / bottom };
            let ratio = if top + bottom == 0.0 { 0.0 } else { ratio };
            let angle = atan(ratio);
            let angle = if is_steep {
                (FRAC_PI_2 - angle) + 0.5 * PI_REST
            } else {
                angle
            };
            let angle = if x.is_sign_negative() {
                (PI - angle) + PI_REST
            } else {
                angle
            };
            angle.copysign(y)
        }
    };
}

/// Single precision; computed in double precision, since each result then needs one reduction in two parts.
pub(crate) mod single {
    use super::{ROUND, by_parity, by_quadrant};

    /// The largest angle that is reduced here.
    pub(crate) const BOUND: f32 = 1e7;

    /// What the nearest number to π leaves of it.
    const PI_REST: f32 = -8.742_278e-8;

    /// `x − n π/2` and `n`.
    #[inline(always)]
    fn reduced(x: f32) -> (f64, u64) {
        let x = f64::from(x);
        let shifted = x.mul_add(std::f64::consts::FRAC_2_PI, ROUND);
        let n = shifted - ROUND;
        let r = n.mul_add(-1.570_796_310_901_641_8, x);
        let r = n.mul_add(-1.589_325_477_352_82e-8, r);
        (r, shifted.to_bits())
    }

    #[inline(always)]
    fn sine(r: f64, square: f64) -> f64 {
        let low = square.mul_add(0.008_333_329_385_889_463, -0.166_666_666_416_265_24);
        let high = square.mul_add(0.000_002_718_311_493_989_822, -0.000_198_393_348_360_966_32);
        let p = (square * square).mul_add(high, low);
        // A product, so that −0 stays −0.
        r * square.mul_add(p, 1.0)
    }

    #[inline(always)]
    fn cosine(square: f64) -> f64 {
        let low = square.mul_add(0.041_666_623_323_739_06, -0.499_999_997_251_031);
        let high = square.mul_add(0.000_024_390_448_796_277_41, -0.001_388_676_377_460_993);
        square.mul_add((square * square).mul_add(high, low), 1.0)
    }

    /// sin x for |x| ≤ [`BOUND`], within 1 ulp.
    #[inline(always)]
    pub(crate) fn sin(x: f32) -> f32 {
        let (r, quadrant) = reduced(x);
        let square = r * r;
        by_quadrant(quadrant, sine(r, square), cosine(square)) as f32
    }

    /// cos x for |x| ≤ [`BOUND`], within 1 ulp.
    #[inline(always)]
    pub(crate) fn cos(x: f32) -> f32 {
        let (r, quadrant) = reduced(x);
        let square = r * r;
        by_quadrant(quadrant.wrapping_add(1), sine(r, square), cosine(square)) as f32
    }

    /// tan x for |x| ≤ [`BOUND`], within 1 ulp.
    #[inline(always)]
    pub(crate) fn tan(x: f32) -> f32 {
        let (r, quadrant) = reduced(x);
        let square = r * r;
        let (sine, cosine) = (sine(r, square), cosine(square));
        let [top, bottom] = by_parity(quadrant, sine, cosine);
        (top / bottom) as f32
    }

    /// The inverse tangent, within 3 ulps.
    #[inline(always)]
    pub(crate) fn atan(x: f32) -> f32 {
        let size = x.abs();
        // tan(π/8) and tan(3π/8).
        let (is_middle, is_large) = (size > 0.414_213_57, size > 2.414_213_7);
        let top = if is_middle { size - 1.0 } else { size };
        let bottom = if is_middle { size + 1.0 } else { 1.0 };
        let top = if is_large { -1.0 } else { top };
        let bottom = if is_large { size } else { bottom };
        let r = top / bottom;
        let s = r * r;
        let p = s.mul_add(8.053_744_5e-2, -1.387_768_6e-1);
        let p = p.mul_add(s, 1.997_771_1e-1);
        let p = p.mul_add(s, -3.333_295e-1);
        let base = if is_middle {
            std::f32::consts::FRAC_PI_4
        } else {
            0.0
        };
        let base = if is_large {
            std::f32::consts::FRAC_PI_2
        } else {
            base
        };
        (base + (s * r).mul_add(p, r)).copysign(x)
    }

    atan2!(f32);
}

/// Double precision.
pub(crate) mod double {
    use super::{ROUND, by_parity, by_quadrant};

    /// The largest angle that is reduced here.
    pub(crate) const BOUND: f64 = 1e6;

    /// What the nearest number to π leaves of it.
    const PI_REST: f64 = 1.224_646_799_147_353_2e-16;

    /// π/2 in parts of 33 bits, whose products with integers below 2²⁰ are exact, and the rest.
    const PARTS: [f64; 4] = [
        1.570_796_326_734_125_6,
        6.077_100_506_303_966e-11,
        2.022_266_248_711_166_5e-21,
        8.478_427_660_368_9e-32,
    ];

    /// `x − n π/2` as a sum of a number and a correction, and `n`.
    #[inline(always)]
    fn reduced(x: f64) -> ([f64; 2], u64) {
        let shifted = x.mul_add(std::f64::consts::FRAC_2_PI, ROUND);
        let n = shifted - ROUND;
        let first = x - n * PARTS[0];
        let part = n * PARTS[1];
        let second = first - part;
        let lost = (first - second) - part;
        let part = n * PARTS[2];
        let third = second - part;
        // Subtracted, so that −0 stays −0.
        let excess = n * PARTS[3] - (((second - third) - part) + lost);
        let r = third - excess;
        ([r, (third - r) - excess], shifted.to_bits())
    }

    #[inline(always)]
    fn sine([r, rest]: [f64; 2]) -> f64 {
        let square = r * r;
        let cube = square * r;
        let p = square.mul_add(1.589_690_995_211_55e-10, -2.505_076_025_340_686_3e-8);
        let p = p.mul_add(square, 2.755_731_370_707_006_8e-6);
        let p = p.mul_add(square, -1.984_126_982_985_795e-4);
        let p = p.mul_add(square, 8.333_333_333_322_49e-3);
        let tail = square.mul_add(cube.mul_add(-p, 0.5 * rest), -rest);
        r - cube.mul_add(1.666_666_666_666_663_2e-1, tail)
    }

    #[inline(always)]
    fn cosine([r, rest]: [f64; 2]) -> f64 {
        let square = r * r;
        let p = square.mul_add(-1.135_964_755_778_819_5e-11, 2.087_572_321_298_175e-9);
        let p = p.mul_add(square, -2.755_731_435_139_066_3e-7);
        let p = p.mul_add(square, 2.480_158_728_947_673e-5);
        let p = p.mul_add(square, -1.388_888_888_887_411e-3);
        let p = p.mul_add(square, 4.166_666_666_666_66e-2);
        let half = 0.5 * square;
        let near = 1.0 - half;
        let tail = square.mul_add(square * p, -r * rest);
        near + (((1.0 - near) - half) + tail)
    }

    /// sin x for |x| ≤ [`BOUND`], within 1 ulp.
    #[inline(always)]
    pub(crate) fn sin(x: f64) -> f64 {
        let (r, quadrant) = reduced(x);
        by_quadrant(quadrant, sine(r), cosine(r))
    }

    /// cos x for |x| ≤ [`BOUND`], within 1 ulp.
    #[inline(always)]
    pub(crate) fn cos(x: f64) -> f64 {
        let (r, quadrant) = reduced(x);
        by_quadrant(quadrant.wrapping_add(1), sine(r), cosine(r))
    }

    /// tan x for |x| ≤ [`BOUND`], within 3 ulps.
    #[inline(always)]
    pub(crate) fn tan(x: f64) -> f64 {
        let (r, quadrant) = reduced(x);
        let (sine, cosine) = (sine(r), cosine(r));
        let [top, bottom] = by_parity(quadrant, sine, cosine);
        top / bottom
    }

    /// The inverse tangent, within 2 ulps.
    #[inline(always)]
    pub(crate) fn atan(x: f64) -> f64 {
        let size = x.abs();
        // 0.66 and tan(3π/8).
        let (is_middle, is_large) = (size > 0.66, size > 2.414_213_562_373_095);
        let top = if is_middle { size - 1.0 } else { size };
        let bottom = if is_middle { size + 1.0 } else { 1.0 };
        let top = if is_large { -1.0 } else { top };
        let bottom = if is_large { size } else { bottom };
        let r = top / bottom;
        let s = r * r;
        let p = s.mul_add(-8.750_608_600_031_904e-1, -1.615_753_718_733_365e1);
        let p = p.mul_add(s, -7.500_855_792_314_705e1);
        let p = p.mul_add(s, -1.228_866_684_490_136_2e2);
        let p = p.mul_add(s, -6.485_021_904_942_025e1);
        let q = s + 2.485_846_490_142_306_3e1;
        let q = q.mul_add(s, 1.650_270_098_316_988_5e2);
        let q = q.mul_add(s, 4.328_810_604_912_903e2);
        let q = q.mul_add(s, 4.853_903_996_359_137e2);
        let q = q.mul_add(s, 1.945_506_571_482_614e2);
        let [base, rest] = if is_middle {
            [std::f64::consts::FRAC_PI_4, 0.25 * PI_REST]
        } else {
            [0.0; 2]
        };
        let [base, rest] = if is_large {
            [std::f64::consts::FRAC_PI_2, 0.5 * PI_REST]
        } else {
            [base, rest]
        };
        (base + (r * (s * p / q) + r + rest)).copysign(x)
    }

    atan2!(f64);
}

#[cfg(test)]
mod tests {
    use super::{double, single};

    /// The largest error in ulps of the exact result, over angles of every magnitude up to a bound.
    fn worst<T: Copy>(of: fn(f64) -> T, f: fn(T) -> T, error: impl Fn(T, T) -> f64) -> f64 {
        let mut worst = 0.0_f64;
        let mut see = |x: f64| worst = worst.max(error(of(x), f(of(x))));
        for i in -300..130 {
            for j in 0..500 {
                let x = 10_f64.powf(f64::from(i) * 0.05) * (1.0 + f64::from(j) * 0.000_713);
                see(x);
                see(-x);
            }
        }
        for n in -2000..2000 {
            for i in -2..3 {
                see(f64::from(n) * std::f64::consts::FRAC_PI_4 * (1.0 + f64::from(i) * 1e-9));
            }
        }
        worst
    }

    fn ulps32(exact: fn(f64) -> f64) -> impl Fn(f32, f32) -> f64 {
        move |x, y| {
            let exact = exact(f64::from(x));
            let size = (exact as f32).abs();
            (f64::from(y) - exact).abs() / f64::from(size.next_up() - size)
        }
    }

    fn ulps64(exact: fn(f64) -> f64) -> impl Fn(f64, f64) -> f64 {
        move |x, y| (y - exact(x)).abs() / (exact(x).abs().next_up() - exact(x).abs())
    }

    #[test]
    fn errors_are_within_the_stated_bounds() {
        let narrow = |x: f64| x as f32;
        for (name, f, exact, bound) in [
            (
                "sin",
                single::sin as fn(f32) -> f32,
                f64::sin as fn(f64) -> f64,
                1.0,
            ),
            ("cos", single::cos, f64::cos, 1.0),
            ("tan", single::tan, f64::tan, 1.0),
            ("atan", single::atan, f64::atan, 3.0),
        ] {
            let error = worst(narrow, f, ulps32(exact));
            assert!(error <= bound, "{name}: {error} ulps");
        }
        // The platform's own error is at most 1 ulp.
        for (name, f, exact, bound) in [
            (
                "sin",
                double::sin as fn(f64) -> f64,
                f64::sin as fn(f64) -> f64,
                2.0,
            ),
            ("cos", double::cos, f64::cos, 2.0),
            ("tan", double::tan, f64::tan, 4.0),
            ("atan", double::atan, f64::atan, 3.0),
        ] {
            let within = |x: f64| if x.abs() <= double::BOUND { x } else { 0.0 };
            let error = worst(within, f, ulps64(exact));
            assert!(error <= bound, "{name}: {error} ulps");
        }
    }

    #[test]
    fn angles_of_points_are_those_of_the_platform() {
        let sizes = [
            0.0,
            1e-300,
            1e-30,
            0.3,
            0.7,
            1.0,
            1.1,
            3.0,
            1e9,
            1e300,
            f64::INFINITY,
            f64::NAN,
        ];
        let numbers = || sizes.into_iter().flat_map(|x| [x, -x]);
        for (y, x) in numbers().flat_map(|y| numbers().map(move |x| (y, x))) {
            let (found, exact) = (double::atan2(y, x), y.atan2(x));
            let ulp = exact.abs().next_up() - exact.abs();
            let is_same = found.to_bits() == exact.to_bits() || found.is_nan() && exact.is_nan();
            assert!(
                is_same || (found - exact).abs() <= 4.0 * ulp,
                "{y} {x}: {found}"
            );
            let (y, x) = (y as f32, x as f32);
            let (found, exact) = (single::atan2(y, x), f64::from(y).atan2(f64::from(x)));
            let nearest = exact as f32;
            let ulp = f64::from(nearest.abs().next_up() - nearest.abs());
            let is_same =
                found.to_bits() == nearest.to_bits() || found.is_nan() && nearest.is_nan();
            assert!(
                is_same || (f64::from(found) - exact).abs() <= 4.0 * ulp,
                "{y} {x}: {found}"
            );
        }
    }

    #[test]
    fn zeros_keep_their_sign_and_infinite_arguments_have_limits() {
        for zero in [0.0, -0.0] {
            assert_eq!(single::sin(zero).to_bits(), zero.to_bits());
            assert_eq!(single::tan(zero).to_bits(), zero.to_bits());
            assert_eq!(single::atan(zero).to_bits(), zero.to_bits());
        }
        assert_eq!(double::sin(-0.0).to_bits(), (-0.0_f64).to_bits());
        assert_eq!(double::tan(-0.0).to_bits(), (-0.0_f64).to_bits());
        assert_eq!(
            double::atan(f64::NEG_INFINITY),
            -std::f64::consts::FRAC_PI_2
        );
        assert_eq!(single::atan(f32::INFINITY), std::f32::consts::FRAC_PI_2);
        assert!(single::sin(f32::NAN).is_nan() && double::cos(f64::NAN).is_nan());
        assert!(single::atan(f32::NAN).is_nan() && double::atan(f64::NAN).is_nan());
    }
}
