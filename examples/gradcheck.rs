//! The gradient checker on right functions and on each class of mistake.
//!
//!     cargo run --release --example gradcheck
//!     cargo run --release --example gradcheck --features gradcheck-reports -- gradcheck.html
//!
//! With a file name it writes all reports as one HTML page.

use wengert::autograd::check::check_gradients_with;
use wengert::nn::LayerNorm;
use wengert::prelude::*;

/// `x³`, with a rule that is wrong in a way to choose.
#[derive(Clone, Copy, Debug)]
enum Cube {
    Right,
    Scaled,
    IgnoresTheCotangent,
    ConstantSlope,
}

impl Op for Cube {
    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].map(|x| x * x * x).into()
    }
    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |g| {
            let x = call.input(0);
            let slope = x * x * 3.0;
            match self {
                Self::Right => g * slope,
                Self::Scaled => g * slope * 2.0,
                Self::IgnoresTheCotangent => slope,
                // Right at first order; its own derivative is lost.
                Self::ConstantSlope => g * slope.detach(),
            }
        });
    }
    fn sample(draw: &mut Draw) -> Sample<Self> {
        Sample::new(Self::Right, [draw.normal([2, 3])])
    }
}

fn main() {
    let mut draw = Draw::new(0, 4);
    let (x, w) = (draw.normal([2, 3, 6, 6]), draw.normal([4, 3, 3, 3]));
    let small = draw.normal([2, 3]);
    let mut reports = Vec::new();

    println!("1. One line: a convolution, all derivatives up to the second.\n");
    let options = ConvOptions::default();
    assert_gradients!(|x, w| x.conv2d(w, &options), [x, w]);
    let right = Check::of(generic!(|x, w| x.conv2d(w, &options))).at("x", &x).at("w", &w);
    show(right.titled("conv2d").run(), true, &mut reports);

    println!("2. A right layer, in training and in evaluation.\n");
    for report in
        check_model!(|rng| sequential![Linear::new(3, 4, rng), LayerNorm::new([4])], [2, 3])
    {
        show(report, true, &mut reports);
    }

    println!("3. Wrong rules between right ones: the op is named, with what may be wrong.\n");
    for cube in [Cube::Scaled, Cube::IgnoresTheCotangent, Cube::ConstantSlope] {
        let f = generic!(|x| Var::apply(cube, [&x.tanh()]).sin());
        let report = Check::of(f).at("x", &small).titled(&format!("{cube:?}")).run();
        show(report, false, &mut reports);
    }

    println!("4. Kinks: rectifiers of zeros. Nothing is wrong.\n");
    let zeros = Tensor::from_vec(vec![0.0, 0.7, -1.2, 0.0], [4]);
    let report = Check::of(generic!(|x| x.relu() * 3.0)).at("x", &zeros).titled("relu at 0").run();
    show(report, true, &mut reports);

    println!("   In a network, the kink is traced to its op, line and element.\n");
    // The first of three units is exactly 0.
    let x0 = Tensor::from_vec(vec![1.0, -1.0], [1, 2]);
    let w0 = Tensor::from_vec(vec![0.5, 1.2, -0.3, 0.5, -0.4, 0.9], [2, 3]);
    let hidden = generic!(|x, w| x.matmul(w).relu().tanh());
    let report = Check::of(hidden).at("x", &x0).at("w", &w0).titled("a hidden unit at 0").run();
    show(report, true, &mut reports);

    println!("5. A kernel in f32, beside f64.\n");
    let f = generic!(|x, w| x.conv2d(w, &options).relu());
    let report = Check::of(f).at("x", &x).at("w", &w).order(1).titled("conv2d in f32").run();
    show(report, true, &mut reports);

    println!("6. A path that is cut.\n");
    let cut = generic!(|x| x.exp() * &x.detach().sin());
    let first = CheckOptions { second_order: false, ..CheckOptions::default() };
    let report = check_gradients_with(cut, std::slice::from_ref(&small), &first);
    show(report.titled("severed path"), false, &mut reports);

    println!("7. A black box, any pair of functions: average pooling, divided twice.\n");
    let pool = |x: &[&[f64]]| x[0].chunks(2).map(|p| 0.5 * (p[0] + p[1])).collect();
    let wrong = |_: &[&[f64]], c: &[f64]| vec![c.iter().flat_map(|c| [0.25 * c; 2]).collect()];
    let report = check_black_box(pool, wrong, &[vec![0.3, -1.0, 2.0, 0.1]]);
    show(report.titled("black box"), false, &mut reports);

    println!("8. Where the gradient flows in a model.\n");
    let mut rng = rng(0);
    let model: Sequential =
        sequential![Linear::new(3, 8, &mut rng), Relu, Linear::new(8, 2, &mut rng)];
    let batches: Vec<_> = (0..3).map(|_| Tensor::normal([16, 3], 0.0, 1.0, &mut rng)).collect();
    let flow = gradient_flow(&model, &batches);
    flow.assert();
    println!("{flow}");

    write(&reports);
}

/// Prints a report, and checks that it is what the tour says.
fn show(report: Report, right: bool, reports: &mut Vec<Report>) {
    println!("{}", report.terminal());
    assert_eq!(report.failed(), !right);
    reports.push(report);
}

#[cfg(feature = "gradcheck-reports")]
fn write(reports: &[Report]) {
    let Some(file) = std::env::args().nth(1) else { return };
    if file.starts_with('-') || std::env::args().len() > 2 {
        eprintln!("the one argument is the file of the page, such as gradcheck.html");
        std::process::exit(2);
    }
    let page = wengert::gradcheck::html("the tour", reports);
    if let Err(error) = std::fs::write(&file, page) {
        eprintln!("{file}: {error}");
        std::process::exit(1);
    }
}

#[cfg(not(feature = "gradcheck-reports"))]
fn write(_: &[Report]) {
    if std::env::args().len() > 1 {
        eprintln!(
            "pages need the feature: cargo run --example gradcheck --features gradcheck-reports -- FILE"
        );
        std::process::exit(2);
    }
}
