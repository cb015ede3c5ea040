//! The first weights decide whether numbers keep their size through the layers, forward and backward.

use wengert::nn::init;
use wengert::prelude::*;
use wengert::report::{LineChart, Scale, Series};

use crate::fit;
use crate::run::say;
use crate::{LessonError, Run};

const DEPTH: usize = 12;
const WIDTH: usize = 100;

struct Deep {
    layers: Vec<Linear>,
    last: Linear,
}
fields!(Deep as f32 { layers, last });

impl Module<f32> for Deep {
    fn forward(&self, x: &Var, pass: &mut Pass) -> Var {
        let x = x.flatten(1, -1);
        let x = self.layers.iter().fold(x, |x, layer| layer.call(&x, pass).relu());
        self.last.call(&x, pass)
    }
}

/// A network whose weights have the standard deviation `deviation(inputs, outputs)`, and biases 0.
fn deep(deviation: impl Fn(usize, usize) -> f64) -> Deep {
    let rng = &mut rng(0);
    let mut layer = |inputs: usize, outputs: usize| {
        let weight = Tensor::normal([outputs, inputs], 0.0, deviation(inputs, outputs), rng);
        Linear::from_tensors(weight, Some(Tensor::zeros([outputs])))
    };
    let layers = (0..DEPTH).map(|i| layer(if i == 0 { 64 } else { WIDTH }, WIDTH)).collect();
    Deep { layers, last: layer(WIDTH, 10) }
}

fn deviation(x: &Tensor) -> f64 {
    x.cast::<f64>().var(.., 0).sqrt().item()
}

pub(crate) fn run(run: &mut Run<'_>) -> Result<(), LessonError> {
    let digits = Split::digits();
    let normalize = Some(Normalize::of(&digits.train));
    let loader = Loader::new(&digits.train, LoaderOptions { batch: 256, normalize, ..Default::default() });
    let batch = loader.epoch::<f32>(0).next().expect("there are digits");
    say!(run, "{DEPTH} dense layers of {WIDTH} with relu, on handwritten digits; deviation of the weights:");
    let starts: [(&str, fn(usize, usize) -> f64); 5] = [
        ("Gaussian 0.01", |_, _| 0.01),
        ("Gaussian 0.1", |_, _| 0.1),
        ("Gaussian 1", |_, _| 1.0),
        ("Xavier √(2/(in + out))", |inputs, outputs| init::xavier_std([outputs, inputs], 1.0)),
        ("Kaiming √(2/in)", |inputs, _| (2.0 / inputs as f64).sqrt()),
    ];
    say!(
        run,
        "{:<26}{:>10}{:>10}{:>11}{:>11}{:>12}{:>12}",
        "",
        "forward",
        "",
        "backward",
        "",
        "loss after",
        "accuracy"
    );
    say!(
        run,
        "{:<26}{:>10}{:>10}{:>11}{:>11}{:>12}",
        "",
        "layer 1",
        "layer 12",
        "layer 12",
        "layer 1",
        "training"
    );
    let mut series = Vec::new();
    for (name, start) in starts {
        let mut model = deep(start);
        let mut pass = Pass::train(&model, 0);
        pass.capture("layers.*");
        let scores = model.call(&pass.input(batch.inputs.clone()), &mut pass);
        let forward: Vec<f64> = pass.captures().map(|(_, y)| deviation(&y.relu().into_value())).collect();
        let gradients = pass.backward(&scores.cross_entropy(batch.targets.classes()));
        let backward: Vec<f64> = model
            .layers
            .iter()
            .map(|layer| deviation(gradients.get(&layer.weight).expect("every layer is reached")))
            .collect();
        drop(pass);

        let mut optimizer = Optimizer::new(Sgd { lr: 0.01, momentum: 0.9, ..Sgd::default() }).skip_non_finite();
        let small = Loader::new(
            &digits.train,
            LoaderOptions { batch: 32, normalize: Some(Normalize::of(&digits.train)), ..Default::default() },
        );
        let mut loss = f64::NAN;
        for epoch in 0..run.pick(5, 1) {
            loss = fit::epoch(&mut model, &mut optimizer, &small, epoch);
        }
        let loss = if loss < 1e3 { format!("{loss:.3}") } else { "overflow".to_owned() };
        let percent = fit::percent(&model, &small, &digits.test);
        say!(
            run,
            "{name:<26}{:>10.1e}{:>10.1e}{:>11.1e}{:>11.1e}{loss:>12}{percent:>10.1} %",
            forward[0],
            forward[DEPTH - 1],
            backward[DEPTH - 1],
            backward[0]
        );
        let points = (1..).zip(&forward).map(|(layer, &deviation)| (f64::from(layer), deviation)).collect();
        series.push(Series { name: name.into(), points });
    }
    say!(run, "\nin a layer of n inputs with relu the variance is multiplied by n · deviation² / 2:");
    for (name, sigma) in [("0.01", 0.01_f64), ("0.1", 0.1), ("1", 1.0), ("√(2/100)", 0.02_f64.sqrt())] {
        say!(run, "  deviation {name:<10} 100 · {:.4} / 2 = {:.3}", sigma * sigma, 50.0 * sigma * sigma);
    }

    let chart = LineChart {
        title: "deviation of the activations by layer, before training".into(),
        x_label: "layer".into(),
        y_label: "standard deviation".into(),
        y_scale: Scale::Log,
        series,
        ..LineChart::default()
    };
    run.picture(&chart.to_svg())?;
    run.remember("with relu, weights of variance 2/inputs keep the size of activations and gradients.");
    Ok(())
}
