//! The VGG pyramid: 3 → 64 → 128 → 256 → 512 channels down to 7×7×512, flattened, and the dense head.

use std::time::Instant;

use wengert::nn::models::{Vgg, VggLayout, VggOptions};
use wengert::prelude::*;
use wengert::report::{LineChart, Scale, Series};

use crate::data::image;
use crate::run::say;
use crate::{LessonError, Run};

/// Digits as colour images of `side × side` pixels: each pixel repeated, three equal channels.
fn colour_images(count: usize, side: usize) -> Tensor {
    let digits = Split::digits().train;
    let images: Vec<Tensor> = (0..count).map(|i| image(&digits, i)).collect();
    let x = Tensor::stack(&images.iter().collect::<Vec<_>>(), 0);
    let block = side / 8;
    let x = x.reshape([count, 1, 8, 1, 8, 1]).broadcast_to([count, 3, 8, block, 8, block]);
    x.contiguous().reshape([count, 3, side, side])
}

pub(crate) fn run(run: &mut Run<'_>) -> Result<(), LessonError> {
    let options = VggOptions { hidden: run.pick(4096, 16), ..VggOptions::default() };
    let vgg16: Vgg = Vgg::new(VggLayout::Vgg16, &options, &mut rng(0));
    let counted = summary(&vgg16, [1, 3, 224, 224]);
    say!(run, "VGG-16 on one image of 224×224, the layers with weights and the pools:");
    say!(run, "{:<16}{:<11}{:>18}{:>13}{:>16}", "layer", "kind", "output", "parameters", "multiply-adds");
    let (mut values, mut weights) = (Vec::new(), Vec::new());
    let shown = counted.layers.iter().filter(|layer| layer.parameters > 0 || layer.kind.contains("Pool"));
    for (place, layer) in shown.enumerate() {
        let shape: Vec<_> = layer.output_shape[1..].iter().map(ToString::to_string).collect();
        say!(
            run,
            "{:<16}{:<11}{:>18}{:>13}{:>16}",
            layer.path,
            layer.kind.chars().take(10).collect::<String>(),
            shape.join(" × "),
            layer.parameters,
            layer.multiply_adds
        );
        let size: usize = layer.output_shape.iter().product();
        values.push((place as f64, size as f64));
        weights.push((place as f64, layer.parameters as f64));
    }
    let part = |kind: &str| {
        let layers = counted.layers.iter().filter(|layer| layer.kind == kind);
        layers.fold((0, 0), |(p, m), layer| (p + layer.parameters, m + layer.multiply_adds))
    };
    let ((conv_weights, conv_work), (dense_weights, dense_work)) = (part("Conv2d"), part("Linear"));
    let share = |part: f64, of: f64| 100.0 * part / of;
    say!(
        run,
        "\nparameters {:>11}: convolutions {conv_weights}, dense {dense_weights} ({:.0} %)",
        counted.parameters,
        share(dense_weights as f64, counted.parameters as f64)
    );
    say!(
        run,
        "products {:>13}: convolutions {conv_work} ({:.0} %), dense {dense_work}",
        counted.multiply_adds,
        share(conv_work as f64, counted.multiply_adds as f64)
    );
    say!(
        run,
        "flatten: 512 × 7 × 7 = {}, and the first dense layer has {} · {} weights",
        512 * 49,
        512 * 49,
        options.hidden
    );

    // Flattening changes no number, only the shape: row-major, channel by channel.
    let x = Tensor::<f32>::arange(0.0, 2.0 * 49.0 * 3.0, 1.0).reshape([2, 3, 7, 7]);
    let flat = x.flatten(1, -1);
    assert_eq!(flat.get([1, 2 * 49 + 3 * 7 + 4]), x.get([1, 2, 3, 4]), "element c·49 + i·7 + j");
    say!(run, "flattened {:?} → {:?}: element [c, i, j] is number 49c + 7i + j\n", x.shape(), flat.shape());

    // A real training step of the smallest of the family: two images in the full form.
    let (side, options) = run.pick(
        (224, VggOptions { classes: 10, ..VggOptions::default() }),
        (32, VggOptions { classes: 10, hidden: 16, ..VggOptions::default() }),
    );
    let mut model: Vgg = Vgg::new(VggLayout::Vgg11, &options, &mut rng(0));
    let (images, labels) = (colour_images(2, side), Tensor::from_vec(vec![0_i64, 1], [2]));
    let mut optimizer = Optimizer::new(Sgd { lr: 0.001, ..Sgd::default() });
    let mut losses = Vec::new();
    for step in 0..2 {
        let start = Instant::now();
        // The same seed: dropout drops the same units, so that the two losses can be compared.
        let mut pass = Pass::train(&model, 0);
        let loss = model.call(&pass.input(images.clone()), &mut pass).cross_entropy(&labels);
        let gradients = pass.backward(&loss);
        optimizer.step(&mut model, &gradients, pass);
        losses.push(loss.item());
        say!(
            run,
            "VGG-11, two images of {side}×{side}, training step {step}: loss {:.3}, time {:.1} s",
            loss.item(),
            start.elapsed().as_secs_f64()
        );
    }
    assert!(losses[1] < losses[0], "a step lowers the loss");

    let chart = LineChart {
        title: "VGG-16: numbers per image and parameters, layer by layer".into(),
        x_label: "layer, from the input".into(),
        y_scale: Scale::Log,
        series: vec![
            Series { name: "numbers in the output".into(), points: values },
            Series { name: "parameters".into(), points: weights },
        ],
        ..LineChart::default()
    };
    run.picture(&chart.to_svg())?;
    run.remember("convolutions do the work, dense layers hold the weights, flatten joins them.");
    Ok(())
}
