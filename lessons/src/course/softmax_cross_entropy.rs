//! Scores become probabilities that sum to 1, and the gradient of the loss is p − y.

use wengert::prelude::*;
use wengert::report::{ColorMap, HeatMap};

use crate::fit;
use crate::run::say;
use crate::{LessonError, Run};

fn row(values: &Tensor<f64>) -> String {
    values.iter().map(|value| format!("{value:>8.4}")).collect()
}

pub(crate) fn run(run: &mut Run<'_>) -> Result<(), LessonError> {
    // pᵢ = exp(zᵢ) / Σⱼ exp(zⱼ), here of three scores.
    let tape = Tape::new();
    let scores = tape.leaf(Tensor::from_vec(vec![2.0, 1.0, -1.0_f64], [1, 3]));
    let p = scores.softmax(1).value().clone();
    say!(run, "scores z               {}", row(scores.value()));
    say!(run, "exp(z)                 {}", row(&scores.value().exp()));
    say!(run, "p = exp(z) / Σ exp(z)  {}   sum {:.4}", row(&p), p.sum(..).item());
    let shifted = (scores.value() + 100.0).softmax(1);
    say!(run, "p of z + 100           {}   only differences count", row(&shifted));

    // The label is class 0. As a one-hot target it is the distribution that the network should give.
    let label = Tensor::from_vec(vec![0_i64], [1]);
    let y: Tensor<f64> = label.one_hot(3);
    let loss = scores.cross_entropy(&label);
    let gradient = loss.backward().wrt(&scores).clone();
    say!(run, "target y, one-hot      {}", row(&y));
    say!(run, "loss −ln p₀                {:.4}", loss.item());
    say!(run, "gradient, by tape      {}", row(&gradient));
    say!(run, "p − y                  {}", row(&(&p - &y)));
    let difference = (&gradient - &(&p - &y)).abs().max(..).item();
    assert!(difference < 1e-12, "the gradient is p − y");

    say!(run, "\nloss by the probability of the right class:");
    for p in [0.99, 0.9, 0.5, 0.1, 0.01_f64] {
        say!(run, "  p = {p:<5} loss {:.3}   gradient of its score {:.2}", -p.ln(), p - 1.0);
    }
    say!(run, "Ten classes and no idea: p = 0.1, loss ln 10 = {:.4}", 10_f64.ln());

    // The same on real scores: a dense layer on handwritten digits, before and after training.
    let digits = Split::digits();
    let loader = fit::loader(&digits.train, 32);
    let mut model: Sequential = wengert::nn::sequential![Flatten, Linear::new(64, 10, &mut rng(0))];
    let eight = digits.test.select(0..8);
    let images = fit::loader(&eight, 8).for_evaluation(&eight).epoch::<f32>(0).next().expect("a batch");
    let scores = |model: &Sequential| {
        let mut pass = Pass::eval(model);
        model.call(&pass.input(images.inputs.clone()), &mut pass).value().cast::<f64>()
    };
    let report = |run: &mut Run<'_>, when: &str, scores: Tensor<f64>| {
        let tape = Tape::new();
        let z = tape.leaf(scores);
        let loss = z.cross_entropy(images.targets.classes());
        let by_tape = loss.backward().wrt(&z).clone();
        let p = z.value().softmax(1);
        let by_formula = (&p - images.targets.classes().one_hot(10)) / 8.0;
        let error = (&by_tape - &by_formula).abs().max(..).item();
        assert!(error < 1e-12, "the gradient is (p − y) / n");
        let sums = p.sum(1);
        let off = (&sums - 1.0).abs().max(..).item();
        assert!(off < 1e-12, "probabilities sum to 1");
        say!(run, "{when:<16} loss {:.3}, sums of p all 1, gradient = (p − y) / 8", loss.item());
        p
    };
    say!(run, "\neight digits, scores of one dense layer:");
    let before = scores(&model);
    report(run, "before training", before);
    let mut optimizer = Optimizer::new(Sgd { lr: 0.1, momentum: 0.9, ..Sgd::default() });
    for epoch in 0..run.pick(10, 1) {
        fit::epoch(&mut model, &mut optimizer, &loader, epoch);
    }
    let after = scores(&model);
    let p = report(run, "after training", after);

    let map = HeatMap {
        title: "probabilities of eight test digits after training".into(),
        columns: 10,
        values: p.to_vec(),
        colors: ColorMap::Viridis,
        digits: Some(2),
        row_labels: images.targets.classes().iter().map(|label| format!("a {label}")).collect(),
        column_labels: (0..10).map(|class| class.to_string()).collect(),
    };
    run.picture(&map.to_svg())?;
    run.remember("softmax makes probabilities of scores, and the loss pulls each score by p − y.");
    Ok(())
}
