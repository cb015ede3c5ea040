//! Values and slopes of smooth functions keep their digits at every argument, where they are tiny too.

#![allow(clippy::unreadable_literal, clippy::approx_constant)] // digits as the program that computed them prints them

use wengert_autograd::Var;
use wengert_autograd::ops::{BinaryCrossEntropyOptions, CellParams};
use wengert_tensor::{Real, Tensor};

use crate::{units, units_double, value_and_gradient};

/// Units in the last place of the exact result.
const CLOSE: f64 = 8.0;

pub fn apply<T: Real>(name: &str, x: &Var<T>) -> Var<T> {
    match name {
        "sigmoid" => x.sigmoid(),
        "tanh" => x.tanh(),
        "logsigmoid" => x.logsigmoid(),
        "silu" => x.silu(),
        "mish" => x.mish(),
        "gelu" => x.gelu(),
        "gelu_tanh" => x.gelu_tanh(),
        "erf" => x.erf(),
        "erfc" => x.erfc(),
        "softplus" => x.softplus(1.0, f64::INFINITY),
        "tanhshrink" => x.tanhshrink(),
        "sinc" => x.sinc(),
        "exp" => x.exp(),
        "exp_m1" => x.exp_m1(),
        "ln" => x.ln(),
        "ln_1p" => x.ln_1p(),
        "atan" => x.atan(),
        "asinh" => x.asinh(),
        "acosh" => x.acosh(),
        "softsign" => x.softsign(),
        "sinh" => x.sinh(),
        "cosh" => x.cosh(),
        "elu" => x.elu(1.0),
        _ => unreachable!("{name}"),
    }
}

/// Function, argument, value and slope, from 4000 bits.
const EXACT: &[(&str, f64, f64, f64)] = &[
    (
        "sigmoid",
        -36.0,
        2.3195228302435686e-16,
        2.319522830243568e-16,
    ),
    (
        "sigmoid",
        -25.0,
        1.3887943864771146e-11,
        1.388794386457827e-11,
    ),
    (
        "sigmoid",
        -12.5,
        3.7266392841865614e-06,
        3.7266253963462068e-06,
    ),
    (
        "sigmoid",
        -6.3,
        0.0018329389424928053,
        0.0018295792773258986,
    ),
    ("sigmoid", -3.1, 0.043107254941086116, 0.04124901951253033),
    ("sigmoid", -0.7, 0.3318122278318339, 0.22171287329310904),
    ("sigmoid", -0.001, 0.4997500000208333, 0.24999993750001043),
    ("sigmoid", -1e-30, 0.5, 0.25),
    ("sigmoid", 1e-30, 0.5, 0.25),
    ("sigmoid", 0.001, 0.5002499999791666, 0.24999993750001043),
    ("sigmoid", 0.7, 0.668187772168166, 0.22171287329310904),
    ("sigmoid", 3.1, 0.9568927450589139, 0.04124901951253033),
    ("sigmoid", 6.3, 0.9981670610575072, 0.0018295792773258986),
    ("sigmoid", 12.5, 0.9999962733607158, 3.7266253963462068e-06),
    ("sigmoid", 25.0, 0.9999999999861121, 1.388794386457827e-11),
    ("sigmoid", 40.0, 1.0, 4.248354255291589e-18),
    ("sigmoid", 300.0, 1.0, 5.148200222412013e-131),
    ("tanh", -36.0, -1.0, 2.1520744640084553e-31),
    ("tanh", -25.0, -1.0, 7.714999391855671e-22),
    ("tanh", -12.5, -0.9999999999722241, 5.555177545831308e-11),
    ("tanh", -6.3, -0.9999932559922726, 1.348796997312292e-05),
    ("tanh", -3.1, -0.9959493592219002, 0.008084873865486323),
    ("tanh", -0.7, -0.6043677771171635, 0.6347395899824586),
    ("tanh", -0.001, -0.0009999996666668, 0.9999990000006667),
    ("tanh", -1e-30, -1e-30, 1.0),
    ("tanh", 1e-30, 1e-30, 1.0),
    ("tanh", 0.001, 0.0009999996666668, 0.9999990000006667),
    ("tanh", 0.7, 0.6043677771171635, 0.6347395899824586),
    ("tanh", 3.1, 0.9959493592219002, 0.008084873865486323),
    ("tanh", 6.3, 0.9999932559922726, 1.348796997312292e-05),
    ("tanh", 12.5, 0.9999999999722241, 5.555177545831308e-11),
    ("tanh", 25.0, 1.0, 7.714999391855671e-22),
    ("tanh", 40.0, 1.0, 7.219405551381661e-35),
    ("tanh", 300.0, 1.0, 1.0601586212017243e-260),
    ("logsigmoid", -36.0, -36.0, 0.9999999999999998),
    ("logsigmoid", -25.0, -25.000000000013888, 0.9999999999861121),
    ("logsigmoid", -12.5, -12.500003726646229, 0.9999962733607158),
    ("logsigmoid", -6.3, -6.301834620830589, 0.9981670610575072),
    ("logsigmoid", -3.1, -3.144063967938574, 0.9568927450589139),
    ("logsigmoid", -0.7, -1.103186048885458, 0.668187772168166),
    (
        "logsigmoid",
        -0.001,
        -0.6936473055599401,
        0.5002499999791666,
    ),
    ("logsigmoid", -1e-30, -0.6931471805599453, 0.5),
    ("logsigmoid", 1e-30, -0.6931471805599453, 0.5),
    ("logsigmoid", 0.001, -0.6926473055599401, 0.4997500000208333),
    ("logsigmoid", 0.7, -0.4031860488854579, 0.3318122278318339),
    (
        "logsigmoid",
        3.1,
        -0.04406396793857385,
        0.043107254941086116,
    ),
    (
        "logsigmoid",
        6.3,
        -0.0018346208305892796,
        0.0018329389424928053,
    ),
    (
        "logsigmoid",
        12.5,
        -3.7266462281239904e-06,
        3.7266392841865614e-06,
    ),
    (
        "logsigmoid",
        25.0,
        -1.3887943864867583e-11,
        1.3887943864771146e-11,
    ),
    (
        "logsigmoid",
        40.0,
        -4.248354255291589e-18,
        4.248354255291589e-18,
    ),
    (
        "logsigmoid",
        300.0,
        -5.148200222412013e-131,
        5.148200222412013e-131,
    ),
    (
        "silu",
        -36.0,
        -8.350282188876848e-15,
        -8.118329905852488e-15,
    ),
    (
        "silu",
        -25.0,
        -3.4719859661927863e-10,
        -3.3331065274968563e-10,
    ),
    (
        "silu",
        -12.5,
        -4.658299105233202e-05,
        -4.2856178170141026e-05,
    ),
    ("silu", -6.3, -0.011547515337704673, -0.009693410504660356),
    ("silu", -3.1, -0.13363249031736696, -0.08476470554775789),
    ("silu", -0.7, -0.23226855948228373, 0.17661321652665757),
    ("silu", -0.001, -0.0004997500000208334, 0.49950000008333334),
    ("silu", -1e-30, -5e-31, 0.5),
    ("silu", 1e-30, 5e-31, 0.5),
    ("silu", 0.001, 0.0005002499999791667, 0.5004999999166667),
    ("silu", 0.7, 0.46773144051771626, 0.8233867834733424),
    ("silu", 3.1, 2.966367509682633, 1.0847647055477578),
    ("silu", 6.3, 6.288452484662296, 1.0096934105046604),
    ("silu", 12.5, 12.499953417008948, 1.0000428561781702),
    ("silu", 25.0, 24.9999999996528, 1.0000000003333107),
    ("silu", 40.0, 40.0, 1.0000000000000002),
    ("silu", 300.0, 300.0, 1.0),
    (
        "mish",
        -36.0,
        -8.350282188876848e-15,
        -8.118329905852492e-15,
    ),
    (
        "mish",
        -25.0,
        -3.4719859662168955e-10,
        -3.3331065275441105e-10,
    ),
    (
        "mish",
        -12.5,
        -4.658307785133423e-05,
        -4.285634482357834e-05,
    ),
    ("mish", -6.3, -0.011558098265170237, -0.009712857698527614),
    ("mish", -3.1, -0.1365099612829229, -0.08933788913502862),
    ("mish", -0.7, -0.267870234795501, 0.18441607325678191),
    ("mish", -0.001, -0.0005996799840458663, 0.5993599521834647),
    ("mish", -1e-30, -6.0000000000000005e-31, 0.6),
    ("mish", 1e-30, 6.0000000000000005e-31, 0.6),
    ("mish", 0.001, 0.000600319983954133, 0.6006399518165315),
    ("mish", 0.7, 0.5611483776438518, 0.9687948682001859),
    ("mish", 3.1, 3.0885003094753047, 1.0182575431962904),
    ("mish", 6.3, 6.299957668361117, 1.0000777885034697),
    ("mish", 12.5, 12.499999999652804, 1.0000000006666137),
    ("mish", 25.0, 25.0, 1.0),
    ("mish", 40.0, 40.0, 1.0),
    ("mish", 300.0, 300.0, 1.0),
    (
        "gelu",
        -36.0,
        -1.505744663687022e-282,
        -5.420674359367623e-281,
    ),
    (
        "gelu",
        -25.0,
        -7.641741765956403e-137,
        -1.9104257373984655e-135,
    ),
    (
        "gelu",
        -12.5,
        -4.665705373597142e-35,
        -5.831668554480156e-34,
    ),
    ("gelu", -6.3, -9.37583779710257e-10, -5.900080201120539e-09),
    ("gelu", -3.1, -0.0029995699609769054, -0.009159535861001395),
    ("gelu", -0.7, -0.1693745565561511, 0.023385898866340155),
    ("gelu", -0.001, -0.000499601057786089, 0.4992021157051586),
    ("gelu", -1e-30, -5e-31, 0.5),
    ("gelu", 1e-30, 5e-31, 0.5),
    ("gelu", 0.001, 0.000500398942213911, 0.5007978842948414),
    ("gelu", 0.7, 0.5306254434438489, 0.9766141011336599),
    ("gelu", 3.1, 3.097000430039023, 1.0091595358610015),
    ("gelu", 6.3, 6.2999999990624165, 1.0000000059000802),
    ("gelu", 12.5, 12.5, 1.0),
    ("gelu", 25.0, 25.0, 1.0),
    ("gelu", 40.0, 40.0, 1.0),
    ("gelu", 300.0, 300.0, 1.0),
    ("erf", -36.0, -1.0, 0.0),
    ("erf", -25.0, -1.0, 4.1534010636398965e-272),
    ("erf", -12.5, -1.0, 1.5629398409611265e-68),
    ("erf", -6.3, -1.0, 6.5359251891784695e-18),
    ("erf", -3.1, -0.9999883513426328, 7.566326679654187e-05),
    ("erf", -0.7, -0.6778011938374184, 0.6912748604105386),
    ("erf", -0.001, -0.0011283787909692365, 1.1283780387169096),
    ("erf", -1e-30, -1.1283791670955127e-30, 1.1283791670955126),
    ("erf", 1e-30, 1.1283791670955127e-30, 1.1283791670955126),
    ("erf", 0.001, 0.0011283787909692365, 1.1283780387169096),
    ("erf", 0.7, 0.6778011938374184, 0.6912748604105386),
    ("erf", 3.1, 0.9999883513426328, 7.566326679654187e-05),
    ("erf", 6.3, 1.0, 6.5359251891784695e-18),
    ("erf", 12.5, 1.0, 1.5629398409611265e-68),
    ("erf", 25.0, 1.0, 4.1534010636398965e-272),
    ("erf", 40.0, 1.0, 0.0),
    ("erf", 300.0, 1.0, 0.0),
    ("erfc", -36.0, 2.0, -0.0),
    ("erfc", -25.0, 2.0, -4.1534010636398965e-272),
    ("erfc", -12.5, 2.0, -1.5629398409611265e-68),
    ("erfc", -6.3, 2.0, -6.5359251891784695e-18),
    ("erfc", -3.1, 1.9999883513426329, -7.566326679654187e-05),
    ("erfc", -0.7, 1.6778011938374184, -0.6912748604105386),
    ("erfc", -0.001, 1.0011283787909693, -1.1283780387169096),
    ("erfc", -1e-30, 1.0, -1.1283791670955126),
    ("erfc", 1e-30, 1.0, -1.1283791670955126),
    ("erfc", 0.001, 0.9988716212090307, -1.1283780387169096),
    ("erfc", 0.7, 0.32219880616258156, -0.6912748604105386),
    ("erfc", 3.1, 1.1648657367199589e-05, -7.566326679654187e-05),
    ("erfc", 6.3, 5.124221687395715e-19, -6.5359251891784695e-18),
    ("erfc", 12.5, 6.231942781979911e-70, -1.5629398409611265e-68),
    (
        "erfc",
        25.0,
        8.300172571196523e-274,
        -4.1534010636398965e-272,
    ),
    ("erfc", 40.0, 0.0, -0.0),
    ("erfc", 300.0, 0.0, -0.0),
    (
        "softplus",
        -36.0,
        2.319522830243569e-16,
        2.3195228302435686e-16,
    ),
    (
        "softplus",
        -25.0,
        1.3887943864867583e-11,
        1.3887943864771146e-11,
    ),
    (
        "softplus",
        -12.5,
        3.7266462281239904e-06,
        3.7266392841865614e-06,
    ),
    (
        "softplus",
        -6.3,
        0.0018346208305892796,
        0.0018329389424928053,
    ),
    ("softplus", -3.1, 0.04406396793857385, 0.043107254941086116),
    ("softplus", -0.7, 0.4031860488854579, 0.3318122278318339),
    ("softplus", -0.001, 0.6926473055599401, 0.4997500000208333),
    ("softplus", -1e-30, 0.6931471805599453, 0.5),
    ("softplus", 1e-30, 0.6931471805599453, 0.5),
    ("softplus", 0.001, 0.6936473055599401, 0.5002499999791666),
    ("softplus", 0.7, 1.103186048885458, 0.668187772168166),
    ("softplus", 3.1, 3.144063967938574, 0.9568927450589139),
    ("softplus", 6.3, 6.301834620830589, 0.9981670610575072),
    ("softplus", 12.5, 12.500003726646229, 0.9999962733607158),
    ("softplus", 25.0, 25.000000000013888, 0.9999999999861121),
    ("softplus", 40.0, 40.0, 1.0),
    ("softplus", 300.0, 300.0, 1.0),
    ("tanhshrink", -36.0, -35.0, 1.0),
    ("tanhshrink", -25.0, -24.0, 1.0),
    ("tanhshrink", -12.5, -11.500000000027775, 0.9999999999444482),
    ("tanhshrink", -6.3, -5.300006744007727, 0.9999865120300269),
    ("tanhshrink", -3.1, -2.1040506407781, 0.9919151261345137),
    ("tanhshrink", -0.7, -0.09563222288283649, 0.3652604100175414),
    (
        "tanhshrink",
        -0.001,
        -3.33333200000054e-10,
        9.999993333337113e-07,
    ),
    (
        "tanhshrink",
        -1e-30,
        -3.333333333333334e-91,
        1.0000000000000001e-60,
    ),
    (
        "tanhshrink",
        1e-30,
        3.333333333333334e-91,
        1.0000000000000001e-60,
    ),
    (
        "tanhshrink",
        0.001,
        3.33333200000054e-10,
        9.999993333337113e-07,
    ),
    ("tanhshrink", 0.7, 0.09563222288283649, 0.3652604100175414),
    ("tanhshrink", 3.1, 2.1040506407781, 0.9919151261345137),
    ("tanhshrink", 6.3, 5.300006744007727, 0.9999865120300269),
    ("tanhshrink", 12.5, 11.500000000027775, 0.9999999999444482),
    ("tanhshrink", 25.0, 24.0, 1.0),
    ("tanhshrink", 40.0, 39.0, 1.0),
    ("tanhshrink", 300.0, 299.0, 1.0),
    ("gelu_tanh", -36.0, -0.0, -0.0),
    ("gelu_tanh", -25.0, -0.0, -0.0),
    (
        "gelu_tanh",
        -12.5,
        -8.101996464473676e-69,
        -2.8327285098472797e-67,
    ),
    (
        "gelu_tanh",
        -6.3,
        -4.836384989657813e-12,
        -4.8041054745843404e-11,
    ),
    (
        "gelu_tanh",
        -3.1,
        -0.0026266102305497756,
        -0.008739396051266132,
    ),
    (
        "gelu_tanh",
        -0.7,
        -0.16942986529488324,
        0.023642781343896056,
    ),
    (
        "gelu_tanh",
        -0.001,
        -0.000499601057786418,
        0.499202115706475,
    ),
    ("gelu_tanh", -1e-30, -5e-31, 0.5),
    ("gelu_tanh", 1e-30, 5e-31, 0.5),
    ("gelu_tanh", 0.001, 0.000500398942213582, 0.500797884293525),
    ("gelu_tanh", 0.7, 0.5305701347051167, 0.9763572186561039),
    ("gelu_tanh", 3.1, 3.09737338976945, 1.008739396051266),
    ("gelu_tanh", 6.3, 6.299999999995164, 1.0000000000480411),
    ("gelu_tanh", 12.5, 12.5, 1.0),
    ("gelu_tanh", 25.0, 25.0, 1.0),
    ("gelu_tanh", 40.0, 40.0, 1.0),
    ("gelu_tanh", 300.0, 300.0, 1.0),
    ("sinc", -36.0, 0.0, -0.027777777777777776),
    ("sinc", -25.0, 0.0, 0.04),
    ("sinc", -12.5, 0.025464790894703253, 0.0020371832715762603),
    ("sinc", -6.3, 0.04087589006353045, -0.08681100987761002),
    ("sinc", -3.1, -0.03173005300269248, 0.29655692364272934),
    ("sinc", -0.7, 0.36788301057177425, 1.3652403755203533),
    ("sinc", -0.001, 0.999998355066745, 0.0032898648867278964),
    ("sinc", -1e-30, 1.0, 3.289868133696453e-30),
    ("sinc", 1e-30, 1.0, -3.289868133696453e-30),
    ("sinc", 0.001, 0.999998355066745, -0.0032898648867278964),
    ("sinc", 0.7, 0.36788301057177425, -1.3652403755203533),
    ("sinc", 3.1, -0.03173005300269248, -0.29655692364272934),
    ("sinc", 6.3, 0.04087589006353045, 0.08681100987761002),
    ("sinc", 12.5, 0.025464790894703253, -0.0020371832715762603),
    ("sinc", 25.0, 0.0, -0.04),
    ("sinc", 40.0, -0.0, 0.025),
    ("sinc", 300.0, 0.0, 0.0033333333333333335),
];

#[test]
fn double_precision_agrees_with_long_arithmetic() {
    for &(name, x, value, slope) in EXACT {
        let (y, dx) = value_and_gradient(&[x], &[1], |x| apply(name, x));
        let off = units_double(y[0], value);
        assert!(
            off <= bound(name),
            "{name}({x}): {:e}, not {value:e}: {off:.1} units",
            y[0]
        );
        let off = units_double(dx[0], slope);
        assert!(
            off <= bound(name),
            "slope of {name}({x}): {:e}, not {slope:e}: {off:.1} units",
            dx[0]
        );
    }
}

/// What a function is allowed in units, and why it is more than for the others.
fn bound(name: &str) -> f64 {
    match name {
        // The exponent of the tail is a cubic polynomial of x, whose rounding the exponential multiplies.
        "gelu_tanh" => 200.0,
        // Near their zeros, sums of terms that are larger than they are.
        "gelu" | "mish" | "silu" | "sinc" => 2.0 * CLOSE,
        _ => CLOSE,
    }
}

/// Magnitudes from the smallest normal numbers to the largest, and the tails of exponentials.
fn grid() -> Vec<f32> {
    let sizes = (-37..=38).flat_map(|e| [1.0, 2.3, 4.7].map(|m| (m * 10f64.powi(e)) as f32));
    let tails = (1..420).map(|i| i as f32 * 0.2531);
    let sizes: Vec<_> = sizes.filter(|x| x.is_finite()).chain(tails).collect();
    sizes.iter().flat_map(|&x| [x, -x]).collect()
}

#[test]
fn single_precision_agrees_with_double_precision() {
    let x = grid();
    let wide: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
    let names = [
        "sigmoid",
        "tanh",
        "logsigmoid",
        "silu",
        "mish",
        "gelu",
        "erf",
        "erfc",
        "softplus",
        "tanhshrink",
        "exp",
        "exp_m1",
        "ln",
        "ln_1p",
        "atan",
        "asinh",
        "acosh",
        "softsign",
        "sinh",
        "cosh",
        "elu",
    ];
    for name in names {
        let (y, dx) = value_and_gradient(&x, &[x.len()], |x| apply(name, x));
        let (value, slope) = value_and_gradient(&wide, &[x.len()], |x| apply(name, x));
        for (i, &x) in x.iter().enumerate() {
            for (what, found, exact) in [("value", y[i], value[i]), ("slope", dx[i], slope[i])] {
                if exact.is_nan() || (exact as f32).is_infinite() {
                    let same = found.is_nan() == exact.is_nan()
                        && (exact.is_nan() || found == exact as f32);
                    assert!(same, "{what} of {name}({x:e}): {found:e}, not {exact:e}");
                    continue;
                }
                // Where a slope crosses 0, its terms are larger than it is.
                let crosses = what == "slope" && matches!(name, "silu" | "mish" | "gelu");
                if crosses && (-3.0..0.0).contains(&x) {
                    assert!((f64::from(found) - exact).abs() <= CLOSE * f64::from(f32::EPSILON));
                    continue;
                }
                let off = units(found, exact);
                // There x multiplies the half unit that its factor is off by.
                let is_subnormal = exact.abs() < f64::from(f32::MIN_POSITIVE);
                let bound = if name == "gelu" && is_subnormal {
                    16.0
                } else {
                    CLOSE
                };
                assert!(
                    off <= bound,
                    "{what} of {name}({x:e}): {found:e}, not {exact:e}: {off:.1} units"
                );
            }
        }
    }
}

#[test]
fn binary_cross_entropy_of_scores_keeps_its_digits_in_both_tails() {
    let options = BinaryCrossEntropyOptions::default();
    let weights = [None, Some(Tensor::from_vec(vec![1.0], [1]))];
    for weight in weights {
        for t in [0.0, 1.0] {
            for x in grid() {
                let target = Var::constant(Tensor::from_vec(vec![t as f32], [1]));
                let (loss, slope) = value_and_gradient(&[x], &[1], |x| {
                    x.binary_cross_entropy_with_logits_with(&target, weight.as_ref(), &options)
                });
                let x = f64::from(x);
                let z = if t == 0.0 { x } else { -x };
                let e = (-z.abs()).exp();
                let exact = z.max(0.0) + e.ln_1p();
                let p = if z > 0.0 {
                    1.0 / (1.0 + e)
                } else {
                    e / (1.0 + e)
                };
                let p = if t == 0.0 { p } else { -p };
                assert!(
                    units(loss[0], exact) <= CLOSE,
                    "{x}, {t}: {loss:?}, not {exact:e}"
                );
                assert!(
                    units(slope[0], p) <= CLOSE,
                    "{x}, {t}: {slope:?}, not {p:e}"
                );
            }
            let x = if t == 0.0 { -40.0 } else { 40.0 };
            let target = Var::constant(Tensor::from_vec(vec![t], [1]));
            let (loss, slope) = value_and_gradient(&[x], &[1], |x| {
                x.binary_cross_entropy_with_logits_with(&target, weight.as_ref(), &options)
            });
            // e⁻⁴⁰, whose square is below the last place.
            let exact = 4.248_354_255_291_589e-18;
            assert!(units_double(loss[0], exact) <= CLOSE);
            assert!(units_double(slope[0].abs(), exact) <= CLOSE);
        }
    }
}

#[test]
fn binary_cross_entropy_of_small_probabilities_keeps_its_digits() {
    for probability in [1e-30_f32, 1e-20, 1e-9, 1e-4, 0.3] {
        let target = Var::constant(Tensor::from_slice(&[0.0_f32], [1]));
        let (loss, slope) =
            value_and_gradient(&[probability], &[1], |x| x.binary_cross_entropy(&target));
        let x = f64::from(probability);
        let exact = -(-x).ln_1p();
        assert!(units(loss[0], exact) <= CLOSE, "{probability:e}: {loss:?}");
        // Below 1e-12 the slope is x / 1e-12: its divisor is limited as in PyTorch.
        if probability >= 1e-9 {
            let exact = 1.0 / (1.0 - x);
            assert!(
                units(slope[0], exact) <= CLOSE,
                "{probability:e}: {slope:?}"
            );
        }
    }
}

/// The slope of σ at `x`, and of tanh.
fn exact_slopes(x: f64) -> [f64; 2] {
    let slope = |x: f64| {
        let e = (-x.abs()).exp();
        e / ((1.0 + e) * (1.0 + e))
    };
    [slope(x), 4.0 * slope(2.0 * x)]
}

#[test]
fn gates_of_recurrent_cells_that_are_nearly_open_or_shut_keep_their_slopes() {
    let zeros = |rows: usize| Var::constant(Tensor::<f32>::zeros([rows, 1]));
    let identity = |n: usize| {
        let elements = (0..n * n).map(|k| if k % (n + 1) == 0 { 1.0 } else { 0.0 });
        Var::constant(Tensor::from_vec(elements.collect(), [n, n]))
    };
    for x in grid().into_iter().filter(|x| x.abs() <= 40.0) {
        let [gate, squash] = exact_slopes(f64::from(x));
        let state = Var::constant(Tensor::from_vec(vec![0.5_f32], [1, 1]));
        // The memory is σ(f)/2 + σ(i) tanh g: one of its sums is x, the others are 1.
        for (place, exact) in [
            (0, gate * 1_f64.tanh()),
            (1, gate * 0.5),
            (2, squash / (1.0 + (-1_f64).exp())),
        ] {
            let mut sums = [1.0_f32; 4];
            sums[place] = x;
            let (w, u) = (identity(4), zeros(4));
            let (_, slope) = value_and_gradient(&sums, &[1, 4], |sums| {
                sums.lstm_cell(&state, &state, &CellParams::new(&w, &u)).1
            });
            let found = slope[place];
            assert!(
                units(found, exact) <= 2.0 * CLOSE,
                "{x}, {place}: {found:e}, not {exact:e}"
            );
        }
        // h′ = n + z·(h − n) with n = tanh(r·0 + 1).
        let (w, u) = (identity(3), zeros(3));
        let (_, slope) = value_and_gradient(&[1.0, x, 1.0], &[1, 3], |sums| {
            sums.gru_cell(&state, &CellParams::new(&w, &u))
        });
        let exact = gate * (0.5 - 1_f64.tanh());
        assert!(
            units(slope[1], exact) <= 2.0 * CLOSE,
            "{x}: {:e}, not {exact:e}",
            slope[1]
        );
        let through = 1.0 / (1.0 + f64::from(x).exp()) * exact_slopes(1.0)[1];
        assert!(
            units(slope[2], through) <= 2.0 * CLOSE,
            "{x}: {:e}, not {through:e}",
            slope[2]
        );
    }
}

#[test]
fn a_softmax_that_is_nearly_one_keeps_its_slope() {
    for margin in [1.0_f32, 12.0, 20.0, 40.0] {
        let (_, slope) = value_and_gradient(&[margin, 0.0], &[2], |x| x.softmax(0).slice(0, ..1));
        let [exact, _] = exact_slopes(f64::from(margin));
        assert!(
            units(slope[0], exact) <= CLOSE,
            "{margin}: {slope:?}, not {exact:e}"
        );
        assert!(
            units(slope[1], -exact) <= CLOSE,
            "{margin}: {slope:?}, not {exact:e}"
        );
    }
}
