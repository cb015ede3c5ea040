//! Random shifts of the training images: fewer images suffice, and moved images are recognised.

use wengert::data::Augment;
use wengert::nn::sequential;
use wengert::prelude::*;
use wengert::report::{Plane, PlaneGrid, PlaneRange};

use crate::data::{image, with_pixels};
use crate::fit;
use crate::run::say;
use crate::{LessonError, Run};

fn model() -> Sequential {
    let rng = &mut rng(2);
    sequential![
        Conv2d::new(1, 16, 3, rng).padding(1),
        Relu,
        Conv2d::new(16, 16, 3, rng).padding(1),
        Relu,
        Flatten,
        Linear::new(16 * 64, 10, rng),
    ]
}

/// The test set as a loader with this change sees it: every image moved, once.
fn moved(set: &ImageSet, augment: Augment) -> ImageSet {
    let options = LoaderOptions { batch: set.len(), shuffle: false, augment, seed: 9, ..Default::default() };
    let batch = Loader::new(set, options).epoch::<f32>(0).next().expect("the set has images");
    let pixels = batch.inputs.iter().map(|pixel| (pixel * f32::from(set.white())).round() as u8).collect();
    with_pixels(set, pixels)
}

pub(crate) fn run(run: &mut Run<'_>) -> Result<(), LessonError> {
    let digits = Split::digits();
    let shift = Augment { shift: 1, ..Augment::default() };
    let test_moved = moved(&digits.test, shift);
    let epochs = run.pick(30, 1);
    say!(
        run,
        "two convolutions and a dense layer, {epochs} epochs; test digits as they are, and moved by up to 1 pixel"
    );
    say!(
        run,
        "{:<9}{:<16}{:>12}{:>12}{:>12}{:>12}",
        "images",
        "shifts",
        "train loss",
        "train",
        "test",
        "test moved"
    );
    for images in run.pick(vec![100, 300, 1438], vec![100]) {
        let set = digits.train.select(0..images);
        for (name, augment) in [("none", Augment::default()), ("up to 1 pixel", shift)] {
            let loader = Loader::new(&set, LoaderOptions { batch: 32, augment, ..Default::default() });
            let mut model = model();
            let mut optimizer = Optimizer::new(Sgd { lr: 0.03, momentum: 0.9, ..Sgd::default() });
            let mut loss = 0.0;
            for epoch in 0..epochs {
                loss = fit::epoch(&mut model, &mut optimizer, &loader, epoch);
            }
            let [train, test, moved] =
                [&set, &digits.test, &test_moved].map(|set| fit::percent(&model, &loader, set));
            say!(run, "{images:<9}{name:<16}{loss:>12.4}{train:>10.1} %{test:>10.1} %{moved:>10.1} %");
        }
    }
    say!(run, "\na shift of up to 1 pixel in each direction makes 3 · 3 = 9 images of one");
    say!(run, "a flip would make a 2 that is no 2: which changes are allowed depends on the data");

    let two = digits.train.labels().iter().position(|&label| label == 2).expect("there is a 2");
    let mut planes = vec![Plane::new(&image(&digits.train, two)).caption("original")];
    let one = digits.train.select([two]);
    for epoch in 0..7 {
        let options = LoaderOptions { augment: shift, ..Default::default() };
        let batch = Loader::new(&one, options).epoch::<f32>(epoch).next().expect("one image");
        let image = batch.inputs.select(0, 0);
        planes.push(if epoch < 5 {
            Plane::new(&image).caption(format!("epoch {epoch}"))
        } else {
            Plane::new(&image.flip(-1)).caption("flipped")
        });
    }
    let title = "a 2 as training sees it, and what flips would make of it".into();
    let range = PlaneRange::Fixed(0.0, 1.0);
    let grid = PlaneGrid { title, columns: 8, zoom: 9, range, planes, ..PlaneGrid::default() };
    run.picture(&grid.to_svg())?;
    run.remember(
        "augmentation shows what must not matter: it costs training loss and gains accuracy on changed images.",
    );
    Ok(())
}
