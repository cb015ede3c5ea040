//! The error function, without branches, calls or tables, so that the compiler vectorises loops over it.
//!
//! Method: with `q = (x − K) / (x + K)`, the function `(1 + 2x) e^(x²) erfc x` of x ≥ ½ is a polynomial in q
//! (Shepherd and Laframboise, 1981), and so is `erf x / x` in x² for x < 1. The polynomials minimise the relative
//! error (Remez, 1934). So is, of `2t − 1` with `t = 1 / (1 + r x)`, the function `e^(x²/2) Φ(−x) / t` with the normal
//! distribution function Φ, for x ≥ 0 (interpolated at Chebyshev's points). Multiply-adds are fused as in
//! [`elementary`](super::elementary).

macro_rules! functions {
    (
        $module:ident, $t:ident, zero_from: $erfc_end:literal, $cdf_end:literal, center: $center:literal,
        tail: $tail:expr, series: $series:expr, rate: $rate:literal, cdf: $cdf:expr
    ) => {
        pub(crate) mod $module {
            use crate::elementwise::elementary::$t::exp_minus_square;

            /// A polynomial, its even and its odd powers apart: this halves the chain of dependent operations.
            #[inline(always)]
            fn polynomial<const N: usize>(x: $t, coefficients: [$t; N]) -> $t {
                let square = x * x;
                let mut sums = [coefficients[N - 2], coefficients[N - 1]];
                for i in (0..N - 2).rev() {
                    let parity = (N - i) % 2;
                    sums[parity] = sums[parity].mul_add(square, coefficients[i]);
                }
                let [even, odd] = if N % 2 == 0 { sums } else { [sums[1], sums[0]] };
                x.mul_add(odd, even)
            }

            /// `erf x − x` for |x| < 1.
            #[inline(always)]
            fn erf_minus_x(x: $t) -> $t {
                x * polynomial(x * x, $series)
            }

            /// `1 − erf x` for x ≥ ½.
            #[inline(always)]
            fn tail(x: $t) -> $t {
                let (sum, slope) = (x + $center, 1.0 + (x + x));
                let both = 1.0 / (sum * slope);
                let q = (x - $center) * slope * both;
                exp_minus_square(x, -1.0) * (polynomial(q, $tail) * (sum * both))
            }

            /// The error function, within 2 ulps.
            #[inline(always)]
            #[must_use]
            pub(crate) fn erf(x: $t) -> $t {
                let size = x.abs();
                // From here on the tail rounds to 0. The comparison is false for NaN, which is kept.
                let end = if size > $erfc_end { $erfc_end } else { size };
                let far = 1.0 - tail(end);
                let near = size + erf_minus_x(size);
                (if size < 1.0 { near } else { far }).copysign(x)
            }

            /// `1 − erf x`, within 6 ulps.
            #[inline(always)]
            #[must_use]
            pub(crate) fn erfc(x: $t) -> $t {
                let size = x.abs();
                let size = if size > $erfc_end { $erfc_end } else { size };
                let tail = tail(size);
                let far = if x < 0.0 { 2.0 - tail } else { tail };
                let near = (1.0 - x) - erf_minus_x(x);
                if size < 0.5 { near } else { far }
            }

            /// The normal distribution function `½ erfc(−x/√2)`, within 7 ulps, and `e^(−x²/2)`, within 4.
            #[inline(always)]
            #[must_use]
            pub(crate) fn normal_cdf(x: $t) -> [$t; 2] {
                let size = x.abs();
                // Both round to 0 from here on. The comparison is false for NaN, which is kept.
                let size = if size > $cdf_end { $cdf_end } else { size };
                let e = exp_minus_square(size, -0.5);
                let t = 1.0 / size.mul_add($rate, 1.0);
                let tail = e * (t * polynomial(t + t - 1.0, $cdf));
                [if x > 0.0 { 1.0 - tail } else { tail }, e]
            }
        }
    };
}

functions!(
    single, f32, zero_from: 11.0, 15.0, center: 2.0,
    tail: [
        1.276_978_4,
        -9.276_354e-2,
        -1.660_303_2e-1,
        1.640_416_2e-1,
        -5.421_943e-2,
        -7.943_277e-3,
        8.698_588e-3,
        9.420_715e-4,
        -1.322_923_2e-3,
    ],
    series: [
        1.283_791_7e-1,
        -3.761_262_6e-1,
        1.128_358_54e-1,
        -2.685_381_5e-2,
        5.188_330_5e-3,
        -8.010_202_4e-4,
        7.853_85e-5,
    ],
    rate: 0.3,
    cdf: [
        2.219_706_2e-1,
        1.645_795e-1,
        8.654_969e-2,
        2.776_025_6e-2,
        1.816_291_6e-3,
        -2.423_191_4e-3,
        -5.707_311e-4,
        2.805_542_3e-4,
        7.801_211e-5,
        -4.098_568_4e-5,
    ]
);

functions!(
    double, f64, zero_from: 27.5, 39.0, center: 4.0,
    tail: [
        1.232_995_118_625_552_6,
        -1.396_211_168_405_616_7e-1,
        1.537_965_210_261_288e-2,
        6.809_705_425_458_651e-2,
        -1.010_390_660_358_732_3e-1,
        9.373_283_500_231_173e-2,
        -6.633_036_582_267_861e-2,
        3.716_751_546_947_233_4e-2,
        -1.619_773_392_910_075e-2,
        5.031_970_621_919_136e-3,
        -7.577_741_994_771_883e-4,
        -1.992_603_750_296_414_4e-4,
        1.506_256_256_525_584e-4,
        -2.438_595_487_891_658_6e-5,
        -1.123_278_256_290_218e-5,
        5.679_310_021_217_218e-6,
        3.120_307_142_221_827_4e-7,
        -7.819_907_900_246_382e-7,
        5.635_296_800_504_948e-8,
        7.421_757_213_829_305e-8,
        -8.352_153_640_686_462e-9,
    ],
    series: [
        1.283_791_670_955_125_6e-1,
        -3.761_263_890_318_352e-1,
        1.128_379_167_094_42e-1,
        -2.686_617_064_311_341_5e-2,
        5.223_977_606_130_842e-3,
        -8.548_325_929_766_244e-4,
        1.205_529_358_693_695e-4,
        -1.492_471_243_953_481_4e-5,
        1.644_713_269_978_662_1e-6,
        -1.620_631_875_296_920_8e-7,
        1.371_098_870_419_052_3e-8,
        -7.779_462_971_761_597e-10,
    ],
    rate: 0.2,
    cdf: [
        1.538_386_099_500_126e-1,
        1.330_765_005_780_113_5e-1,
        9.906_112_319_399_528e-2,
        6.270_663_133_426_091e-2,
        3.300_407_323_407_694e-2,
        1.382_372_774_126_202_8e-2,
        4.159_013_359_976_634e-3,
        5.986_753_541_017_077e-4,
        -1.595_738_796_932_141_7e-4,
        -1.089_798_129_546_259_4e-4,
        -1.187_514_560_198_314e-5,
        9.952_562_854_117_166e-6,
        3.336_242_748_408_408_8e-6,
        -7.961_804_315_736_097e-7,
        -5.538_534_191_994_857e-7,
        6.732_307_362_024_97e-8,
        8.662_820_713_725_167e-8,
        -8.454_998_748_013_118e-9,
        -1.318_844_332_495_444e-8,
        1.862_712_198_865_22e-9,
        1.532_614_360_152_006_8e-9,
        -3.506_096_802_816_473_6e-10,
        -3.175_493_765_494_645e-11,
    ]
);

#[cfg(test)]
mod tests {
    use super::{double, single};
    use crate::elementwise::elementary::tests::{ulps_double, ulps_single};

    /// `½ erfc(−x/√2)` with the rounding error of the quotient (Dekker, 1971).
    fn normal_cdf(x: f64) -> f64 {
        const ROOT: f64 = std::f64::consts::FRAC_1_SQRT_2;
        // √½ − ROOT
        const ROOT_REST: f64 = -4.833_646_656_726_457e-17;
        let z = x * -ROOT;
        // Beyond this the value is 0 or 1, and an infinite z has no rest.
        if z.abs() > 40.0 || z.is_nan() {
            return 0.5 * libm::erfc(z);
        }
        let split = |a: f64| {
            let upper = f64::from_bits(a.to_bits() & !((1 << 27) - 1));
            (upper, a - upper)
        };
        let ((a, b), (c, d)) = (split(-x), split(ROOT));
        let lost = ((a * c - z) + a * d + b * c) + b * d - x * ROOT_REST;
        let slope = -std::f64::consts::FRAC_2_SQRT_PI * (-z * z).exp();
        0.5 * (libm::erfc(z) + slope * lost)
    }

    #[test]
    fn single_precision_is_within_the_stated_bounds() {
        // Numbers of every magnitude; and many where no function is constant.
        let every = (0..=u32::MAX).step_by(2003);
        let middle = (2e-5_f32.to_bits()..16_f32.to_bits()).step_by(211);
        for bits in every.chain(middle.flat_map(|bits| [bits, bits | 1 << 31])) {
            let x = f32::from_bits(bits);
            let found = [single::erf(x), single::erfc(x), single::normal_cdf(x)[0]];
            if x.is_nan() {
                assert!(found.iter().all(|y| y.is_nan()));
                continue;
            }
            let x = f64::from(x);
            let exact = [libm::erf(x), libm::erfc(x), normal_cdf(x)];
            for (i, bound) in [2.0, 6.0, 7.0].into_iter().enumerate() {
                let ulps = ulps_single(found[i], exact[i]);
                assert!(ulps <= bound, "{i} {x:e}: {ulps:.2} ulps");
            }
        }
    }

    #[test]
    fn double_precision_agrees_with_libm() {
        let line = (-80_000..80_000).map(|i| f64::from(i) * 5.003e-4);
        let every = (0..=u64::MAX).step_by(0x0000_1234_5678_9abc);
        for x in line.chain(every.map(f64::from_bits)) {
            let found = [double::erf(x), double::erfc(x), double::normal_cdf(x)[0]];
            if x.is_nan() {
                assert!(found.iter().all(|y| y.is_nan()));
                continue;
            }
            let near = [libm::erf(x), libm::erfc(x), normal_cdf(x)];
            // The other's error is at most 1 ulp, and 2 in the normal distribution.
            for (i, bound) in [3.0, 7.0, 8.0].into_iter().enumerate() {
                let ulps = ulps_double(found[i], near[i]);
                assert!(ulps <= bound, "{i} {x:e}: {ulps:.2} ulps");
            }
        }
    }

    #[test]
    fn the_limits_are_right() {
        for x in [1.0_f32, 9.2, 10.05, 11.0] {
            for x in [x.next_down(), x, x.next_up()] {
                for x in [x, -x] {
                    let exact = f64::from(x);
                    let (erf, erfc) = (single::erf(x), single::erfc(x));
                    assert!(ulps_single(erf, libm::erf(exact)) <= 2.0, "erf {x:e}");
                    assert!(ulps_single(erfc, libm::erfc(exact)) <= 6.0, "erfc {x:e}");
                }
            }
        }
        assert_eq!(single::erfc(f32::INFINITY), 0.0);
        assert_eq!(double::erfc(f64::NEG_INFINITY), 2.0);
        let ends = [single::erf(f32::INFINITY), single::erf(f32::NEG_INFINITY)];
        assert_eq!(ends, [1.0, -1.0]);
        assert_eq!(single::erf(-0.0).to_bits(), (-0.0_f32).to_bits());
        assert_eq!([single::erfc(0.0), single::normal_cdf(0.0)[0]], [1.0, 0.5]);
        assert_eq!([double::erfc(0.0), double::normal_cdf(-0.0)[0]], [1.0, 0.5]);
        assert!(double::erfc(27.2) > 0.0, "subnormal results are kept");
    }
}
