//! Sources, targets and outputs that few have: sources of one's own, numbers instead of classes, outputs without scores.

use wengert::data::{Augment, DataError, Dataset, Example, ImageSet, Position};
use wengert::prelude::*;
use wengert::tensor::testing::panics::assert_refused;
use wengert::train::{BatchSource, StopHandle, StopReason};

use crate::models::{Scaled, bits, images, network};

fn of_four(set: &impl Dataset) -> Loader<'_> {
    Loader::new(
        set,
        LoaderOptions {
            batch: 4,
            ..LoaderOptions::default()
        },
    )
}

fn sgd() -> Optimizer {
    Optimizer::new(Sgd {
        lr: 0.1,
        ..Sgd::default()
    })
}

/// A source that implements what it must, with other numbers than its loader's where they are wrong on purpose.
struct Own<'a> {
    loader: Loader<'a>,
    steps: usize,
    made: usize,
    labels: Option<Vec<i64>>,
}

impl BatchSource<f32> for Own<'_> {
    type Batch = Batch<f32>;
    fn steps(&self) -> usize {
        self.steps
    }
    fn examples(&self) -> usize {
        self.loader.set().len()
    }
    fn batches(&self, position: Position) -> impl Iterator<Item = Batch<f32>> {
        self.loader.batches(position).take(self.made)
    }
    fn labels(&self) -> Option<Vec<i64>> {
        self.labels.clone()
    }
    fn settings(&self) -> Result<Vec<(String, String)>, DataError> {
        Ok(Vec::new())
    }
}

/// The weights after two epochs, or the message of the error.
fn train_on(data: &impl BatchSource<f32>, shards: usize) -> Result<String, String> {
    let mut model = network(0);
    let options = TrainOptions {
        epochs: 2,
        shards,
        ..TrainOptions::default()
    };
    let outcome = Trainer::new(&mut model, sgd(), data).options(options).fit();
    outcome.map_err(|error| error.to_string())?;
    Ok(bits(&model))
}

#[test]
fn an_epoch_without_a_batch_is_an_error() {
    let set = images(8, 0);
    for (steps, made) in [(0, 2), (2, 0)] {
        let own = Own {
            loader: of_four(&set),
            steps,
            made,
            labels: None,
        };
        let error = train_on(&own, 1).expect_err("no batch");
        assert!(
            error.contains("an epoch of the 8 training examples has no batch"),
            "{error}"
        );
    }
}

#[test]
fn a_source_of_ones_own_trains_as_its_loader_in_shards_too() {
    let set = images(8, 0);
    for shards in [1, 2] {
        // Labels are not needed, and may be an empty list.
        for labels in [None, Some(Vec::new())] {
            let own = Own {
                loader: of_four(&set),
                steps: 2,
                made: 2,
                labels,
            };
            let expected = train_on(&of_four(&set), shards);
            assert!(expected.is_ok());
            assert_eq!(train_on(&own, shards), expected, "{shards} shards");
        }
    }
}

/// `y = 2·x − 1` at 8 places.
struct Line;

impl Dataset for Line {
    fn len(&self) -> usize {
        8
    }
    fn example(&self, index: usize) -> Example {
        let x = index as f64 / 8.0;
        Example::new(Tensor::from_vec(vec![x], [1]), vec![2.0 * x - 1.0])
    }
}

#[test]
fn numbers_need_a_loss_and_have_no_columns_of_classes() {
    let loader = of_four(&Line);
    let mut model: Sequential = sequential![Linear::new(1, 1, &mut rng(0))];
    let error = Trainer::new(&mut model, sgd(), &loader).fit();
    let text = error.expect_err("no loss").to_string();
    assert!(text.contains("no usual loss"), "{text}");
    let options = TrainOptions {
        epochs: 60,
        top_k: vec![1],
        ..TrainOptions::default()
    };
    let outcome = Trainer::new(&mut model, sgd(), &loader)
        .options(options)
        .validation(&loader)
        .loss(|y, batch| y.mse_loss(&Var::constant(batch.targets.numbers().clone())))
        .fit()
        .expect("it trains");
    let last = outcome.history.last().expect("epochs");
    let names: Vec<_> = last.values.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["train_loss", "valid_loss", "lr"]);
    let evaluation = outcome.evaluation.expect("validation data");
    assert!(evaluation.loss < 0.01, "{}", evaluation.loss);
    assert_eq!((evaluation.accuracy(), evaluation.macro_f1()), (None, None));
    assert!(evaluation.per_class().is_empty() && evaluation.top_k.is_empty());
}

#[test]
fn mixed_targets_have_the_usual_loss_if_the_scores_have_their_shape() {
    let set = images(12, 0);
    let options = LoaderOptions {
        batch: 4,
        augment: Augment::default().mixup(0.4),
        ..LoaderOptions::default()
    };
    let loader = Loader::new(&set, options);
    let train = |classes| {
        let mut model: Sequential = sequential![Flatten, Linear::new(16, classes, &mut rng(0))];
        let trained = Trainer::new(&mut model, sgd(), &loader).epochs(10).fit();
        trained.map(|outcome| outcome.history.column("train_loss"))
    };
    let losses = train(3).expect("it trains");
    let (first, last) = (losses[0], losses[losses.len() - 1]);
    assert!(last < 0.9 * first, "{first} {last}");
    let text = train(4).expect_err("other classes").to_string();
    assert!(text.contains("no usual loss"), "{text}");
}

/// The images of a batch in pairs: half as many rows as examples.
#[derive(Clone, Debug)]
struct Pairs;
fields!(Pairs);

impl<T: Real> Module<T> for Pairs {
    fn forward(&self, x: &Var<T>, _: &mut Pass<T>) -> Var<T> {
        let count = x.shape()[0];
        x.reshape([count / 2, x.value().len() / count * 2])
    }
}

#[test]
fn outputs_without_a_row_for_each_example_need_a_loss_and_have_no_accuracy() {
    let set = images(8, 0);
    let loader = of_four(&set);
    let mut pairs: Sequential = sequential![Pairs, Linear::new(32, 3, &mut rng(0))];
    let error = Trainer::new(&mut pairs, sgd(), &loader).fit();
    let text = error.expect_err("two rows").to_string();
    assert!(
        text.contains("[2, 3]") && text.contains("[4, classes]"),
        "{text}"
    );
    let planes: Sequential = sequential![Conv2d::new(1, 3, 3, &mut rng(0))];
    for mut model in [pairs, planes] {
        let outcome = Trainer::new(&mut model, sgd(), &loader)
            .epochs(2)
            .validation(&loader)
            .loss(|output, _| output.square().mean(..))
            .fit()
            .expect("it trains");
        let losses = outcome.history.column("train_loss");
        assert!(losses[1] < losses[0], "{losses:?}");
        let evaluation = outcome.evaluation.expect("validation data");
        assert!(evaluation.loss < losses[0] && evaluation.confusion.is_none());
        assert!(outcome.history.column("train_accuracy").is_empty());
    }
}

#[test]
fn scores_of_other_classes_than_those_of_the_training_have_a_loss_and_no_accuracy() {
    let set = images(8, 0);
    // A score for each pixel: 16, and 4 of the validation data.
    let small = ImageSet::new(
        vec![9; 12],
        [3, 1, 2, 2],
        vec![0, 1, 2],
        &["a", "b", "c"],
        255,
    );
    let scale = Param::new(Tensor::ones([1]));
    let mut model = Sequential::new()
        .push(Flatten)
        .push_named("scale", Scaled { scale });
    let (loader, valid) = (of_four(&set), of_four(&small));
    let outcome = Trainer::new(&mut model, sgd(), &loader)
        .epochs(1)
        .validation(&valid)
        .fit()
        .expect("it trains");
    let last = outcome.history.last().expect("an epoch");
    // All pixels are the same, so all four scores are.
    let loss = last.get("valid_loss").expect("a column");
    assert!((loss - 4_f64.ln()).abs() < 1e-6, "{loss}");
    assert!(last.get("valid_accuracy").expect("a column").is_nan());
    assert!(!last.get("train_accuracy").expect("a column").is_nan());
}

#[test]
fn a_request_to_stop_during_an_evaluation_ends_it_on_all_processes() {
    let set = images(16, 0);
    let run = |communicator: Option<&wengert::distributed::Communicator>| {
        let loader = of_four(&set);
        let stop = StopHandle::new();
        let mut model = network(0);
        let own = communicator.is_none_or(|communicator| communicator.rank() == 1);
        let mut trainer = Trainer::new(&mut model, sgd(), &loader)
            .options(TrainOptions {
                epochs: 2,
                shards: 2,
                ..TrainOptions::default()
            })
            .validation(&loader)
            .metric("stops", |_, _| {
                if own {
                    stop.stop();
                }
                0.0
            })
            .stop_handle(&stop);
        if let Some(communicator) = communicator {
            trainer = trainer.communicator(communicator);
        }
        let outcome = trainer.fit().expect("nothing is wrong");
        (
            outcome.reason,
            outcome.history.epochs.len(),
            outcome.history.steps.len(),
        )
    };
    // All steps of the first epoch, and no record of it.
    let expected = (StopReason::Interrupted, 0, 4);
    assert_eq!(run(None), expected);
    let all = wengert::distributed::Simulator::new(2).run(|communicator| run(Some(communicator)));
    assert_eq!(all, [expected.clone(), expected]);
}

#[test]
fn a_sequence_of_schedules_has_a_milestone_between_two_curves() {
    use wengert::optim::{Curve, LambdaLr};
    let set = images(8, 0);
    let loader = of_four(&set);
    let run = |milestones: &[u64]| {
        let constant = |factor| -> Box<dyn Curve> { Box::new(LambdaLr::new(move |_, _| factor)) };
        let mut model = network(0);
        let outcome = Trainer::new(&mut model, sgd(), &loader)
            .epochs(4)
            .schedule_sequence(Every::Epoch, |_| {
                (vec![constant(1.0), constant(0.5)], milestones.to_vec())
            })
            .fit()
            .expect("it trains");
        outcome.history.column("lr")
    };
    assert_eq!(run(&[2]), [0.1, 0.1, 0.05, 0.05]);
    assert_refused(
        "sequence: 2 curves, 0 milestones: must be one milestone fewer than curves",
        || drop(run(&[])),
    );
}

#[test]
fn a_batch_without_examples_has_no_finite_loss() {
    /// An empty batch after the first one.
    struct Empty<'a>(Loader<'a>);
    impl BatchSource<f32> for Empty<'_> {
        type Batch = Batch<f32>;
        fn steps(&self) -> usize {
            2
        }
        fn examples(&self) -> usize {
            self.0.set().len()
        }
        fn batches(&self, position: Position) -> impl Iterator<Item = Batch<f32>> {
            let batches = (position.step..2).zip(self.0.batches(position));
            batches.map(|(step, batch): (_, Batch<f32>)| batch.part(0..4 * (1 - step)))
        }
        fn settings(&self) -> Result<Vec<(String, String)>, DataError> {
            Ok(Vec::new())
        }
    }
    let set = images(8, 0);
    let source = Empty(of_four(&set));
    for shards in [1, 2] {
        let mut model: Sequential = sequential![Flatten, Linear::new(16, 3, &mut rng(0))];
        let options = TrainOptions {
            shards,
            ..TrainOptions::default()
        };
        let error = Trainer::new(&mut model, sgd(), &source)
            .options(options)
            .fit();
        let TrainError::NonFinite(found) = error.expect_err("no mean") else {
            panic!("another error");
        };
        assert_eq!((found.step, found.updates), (1, 1));
        assert!(found.to_string().contains("NaN or infinite"), "{found}");
    }
}
