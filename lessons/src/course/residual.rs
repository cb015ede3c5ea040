//! Deep plain networks become worse with depth; residual connections cure it.
//!
//! The same stacks of 3×3 convolutions on handwritten digits, with y = f(x) and with y = f(x) + x.

use wengert::prelude::*;
use wengert::report::{LineChart, Series};

use crate::fit;
use crate::run::say;
use crate::{LessonError, Run};

const WIDTH: usize = 8;

#[derive(Clone, Copy, PartialEq)]
enum Shortcut {
    Absent,
    Identity,
}

/// Two convolutions, each with its norm: relu(f(x)), or relu(f(x) + x).
struct Block {
    conv1: Conv2d,
    bn1: BatchNorm2d,
    conv2: Conv2d,
    bn2: BatchNorm2d,
    shortcut: Shortcut,
}
fields!(Block as f32 { conv1, bn1, conv2, bn2 });

impl Module<f32> for Block {
    fn forward(&self, x: &Var, pass: &mut Pass) -> Var {
        let y = self.bn1.call(&self.conv1.call(x, pass), pass).relu();
        let y = self.bn2.call(&self.conv2.call(&y, pass), pass);
        if self.shortcut == Shortcut::Identity { (y + x).relu() } else { y.relu() }
    }
}

/// A convolution, blocks, the mean over space, a dense layer.
struct Network {
    first: Conv2d,
    blocks: Vec<Block>,
    last: Linear,
}
fields!(Network as f32 { first, blocks, last });

impl Module<f32> for Network {
    fn forward(&self, x: &Var, pass: &mut Pass) -> Var {
        let x = self.first.call(x, pass).relu();
        let x = self.blocks.iter().fold(x, |x, block| block.call(&x, pass));
        self.last.call(&x.avg_pool2d(4).flatten(1, -1), pass)
    }
}

/// A network of `depth` layers with weights: the first, two a block, the last.
fn network(depth: usize, shortcut: Shortcut) -> Network {
    let rng = &mut rng(depth as u64);
    let first = Conv2d::new(1, WIDTH, 3, rng).padding(1);
    let mut conv = || Conv2d::new(WIDTH, WIDTH, 3, rng).padding(1).without_bias();
    let blocks = (0..(depth - 2) / 2).map(|_| Block {
        conv1: conv(),
        bn1: BatchNorm2d::new(WIDTH),
        conv2: conv(),
        bn2: BatchNorm2d::new(WIDTH),
        shortcut,
    });
    let blocks = blocks.collect();
    Network { first, blocks, last: Linear::new(WIDTH * 4, 10, rng) }
}

/// The 2-norm of the gradient of the first convolution, at the first step.
fn first_gradient(network: &Network, loader: &Loader<'_>) -> f64 {
    let batch = loader.epoch::<f32>(0).next().expect("there are digits");
    let mut pass = Pass::train(network, 0);
    let scores = network.call(&pass.input(batch.inputs), &mut pass);
    let gradients = pass.backward(&scores.cross_entropy(batch.targets.classes()));
    f64::from(gradients.get(&network.first.weight).expect("it is reached").norm2(..).item())
}

pub(crate) fn run(run: &mut Run<'_>) -> Result<(), LessonError> {
    let digits = Split::digits();
    let loader = fit::loader(&digits.train, 32);
    let epochs = run.pick(4, 1);
    say!(run, "{epochs} epochs on the handwritten digits, {WIDTH} channels, batch norm in all:");
    say!(run, "layers   loss, plain      residual accuracy, plain        residual");
    let mut series = [Vec::new(), Vec::new()];
    for depth in run.pick(vec![8, 20, 38, 56], vec![8]) {
        let mut row = [[0.0; 2]; 2];
        for (kind, shortcut) in [Shortcut::Absent, Shortcut::Identity].into_iter().enumerate() {
            let mut model = network(depth, shortcut);
            let mut optimizer = Optimizer::new(Sgd { lr: 0.02, momentum: 0.9, ..Sgd::default() });
            let mut loss = 0.0;
            for epoch in 0..epochs {
                optimizer.set_lr(0.02 * 0.4_f64.powi(epoch as i32)); // batch norm's running means can follow
                loss = fit::epoch(&mut model, &mut optimizer, &loader, epoch);
            }
            row[kind] = [loss, fit::percent(&model, &loader, &digits.test)];
            series[kind].push((depth as f64, loss));
        }
        let [[loss, percent], [residual_loss, residual_percent]] = row;
        say!(run, "{depth:>6}{loss:>14.3}{residual_loss:>14.3}{percent:>14.1} %{residual_percent:>14.1} %");
    }
    say!(run, "\nThe loss is that of the training set: plain depth is not overfitting, it does not even fit.");

    let depth = run.pick(56, 8);
    say!(run, "\n2-norm of the gradient of the first layer's weights, {depth} layers, before training:");
    for (name, shortcut) in [("plain", Shortcut::Absent), ("residual", Shortcut::Identity)] {
        say!(run, "  {name:<10}{:.2}", first_gradient(&network(depth, shortcut), &loader));
    }
    let [plain, residual] = [network(depth, Shortcut::Absent), network(depth, Shortcut::Identity)];
    let count = |network: &Network| summary(network, [1, 1, 8, 8]).parameters;
    assert_eq!(count(&plain), count(&residual), "a shortcut has no weights");
    say!(run, "both have {} parameters: the shortcut has none", count(&plain));

    let [plain, residual] = series;
    let chart = LineChart {
        title: "training loss by depth".into(),
        x_label: "layers".into(),
        y_label: format!("loss in epoch {epochs}"),
        series: vec![
            Series { name: "plain".into(), points: plain },
            Series { name: "residual".into(), points: residual },
        ],
        ..LineChart::default()
    };
    run.picture(&chart.to_svg())?;
    run.remember(
        "with y = f(x) + x a block only learns what to change, so depth no longer keeps it from training.",
    );
    Ok(())
}
