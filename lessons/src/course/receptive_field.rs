//! Two stacked 3×3 convolutions have the receptive field of one 5×5, with 18 weights instead of 25.
//!
//! The field is computed from the geometry, and measured: the pixels whose gradient is not zero.

use wengert::prelude::*;
use wengert::report::{ColorMap, Plane, PlaneGrid};

use crate::run::say;
use crate::{LessonError, Run};

const CHANNELS: usize = 8;
const SIDE: usize = 11;

/// `|∂y/∂x|` of the middle pixel of every output plane, summed over channels: `[SIDE, SIDE]`.
fn field(layers: &[Conv2d]) -> Tensor {
    let mut pass = Pass::eval(layers);
    let tape = Tape::new();
    let x = tape.leaf(Tensor::ones([1, CHANNELS, SIDE, SIDE]));
    let y = layers.iter().fold(x.clone(), |x, layer| layer.call(&x, &mut pass));
    let middle = (SIDE / 2) as isize;
    let gradients = y.select(-1, middle).select(-1, middle).sum(..).backward();
    gradients.wrt(&x).abs().sum([0, 1])
}

/// Extents of the smallest rectangle that contains every nonzero element.
fn extent(field: &Tensor) -> [usize; 2] {
    [1, 0].map(|axis| {
        let lines = field.sum(axis).to_vec();
        let first = lines.iter().position(|&v| v != 0.0).unwrap_or(0);
        lines.iter().rposition(|&v| v != 0.0).map_or(0, |last| last + 1 - first)
    })
}

pub(crate) fn run(run: &mut Run<'_>) -> Result<(), LessonError> {
    let conv = |kernel: usize, rng: &mut _| -> Conv2d {
        Conv2d::new(CHANNELS, CHANNELS, kernel, rng).padding(kernel / 2).without_bias()
    };
    let rng = &mut rng(0);
    let rounds = run.pick(200, 10);
    let mut planes = Vec::new();
    say!(run, "{:<18}{:>10}{:>10}{:>26}", "", "computed", "measured", "weights per channel pair");
    for (name, kernels) in [
        ("one 3×3", vec![3]),
        ("two stacked 3×3", vec![3, 3]),
        ("one 5×5", vec![5]),
        ("three stacked 3×3", vec![3, 3, 3]),
        ("one 7×7", vec![7]),
    ] {
        // Each layer of stride 1 adds its kernel less one.
        let computed = 1 + kernels.iter().map(|k| k - 1).sum::<usize>();
        let layers: Vec<_> = kernels.iter().map(|&k| conv(k, rng)).collect();
        let [height, width] = extent(&field(&layers));
        let weights: usize = layers.iter().map(|layer| layer.weight.value().len()).sum();
        let weights = weights / (CHANNELS * CHANNELS);
        let sizes = [format!("{computed}×{computed}"), format!("{height}×{width}")];
        say!(run, "{name:<18}{:>10}{:>10}{weights:>26}", sizes[0], sizes[1]);
        assert_eq!([height, width], [computed; 2], "the measured field is the computed one");

        // The shape of the field, over many random layers.
        let mut sum = Tensor::<f32>::zeros([SIDE, SIDE]);
        for _ in 0..rounds {
            let layers: Vec<_> = kernels.iter().map(|&k| conv(k, rng)).collect();
            let one = field(&layers);
            let peak = one.max(..).item();
            sum.add_assign(&(&one / f64::from(peak * rounds as f32)));
        }
        planes.push(Plane::new(&sum).caption(format!("{name}: {weights}")));
    }
    say!(run, "\nA 5×5 field costs 25 weights in one layer and 18 in two: {:.0} % less.", 100.0 * 7.0 / 25.0);
    say!(run, "A 7×7 field costs 49 weights in one layer and 27 in three: {:.0} % less.", 100.0 * 22.0 / 49.0);
    say!(run, "The stack also has one more non-linear function per layer.");
    // Along how many paths a pixel reaches the middle through two 3×3 kernels.
    let ones = Tensor::<f32>::ones([1, 1, 3, 3]);
    let paths = ones.conv2d(&ones, &ConvOptions::default().padding(2));
    let (middle, corner) = (paths.get([0, 0, 2, 2]), paths.get([0, 0, 0, 0]));
    say!(run, "Through two 3×3 kernels the middle pixel has {middle} paths to the output, a corner {corner}.");

    let grid = PlaneGrid {
        title: "mean |∂y/∂x| of the middle output: what it depends on, and its weights".into(),
        columns: 5,
        zoom: 12,
        colors: ColorMap::Viridis,
        planes,
        ..PlaneGrid::default()
    };
    run.picture(&grid.to_svg())?;
    run.remember("two 3×3 see as far as one 5×5, with 18 weights instead of 25 and a non-linearity more.");
    Ok(())
}
