//! Max against average pooling: what small shifts do, and how the receptive field grows.

use wengert::nn::{AdaptiveMaxPool2d, AvgPool2d};
use wengert::prelude::*;
use wengert::report::{Plane, PlaneGrid, PlaneRange};

use crate::data::{image, with_pixels};
use crate::fit;
use crate::run::say;
use crate::{LessonError, Run};

type Pool = fn(&Tensor) -> Tensor;
type Build = fn(&mut ChaCha8Rng) -> Sequential;

const POOLS: [(&str, Pool); 5] = [
    ("no pooling", |x| x.clone()),
    ("average 2×2", |x| x.avg_pool2d(2)),
    ("max 2×2", |x| x.max_pool2d(2)),
    ("average 4×4", |x| x.avg_pool2d(4)),
    ("max 4×4", |x| x.max_pool2d(4)),
];

/// ‖pool(moved) − pool(x)‖ / ‖pool(x)‖, the mean over images.
fn change(pool: Pool, images: &Tensor, moved: &Tensor) -> f64 {
    let (a, b) = (pool(images), pool(moved));
    let norms = |x: &Tensor| x.norm2([1, 2, 3]);
    let ratio = norms(&(&a - &b)).zip(&norms(&a), |difference, norm| difference / norm);
    f64::from(ratio.mean(..).item())
}

pub(crate) fn run(run: &mut Run<'_>) -> Result<(), LessonError> {
    let window = Tensor::from_vec(vec![1.0, 3.0, 2.0, 0.0, 5.0, 0.0, 1.0, 1.0_f32], [1, 1, 2, 4]);
    say!(run, "rows 1 3 | 2 0 and 5 0 | 1 1 in windows of 2×2:");
    say!(run, "  max     {:?}", window.max_pool2d(2).to_vec());
    say!(run, "  average {:?}", window.avg_pool2d(2).to_vec());
    let x = Tape::new().leaf(window.clone());
    let by_max = x.max_pool2d(2).sum(..).backward().wrt(&x).to_vec();
    let x = Tape::new().leaf(window);
    let by_average = x.avg_pool2d(2).sum(..).backward().wrt(&x).to_vec();
    say!(run, "  the gradient reaches, with max     {by_max:?}");
    say!(run, "                        with average {by_average:?}\n");

    // Handwritten digits, and the same moved by a pixel to the right.
    let digits = Split::digits();
    let count = run.pick(359, 20);
    let images: Vec<Tensor> = (0..count).map(|i| image(&digits.test, i)).collect();
    let images = Tensor::stack(&images.iter().collect::<Vec<_>>(), 0);
    let moved = images.pad(&[[0, 0], [0, 0], [0, 0], [1, -1]], 0.0);
    say!(run, "{count} digits moved by one pixel of 8: how much the numbers change");
    for (name, pool) in POOLS {
        let [_, _, height, width] = pool(&images).dims();
        let percent = 100.0 * change(pool, &images, &moved);
        say!(run, "  {name:<14}{height}×{width}   {percent:>5.1} %");
    }
    let global = 100.0 * change(|x| x.max([2, 3]).reshape([x.size(0), 1, 1, 1]), &images, &moved);
    say!(run, "  {:<14}1×1   {global:>5.1} %", "max of all");

    // What it does to the answers: trained on digits as they are, tested on moved ones.
    let seeds = run.pick(10, 1);
    say!(run, "\ntwo convolutions and a dense layer, the mean of {seeds} networks:");
    say!(run, "{:<18}{:>8}{:>8}{:>11}{:>15}", "", "weights", "field", "accuracy", "digits moved");
    let loader = fit::loader(&digits.train, 32);
    let moved_set = shifted(&digits.test);
    let kinds: [(&str, Build); 4] = [
        ("no pooling", |rng| model(|x| x, |x| x, 16 * 64, rng)),
        ("average 2×2 twice", |rng| model(|x| x.push(AvgPool2d::new(2)), |x| x, 16 * 4, rng)),
        ("max 2×2 twice", |rng| model(|x| x.push(MaxPool2d::new(2)), |x| x, 16 * 4, rng)),
        ("max of all", |rng| model(|x| x, |x| x.push(AdaptiveMaxPool2d::new(1)), 16, rng)),
    ];
    for (name, build) in kinds {
        let counted = summary(&build(&mut rng(0)), [1, 1, 8, 8]);
        let fields = counted.layers.iter().filter_map(|layer| layer.receptive_field);
        let field = fields.map(|field| field.size[0]).max().unwrap_or(0);
        let mut sums = [0.0; 2];
        for seed in 0..seeds {
            let mut model = build(&mut rng(seed));
            let mut optimizer = Optimizer::new(Sgd { lr: 0.05, momentum: 0.9, ..Sgd::default() });
            for epoch in 0..run.pick(10, 1) {
                fit::epoch(&mut model, &mut optimizer, &loader, epoch);
            }
            sums[0] += fit::percent(&model, &loader, &digits.test);
            sums[1] += fit::percent(&model, &loader, &moved_set);
        }
        let [here, there] = sums.map(|sum| sum / seeds as f64);
        // The largest of all numbers depends on the whole image.
        let field = if name == "max of all" { "all".into() } else { format!("{field}×{field}") };
        let weights = counted.parameters;
        say!(run, "{name:<18}{weights:>8}{field:>8}{here:>9.1} %{there:>13.1} %");
    }

    let mut planes = Vec::new();
    for (row, images) in [("digit", &images), ("moved by 1", &moved)] {
        for (name, pool) in POOLS {
            let pooled = pool(images).select(0, 4).select(0, 0);
            let zoom = 8 / pooled.size(0);
            let name = if name == "no pooling" { row } else { name };
            planes.push(Plane::new(&pooled).zoom(zoom).caption(name));
        }
    }
    let title = "a digit, and the same moved right by one pixel, pooled".into();
    let range = PlaneRange::Fixed(0.0, 1.0);
    let grid = PlaneGrid { title, columns: POOLS.len(), zoom: 12, range, planes, ..PlaneGrid::default() };
    run.picture(&grid.to_svg())?;
    run.remember("pooling keeps that something is there and gives up where: shifts matter less, fields grow.");
    Ok(())
}

/// Two convolutions, each with relu and `pool`, then `end`, and a dense layer of so many numbers.
fn model(
    pool: impl Fn(Sequential) -> Sequential,
    end: impl Fn(Sequential) -> Sequential,
    numbers: usize,
    rng: &mut ChaCha8Rng,
) -> Sequential {
    let x = pool(Sequential::new().push(Conv2d::new(1, 16, 3, rng).padding(1)).push(Relu));
    let x = end(pool(x.push(Conv2d::new(16, 16, 3, rng).padding(1)).push(Relu)));
    x.push(Flatten).push(Linear::new(numbers, 10, rng))
}

/// All images moved by one pixel to the right.
fn shifted(set: &ImageSet) -> ImageSet {
    let rows = set.pixels().chunks_exact(8);
    let pixels = rows.flat_map(|row| std::iter::once(0).chain(row[..7].iter().copied())).collect();
    with_pixels(set, pixels)
}
