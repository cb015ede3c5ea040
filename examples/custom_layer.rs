//! A layer of your own, in a model, trained and checked.
//!
//!     cargo run --release --example custom_layer
//!
//! Everything between the marks is the layer. One line names its fields; from then on optimizers,
//! state dicts, summaries and the gradient checker know its parameters by path.

use wengert::prelude::*;

// [layer]
/// A gated dense layer, `(x A) · σ(x B)` (Dauphin et al., 2017).
#[derive(Debug)]
struct Gated<T: Real = f32> {
    value: Linear<T>,
    gate: Linear<T>,
}
fields!(Gated { value, gate });

impl<T: Real> Module<T> for Gated<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        self.value.call(x, pass) * self.gate.call(x, pass).sigmoid()
    }
}
// [/layer]

fn gated<T: Real>(inputs: usize, outputs: usize, rng: &mut impl Rng) -> Gated<T> {
    Gated { value: Linear::new(inputs, outputs, rng), gate: Linear::new(inputs, outputs, rng) }
}

fn main() {
    // Every gradient of the layer, with respect to its input and its parameters by path.
    for report in check_model!(|rng| gated(3, 2, rng), [4, 3]) {
        println!("{report}");
        report.assert();
    }

    // Inside a model: learn y = x₀ · σ(2 x₁).
    let mut model: Gated = gated(2, 1, &mut rng(0));
    let x: Tensor = Tensor::normal([256, 2], 0.0, 1.0, &mut rng(3));
    let target = x.select(1, 0).zip(&x.select(1, 1), |a, b| a * (b * 2.0).sigmoid()).unsqueeze(1);
    let mut optimizer = Optimizer::new(Adam { lr: 0.05, ..Adam::default() });
    for step in 0..300 {
        let mut pass = Pass::train(&model, step);
        let y = model.call(&pass.input(x.clone()), &mut pass);
        let loss = y.mse_loss(&pass.input(target.clone()));
        if step % 50 == 0 {
            println!("step {step:>3}: loss {:.6}", loss.item());
        }
        let gradients = pass.backward(&loss);
        optimizer.step(&mut model, &gradients, pass);
    }
    for (path, param) in model.parameters() {
        println!("{path:<14} {:.3}", param.value());
    }
}
