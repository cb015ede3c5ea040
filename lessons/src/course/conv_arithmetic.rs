//! How large a convolution's result is, and how many weights and products it needs.

use wengert::prelude::*;
use wengert::rand::RngExt;
use wengert::report::{ColorMap, Plane, PlaneGrid, PlaneRange};

use crate::run::say;
use crate::{LessonError, Run};

/// `⌊(n + 2p − d(k − 1) − 1) / s⌋ + 1`
///
/// A kernel of `k` with gaps covers `d(k − 1) + 1` of the `n + 2p` padded pixels. That many fewer, plus one,
/// are the places where it can begin, and every `s`-th of them is used.
fn output(n: usize, [k, p, s, d]: [usize; 4]) -> usize {
    (n + 2 * p - d * (k - 1) - 1) / s + 1
}

fn options([_, p, s, d]: [usize; 4]) -> ConvOptions {
    ConvOptions::default().padding(p).stride(s).dilation(d)
}

pub(crate) fn run(run: &mut Run<'_>) -> Result<(), LessonError> {
    say!(run, "output size = ⌊(n + 2p − d(k − 1) − 1) / s⌋ + 1\n");
    say!(run, "{:>6}{:>8}{:>9}{:>8}{:>10}{:>10}", "input", "kernel", "padding", "stride", "dilation", "output");
    for (n, geometry) in [
        (28, [3, 0, 1, 1]),
        (28, [3, 1, 1, 1]),
        (28, [5, 2, 1, 1]),
        (28, [3, 1, 2, 1]),
        (28, [3, 0, 1, 2]),
        (224, [7, 3, 2, 1]),
        (224, [11, 2, 4, 1]),
    ] {
        let [k, p, s, d] = geometry;
        say!(run, "{n:>6}{k:>8}{p:>9}{s:>8}{d:>10}{:>10}", output(n, geometry));
    }

    // The formula against the kernels, over drawn geometries.
    let rng = &mut rng(1);
    let (mut agree, drawn) = (0, 500);
    for _ in 0..drawn {
        let geometry @ [k, p, _, d] = [
            rng.random_range(1..6_usize),
            rng.random_range(0..4),
            rng.random_range(1..4),
            rng.random_range(1..4),
        ];
        let n = rng.random_range(1..20) + (d * (k - 1) + 1).saturating_sub(2 * p);
        let y = Tensor::<f32>::ones([1, 1, n, n]).conv2d(&Tensor::ones([1, 1, k, k]), &options(geometry));
        agree += usize::from(y.shape() == [1, 1, output(n, geometry), output(n, geometry)]);
    }
    say!(run, "\nthe formula gives the size that the kernel returns: {agree} of {drawn} drawn geometries");
    assert_eq!(agree, drawn, "the formula is right");

    // What a layer from 3 to 64 channels costs, counted by hand and by the summary of the model.
    let layer: Conv2d = Conv2d::new(3, 64, 3, rng).padding(1);
    let counted = summary(&layer, [1, 3, 224, 224]);
    let weights = 64 * 3 * 3 * 3;
    let products = (weights * 224 * 224) as u64;
    say!(run, "\n3 → 64 channels, kernel 3×3, padding 1, on an image of 224×224:");
    say!(run, "  weights       64 · 3 · 3 · 3          = {weights:>10}");
    say!(run, "  biases        one per filter          = {:>10}", 64);
    say!(run, "  parameters    weights + biases        = {:>10}", weights + 64);
    say!(run, "  multiply-adds weights · 224 · 224     = {products:>10}");
    assert_eq!((counted.parameters, counted.multiply_adds), (weights + 64, products));
    let dense = 3_u64 * 224 * 224 * 64 * 224 * 224;
    say!(run, "  a dense layer between the same numbers would need {dense:.1e} weights", dense = dense as f64);

    // How often each pixel is used: the gradient of the sum of all outputs, with a kernel of ones.
    let mut planes = Vec::new();
    let names = ["padding 0, stride 1", "padding 1, stride 1", "padding 1, stride 2", "stride 3", "dilation 2"];
    let geometries = [[3, 0, 1, 1], [3, 1, 1, 1], [3, 1, 2, 1], [3, 0, 3, 1], [3, 0, 1, 2]];
    say!(run, "\nhow often a 3×3 kernel reads each pixel of a 9×9 image:");
    for (name, geometry) in names.into_iter().zip(geometries) {
        let tape = Tape::new();
        let x = tape.leaf(Tensor::<f32>::ones([1, 1, 9, 9]));
        let y = x.conv2d(&Var::constant(Tensor::ones([1, 1, 3, 3])), &options(geometry));
        let used = y.sum(..).backward().wrt(&x).reshape([9, 9]);
        let side = output(9, geometry);
        let (corner, middle) = (used.get([0, 0]), used.get([4, 4]));
        say!(run, "  {name:<20} output {side}×{side}, a corner {corner} times, the middle {middle} times");
        planes.push(Plane::new(&used).caption(format!("{name}: {side}×{side}")));
    }
    let grid = PlaneGrid {
        title: "how often a 3×3 kernel reads each pixel: never (dark) to nine times (yellow)".into(),
        columns: 5,
        zoom: 14,
        colors: ColorMap::Viridis,
        range: PlaneRange::Fixed(0.0, 9.0),
        planes,
    };
    run.picture(&grid.to_svg())?;
    run.remember("a 3×3 kernel with padding 1 keeps the size, and stride 2 halves it.");
    Ok(())
}
