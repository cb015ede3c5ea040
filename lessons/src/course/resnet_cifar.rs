//! A residual network of 20 layers on small colour images.
//!
//! ResNet-20 of K. He, X. Zhang, S. Ren, J. Sun (2016), section 4.2, with a part of the images and few epochs.

use wengert::data::Augment;
use wengert::nn::models::{CifarResNet, CifarResNetOptions};
use wengert::prelude::*;
use wengert::report::{LineChart, Series};

use crate::data::cifar_or_fashion;
use crate::fit;
use crate::run::say;
use crate::{LessonError, Run};

pub(crate) fn run(run: &mut Run<'_>) -> Result<(), LessonError> {
    let data = cifar_or_fashion(run)?;
    let [_, channels, height, width] = data.train.shape();
    let set = data.train.select(0..run.pick(20_000, 32).min(data.train.len()));
    let test = data.test.select(0..run.pick(10_000, 32).min(data.test.len()));
    let options =
        CifarResNetOptions { channels, blocks: run.pick(vec![3; 3], vec![1; 3]), ..Default::default() };
    let mut model = CifarResNet::new(&options, &mut rng(0));

    let counted = summary(&model, [1, channels, height, width]);
    let layers = counted.layers.iter().filter(|layer| matches!(layer.kind.as_str(), "Conv2d" | "Linear"));
    let with_weights = layers.filter(|layer| !layer.path.contains("downsample")).count();
    say!(run, "{with_weights} layers with weights, without those in shortcuts");
    say!(
        run,
        "{} parameters, {} multiply-adds per image of {channels}×{height}×{width}",
        counted.parameters,
        counted.multiply_adds
    );
    let shapes = counted.layers.iter().filter(|layer| layer.path.ends_with("conv2"));
    for layer in shapes {
        let field = layer.receptive_field.map_or(0, |field| field.size[0]);
        say!(run, "  {:<16}output {:?}, field {field}×{field}", layer.path, &layer.output_shape[1..]);
    }

    // Shifts and flips, and a rate that rises to its peak and falls to 0.
    let epochs = run.pick(6, 1);
    let normalize = Some(Normalize::of(&set));
    let augment = Augment::default().shift(2).flip();
    let loader = Loader::new(&set, LoaderOptions { batch: 64, normalize, augment, ..Default::default() });
    let sgd = Sgd { lr: 0.1, momentum: 0.9, weight_decay: 5e-4, ..Sgd::default() };
    let mut optimizer = Optimizer::new(sgd);
    say!(run, "\n{} images, {} to test, {epochs} epochs, shifts and flips", set.len(), test.len());
    say!(run, "{:>5}{:>8}{:>12}{:>12}", "epoch", "rate", "loss", "accuracy");
    let (mut losses, mut accuracies) = (Vec::new(), Vec::new());
    for epoch in 0..epochs {
        let part = f64::from(epoch) / f64::from(epochs);
        let rate = 0.1 * (1.0 - part).min(0.5 + part);
        optimizer.set_lr(rate);
        let loss = fit::epoch(&mut model, &mut optimizer, &loader, epoch as u64);
        let percent = fit::percent(&model, &loader, &test);
        say!(run, "{:>5}{rate:>8.3}{loss:>12.4}{percent:>10.2} %", epoch + 1);
        losses.push((f64::from(epoch + 1), loss));
        accuracies.push((f64::from(epoch + 1), percent / 100.0));
    }

    let chart = LineChart {
        title: "ResNet-20: loss and accuracy".into(),
        x_label: "epoch".into(),
        series: vec![
            Series { name: "training loss".into(), points: losses },
            Series { name: "test accuracy".into(), points: accuracies },
        ],
        ..LineChart::default()
    };
    run.picture(&chart.to_svg())?;
    run.remember("with shortcuts and batch norm, twenty layers learn from the first epoch on.");
    Ok(())
}
