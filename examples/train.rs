//! A CNN trained with a `Trainer`: data, model, schedule, checkpoints, evaluation. Stopped at any moment, it
//! continues where it was.
//!
//!     cargo run --release --example train

// [trainer]
use wengert::prelude::*;

fn main() -> Result<(), TrainError> {
    let data = Split::digits();
    let rng = &mut rng(0);
    let mut model: Sequential = sequential![
        Conv2d::new(1, 16, 3, rng).padding(1),
        Relu,
        Conv2d::new(16, 32, 3, rng).padding(1).stride(2),
        Relu,
        Flatten,
        Linear::new(32 * 4 * 4, 10, rng),
    ];
    let train = Loader::new(&data.train, LoaderOptions { batch: 32, ..Default::default() });
    let optimizer = Optimizer::new(Sgd { lr: 0.05, momentum: 0.9, ..Default::default() });
    let outcome = Trainer::new(&mut model, optimizer, &train)
        .epochs(10)
        .validation(&train.for_evaluation(&data.test))
        .schedule(Every::Step, |steps| CosineAnnealingLr { t_max: steps, ..Default::default() })
        .checkpoints(CheckpointOptions { directory: "runs/digits".into(), ..Default::default() })
        .resume_if_possible()
        .on_epoch(|epoch| println!("{}", epoch.record))
        .fit()?;
    println!("test accuracy {:.1} %", 100.0 * outcome.accuracy());
    Ok(())
}
// [/trainer]
