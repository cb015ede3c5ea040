//! Fashion-MNIST with two convolutions, pooling and two dense layers.
//!
//! Its publication lists such a network with 91.6 % (H. Xiao, K. Rasul, R. Vollgraf, 2017, benchmark page).

use wengert::prelude::*;
use wengert::report::{ColorMap, Confusion, HeatMap};

use crate::data::fashion_or_digits;
use crate::fit;
use crate::run::say;
use crate::{LessonError, Run};

struct Cnn {
    conv1: Conv2d,
    conv2: Conv2d,
    fc1: Linear,
    dropout: Dropout,
    fc2: Linear,
}
fields!(Cnn as f32 { conv1, conv2, fc1, dropout, fc2 });

impl Module<f32> for Cnn {
    fn forward(&self, x: &Var, pass: &mut Pass) -> Var {
        let x = self.conv1.call(x, pass).relu().max_pool2d(2);
        let x = self.conv2.call(&x, pass).relu().max_pool2d(2);
        let x = self.fc1.call(&x.flatten(1, -1), pass).relu();
        let x = self.dropout.call(&x, pass);
        self.fc2.call(&x, pass)
    }
}

pub(crate) fn run(run: &mut Run<'_>) -> Result<(), LessonError> {
    let mut data = fashion_or_digits(run)?;
    if let Some(few) = run.pick(None, Some(100)) {
        data.train = data.train.select(0..few);
        data.test = data.test.select(0..few);
    }
    let [_, channels, height, width] = data.train.shape();
    let rng = &mut rng(0);
    let mut model = Cnn {
        conv1: Conv2d::new(channels, 32, 3, rng).padding(1),
        conv2: Conv2d::new(32, 64, 3, rng).padding(1),
        fc1: Linear::new(64 * (height / 4) * (width / 4), 128, rng),
        dropout: Dropout::new(0.25),
        fc2: Linear::new(128, 10, rng),
    };
    say!(run, "{}", summary(&model, [1, channels, height, width]));

    let normalize = Some(Normalize::of(&data.train));
    let loader = Loader::new(&data.train, LoaderOptions { batch: 64, normalize, ..Default::default() });
    let mut optimizer = Optimizer::new(Adam { lr: 0.0015, ..Adam::default() });
    let epochs = run.pick(10, 1);
    say!(run, "{} images, {} to test, {epochs} epochs", data.train.len(), data.test.len());
    say!(run, "{:>5}{:>12}{:>12}", "epoch", "loss", "accuracy");
    let mut best = 0.0_f64;
    for epoch in 0..epochs {
        // Each epoch's rate is 0.75 times that of the one before.
        optimizer.set_lr(0.0015 * 0.75_f64.powi(epoch));
        let loss = fit::epoch(&mut model, &mut optimizer, &loader, epoch as u64);
        let percent = fit::percent(&model, &loader, &data.test);
        say!(run, "{:>5}{loss:>12.4}{percent:>10.2} %", epoch + 1);
        best = best.max(percent);
    }
    say!(run, "the best of {epochs} epochs: {best:.2} %\n");

    let mut confusion = Confusion::new(data.test.classes().iter().map(String::as_str));
    let truth: Vec<i64> = data.test.labels().to_vec();
    confusion.add_all(&truth, &predictions(&model, &loader.for_evaluation(&data.test)));
    say!(run, "{confusion}");
    let classes = data.test.classes();
    let pairs = (0..10).flat_map(|a| (0..10).map(move |b| (a, b))).filter(|(a, b)| a != b);
    let worst = pairs.max_by_key(|&(a, b)| confusion.count(a, b)).expect("there are classes");
    say!(
        run,
        "most often wrong: {} taken for {}, {} times",
        classes[worst.0],
        classes[worst.1],
        confusion.count(worst.0, worst.1)
    );

    let map = HeatMap {
        title: "fraction of each class (row) taken for each class (column)".into(),
        columns: 10,
        values: (0..100)
            .map(|i| {
                confusion.count(i / 10, i % 10) as f64
                    / truth.iter().filter(|&&t| t == i as i64 / 10).count().max(1) as f64
            })
            .collect(),
        colors: ColorMap::Viridis,
        digits: Some(2),
        row_labels: classes.iter().enumerate().map(|(i, name)| format!("{i} {name}")).collect(),
        column_labels: (0..10).map(|class| class.to_string()).collect(),
    };
    run.picture(&map.to_svg())?;
    run.remember("two convolutions with pooling and two dense layers already know clothes, except shirts.");
    Ok(())
}
