//! Data sets of the user's own, samplers, splits, and batches made in the background.

#![allow(
    clippy::items_after_statements,
    reason = "a small data set stands beside its only use"
)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use wengert::data::{
    Augment, Dataset, Example, ImageSet, Loader, LoaderOptions, Normalize, Position, Sampler,
    Subset, Target, Targets, split_rows,
};
use wengert::evaluate::accuracy;
use wengert::prelude::{Module, Pass, Tensor, Var, fields};
use wengert::tensor::testing::panics::message_of;

/// `count` samples: the input is the index and its half, the class is the index modulo `classes`.
struct Numbered {
    count: usize,
    classes: usize,
}

impl Dataset for Numbered {
    fn len(&self) -> usize {
        self.count
    }
    fn example(&self, index: usize) -> Example {
        let x = index as f64;
        Example::new(
            Tensor::from_vec(vec![x, x / 2.0], [2]),
            index % self.classes,
        )
    }
    fn class_count(&self) -> usize {
        self.classes
    }
}

fn options(batch: usize) -> LoaderOptions {
    LoaderOptions {
        batch,
        ..LoaderOptions::default()
    }
}

#[test]
fn a_set_of_a_thousand_classes_is_loaded_and_evaluated() {
    /// Gives class `x₀ mod 1000` the highest score.
    struct Perfect;
    fields!(Perfect as f64 {});
    impl Module<f64> for Perfect {
        fn forward(&self, x: &Var<f64>, _: &mut Pass<f64>) -> Var<f64> {
            let classes = x.value().select(1, 0).map(|x| x % 1000.0).cast::<i64>();
            Var::from(classes.one_hot(1000))
        }
    }
    let set = Numbered {
        count: 3000,
        classes: 1000,
    };
    let loader = Loader::new(&set, options(128));
    for batch in loader.epoch::<f64>(0) {
        for (&row, class) in batch.rows.iter().zip(batch.targets.classes().iter()) {
            assert_eq!(class, row as i64 % 1000);
        }
    }
    assert_eq!(accuracy(&Perfect, &loader), 1.0);
    let labels = (0..300).collect();
    let names: Vec<String> = (0..300).map(|n| n.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let images = ImageSet::new(vec![0; 300], [300, 1, 1, 1], labels, &names, 255);
    assert_eq!(images.labels()[299], 299);
}

/// Inputs and targets of any shape.
struct Shaped(fn(usize) -> Example);

impl Dataset for Shaped {
    fn len(&self) -> usize {
        4
    }
    fn example(&self, index: usize) -> Example {
        (self.0)(index)
    }
}

#[test]
fn targets_are_numbers_or_classes_of_any_shape() {
    let shapes = |set: fn(usize) -> Example| {
        let set = Shaped(set);
        let batch = Loader::new(&set, options(4))
            .epoch::<f32>(0)
            .next()
            .expect("a batch");
        let is_classes = matches!(batch.targets, Targets::Classes(_));
        (
            batch.inputs.shape().to_vec(),
            batch.targets.shape().to_vec(),
            is_classes,
        )
    };
    // Regression, several labels at once, a class per pixel, an image to reconstruct.
    fn regression(n: usize) -> Example {
        Example::new(Tensor::zeros([3]), n as f64)
    }
    fn labels(_: usize) -> Example {
        Example::new(Tensor::zeros([3]), vec![0.0, 1.0, 1.0, 0.0, 1.0])
    }
    fn pixels(_: usize) -> Example {
        Example::new(
            Tensor::zeros([1, 2, 2]),
            Tensor::from_vec(vec![0_i64; 4], [2, 2]),
        )
    }
    fn image(_: usize) -> Example {
        Example::new(Tensor::zeros([1, 2, 2]), Tensor::<f64>::ones([1, 2, 2]))
    }
    assert_eq!(shapes(regression), (vec![4, 3], vec![4, 1], false));
    assert_eq!(shapes(labels), (vec![4, 3], vec![4, 5], false));
    assert_eq!(shapes(pixels), (vec![4, 1, 2, 2], vec![4, 2, 2], true));
    assert_eq!(shapes(image), (vec![4, 1, 2, 2], vec![4, 1, 2, 2], false));
    assert_eq!(Target::from(3).class(), Some(3));
    assert_eq!(Target::from(3.0).class(), None);
}

#[test]
fn samples_that_do_not_fit_together_are_refused_by_number() {
    fn other_shape(n: usize) -> Example {
        Example::new(Tensor::zeros([if n == 2 { 4 } else { 3 }]), n)
    }
    fn other_kind(n: usize) -> Example {
        let input = Tensor::zeros([3]);
        if n == 2 {
            Example::new(input, 0.5)
        } else {
            Example::new(input, n)
        }
    }
    for (set, text) in [
        (
            other_shape as fn(usize) -> Example,
            "Loader: sample 2: its input has the shape [4], others of the batch [3]",
        ),
        (
            other_kind,
            "Loader: sample 2: some targets of the batch are class numbers",
        ),
    ] {
        let in_order = LoaderOptions {
            shuffle: false,
            ..options(4)
        };
        let set = Shaped(set);
        let loader = Loader::new(&set, in_order);
        let message = message_of(|| {
            let _ = loader.epoch::<f32>(0).next();
        });
        assert!(message.starts_with(text), "{message}");
    }
}

#[test]
fn the_wrong_kind_of_targets_is_named_with_the_remedy() {
    let classes: Targets<f32> = Targets::Classes(Tensor::from_vec(vec![1], [1]));
    let numbers: Targets<f32> = Targets::Numbers(Tensor::zeros([1, 2]));
    let message = message_of(|| drop(classes.numbers().clone()));
    assert!(
        message.contains("class numbers of shape [1]: use `classes()`"),
        "{message}"
    );
    let message = message_of(|| drop(numbers.classes().clone()));
    assert!(
        message.contains("numbers of shape [1, 2]: use `numbers()`"),
        "{message}"
    );
}

#[test]
fn cross_entropy_with_certain_probabilities_is_that_with_classes() {
    let scores = Var::from(Tensor::from_vec(
        vec![0.5, -1.0, 2.0, 0.0, 1.0, -0.5],
        [2, 3],
    ));
    let labels = Tensor::from_vec(vec![2, 0], [2]);
    let certain = Targets::Numbers(labels.one_hot(3));
    let classes = Targets::Classes(labels);
    let (a, b) = (
        certain.cross_entropy(&scores),
        classes.cross_entropy(&scores),
    );
    let difference: f64 = a.item() - b.item();
    assert!(difference.abs() < 1e-12);
    assert_eq!(certain.most_probable(), classes.most_probable());
}

#[test]
fn features_are_normalised_each_by_itself() {
    let set = Numbered {
        count: 101,
        classes: 2,
    };
    let normalize = Normalize::of(&set);
    assert_eq!(normalize.mean, [50.0, 25.0]);
    // The variance of 0, …, 100 is (101² − 1) / 12 = 850.
    assert!((normalize.deviation[0] - 850_f64.sqrt()).abs() < 1e-12);
    // A large common offset costs no digits.
    fn offset(n: usize) -> Example {
        Example::new(Tensor::from_vec(vec![1e9 + n as f64], [1]), 0)
    }
    let deviation = Normalize::of(&Shaped(offset)).deviation[0];
    assert!((deviation - 1.25_f64.sqrt()).abs() < 1e-9, "{deviation}");
}

#[test]
fn a_weighted_sampler_draws_in_proportion_and_never_what_has_no_weight() {
    let set = Numbered {
        count: 4000,
        classes: 4,
    };
    let weights = (0..4000).map(|n| [0.0, 1.0, 2.0, 5.0][n % 4]).collect();
    let weighted = LoaderOptions {
        sampler: Sampler::Weighted(weights),
        ..options(10)
    };
    let loader = Loader::new(&set, weighted);
    let order = loader.order(0);
    assert_eq!(order.len(), 4000);
    let mut counts = [0_f64; 4];
    for row in &order {
        counts[row % 4] += 1.0;
    }
    // Probabilities 0, 1/8, 2/8, 5/8; deviations of at most √(4000·¼) ≈ 32.
    for (count, expected) in counts.iter().zip([0.0, 500.0, 1000.0, 2500.0]) {
        assert!((count - expected).abs() < 130.0, "{counts:?}");
    }
    assert_eq!(counts[0], 0.0);
    assert_ne!(order, loader.order(1), "each epoch draws anew");
    assert_eq!(order, loader.order(0));
}

#[test]
fn a_balanced_sampler_has_every_class_equally_often() {
    // Classes of 90, 9 and 1 samples.
    struct Uneven;
    impl Dataset for Uneven {
        fn len(&self) -> usize {
            100
        }
        fn example(&self, index: usize) -> Example {
            let class = usize::from(index >= 90) + usize::from(index >= 99);
            Example::new(Tensor::zeros([1]), class)
        }
    }
    for shuffle in [false, true] {
        let balanced = LoaderOptions {
            sampler: Sampler::Balanced,
            shuffle,
            ..options(10)
        };
        let loader = Loader::new(&Uneven, balanced);
        for epoch in 0..5 {
            let mut by_row = BTreeMap::<usize, usize>::new();
            for row in loader.order(epoch) {
                *by_row.entry(row).or_default() += 1;
            }
            let total =
                |rows: std::ops::Range<usize>| by_row.range(rows).map(|(_, n)| n).sum::<usize>();
            let mut totals = [total(0..90), total(90..99), total(99..100)];
            // Within a class every sample occurs k or k + 1 times.
            let ones = by_row.range(90..99).map(|(_, &n)| n);
            assert!(ones.clone().max() <= ones.min().map(|least| least + 1));
            assert!(by_row.range(0..90).all(|(_, &n)| n == 1));
            totals.sort_unstable();
            assert_eq!(totals, [33, 33, 34]);
        }
    }
}

#[test]
fn samplers_that_do_not_fit_the_set_are_refused() {
    let set = Numbered {
        count: 3,
        classes: 2,
    };
    fn numbers(_: usize) -> Example {
        Example::new(Tensor::zeros([1]), 0.5)
    }
    for (sampler, text) in [
        (
            Sampler::Weighted(vec![1.0; 2]),
            "2 weights for 3 samples: one each is needed",
        ),
        (
            Sampler::Weighted(vec![1.0, f64::NAN, 1.0]),
            "sample 1 has the weight NaN",
        ),
        (
            Sampler::Weighted(vec![1.0, -1.0, 1.0]),
            "sample 1 has the weight -1",
        ),
        (
            Sampler::Weighted(vec![0.0; 3]),
            "the weights add up to 0.0: one must be above 0",
        ),
    ] {
        let message = message_of(|| {
            let _ = Loader::new(
                &set,
                LoaderOptions {
                    sampler: sampler.clone(),
                    ..options(1)
                },
            );
        });
        assert!(message.contains(text), "{message}");
    }
    let message = message_of(|| {
        let balanced = LoaderOptions {
            sampler: Sampler::Balanced,
            ..options(1)
        };
        let _ = Loader::new(&Shaped(numbers), balanced);
    });
    assert!(
        message.contains("sample 0 has no class number"),
        "{message}"
    );
}

#[test]
fn a_split_is_stratified_disjoint_and_of_the_seed() {
    let digits = ImageSet::digits();
    let split = digits.split(0.25, 3);
    let counts = |labels: &[i64]| {
        let mut counts = [0_usize; 10];
        for &label in labels {
            counts[label as usize] += 1;
        }
        counts
    };
    let (all, held) = (counts(digits.labels()), counts(split.test.labels()));
    for (all, held) in all.iter().zip(held) {
        assert_eq!(held, (*all as f64 * 0.25).round() as usize);
    }
    let (train, test) = split_rows(&digits, 0.25, 3);
    assert_eq!(split.test, digits.select(test.iter().copied()));
    let mut rows = [train.clone(), test.clone()].concat();
    rows.sort_unstable();
    assert_eq!(rows, (0..digits.len()).collect::<Vec<_>>());
    assert_eq!(split_rows(&digits, 0.25, 3).1, test);
    assert_ne!(split_rows(&digits, 0.25, 4).1, test);
    assert!(split_rows(&digits, 0.0, 3).1.is_empty());
    let subset = Subset::new(&digits, test);
    assert_eq!(subset.example(5), digits.example(subset.rows()[5]));
    // No class ends up with no training images.
    let few = Numbered {
        count: 3,
        classes: 3,
    };
    assert_eq!(split_rows(&few, 0.9, 0), (vec![0, 1, 2], vec![]));
    let message = message_of(|| drop(digits.split(1.0, 0)));
    assert!(
        message.contains("share = 1: must be from 0 to 1, excluding 1"),
        "{message}"
    );
    let message = message_of(|| drop(Subset::new(&few, vec![3])));
    assert!(
        message.contains("index 3: the set has 3 samples"),
        "{message}"
    );
}

/// What identifies a batch: rows, seed and the bits of the inputs.
fn bits(batch: &wengert::data::Batch<f32>) -> (Vec<usize>, u64, Vec<u32>) {
    let inputs = batch.inputs.iter().map(f32::to_bits).collect();
    (batch.rows.clone(), batch.seed, inputs)
}

#[test]
fn batches_made_in_the_background_are_the_same_for_any_number_of_workers() {
    let digits = ImageSet::digits().select(0..203);
    let loader = |workers| {
        let augment = Augment::default().shift(1).rotation(10.0).mixup(0.2);
        let options = LoaderOptions {
            workers,
            augment,
            ..options(16)
        };
        Loader::new(&digits, options)
    };
    let direct: Vec<_> = loader(0)
        .epoch::<f32>(2)
        .map(|batch| bits(&batch))
        .collect();
    assert_eq!(direct.len(), 13);
    for workers in [0, 1, 2, 3, 20] {
        for step in [0, 5, 12, 13, 99] {
            let position = Position { epoch: 2, step };
            let made = loader(workers).prefetch(position, |mut batches| {
                let mut made = Vec::new();
                assert_eq!(batches.len(), 13_usize.saturating_sub(step));
                loop {
                    let position = batches.position();
                    let Some(batch) = batches.next() else {
                        assert_eq!(position, Position { epoch: 3, step: 0 });
                        return made;
                    };
                    assert_eq!(position.step, step + made.len());
                    made.push(bits(&batch));
                }
            });
            assert_eq!(
                made,
                direct[step.min(13)..],
                "{workers} workers from {step}"
            );
        }
    }
}

/// Counts calls; panics at one index.
struct Failing {
    calls: AtomicUsize,
    at: usize,
}

impl Dataset for Failing {
    fn len(&self) -> usize {
        1000
    }
    fn example(&self, index: usize) -> Example {
        self.calls.fetch_add(1, Ordering::Relaxed);
        assert!(index != self.at, "sample {index} cannot be read");
        Example::new(Tensor::zeros([1]), 0)
    }
}

#[test]
fn a_panic_in_a_users_set_reaches_the_caller() {
    let failing = Failing {
        calls: AtomicUsize::new(0),
        at: 25,
    };
    for workers in [0, 1, 2, 4] {
        let in_order = LoaderOptions {
            shuffle: false,
            workers,
            ..options(10)
        };
        let loader = Loader::new(&failing, in_order);
        let mut seen = 0;
        let message = message_of(|| {
            loader.prefetch::<f32, _>(Position::default(), |batches| {
                batches.for_each(|_| seen += 1);
            });
        });
        assert_eq!(message, "sample 25 cannot be read");
        assert_eq!(seen, 2, "the batches before it arrive");
    }
}

#[test]
fn workers_end_when_the_consumer_stops_early_or_panics() {
    let endless = Failing {
        calls: AtomicUsize::new(0),
        at: usize::MAX,
    };
    let loader = Loader::new(
        &endless,
        LoaderOptions {
            workers: 3,
            ..options(1)
        },
    );
    // That `prefetch` returns means that its threads have ended: they are scoped.
    let first =
        loader.prefetch::<f32, _>(Position::default(), |mut batches| batches.next().is_some());
    assert!(first);
    let calls = endless.calls.load(Ordering::Relaxed);
    assert!(
        calls < 100,
        "{calls} samples were made for one batch of one"
    );
    let message = message_of(|| {
        loader.prefetch::<f32, ()>(Position::default(), |mut batches| {
            let _ = batches.next();
            panic!("the training step fails");
        });
    });
    assert_eq!(message, "the training step fails");
    let after = endless.calls.load(Ordering::Relaxed);
    std::thread::sleep(std::time::Duration::from_millis(20));
    assert_eq!(
        endless.calls.load(Ordering::Relaxed),
        after,
        "no worker is left"
    );
}
