//! Powers of double precision against products and square roots of twice that precision.

use super::pow;

/// `(high + low) · 2^exponent` with `high` in [1, 2) and about 104 bits.
#[derive(Clone, Copy)]
struct Wide {
    high: f64,
    low: f64,
    exponent: i64,
}

/// `2^n` for an n in the range of normal numbers.
fn power_of_two(n: i64) -> f64 {
    f64::from_bits(((n + 1023) as u64) << 52)
}

impl Wide {
    fn new(high: f64, low: f64, exponent: i64) -> Self {
        let sum = high + low;
        let low = low - (sum - high);
        let shift = (sum.to_bits() >> 52) as i64 - 1023;
        let scale = power_of_two(-shift);
        Self {
            high: sum * scale,
            low: low * scale,
            exponent: exponent + shift,
        }
    }

    fn of(x: f64) -> Self {
        // Far from both ends of the range.
        let shift = if x < 1.0 { 200 } else { -200 };
        Self::new(x * power_of_two(shift), 0.0, -shift)
    }

    fn times(self, other: Self) -> Self {
        let product = self.high * other.high;
        let rest = self.high.mul_add(other.high, -product)
            + (self.high * other.low + self.low * other.high);
        Self::new(product, rest, self.exponent + other.exponent)
    }

    fn sqrt(self) -> Self {
        let odd = self.exponent.rem_euclid(2);
        let scale = power_of_two(odd);
        let (high, low) = (self.high * scale, self.low * scale);
        let root = high.sqrt();
        let rest = (-root).mul_add(root, high) + low;
        Self::new(root, rest / (root + root), (self.exponent - odd) / 2)
    }

    fn reciprocal(self) -> Self {
        let quotient = 1.0 / self.high;
        let rest = (-quotient).mul_add(self.high, 1.0) - quotient * self.low;
        Self::new(quotient, rest / self.high, -self.exponent)
    }

    /// The error of a number in its ulps.
    fn ulps(self, found: f64) -> f64 {
        // Beyond the range it is rounded to it.
        if self.exponent >= 1024 {
            return if found == f64::INFINITY {
                0.0
            } else {
                f64::INFINITY
            };
        }
        if found == f64::INFINITY && self.exponent == 1023 {
            // Rounded up to 2¹⁰²⁴.
            return ((2.0 - self.high) - self.low) / f64::EPSILON;
        }
        if self.exponent < -1080 {
            return if found == 0.0 { 0.0 } else { f64::INFINITY };
        }
        // In two steps, each of which is exact.
        let half = -self.exponent / 2;
        let scaled = found * power_of_two(half) * power_of_two(-self.exponent - half);
        let ulp = f64::EPSILON * power_of_two((-1022 - self.exponent).max(0));
        ((scaled - self.high) - self.low).abs() / ulp
    }
}

/// `xʸ` from squares for the bits of the whole part of |y|, and square roots for the others: its relative error is
/// about 2⁻¹⁰⁴ |y|.
fn exact(x: f64, y: f64) -> Wide {
    let one = Wide::of(1.0);
    let (whole, mut fraction) = (y.abs().trunc() as u64, y.abs().fract());
    let (mut power, mut square) = (one, Wide::of(x));
    for bit in 0..64 - whole.leading_zeros() {
        if whole >> bit & 1 == 1 {
            power = power.times(square);
        }
        square = square.times(square);
    }
    let mut root = Wide::of(x);
    while fraction > 0.0 {
        root = root.sqrt();
        fraction *= 2.0;
        if fraction >= 1.0 {
            power = power.times(root);
            fraction -= 1.0;
        }
    }
    if y < 0.0 { power.reciprocal() } else { power }
}

/// Numbers that are evenly spread in [0, 1), one after another.
struct Draw(u64);

impl Draw {
    fn bits(&mut self) -> u64 {
        // SplitMix64 (Steele, Lea and Flood, 2014).
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn within(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * ((self.bits() >> 11) as f64 * 0.5_f64.powi(53))
    }

    /// A positive number with an exponent in the range.
    fn magnitude(&mut self, low: f64, high: f64) -> f64 {
        self.within(low, high).exp2()
    }

    fn sign(&mut self) -> f64 {
        if self.bits() & 1 == 0 { 1.0 } else { -1.0 }
    }

    /// A positive number of every magnitude, subnormal ones included.
    fn positive(&mut self) -> f64 {
        f64::from_bits(1 + self.bits() % (f64::INFINITY.to_bits() - 1))
    }
}

type Case = (&'static str, fn(&mut Draw) -> (f64, f64));

const CASES: [Case; 9] = [
    ("near 1", |draw| {
        (draw.within(0.5, 2.0), draw.within(-4.0, 4.0))
    }),
    ("of every size", |draw| {
        let x = draw.positive();
        // The result is of every size too.
        (x, draw.within(-1080.0, 1030.0) / x.log2())
    }),
    ("of moderate numbers", |draw| {
        (draw.magnitude(-10.0, 10.0), draw.within(-100.0, 100.0))
    }),
    ("close to 1, with large exponents", |draw| {
        let x = 1.0 + draw.sign() * draw.magnitude(-36.0, -3.0);
        (x, draw.within(-1080.0, 1030.0) / x.log2())
    }),
    ("beside the boundaries of the reduction", |draw| {
        let boundary = draw.within(-40.0, 40.0).round() * 0.25;
        let x = boundary.exp2() * (1.0 + draw.sign() * draw.magnitude(-52.0, -20.0));
        (x, draw.sign() * draw.magnitude(-3.0, 8.0))
    }),
    ("of subnormal numbers", |draw| {
        let x = f64::from_bits(1 + draw.bits() % (1 << 52));
        (x, draw.within(-1.2, 1.2))
    }),
    ("that are subnormal", |draw| {
        let x = draw.magnitude(-30.0, 30.0);
        (x, draw.within(-1076.0, -1020.0) / x.log2())
    }),
    ("that are nearly infinite", |draw| {
        let x = draw.magnitude(-30.0, 30.0);
        (x, draw.within(1020.0, 1024.0) / x.log2())
    }),
    ("close to 1", |draw| {
        (draw.positive(), draw.sign() * draw.magnitude(-60.0, -8.0))
    }),
];

fn check(points: usize) {
    for (name, case) in CASES {
        let (mut draw, mut worst) = (Draw(7), 0.0_f64);
        for _ in 0..points {
            let (x, y) = case(&mut draw);
            let ulps = exact(x, y).ulps(pow(x, y));
            // Asserted for each number: a maximum over all of them would ignore NaN.
            assert!(
                ulps <= 1.0,
                "{name}: {x:e} to the power {y:e}: {ulps:.3} ulps"
            );
            worst = worst.max(ulps);
        }
        println!("powers {name}: {worst:.4} ulps");
    }
}

#[test]
fn powers_are_within_the_stated_bound() {
    check(10_000);
}

#[test]
#[ignore = "ten million powers: minutes"]
fn many_powers_are_within_the_stated_bound() {
    check(1_200_000);
}

#[test]
fn the_witness_is_right_about_powers_that_are_numbers() {
    let wide = exact(1.5, -3.0);
    assert!(wide.ulps(8.0 / 27.0) <= 0.5 && wide.ulps((8.0 / 27.0_f64).next_up()) > 0.5);
    assert_eq!(exact(9.0, 2.5).ulps(243.0), 0.0);
    assert_eq!(exact(9.0, 2.5).ulps(243.0_f64.next_down()), 1.0);
    assert_eq!(exact(2.0, 1024.0).ulps(f64::INFINITY), 0.0);
    assert_eq!(exact(2.0, -1073.0).ulps(1e-323), 0.0);
    assert_eq!(exact(2.0, -1073.0).ulps(1.5e-323), 1.0);
}

#[test]
fn powers_that_are_numbers_are_exact() {
    for base in 1..400_u64 {
        for exponent in 0..54_u32 {
            let Some(power) = base.checked_pow(exponent).filter(|&p| p < 1 << 53) else {
                break;
            };
            let (x, y, power) = (base as f64, f64::from(exponent), power as f64);
            assert_eq!(pow(x, y), power, "{x} to the power {y}");
            // The roots of these powers.
            if exponent > 0 && exponent.is_power_of_two() {
                assert_eq!(pow(power, 1.0 / y), x, "root of {power}");
                assert_eq!(pow(power, 1.5 / y), pow(x, 1.5), "{power}");
            }
            // Halves have short fractions.
            let scale = power_of_two(i64::from(exponent));
            assert_eq!(pow(x * 0.5, y), power / scale, "{x}/2 to the power {y}");
        }
    }
    for n in -1074..=1023 {
        let y = f64::from(n);
        let power = 2.0_f64.powi(n / 2) * 2.0_f64.powi(n - n / 2);
        assert_eq!(pow(2.0, y), power, "2 to the power {n}");
        assert_eq!(pow(0.25, -0.5 * y), power);
        assert_eq!(pow(power, 1.0), power);
        assert_eq!(pow(power, 0.0), 1.0);
    }
}

#[test]
fn ends_of_the_range_are_those_of_the_platform() {
    let large = [
        1e300,
        f64::MAX,
        1e19,
        3e18,
        5e-324,
        1e-310,
        0.0,
        1.0,
        1075.0,
    ];
    let bases = [
        1.0,
        1.0_f64.next_up(),
        1.0_f64.next_down(),
        2.0,
        0.5,
        5e-324,
        f64::MIN_POSITIVE,
        f64::MAX,
        1e-310,
        3.0,
    ];
    for x in bases {
        for y in large.into_iter().flat_map(|y| [y, -y]) {
            let (found, near) = (pow(x, y), libm::pow(x, y));
            let same = found == near || (found - near).abs() <= near * f64::EPSILON;
            assert!(same, "{x:e} to the power {y:e}: {found:e}, not {near:e}");
        }
    }
    // The last powers that are finite, and the last that are not 0.
    assert_eq!(pow(2.0, 1024.0), f64::INFINITY);
    assert!(pow(2.0, 1024.0_f64.next_down()).is_finite());
    assert_eq!(pow(2.0, -1074.999), 5e-324);
    assert_eq!(pow(2.0, -1075.001), 0.0);
}
