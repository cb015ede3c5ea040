//! Four inputs, three dense layers, one output: weights that can be drawn and read.
//!
//! The inputs are the amounts of ink in the quarters of a handwritten digit, the question is: a 6 or a 9?

use wengert::prelude::*;
use wengert::report::{ColorMap, Plane, PlaneGrid, PlaneRange};

use crate::run::say;
use crate::{LessonError, Run};

const QUARTERS: [&str; 4] = ["top left", "top right", "bottom left", "bottom right"];

struct Network {
    first: Linear,
    second: Linear,
    third: Linear,
}
fields!(Network as f32 { first, second, third });

impl Module<f32> for Network {
    fn forward(&self, x: &Var, pass: &mut Pass) -> Var {
        let x = self.first.call(x, pass).relu();
        let x = self.second.call(&x, pass).relu();
        self.third.call(&x, pass)
    }
}

/// The ink of each quarter, mean 0 over the set, and whether it is a 6: `[n, 4]`, `[n, 1]`.
fn quarters(set: &ImageSet) -> (Tensor, Tensor) {
    let wanted = |&i: &usize| matches!(set.labels()[i], 6 | 9);
    let set = set.select((0..set.len()).filter(wanted));
    let pixels = set.pixels().iter().map(|&p| f32::from(p) / 16.0).collect();
    let ink = Tensor::from_vec(pixels, set.shape()).avg_pool2d(4).flatten(1, -1);
    let is_six = set.labels().iter().map(|&label| f32::from(u8::from(label == 6))).collect();
    (&ink - &ink.mean(keep(0)), Tensor::from_vec(is_six, [set.len(), 1]))
}

/// The output before the sigmoid: above 0 means 6.
fn scores(model: &Network, x: &Tensor) -> Tensor {
    let mut pass = Pass::eval(model);
    model.call(&pass.input(x.clone()), &mut pass).into_value()
}

fn percent(model: &Network, (x, is_six): &(Tensor, Tensor)) -> f32 {
    let right = scores(model, x).zip(is_six, |z, six| f32::from(u8::from((z > 0.0) == (six > 0.5))));
    100.0 * right.mean(..).item()
}

pub(crate) fn run(run: &mut Run<'_>) -> Result<(), LessonError> {
    let digits = Split::digits();
    let (train, test) = (quarters(&digits.train), quarters(&digits.test));
    let rng = &mut rng(5);
    let mut model = Network {
        first: Linear::new(4, 4, rng),
        second: Linear::new(4, 4, rng),
        third: Linear::new(4, 1, rng),
    };
    let counted = summary(&model, [1, 4]);
    say!(run, "4 inputs → 4 → 4 → 1 output: a dense layer has inputs · outputs weights, outputs biases");
    for layer in &counted.layers {
        say!(run, "  {:<8}{:>3} parameters", layer.path, layer.parameters);
    }
    say!(run, "  {:<8}{:>3} parameters\n", "all", counted.parameters);
    assert_eq!(counted.parameters, (4 * 4 + 4) + (4 * 4 + 4) + (4 + 1));

    say!(run, "6 or 9? {} digits to learn from, {} to test", train.0.size(0), test.0.size(0));
    say!(run, "before training: {:.1} % right", percent(&model, &test));
    let mut optimizer = Optimizer::new(Adam { lr: 0.02, ..Adam::default() });
    for _ in 0..run.pick(300, 10) {
        let mut pass = Pass::train(&model, 0);
        let z = model.call(&pass.input(train.0.clone()), &mut pass);
        let loss = z.binary_cross_entropy_with_logits(&pass.input(train.1.clone()));
        let gradients = pass.backward(&loss);
        optimizer.step(&mut model, &gradients, pass);
    }
    say!(run, "after training:  {:.1} % right\n", percent(&model, &test));

    // How the output depends on each input: the mean gradient over the test digits.
    let tape = Tape::new();
    let x = tape.leaf(test.0.clone());
    let z = model.call(&x, &mut Pass::eval(&model));
    let slopes = z.sum(..).backward().wrt(&x).mean(0);
    say!(run, "mean slope of the output (above 0: a 6) in the ink of each quarter:");
    for (name, slope) in QUARTERS.iter().zip(slopes.iter()) {
        say!(run, "  {name:<14}{slope:>7.1}");
    }
    let ink = |six: f32| {
        let weight = test.1.map(|is_six| f32::from(u8::from(is_six == six)));
        (&test.0 * &weight).sum(0) / f64::from(weight.sum(..).item())
    };
    say!(run, "ink less the mean:       {}", QUARTERS.map(|name| format!("{name:>13}")).join(""));
    for (name, six) in [("a 6", 1.0), ("a 9", 0.0)] {
        let ink: String = ink(six).iter().map(|ink| format!("{ink:>13.3}")).collect();
        say!(run, "  {name:<23}{ink}");
    }
    say!(run, "\nweights of the first layer, a row a unit:");
    for unit in 0..4 {
        let row: Vec<_> =
            model.first.weight.value().select(0, unit).iter().map(|w| format!("{w:>7.2}")).collect();
        say!(run, "  unit {unit}  {}", row.join(""));
    }

    let weights =
        [&model.first, &model.second, &model.third].map(|layer| layer.weight.value().t().contiguous());
    let names = ["first: 4 inputs (rows), 4 units", "second: 4 units, 4 units", "third: 4 units, 1 output"];
    let mut planes = Vec::new();
    for (weight, name) in weights.iter().zip(names) {
        planes.push(Plane::new(weight).caption(name));
        planes.push(Plane::text("→"));
    }
    planes.pop();
    let grid = PlaneGrid {
        title: "the learnt weights: red raises, blue lowers".into(),
        columns: 5,
        zoom: 32,
        colors: ColorMap::Signed,
        range: PlaneRange::Common,
        planes,
    };
    run.picture(&grid.to_svg())?;
    run.remember("in a dense layer every output has one weight for every input.");
    Ok(())
}
