//! NaN and infinities: training stops, says where they came from, and loses nothing.

use wengert::data::ImageSet;
use wengert::prelude::*;
use wengert::train::{Checkpoint, Direction, NonFinite, Origin};

use crate::models::{bits, images};

/// `log(x − shift)` between two layers: NaN where its input is below the shift.
#[derive(Clone, Debug)]
struct Log {
    shift: f64,
}
fields!(Log);

impl<T: Real> Module<T> for Log {
    fn forward(&self, x: &Var<T>, _: &mut Pass<T>) -> Var<T> {
        (x - self.shift).ln()
    }
}

/// `√x`, whose slope at 0 is infinite.
#[derive(Clone, Debug)]
struct Root;
fields!(Root);

impl<T: Real> Module<T> for Root {
    fn forward(&self, x: &Var<T>, _: &mut Pass<T>) -> Var<T> {
        x.sqrt()
    }
}

fn fails(model: &mut Sequential, set: &ImageSet, lr: f64) -> NonFinite {
    let loader = Loader::new(
        set,
        LoaderOptions {
            batch: 4,
            ..LoaderOptions::default()
        },
    );
    let before = bits(model);
    let error = Trainer::new(
        model,
        Optimizer::new(Sgd {
            lr,
            ..Sgd::default()
        }),
        &loader,
    )
    .fit();
    let found = match error.expect_err("not finite") {
        TrainError::NonFinite(found) => *found,
        other => panic!("{other}"),
    };
    if found.updates == 0 {
        assert_eq!(bits(model), before);
    }
    found
}

#[test]
fn the_op_of_a_nan_is_named_with_its_line_and_its_layer() {
    let rng = &mut rng(0);
    let mut model: Sequential = Sequential::new()
        .push_named("flatten", Flatten)
        .push_named("hidden", Linear::new(16, 8, rng))
        .push_named("log", Log { shift: 100.0 })
        .push_named("out", Linear::new(8, 3, rng));
    let found = fails(&mut model, &images(8, 0), 0.1);
    let Origin::Op(op) = &found.origin else {
        panic!("{found}");
    };
    assert_eq!(
        (op.op, op.layer.as_deref(), op.direction),
        ("ln", Some("log"), Direction::Forward)
    );
    assert_eq!(op.location.file(), file!());
    assert_eq!((found.epoch, found.step, found.updates), (0, 0, 0));
    let text = found.to_string();
    assert!(
        text.contains("step 1 of epoch 1") && text.contains("`ln`") && text.contains("layer `log`"),
        "{text}"
    );
}

/// A layer whose outputs are 0.
fn zeros(inputs: usize, outputs: usize) -> Linear {
    let mut layer = Linear::new(inputs, outputs, &mut rng(0));
    let bias = layer.bias.as_mut().expect("a bias");
    for x in [layer.weight.value_mut(), bias.value_mut()] {
        x.map_in_place(|_| 0.0);
    }
    layer
}

#[test]
fn the_op_of_an_infinite_gradient_is_named() {
    let mut model: Sequential = Sequential::new()
        .push_named("flatten", Flatten)
        .push_named("zero", zeros(16, 8))
        .push_named("root", Root)
        .push_named("out", Linear::new(8, 3, &mut rng(0)));
    let found = fails(&mut model, &images(8, 0), 0.1);
    let Origin::Op(op) = &found.origin else {
        panic!("{found}");
    };
    assert_eq!((op.op, op.layer.as_deref()), ("sqrt", Some("root")));
    assert_eq!(op.direction, Direction::Backward);
}

#[test]
fn an_infinite_cotangent_that_does_no_harm_is_not_named() {
    // The slope of the second root is infinite too, but the slope of relu at 0 is 0 and hides it.
    let mut model: Sequential = Sequential::new()
        .push(Flatten)
        .push(zeros(16, 8))
        .push_named("harmful", Root)
        .push(zeros(8, 8))
        .push(Relu)
        .push_named("harmless", Root)
        .push(Linear::new(8, 3, &mut rng(0)));
    let found = fails(&mut model, &images(8, 0), 0.1);
    let Origin::Op(op) = &found.origin else {
        panic!("{found}");
    };
    assert_eq!(op.layer.as_deref(), Some("harmful"), "{found}");
}

#[test]
fn an_infinity_that_does_no_harm_is_not_named() {
    /// A mask as in attention, before a loss that is NaN for another reason.
    #[derive(Clone, Debug)]
    struct Mask;
    fields!(Mask);
    impl<T: Real> Module<T> for Mask {
        fn forward(&self, x: &Var<T>, _: &mut Pass<T>) -> Var<T> {
            let mask = Tensor::from_fn([1, 8], |i| {
                if i[1] < 4 {
                    T::zero()
                } else {
                    T::of(f64::NEG_INFINITY)
                }
            });
            (x + &Var::constant(mask)).softmax(1)
        }
    }
    let rng = &mut rng(0);
    let mut model: Sequential = Sequential::new()
        .push(Flatten)
        .push(Linear::new(16, 8, rng))
        .push(Mask)
        .push(Log { shift: 2.0 })
        .push(Linear::new(8, 3, rng));
    let found = fails(&mut model, &images(8, 0), 0.1);
    assert!(
        matches!(&found.origin, Origin::Op(op) if op.op == "ln"),
        "{found}"
    );
}

#[test]
fn an_update_that_overflows_is_named_by_the_parameter() {
    let mut model: Sequential = sequential![Flatten, Linear::new(16, 3, &mut rng(0))];
    let found = fails(&mut model, &images(8, 0), 1e39);
    assert!(
        found.updates > 0 && found.to_string().contains("`1."),
        "{found}"
    );
    assert!(matches!(&found.origin, Origin::Parameter { .. }), "{found}");
}

#[test]
fn checkpoints_from_before_a_nan_stay_as_they_were() {
    let set = images(8, 0);
    let loader = Loader::new(
        &set,
        LoaderOptions {
            batch: 4,
            ..LoaderOptions::default()
        },
    );
    let scratch = tempfile::tempdir().expect("a directory");
    let directory = scratch.path();
    let train = |epochs, from: u64| {
        let mut model: Sequential = sequential![Flatten, Linear::new(16, 3, &mut rng(0))];
        Trainer::new(
            &mut model,
            Optimizer::new(Sgd {
                lr: 0.1,
                ..Sgd::default()
            }),
            &loader,
        )
        .epochs(epochs)
        .loss(move |output, batch| {
            let nan = if epochs > from { f64::NAN } else { 1.0 };
            output.cross_entropy(batch.targets.classes()) * nan
        })
        .checkpoints(CheckpointOptions {
            directory: directory.to_owned(),
            ..CheckpointOptions::default()
        })
        .resume_if_possible()
        .fit()
    };
    train(2, 2).expect("finite so far");
    let files = || {
        let mut files: Vec<_> = std::fs::read_dir(directory)
            .expect("a directory")
            .flatten()
            .collect();
        files.sort_by_key(std::fs::DirEntry::file_name);
        files
            .into_iter()
            .map(|file| {
                (
                    file.file_name(),
                    std::fs::read(file.path()).expect("a file"),
                )
            })
            .collect::<Vec<_>>()
    };
    let before = files();
    assert!(matches!(train(3, 2), Err(TrainError::NonFinite(_))));
    assert_eq!(files(), before);
    let last = Checkpoint::last_in(directory)
        .expect("a directory")
        .expect("a checkpoint");
    assert_eq!(
        Checkpoint::load(last).expect("is intact").position().epoch,
        2
    );
}
