//! Low, middle and high level features: maps, the patches that excite a unit most, class selectivity.

use wengert::prelude::*;
use wengert::report::{ColorMap, Plane, PlaneGrid};

use crate::data::{fashion_or_digits, image};
use crate::fit;
use crate::run::say;
use crate::{LessonError, Run};

const LAYERS: [&str; 3] = ["conv1", "conv2", "conv3"];

fn trained(run: &Run<'_>, data: &Split, seed: u64) -> Sequential {
    let (rng, area) = (&mut rng(seed), (data.train.shape()[2] / 4).pow(2));
    let mut network = Sequential::new()
        .push_named("conv1", Conv2d::new(1, 16, 5, rng).padding(2))
        .push(Relu)
        .push(MaxPool2d::new(2))
        .push_named("conv2", Conv2d::new(16, 16, 3, rng).padding(1))
        .push(Relu)
        .push(MaxPool2d::new(2))
        .push_named("conv3", Conv2d::new(16, 32, 3, rng).padding(1))
        .push(Relu)
        .push(Flatten)
        .push_named("fc", Linear::new(32 * area, 10, rng));
    let set = data.train.select(0..run.pick(10_000, 200).min(data.train.len()));
    let mut optimizer = Optimizer::new(Adam { lr: 0.002, ..Adam::default() });
    for epoch in 0..run.pick(4, 1) {
        fit::epoch(&mut network, &mut optimizer, &fit::loader(&set, 64), epoch);
    }
    network
}

/// The maps of every layer after relu: `[images, units, height, width]`.
fn maps_of(network: &Sequential, images: &Tensor) -> Vec<Tensor> {
    let mut pass = Pass::eval(network);
    for layer in LAYERS {
        pass.capture(layer);
    }
    let _ = network.call(&pass.input(images.clone()), &mut pass);
    LAYERS.iter().map(|layer| pass.captured(layer).relu().into_value()).collect()
}

/// The strongest response of every unit to an image, the mean over each class: `[10, units]`.
fn class_means(maps: &Tensor, labels: &Tensor<i64>) -> Tensor {
    let of_class: Tensor = labels.one_hot(10);
    let counts = of_class.sum(0).reshape([10, 1]);
    of_class.t().matmul(&maps.max([2, 3])) / &counts
}

/// `(largest − mean of the others) / (largest + mean of the others)`, the mean over units that respond: 0 if
/// all classes excite a unit equally, 1 if one class alone does (A. Morcos and others, 2018).
fn selectivity(means: &Tensor) -> f32 {
    let largest = means.max(0);
    let others = (means.sum(0) - &largest) / 9.0;
    let index = largest.zip(&others, |a, b| if a > 0.0 { (a - b) / (a + b) } else { f32::NAN });
    let alive: Vec<f32> = index.iter().filter(|index| !index.is_nan()).collect();
    alive.iter().sum::<f32>() / alive.len() as f32
}

/// The part of an image that the element at `place` of a map depends on, black outside the image.
fn patch(image: &Tensor, place: [isize; 2], size: isize, jump: isize) -> Tensor {
    let side = image.size(1) as isize;
    let start = place.map(|at| at * jump + (jump - size) / 2);
    image.pad(&[[0, 0], [-start[0], start[0] + size - side], [-start[1], start[1] + size - side]], 0.0)
}

pub(crate) fn run(run: &mut Run<'_>) -> Result<(), LessonError> {
    let data = fashion_or_digits(run)?;
    let test = data.test.select(0..run.pick(2000, 200).min(data.test.len()));
    let images: Vec<Tensor> = (0..test.len()).map(|i| image(&test, i)).collect();
    let batch = Tensor::stack(&images.iter().collect::<Vec<_>>(), 0);
    let labels = Tensor::from_vec(test.labels().to_vec(), [test.len()]);

    say!(run, "class selectivity, the mean over the units of a layer:");
    say!(run, "{:>6}{:>10}{:>10}{:>10}{:>12}", "seed", "conv1", "conv2", "conv3", "accuracy");
    let seeds = run.pick(5, 2);
    let (mut rises, mut first) = (0, None);
    for seed in 0..seeds {
        let network = trained(run, &data, seed);
        let maps = maps_of(&network, &batch);
        let index: Vec<f32> = maps.iter().map(|maps| selectivity(&class_means(maps, &labels))).collect();
        let percent = fit::percent(&network, &fit::loader(&data.train, 500), &test);
        say!(run, "{seed:>6}{:>10.3}{:>10.3}{:>10.3}{percent:>10.1} %", index[0], index[1], index[2]);
        rises += usize::from(index.is_sorted());
        first.get_or_insert((network, maps));
    }
    say!(run, "it rises from layer to layer for {rises} of {seeds} seeds\n");
    let (network, maps) = first.expect("there is a seed");

    // Of the first network: for each layer two units, and the nine patches that excite each most.
    let [_, channels, height, width] = test.shape();
    let counted = summary(&network, [1, channels, height, width]);
    let mut planes = Vec::new();
    for (layer, maps) in LAYERS.iter().zip(&maps) {
        let seen = counted.layers.iter().find(|seen| seen.path == *layer);
        let field = seen.and_then(|seen| seen.receptive_field).expect("a convolution has a field");
        let ([size, _], [jump, _]) = (field.size, field.jump);
        let side = maps.size(3);
        // The strongest response of every unit to every image, and where it is.
        let (peaks, places) = maps.flatten(2, -1).max_with_indices(2);
        let (_, units) = peaks.sum(0).topk(0, 2);
        for unit in &units {
            let (_, best) = peaks.select(1, unit as isize).topk(0, 9);
            let classes: std::collections::BTreeSet<i64> =
                best.iter().map(|i| test.labels()[i as usize]).collect();
            say!(
                run,
                "{layer} unit {unit:>2}: field {size}×{size}, its nine patches come from {} classes",
                classes.len()
            );
            let map = maps.select(0, best.get([0]) as isize).select(0, unit as isize);
            planes.push(Plane::text(format!("{layer}, {unit}")));
            planes.push(Plane::new(&map).colors(ColorMap::Viridis).zoom((56 / side).max(1)));
            for i in &best {
                let place = places.get([i as usize, unit as usize]) as usize;
                let place = [(place / side) as isize, (place % side) as isize];
                let patch = patch(&images[i as usize], place, size as isize, jump as isize);
                planes.push(Plane::new(&patch).zoom((40 / size).max(1)));
            }
        }
    }
    let title = "two units per layer: the map of its favourite image, and the nine patches that excite it most";
    let grid = PlaneGrid { title: title.into(), columns: 11, zoom: 1, planes, ..PlaneGrid::default() };
    run.picture(&grid.to_svg())?;
    run.remember(
        "deeper layers see more of the image and care more about what it is than about where edges are.",
    );
    Ok(())
}
