//! Networks whose gradients are right: how often a check calls one wrong.
//!
//! A default run checks each network once; `WENGERT_FULL=1` five hundred times, which takes half an hour in release.

use wengert_autograd::check::{CheckOptions, Derivative, Report, Verdict, check_gradients_with};
use wengert_autograd::{Draw, LARGEST, Var, generic};
use wengert_nn::models::BasicBlock;
use wengert_nn::*;
use wengert_tensor::{ConvOptions, Real, keep};

/// The network of the README.
#[derive(Clone, Debug)]
struct Cnn<T: Real = f32> {
    conv1: Conv2d<T>,
    conv2: Conv2d<T>,
    fc: Linear<T>,
}
fields!(Cnn { conv1, conv2, fc });

impl<T: Real> Cnn<T> {
    fn new(rng: &mut impl rand::Rng) -> Self {
        Self {
            conv1: Conv2d::new(1, 16, 3, rng).padding(1),
            conv2: Conv2d::new(16, 32, 3, rng).padding(1),
            fc: Linear::new(32 * 2 * 2, 10, rng),
        }
    }
}

impl<T: Real> Module<T> for Cnn<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let x = self.conv1.call(x, pass).relu().max_pool2d(2);
        let x = self.conv2.call(&x, pass).relu().max_pool2d(2);
        self.fc.call(&x.flatten(1, -1), pass)
    }
}

/// Checks a network at as many seeds as the run asks for.
fn alarms(name: &str, check: impl Fn(CheckOptions) -> Vec<Report>) -> usize {
    let full = std::env::var_os("WENGERT_FULL").is_some();
    let wanted = if full { 500 } else { 1 };
    // Nobody chose these seeds: they differ from run to run in the long form.
    let first = if full {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.map_or(0, |now| now.as_secs())
    } else {
        0
    };
    let (mut checks, mut wrong, mut passed, mut entries) = (0, 0, 0, 0);
    for seed in first.. {
        if checks >= wanted {
            break;
        }
        let options = CheckOptions {
            seed,
            entries: 8,
            localise: false,
            ..CheckOptions::default()
        };
        for report in check(options) {
            checks += 1;
            let first = |r: &&wengert_autograd::check::Record| r.derivative == Derivative::First;
            entries += report.records.iter().filter(first).count();
            let pass = report.records.iter().filter(first);
            passed += pass.filter(|r| r.verdict == Verdict::Pass).count();
            if !report.is_ok() {
                wrong += 1;
                println!("{name}, seed {seed}: {report}");
            }
        }
    }
    println!("{name}: {checks} checks, {wrong} not ok; {passed} of {entries} entries pass");
    wrong
}

macro_rules! network {
    ($name:ident, |$rng:ident| $model:expr, $shape:expr) => {
        #[test]
        fn $name() {
            let check = |options| check_model!(|$rng| $model, $shape, options).to_vec();
            assert_eq!(alarms(stringify!($name), check), 0);
        }
    };
    ($name:ident, |$($x:ident: $shape:tt),+| $f:expr) => {
        #[test]
        fn $name() {
            let check = |options: CheckOptions| {
                let mut draw = Draw::new(options.seed, LARGEST);
                let inputs = [$(draw.normal($shape)),+];
                vec![check_gradients_with(generic!(|$($x),+| $f), &inputs, &options)]
            };
            assert_eq!(alarms(stringify!($name), check), 0);
        }
    };
}

network!(readme_cnn, |rng| Cnn::new(rng), [4, 1, 8, 8]);

/// A seed at which a long run called the network wrong: differences of the gradient met a kink.
#[test]
fn the_readme_s_network_passes_where_a_second_derivative_is_beside_a_kink() {
    let options = CheckOptions {
        seed: 1_796_001_136,
        entries: 8,
        localise: false,
        ..CheckOptions::default()
    };
    for report in check_model!(|rng| Cnn::new(rng), [4, 1, 8, 8], options) {
        report.assert();
    }
}

network!(
    residual_block,
    |rng| BasicBlock::new(3, 4, 2, rng),
    [2, 3, 6, 6]
);
network!(
    attention,
    |rng| MultiheadAttention::new(8, 2, rng),
    [2, 4, 8]
);
network!(lstm, |rng| Lstm::new(3, 4, rng), [3, 2, 3]);
network!(rectifier_mlp, |x: [32, 6], w: [6, 16], v: [16, 3]| {
    x.matmul(w).relu().matmul(v).relu()
});
network!(conv_relu_max_pool, |x: [2, 1, 8, 8], w: [3, 1, 3, 3]| {
    x.conv2d(w, &ConvOptions::default()).relu().max_pool2d(2)
});
network!(sorted_medians, |x: [6, 5], w: [5, 4]| {
    let y = x.matmul(w);
    y.sort(0).0.tanh() + y.sort(1).0.slice(1, 1..2)
});
network!(maxima_and_clamps, |x: [8, 5], w: [5, 4]| {
    let y = x.matmul(w).abs().clamp(0.2, 1.5);
    y.maximum(&(y.max(keep(1)) * 0.9).relu())
});
