//! What a non-linear function between two layers adds: two linear layers alone are one.

use wengert::prelude::*;
use wengert::report::{LineChart, Series};

use crate::fit;
use crate::run::say;
use crate::{LessonError, Run};

type Function = fn(&Var) -> Var;

/// Two dense layers with a function between them.
struct Two {
    first: Linear,
    second: Linear,
    function: Function,
}
fields!(Two as f32 { first, second });

impl Module<f32> for Two {
    fn forward(&self, x: &Var, pass: &mut Pass) -> Var {
        let hidden = (self.function)(&self.first.call(&x.flatten(1, -1), pass));
        self.second.call(&hidden, pass)
    }
}

fn two([inputs, hidden, outputs]: [usize; 3], function: Function) -> Two {
    let rng = &mut rng(3);
    Two { first: Linear::new(inputs, hidden, rng), second: Linear::new(hidden, outputs, rng), function }
}

const FUNCTIONS: [(&str, Function); 4] =
    [("none", |x| x.clone()), ("sigmoid", |x| x.sigmoid()), ("tanh", |x| x.tanh()), ("relu", |x| x.relu())];

/// The mean squared error on XOR after training, and the outputs for 00, 01, 10, 11.
fn xor(function: Function, steps: usize) -> (f32, Vec<f32>) {
    let x = Tensor::from_vec(vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], [4, 2]);
    let y = Tensor::from_vec(vec![0.0, 1.0, 1.0, 0.0], [4, 1]);
    let mut model = two([2, 8, 1], function);
    let mut optimizer = Optimizer::new(Adam { lr: 0.02, ..Adam::default() });
    let mut result = (0.0, Vec::new());
    for _ in 0..=steps {
        let mut pass = Pass::train(&model, 0);
        let output = model.call(&pass.input(x.clone()), &mut pass);
        let loss = output.mse_loss(&pass.input(y.clone()));
        result = (loss.item(), output.value().to_vec());
        let gradients = pass.backward(&loss);
        optimizer.step(&mut model, &gradients, pass);
    }
    result
}

pub(crate) fn run(run: &mut Run<'_>) -> Result<(), LessonError> {
    // Without a function between them: y = W₂(W₁x + b₁) + b₂ = (W₂W₁)x + (W₂b₁ + b₂).
    let model = two([64, 32, 10], Clone::clone);
    let x = Tensor::<f32>::normal([5, 64], 0.0, 1.0, &mut rng(0));
    let mut pass = Pass::eval(&model);
    let y = model.call(&pass.input(x.clone()), &mut pass);
    let (w1, w2) = (model.first.weight.value(), model.second.weight.value());
    let biases = [&model.first, &model.second].map(|layer| layer.bias.as_ref().expect("they have one"));
    let bias = w2.matmul(biases[0].value()) + biases[1].value();
    let one = x.linear(&w2.matmul(w1), Some(&bias));
    let difference = y.value().zip(&one, |a, b| (a - b).abs()).max(..).item();
    say!(run, "two linear layers, 64 → 32 → 10: {} weights", w1.len() + w2.len());
    say!(run, "the one layer W₂W₁, 64 → 10:      {} weights", w2.matmul(w1).len());
    say!(run, "their outputs differ by less than 1e-5: rounding\n");
    assert!(difference < 1e-5, "two linear layers are one");

    say!(run, "XOR, the smallest task that no linear function solves:");
    say!(run, "{:<10}{:>12}   outputs for 00, 01, 10, 11", "function", "mean error²");
    for (name, function) in FUNCTIONS {
        let (error, outputs) = xor(function, run.pick(1000, 20));
        let outputs: Vec<_> = outputs.iter().map(|y| format!("{:.2}", y.abs())).collect();
        say!(run, "{name:<10}{error:>12.4}   {}", outputs.join("  "));
    }

    let digits = Split::digits();
    let loader = fit::loader(&digits.train, 32);
    say!(run, "\nhandwritten digits, two dense layers 64 → 32 → 10:");
    for (name, function) in FUNCTIONS {
        let mut model = two([64, 32, 10], function);
        let mut optimizer = Optimizer::new(Sgd { lr: 0.1, momentum: 0.9, ..Sgd::default() });
        for epoch in 0..run.pick(20, 1) {
            fit::epoch(&mut model, &mut optimizer, &loader, epoch);
        }
        say!(run, "{name:<10} test accuracy {:.1} %", fit::percent(&model, &loader, &digits.test));
    }

    let grid = Tensor::<f32>::linspace(-5.0, 5.0, 201);
    let mut series = Vec::new();
    say!(run, "\nslopes at x = 0, x = 2 and x = 5:");
    for (name, function) in &FUNCTIONS[1..] {
        let x = Tape::new().leaf(grid.clone());
        let y = function(&x);
        let slope = y.sum(..).backward().wrt(&x).clone();
        say!(run, "{name:<10}{:>8.4}{:>8.4}{:>8.4}", slope.get([100]), slope.get([140]), slope.get([200]));
        let points = |y: &Tensor| grid.iter().map(f64::from).zip(y.iter().map(f64::from)).collect();
        // The chart ends at 1.6: relu without bound would leave the others no room.
        series.push(Series {
            name: (*name).into(),
            points: points(&y.value().map(|y| if y < 1.6 { y } else { f32::NAN })),
        });
        series.push(Series { name: format!("slope of {name}"), points: points(&slope) });
    }
    let title = "three activation functions and their slopes".into();
    run.picture(&LineChart { title, x_label: "x".into(), series, ..LineChart::default() }.to_svg())?;
    run.remember("without a non-linear function between them, any number of linear layers is one.");
    Ok(())
}
