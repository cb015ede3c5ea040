//! Why deep networks of sigmoids did not learn: the gradient shrinks from layer to layer.
//!
//! The slope of the sigmoid never exceeds 0.25; that of relu is 1 wherever it is not 0. Ten layers on
//! the handwritten digits, both ways.

use wengert::nn::init;
use wengert::prelude::*;
use wengert::report::{LineChart, Scale, Series};

use crate::fit;
use crate::run::say;
use crate::{LessonError, Run};

const DEPTH: usize = 10;
const WIDTH: usize = 64;

/// Dense layers with one activation between them.
struct Deep {
    layers: Vec<Linear>,
    activation: fn(&Var) -> Var,
}
fields!(Deep as f32 { layers });

impl Module<f32> for Deep {
    fn forward(&self, x: &Var, pass: &mut Pass) -> Var {
        let (last, hidden) = self.layers.split_last().expect("there are layers");
        let pixels = x.flatten(1, -1);
        let x = hidden.iter().fold(pixels, |x, layer| (self.activation)(&layer.call(&x, pass)));
        last.call(&x, pass)
    }
}

impl Deep {
    /// Weights that preserve the variance of activations (Glorot; He for relu), biases 0.
    fn new(activation: fn(&Var) -> Var, gain: f64) -> Self {
        let rng = &mut rng(0);
        let layers = (0..=DEPTH)
            .map(|i| {
                let outputs = if i == DEPTH { 10 } else { WIDTH };
                let mut layer = Linear::new(if i == 0 { 64 } else { WIDTH }, outputs, rng);
                layer.weight = Param::new(init::xavier_normal(layer.weight.shape(), gain, rng));
                layer.bias = Some(Param::new(Tensor::zeros([outputs])));
                layer
            })
            .collect();
        Self { layers, activation }
    }
}

pub(crate) fn run(run: &mut Run<'_>) -> Result<(), LessonError> {
    // The largest slope of the sigmoid, from its gradient.
    let tape = Tape::new();
    let x = tape.leaf(Tensor::<f64>::linspace(-8.0, 8.0, 1601));
    let slopes = x.sigmoid().sum(..).backward().wrt(&x).clone();
    say!(run, "the sigmoid's largest slope is {:.4}, at x = 0\n", slopes.max(..).item());

    let digits = Split::digits();
    let loader = Loader::new(&digits.train, LoaderOptions { batch: 256, ..Default::default() });
    let batch = loader.epoch::<f32>(0).next().expect("there are digits");
    let networks = [
        ("sigmoid", Deep::new(|x| x.sigmoid(), 1.0)),
        ("relu", Deep::new(|x| x.relu(), std::f64::consts::SQRT_2)),
    ];
    let mut series = Vec::new();
    for (name, network) in &networks {
        let mut pass = Pass::train(network, 0);
        let scores = network.call(&pass.input(batch.inputs.clone()), &mut pass);
        let loss = scores.cross_entropy(batch.targets.classes());
        let gradients = pass.backward(&loss);
        let points: Vec<_> = (1..)
            .zip(&network.layers)
            .map(|(depth, layer)| {
                let gradient = gradients.get(&layer.weight).expect("every layer is reached");
                (f64::from(depth), f64::from(gradient.map(|g| g * g).sum(..).sqrt().item()))
            })
            .collect();
        series.push(Series { name: (*name).into(), points });
    }
    say!(run, "2-norm of the gradient of each layer's weights, before any training:");
    say!(run, "{:>6}{:>12}{:>12}", "layer", "sigmoid", "relu");
    for i in 0..=DEPTH {
        say!(run, "{:>6}{:>12.2e}{:>12.2e}", i + 1, series[0].points[i].1, series[1].points[i].1);
    }
    let ratio = |s: &Series| s.points[0].1 / s.points[DEPTH].1;
    let [sigmoid, relu] = [ratio(&series[0]), ratio(&series[1])];
    say!(run, "\nfirst layer against last: sigmoid {sigmoid:.1e}, relu {relu:.1e}");
    say!(run, "per layer: sigmoid × {:.2}, relu × {:.2}", sigmoid.powf(0.1), relu.powf(0.1));
    say!(run, "the bound for ten sigmoids: 0.25¹⁰ = {:.1e}", 0.25_f64.powi(10));

    // The effect on learning.
    let loader = fit::loader(&digits.train, 32);
    say!(run);
    for (name, mut network) in networks {
        let mut optimizer = Optimizer::new(Sgd { lr: 0.02, momentum: 0.9, ..Sgd::default() });
        let epochs = run.pick(5, 1);
        for epoch in 0..epochs {
            fit::epoch(&mut network, &mut optimizer, &loader, epoch);
        }
        let percent = fit::percent(&network, &loader, &digits.test);
        say!(run, "after {epochs} epochs {name:<8} test accuracy {percent:.1} %");
    }

    let chart = LineChart {
        title: "gradient norm by layer, ten hidden layers".into(),
        x_label: "layer, from the input".into(),
        y_label: "2-norm of the weight gradient".into(),
        y_scale: Scale::Log,
        series,
        ..LineChart::default()
    };
    run.picture(&chart.to_svg())?;
    run.remember(
        "ten sigmoids multiply ten slopes of at most 0.25, so little gradient reaches the first layer.",
    );
    Ok(())
}
