//! Loss falls and accuracy rises: what the learning rate, the batch size and momentum do, and Adam.

use wengert::nn::sequential;
use wengert::prelude::*;
use wengert::report::{LineChart, Scale, Series};

use crate::fit;
use crate::run::say;
use crate::{LessonError, Run};

fn model() -> Sequential {
    let rng = &mut rng(1);
    sequential![
        Conv2d::new(1, 16, 3, rng).padding(1),
        Relu,
        MaxPool2d::new(2),
        Conv2d::new(16, 32, 3, rng).padding(1),
        Relu,
        MaxPool2d::new(2),
        Flatten,
        Linear::new(32 * 4, 10, rng),
    ]
}

/// One run: the losses by epoch, prepared for a chart, and the table's row.
fn train(run: &mut Run<'_>, digits: &Split, name: &str, batch: usize, optimizer: Optimizer) -> Series {
    let mut optimizer = optimizer.skip_non_finite();
    let loader = fit::loader(&digits.train, batch);
    let mut model = model();
    let epochs = run.pick(10, 1);
    let losses: Vec<f64> =
        (0..epochs).map(|epoch| fit::epoch(&mut model, &mut optimizer, &loader, epoch)).collect();
    let show = |loss: f64| if loss < 100.0 { format!("{loss:.3}") } else { "overflow".to_owned() };
    let steps = loader.steps() * epochs as usize;
    let percent = fit::percent(&model, &loader, &digits.test);
    let [first, last] = [losses[0], losses[losses.len() - 1]].map(show);
    say!(run, "  {name:<30}{steps:>7}{first:>12}{last:>12}{percent:>10.1} %");
    let points = (1..).zip(losses).map(|(epoch, loss)| (f64::from(epoch), loss)).collect();
    Series { name: name.to_owned(), points }
}

pub(crate) fn run(run: &mut Run<'_>) -> Result<(), LessonError> {
    let digits = Split::digits();
    let sgd = |lr: f64, momentum: f64| Optimizer::new(Sgd { lr, momentum, ..Sgd::default() });
    let epochs = run.pick(10, 1);
    say!(run, "a small CNN on {} digits, {epochs} epochs", digits.train.len());
    say!(run, "  {:<30}{:>7}{:>12}{:>12}{:>12}", "", "steps", "first loss", "last loss", "accuracy");
    let mut series = Vec::new();

    say!(run, "learning rate, SGD, batches of 32:");
    for lr in [0.001, 0.01, 0.1, 0.5, 3.0] {
        series.push(train(run, &digits, &format!("SGD, learning rate {lr}"), 32, sgd(lr, 0.0)));
    }
    say!(run, "batch size, SGD, learning rate 0.1:");
    for batch in [8, 128, 512] {
        train(run, &digits, &format!("SGD, batches of {batch}"), batch, sgd(0.1, 0.0));
    }
    say!(run, "momentum, SGD, learning rate 0.01, batches of 32:");
    for momentum in [0.5, 0.9] {
        let line = train(run, &digits, &format!("SGD, momentum {momentum}"), 32, sgd(0.01, momentum));
        if momentum == 0.9 {
            series.push(Series { name: "SGD 0.01, momentum 0.9".into(), ..line });
        }
    }
    say!(run, "Adam, batches of 32:");
    for lr in [0.001, 0.01] {
        let adam = Optimizer::new(Adam { lr, ..Adam::default() });
        series.push(train(run, &digits, &format!("Adam, learning rate {lr}"), 32, adam));
    }
    say!(run, "\nno idea at all is a loss of ln 10 = {:.3}", 10_f64.ln());
    say!(run, "momentum 0.9 adds up to 1 / (1 − 0.9) = {:.0} times the step", 1.0_f64 / (1.0 - 0.9));

    let chart = LineChart {
        title: "training loss by epoch".into(),
        x_label: "epoch".into(),
        y_label: "mean loss of the epoch".into(),
        y_scale: Scale::Log,
        series,
        ..LineChart::default()
    };
    run.picture(&chart.to_svg())?;
    run.remember("the learning rate matters most: too small learns slowly, too large not at all.");
    Ok(())
}
