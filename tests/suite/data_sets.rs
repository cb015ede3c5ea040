//! The embedded digits, the IDX format and the loader.

use std::collections::BTreeSet;

use wengert::data::{
    Augment, Idx, IdxValues, ImageSet, Loader, LoaderOptions, Normalize, Position, Split,
};
use wengert::evaluate::accuracy;
use wengert::prelude::{Module, Pass, Tensor, Var, fields};

#[test]
fn the_digits_are_those_of_the_collection() {
    let all = ImageSet::digits();
    assert_eq!(all.shape(), [1797, 1, 8, 8]);
    // The first image, a zero, as printed in scikit-learn's documentation of `load_digits`.
    assert_eq!(
        all.image(0)[..16],
        [0, 0, 5, 13, 9, 1, 0, 0, 0, 0, 13, 15, 10, 15, 5, 0]
    );
    assert_eq!(all.labels()[..12], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
    // The count of each digit, from the collection's description of its test set.
    let mut counts = [0; 10];
    all.labels()
        .iter()
        .for_each(|&label| counts[label as usize] += 1);
    assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    assert_eq!(all.pixels().iter().max(), Some(&all.white()));
}

#[test]
fn every_fifth_digit_is_for_testing_and_no_other() {
    let (all, digits) = (ImageSet::digits(), Split::digits());
    let mut rows = (0..all.len()).map(|row| (row % 5 == 4, all.image(row), all.labels()[row]));
    let (mut train, mut test) = (0, 0);
    rows.by_ref().for_each(|(is_test, image, label)| {
        let (set, next) = if is_test {
            (&digits.test, &mut test)
        } else {
            (&digits.train, &mut train)
        };
        assert_eq!((set.image(*next), set.labels()[*next]), (image, label));
        *next += 1;
    });
    assert_eq!((train, test), (1438, 359));
    assert_eq!((digits.train.len(), digits.test.len()), (1438, 359));
}

#[test]
fn every_element_type_is_read_big_endian_and_written_back() {
    let header = |code, count| [vec![0, 0, code, 1], vec![0, 0, 0, count]].concat();
    let pi = [0x40, 0x09, 0x21, 0xfb, 0x54, 0x44, 0x2d, 0x18];
    for (bytes, values) in [
        (
            [header(0x08, 2), vec![0x7f, 0x80]].concat(),
            IdxValues::U8(vec![127, 128]),
        ),
        (
            [header(0x09, 2), vec![0x7f, 0x80]].concat(),
            IdxValues::I8(vec![127, -128]),
        ),
        (
            [header(0x0b, 2), vec![1, 2, 0xff, 0xfe]].concat(),
            IdxValues::I16(vec![258, -2]),
        ),
        (
            [header(0x0c, 1), vec![0xff, 0xff, 0xff, 0]].concat(),
            IdxValues::I32(vec![-256]),
        ),
        (
            [header(0x0d, 1), vec![0x3f, 0xc0, 0, 0]].concat(),
            IdxValues::F32(vec![1.5]),
        ),
        (
            [header(0x0e, 1), pi.to_vec()].concat(),
            IdxValues::F64(vec![std::f64::consts::PI]),
        ),
    ] {
        let idx = Idx::parse("values", &bytes).unwrap();
        assert_eq!(idx.values(), &values);
        assert_eq!(idx.encode(), bytes);
        assert_eq!(idx, Idx::new(&[values.len()], values.clone()));
        assert_eq!(idx.to_tensor::<f64>().to_vec(), values.to_f64());
    }
}

#[test]
fn an_array_of_any_rank_and_of_no_elements_is_read() {
    for shape in [
        &[6][..],
        &[2, 3],
        &[1, 2, 3],
        &[1, 1, 2, 1, 1, 3, 1, 1],
        &[0],
        &[4, 0, 3],
    ] {
        let count: usize = shape.iter().product();
        let idx = Idx::new(shape, IdxValues::I16((0..count as i16).collect()));
        let read = Idx::parse("array", &idx.encode()).unwrap();
        assert_eq!(read, idx);
        assert_eq!(read.to_tensor::<f32>().shape(), shape);
    }
}

#[test]
#[should_panic(expected = "Idx: shape [2, 3]: 5 elements are given")]
fn an_array_that_does_not_fill_its_shape_is_refused() {
    let _ = Idx::new(&[2, 3], IdxValues::U8(vec![0; 5]));
}

/// `count` colour images of 3×4 pixels that all differ.
fn colours(count: usize) -> ImageSet {
    let pixels = (0..count * 36).map(|n| (n * 37 % 251) as u8).collect();
    let labels = (0..count).map(|n| (n % 3) as i64).collect();
    ImageSet::new(pixels, [count, 3, 3, 4], labels, &["a", "b", "c"], 200)
}

fn in_order(batch: usize) -> LoaderOptions {
    LoaderOptions {
        batch,
        shuffle: false,
        ..LoaderOptions::default()
    }
}

fn shuffled(batch: usize, seed: u64) -> LoaderOptions {
    LoaderOptions {
        batch,
        seed,
        ..LoaderOptions::default()
    }
}

#[test]
fn the_order_is_that_of_chacha8_and_the_shuffle_of_fisher_and_yates() {
    // From an independent implementation of both, checked against the first block of ChaCha20 with key zero.
    let set = colours(12);
    let order = |seed, epoch| Loader::new(&set, shuffled(4, seed)).order(epoch);
    assert_eq!(order(7, 3), [11, 2, 6, 5, 7, 10, 1, 8, 4, 0, 9, 3]);
    assert_eq!(order(0, 0), [8, 6, 0, 4, 9, 1, 7, 11, 5, 10, 3, 2]);
}

#[test]
fn an_order_is_a_permutation_that_seed_and_epoch_determine() {
    let set = colours(50);
    let order = |seed, epoch| Loader::new(&set, shuffled(4, seed)).order(epoch);
    let mut orders = BTreeSet::new();
    for seed in 0..5 {
        for epoch in 0..5 {
            let rows = order(seed, epoch);
            assert_eq!(rows, order(seed, epoch));
            assert_eq!(rows.iter().collect::<BTreeSet<_>>().len(), 50);
            orders.insert(rows);
        }
    }
    assert_eq!(orders.len(), 25, "each seed and epoch has its own order");
    assert_eq!(
        Loader::new(&set, in_order(4)).order(3),
        (0..50).collect::<Vec<_>>()
    );
}

#[test]
fn every_place_is_as_likely_for_every_row() {
    // 4 rows, 3000 epochs: each of the 24 orders 125 times, with a deviation of √125 ≈ 11.
    let set = colours(4);
    let loader = Loader::new(&set, shuffled(4, 1));
    let mut counts = std::collections::BTreeMap::new();
    for epoch in 0..3000 {
        *counts.entry(loader.order(epoch)).or_insert(0_i32) += 1;
    }
    assert_eq!(counts.len(), 24);
    assert!(
        counts.values().all(|count| (count - 125).abs() < 55),
        "{counts:?}"
    );
}

#[test]
fn an_epoch_has_every_image_once_with_its_label() {
    let set = colours(10);
    for batch in [1, 3, 5, 10, 64] {
        let loader = Loader::new(&set, shuffled(batch, 2));
        let mut seen = Vec::new();
        let batches = loader.epoch::<f64>(1);
        assert_eq!(batches.len(), loader.steps());
        for batch in batches {
            let b = batch.rows.len();
            assert_eq!(batch.inputs.shape(), [b, 3, 3, 4]);
            assert_eq!(batch.targets.shape(), [b]);
            let pixels = batch.inputs.to_vec();
            for (n, &row) in batch.rows.iter().enumerate() {
                assert_eq!(batch.targets.classes().to_vec()[n], (row % 3) as i64);
                for (x, &byte) in pixels[n * 36..].iter().zip(set.image(row)) {
                    assert_eq!(*x, f64::from(byte) * (1.0 / 200.0));
                }
            }
            seen.extend(batch.rows);
        }
        assert_eq!(seen, loader.order(1));
    }
}

#[test]
fn a_short_last_batch_is_kept_or_dropped() {
    let set = colours(10);
    let sizes = |drop_last| {
        let options = LoaderOptions {
            drop_last,
            ..in_order(4)
        };
        let loader = Loader::new(&set, options);
        loader
            .epoch::<f32>(0)
            .map(|batch| batch.rows.len())
            .collect::<Vec<_>>()
    };
    assert_eq!(sizes(false), [4, 4, 2]);
    assert_eq!(sizes(true), [4, 4]);
    let empty = set.select([]);
    assert_eq!(Loader::new(&empty, in_order(4)).epoch::<f32>(0).count(), 0);
}

#[test]
fn a_saved_position_resumes_with_the_same_batches() {
    let set = colours(11);
    let options = LoaderOptions {
        augment: Augment::default().shift(1).flip(),
        ..shuffled(3, 5)
    };
    let loader = Loader::new(&set, options.clone());
    let mut straight = Vec::new();
    for epoch in 0..3 {
        let mut batches = loader.epoch::<f32>(epoch);
        loop {
            let position = batches.position();
            let Some(batch) = batches.next() else {
                assert_eq!(
                    position,
                    Position {
                        epoch: epoch + 1,
                        step: 0
                    }
                );
                break;
            };
            straight.push((position, batch.rows, batch.seed, batch.inputs.to_vec()));
        }
    }
    assert_eq!(straight.len(), 12);
    let seeds: BTreeSet<u64> = straight.iter().map(|(_, _, seed, _)| *seed).collect();
    assert_eq!(seeds.len(), 12, "each step has its own seed");
    for (position, rows, seed, pixels) in straight {
        let resumed = Loader::new(&set, options.clone());
        let batch = resumed.batches::<f32>(position).next().unwrap();
        assert_eq!(
            (batch.rows, batch.seed, batch.inputs.to_vec()),
            (rows, seed, pixels)
        );
    }
    let other = Loader::new(&set, shuffled(3, 6));
    let seed = other.epoch::<f32>(0).next().unwrap().seed;
    assert!(!seeds.contains(&seed), "another loader seed, other seeds");
    let past = Position { epoch: 0, step: 99 };
    assert_eq!(loader.batches::<f32>(past).len(), 0);
    assert!(loader.batches::<f32>(past).next().is_none());
}

#[test]
fn every_number_type_starts_from_the_same_values() {
    let digits = Split::digits();
    let options = LoaderOptions {
        normalize: Some(Normalize::of(&digits.train)),
        ..shuffled(100, 3)
    };
    let loader = Loader::new(&digits.train, options);
    for (single, double) in loader.epoch::<f32>(0).zip(loader.epoch::<f64>(0)) {
        let rounded: Vec<f32> = double.inputs.to_vec().iter().map(|&x| x as f32).collect();
        assert_eq!(single.inputs.to_vec(), rounded);
    }
}

#[test]
fn normalised_channels_have_mean_0_and_deviation_1() {
    const ROUNDING: f64 = 1e-12;
    let set = colours(40);
    let normalize = Normalize::of(&set);
    let options = LoaderOptions {
        normalize: Some(normalize),
        ..in_order(40)
    };
    let loader = Loader::new(&set, options);
    let images: Tensor<f64> = loader.epoch(0).next().unwrap().inputs;
    let pixels = images.to_vec();
    for channel in 0..3 {
        let plane: Vec<f64> = (0..40)
            .flat_map(|n| pixels[n * 36 + channel * 12..][..12].to_vec())
            .collect();
        let mean = plane.iter().sum::<f64>() / 480.0;
        let variance = plane.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 480.0;
        assert!(
            mean.abs() < ROUNDING && (variance - 1.0).abs() < ROUNDING,
            "{mean} {variance}"
        );
    }
    let flat = ImageSet::new(vec![9; 4], [1, 1, 2, 2], vec![0], &["a"], 10);
    assert_eq!(Normalize::of(&flat).deviation, [1.0]);
    assert_eq!(Normalize::of(&flat).mean, [0.9]);
}

/// An image moved and mirrored by the definition: `out[y][x] = in[y − down][x − right]`, black outside.
fn moved(plane: &[u8], width: usize, down: isize, right: isize, mirrored: bool) -> Vec<f64> {
    let height = plane.len() / width;
    let at = |y: isize, x: isize| {
        let (y, x) = (y - down, x - right);
        if !(0..height as isize).contains(&y) || !(0..width as isize).contains(&x) {
            return 0.0;
        }
        let x = if mirrored { width as isize - 1 - x } else { x };
        f64::from(plane[y as usize * width + x as usize])
    };
    let rows = 0..height as isize;
    rows.flat_map(|y| (0..width as isize).map(move |x| (y, x)))
        .map(|(y, x)| at(y, x))
        .collect()
}

#[test]
fn augmented_images_are_moved_and_mirrored_ones_all_as_likely() {
    let set = colours(900);
    let options = LoaderOptions {
        scale: Some(1.0),
        augment: Augment::default().shift(1).flip(),
        ..in_order(900)
    };
    let images: Tensor<f64> = Loader::new(&set, options).epoch(0).next().unwrap().inputs;
    let pixels = images.to_vec();
    let changes: Vec<(isize, isize, bool)> = (-1..=1)
        .flat_map(|down| (-1..=1).map(move |right| (down, right)))
        .flat_map(|(down, right)| [(down, right, false), (down, right, true)])
        .collect();
    let mut counts = vec![0_i32; changes.len()];
    for row in 0..900 {
        let found = &pixels[row * 36..(row + 1) * 36];
        let change = changes.iter().position(|&(down, right, mirrored)| {
            let planes = set.image(row).chunks_exact(12);
            let expected = planes.flat_map(|plane| moved(plane, 4, down, right, mirrored));
            expected.eq(found.iter().copied())
        });
        counts[change.expect("all channels are moved as one")] += 1;
    }
    // 18 changes, 900 images: 50 each, with a deviation of about 7.
    assert!(
        counts.iter().all(|count| (count - 50).abs() < 35),
        "{counts:?}"
    );
}

#[test]
fn augmentation_depends_on_epoch_and_row_but_not_on_the_batch() {
    let set = colours(30);
    let augment = Augment::default().shift(2).flip();
    let by_row = |batch, shuffle, epoch, seed| {
        let options = LoaderOptions {
            shuffle,
            augment,
            ..shuffled(batch, seed)
        };
        let mut images = vec![Vec::new(); 30];
        for batch in Loader::new(&set, options).epoch::<f32>(epoch) {
            for (image, &row) in batch.inputs.to_vec().chunks_exact(36).zip(&batch.rows) {
                images[row] = image.to_vec();
            }
        }
        images
    };
    let reference = by_row(30, false, 0, 0);
    assert_eq!(by_row(7, true, 0, 0), reference);
    assert_eq!(by_row(1, true, 0, 0), reference);
    assert_ne!(by_row(30, false, 1, 0), reference);
    assert_ne!(by_row(30, false, 0, 1), reference);
}

#[test]
fn a_shift_beyond_the_image_leaves_black() {
    let set = colours(200);
    let options = LoaderOptions {
        augment: Augment::default().shift(9),
        ..in_order(200)
    };
    let images: Tensor<f32> = Loader::new(&set, options).epoch(0).next().unwrap().inputs;
    let pixels = images.to_vec();
    assert!(
        pixels
            .chunks_exact(36)
            .any(|image| image.iter().all(|&x| x == 0.0))
    );
    assert!(pixels.iter().all(|x| (0.0..=1.3).contains(x)));
}

#[test]
#[should_panic(
    expected = "Loader: batch = 11 with drop_last: the set has 10 samples, so every batch would \
                           be omitted; use a batch of at most 10, or `drop_last: false`"
)]
fn a_loader_that_would_omit_every_batch_is_refused() {
    let options = LoaderOptions {
        drop_last: true,
        ..in_order(11)
    };
    let _ = Loader::new(&colours(10), options);
}

#[test]
fn numbers_that_are_not_finite_are_refused() {
    let set = colours(2);
    let normalize = |mean: f64, deviation: f64| LoaderOptions {
        normalize: Some(Normalize {
            mean: vec![mean; 3],
            deviation: vec![deviation; 3],
        }),
        ..in_order(1)
    };
    let scale = |scale| LoaderOptions {
        scale: Some(scale),
        ..in_order(1)
    };
    for options in [
        normalize(f64::NAN, 1.0),
        normalize(0.0, f64::INFINITY),
        normalize(0.0, f64::NAN),
        normalize(0.0, 0.0),
        scale(f64::NAN),
        scale(f64::INFINITY),
    ] {
        let made = std::panic::catch_unwind(|| Loader::new(&set, options.clone()).steps());
        assert!(made.is_err(), "{options:?}");
    }
}

/// The mean of the pixels decides the class: dark is 0, light is 1.
struct Brightness;

fields!(Brightness as f64 {});

impl Module<f64> for Brightness {
    fn forward(&self, x: &Var<f64>, _pass: &mut Pass<f64>) -> Var<f64> {
        let images = x.value();
        let scores = images.to_vec();
        let size = scores.len() / images.shape()[0];
        let scores: Vec<f64> = scores
            .chunks(size)
            .flat_map(|image| [0.0, image.iter().sum::<f64>()])
            .collect();
        Var::from(Tensor::from_vec(scores, [images.shape()[0], 2]))
    }
}

#[test]
fn accuracy_normalises_as_the_loader_and_ignores_shuffling() {
    // Dark images of 90, light ones of 110: only around their mean is the sign the class.
    let pixels = (0..20).map(|n| if n % 3 == 0 { 110 } else { 90 }).collect();
    let labels = (0..20).map(|n| i64::from(n % 3 == 0)).collect();
    let set = ImageSet::new(pixels, [20, 1, 1, 1], labels, &["dark", "light"], 255);
    let options = LoaderOptions {
        normalize: Some(Normalize::of(&set)),
        drop_last: true,
        ..shuffled(7, 3)
    };
    let loader = Loader::new(&set, options);
    assert_eq!(accuracy(&Brightness, &loader), 1.0);
    assert_eq!(accuracy(&Brightness, &loader.for_evaluation(&set)), 1.0);
    assert_eq!(
        accuracy(&Brightness, &Loader::new(&set, shuffled(7, 3))),
        7.0 / 20.0
    );
}

#[test]
#[should_panic(expected = "Loader: batch = 0: must be at least 1")]
fn an_empty_batch_is_refused() {
    let _ = Loader::new(&colours(1), in_order(0));
}

#[test]
#[should_panic(
    expected = "Loader: normalize has 1 means and 1 deviations, the inputs [3, 3, 4] have 3 channels"
)]
fn a_mean_for_another_number_of_channels_is_refused() {
    let normalize = Some(Normalize {
        mean: vec![0.5],
        deviation: vec![0.5],
    });
    let _ = Loader::new(
        &colours(1),
        LoaderOptions {
            normalize,
            ..in_order(1)
        },
    );
}

#[test]
#[should_panic(expected = "ImageSet: shape [2, 1, 1, 1] has 2 images, 3 labels are given")]
fn a_set_with_too_many_labels_is_refused() {
    let _ = ImageSet::new(vec![0; 2], [2, 1, 1, 1], vec![0; 3], &["a"], 255);
}

#[test]
#[should_panic(expected = "ImageSet: image 1 has the label 1, but there are 1 classes")]
fn a_set_with_an_invalid_label_is_refused() {
    let _ = ImageSet::new(vec![0; 2], [2, 1, 1, 1], vec![0, 1], &["a"], 255);
}
