//! Augmentation: what each change does to an image, by law, and what mixup does to targets.

use wengert::data::{Augment, Dataset, Example, ImageSet, Loader, LoaderOptions, Targets};
use wengert::tensor::Tensor;
use wengert::tensor::testing::panics::message_of;

const ROUNDING: f64 = 1e-12;

/// `count` colour images of 6×5 pixels that all differ, in three classes.
fn images(count: usize) -> ImageSet {
    let pixels = (0..count * 90).map(|n| (n * 37 % 251) as u8).collect();
    let labels = (0..count).map(|n| (n % 3) as i64).collect();
    ImageSet::new(pixels, [count, 3, 6, 5], labels, &["a", "b", "c"], 255)
}

fn options(augment: Augment, batch: usize) -> LoaderOptions {
    LoaderOptions {
        batch,
        shuffle: false,
        augment,
        ..LoaderOptions::default()
    }
}

/// All images of a set in an epoch, `[images, channels, height, width]`.
fn augmented(set: &dyn Dataset, augment: Augment, epoch: u64) -> Tensor<f64> {
    let loader = Loader::new(set, options(augment, set.len()));
    let batch = loader.epoch(epoch).next().expect("the set is not empty");
    batch.inputs
}

/// Each change alone, at a usual strength.
fn each_change() -> [(&'static str, Augment); 9] {
    let none = Augment::default();
    [
        ("crop", none.crop(0.5)),
        ("rotation", none.rotation(30.0)),
        ("flip", none.flip()),
        ("shift", none.shift(2)),
        ("brightness", none.brightness(0.4)),
        ("contrast", none.contrast(0.4)),
        ("saturation", none.saturation(0.4)),
        ("cutout", none.cutout(3)),
        ("mixup", none.mixup(0.4)),
    ]
}

#[test]
fn every_change_changes_images_and_its_zero_strength_does_not() {
    let set = images(12);
    let plain = augmented(&set, Augment::default(), 0);
    for (name, augment) in each_change() {
        assert_ne!(augmented(&set, augment, 0), plain, "{name}");
    }
    let zero = Augment::default()
        .crop(0.0)
        .rotation(0.0)
        .shift(0)
        .brightness(0.0)
        .contrast(0.0)
        .saturation(0.0)
        .cutout(0)
        .mixup(0.0);
    assert!(zero.is_identity());
}

#[test]
fn shifts_and_squares_of_any_size_leave_black_images() {
    let set = images(12);
    for augment in [
        Augment::default().shift(usize::MAX),
        Augment::default().shift(usize::MAX / 2),
        Augment::default().shift(isize::MAX as usize),
        Augment::default().cutout(usize::MAX),
    ] {
        let changed = augmented(&set, augment, 0);
        assert!(changed.iter().all(|x| x == 0.0), "{augment:?}");
    }
}

#[test]
fn a_change_depends_on_seed_epoch_and_index_alone() {
    let set = images(12);
    for (name, augment) in each_change() {
        let whole = augmented(&set, augment, 3);
        assert_ne!(whole, augmented(&set, augment, 4), "{name}: another epoch");
        for batch in [1, 5] {
            let shuffled = LoaderOptions {
                shuffle: true,
                workers: 2,
                ..options(augment, batch)
            };
            let loader = Loader::new(&set, shuffled);
            for batch in loader.epoch::<f64>(3) {
                for (place, &row) in batch.rows.iter().enumerate() {
                    let (found, expected) = (
                        batch.inputs.select(0, place as isize),
                        whole.select(0, row as isize),
                    );
                    assert_eq!(found, expected, "{name}: image {row}");
                }
            }
        }
        let other_seed = LoaderOptions {
            seed: 1,
            ..options(augment, 12)
        };
        let other = Loader::new(&set, other_seed).epoch::<f64>(3).next();
        assert_ne!(
            other.map(|batch| batch.inputs),
            Some(whole),
            "{name}: another seed"
        );
    }
}

#[test]
fn one_change_does_not_depend_on_whether_another_is_made() {
    // The flips that are drawn with and without a change of brightness are the same.
    let set = images(30);
    let flipped = augmented(&set, Augment::default().flip(), 0);
    let both = augmented(&set, Augment::default().flip().brightness(0.3), 0);
    for image in 0..30 {
        let (a, b) = (flipped.select(0, image), both.select(0, image));
        let ratio = b.sum(..).item() / a.sum(..).item();
        assert!(a.zip(&b, |a, b| (a * ratio - b).abs()).max(..).item() < ROUNDING);
    }
}

#[test]
fn a_flip_of_a_flip_is_the_image() {
    let set = images(40);
    let (plain, flipped) = (
        augmented(&set, Augment::default(), 0),
        augmented(&set, Augment::default().flip(), 0),
    );
    let mut changed = 0;
    for image in 0..40 {
        let (x, y) = (plain.select(0, image), flipped.select(0, image));
        changed += i32::from(x != y);
        assert!(y == x || y.flip(2) == x, "image {image}");
    }
    // 40 with probability ½: 20, with a deviation of 3.2.
    assert!((6..=34).contains(&changed), "{changed}");
}

#[test]
fn contrast_keeps_the_mean_of_an_image_and_saturation_its_grey_values() {
    let set = images(20);
    let plain = augmented(&set, Augment::default(), 0);
    let contrast = augmented(&set, Augment::default().contrast(0.9), 0);
    let mean = |x: &Tensor<f64>, image| x.select(0, image).mean(..).item();
    for image in 0..20 {
        assert!((mean(&plain, image) - mean(&contrast, image)).abs() < ROUNDING);
    }
    let grey = |x: &Tensor<f64>| {
        let channel = |c: isize| x.select(1, c);
        let [r, g, b] = [0, 1, 2].map(channel);
        r.zip(&g, |r, g| 0.299 * r + 0.587 * g)
            .zip(&b, |rg, b| rg + 0.114 * b)
    };
    let saturated = augmented(&set, Augment::default().saturation(0.9), 0);
    let difference = grey(&plain).zip(&grey(&saturated), |a, b| (a - b).abs());
    assert!(difference.max(..).item() < ROUNDING);
    assert_ne!(plain, saturated);
}

#[test]
fn brightness_multiplies_by_a_factor_within_its_range() {
    let set = images(50);
    let plain = augmented(&set, Augment::default(), 0);
    let bright = augmented(&set, Augment::default().brightness(0.25), 0);
    let mut factors = Vec::new();
    for image in 0..50 {
        let (x, y) = (plain.select(0, image), bright.select(0, image));
        let factor = y.sum(..).item() / x.sum(..).item();
        assert!(x.zip(&y, |x, y| (factor * x - y).abs()).max(..).item() < ROUNDING);
        assert!((0.75..=1.25).contains(&factor));
        factors.push(factor);
    }
    // The mean of 50 uniform numbers: 1, with a deviation of 0.25/√3/√50 ≈ 0.02.
    let mean = factors.iter().sum::<f64>() / 50.0;
    assert!((mean - 1.0).abs() < 0.1, "{mean}");
}

#[test]
fn rotation_and_crop_keep_what_is_the_same_at_every_pixel() {
    // A constant image: a crop leaves it, a rotation leaves the pixels whose four neighbours are inside.
    let set = ImageSet::new(vec![51; 10 * 81], [10, 1, 9, 9], vec![0; 10], &["a"], 255);
    let cropped = augmented(&set, Augment::default().crop(0.8), 0);
    assert!(cropped.map(|x| (x - 0.2).abs()).max(..).item() < ROUNDING);
    let rotated = augmented(&set, Augment::default().rotation(180.0), 0);
    // The disc of radius 3 about the centre stays inside.
    for y in 0..9 {
        for x in 0..9 {
            let (v, u) = (y as f64 - 4.0, x as f64 - 4.0);
            if v * v + u * u <= 9.0 {
                let values = rotated.select(3, x).select(2, y);
                assert!(values.map(|x| (x - 0.2).abs()).max(..).item() < ROUNDING);
            }
        }
    }
}

#[test]
fn a_rotation_moves_a_bright_pixel_about_the_centre() {
    // One bright pixel to the right of the centre: the centroid of the rotated image is at the same distance.
    let mut pixels = vec![0; 21 * 21];
    pixels[10 * 21 + 16] = 255;
    let set = ImageSet::new(pixels.repeat(40), [40, 1, 21, 21], vec![0; 40], &["a"], 255);
    let rotated = augmented(&set, Augment::default().rotation(60.0), 0);
    let mut angles = Vec::new();
    for image in 0..40 {
        let plane = rotated.select(0, image).select(0, 0).to_vec();
        let total: f64 = plane.iter().sum();
        let (mut v, mut u) = (0.0, 0.0);
        for (place, x) in plane.iter().enumerate() {
            v += x / total * ((place / 21) as f64 - 10.0);
            u += x / total * ((place % 21) as f64 - 10.0);
        }
        // Bilinear interpolation spreads a pixel over four, which moves the centroid by less than half a pixel.
        assert!((v.hypot(u) - 6.0).abs() < 0.5, "distance {}", v.hypot(u));
        angles.push((-v).atan2(u).to_degrees());
    }
    assert!(
        angles.iter().all(|angle| angle.abs() < 60.0 + 5.0),
        "{angles:?}"
    );
    assert!(angles.iter().any(|&angle| angle > 15.0) && angles.iter().any(|&angle| angle < -15.0));
}

#[test]
fn cutout_makes_a_square_black_and_nothing_else() {
    let set = ImageSet::new(vec![255; 30 * 64], [30, 1, 8, 8], vec![0; 30], &["a"], 255);
    let cut = augmented(&set, Augment::default().cutout(3), 0);
    for image in 0..30 {
        let plane = cut.select(0, image).select(0, 0).to_vec();
        let black: Vec<_> = (0..64).filter(|&place| plane[place] == 0.0).collect();
        assert!(plane.iter().all(|&x| x == 0.0 || x == 1.0));
        let bounds = |of: fn(usize) -> usize| {
            let all = || black.iter().map(|&place| of(place));
            (all().min().unwrap_or(0), all().max().unwrap_or(0))
        };
        let (rows, columns) = (bounds(|place| place / 8), bounds(|place| place % 8));
        let (height, width) = (rows.1 - rows.0 + 1, columns.1 - columns.0 + 1);
        assert!((2..=3).contains(&height) && (2..=3).contains(&width));
        assert_eq!(black.len(), height * width, "a rectangle");
    }
}

#[test]
fn mixup_mixes_inputs_and_targets_with_the_same_shares() {
    // Image n is n everywhere and its class is n, so the input tells what was mixed.
    let pixels: Vec<u8> = (0..10).flat_map(|n| [n; 4]).collect();
    let names = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    let set = ImageSet::new(pixels, [10, 1, 2, 2], (0..10).collect(), &names, 1);
    let loader = Loader::new(&set, options(Augment::default().mixup(1.0), 10));
    let mut shares = Vec::new();
    for epoch in 0..40 {
        let batch = loader.epoch::<f64>(epoch).next().expect("a batch");
        let probabilities = batch.targets.numbers();
        assert_eq!(probabilities.shape(), [10, 10]);
        for row in 0..10 {
            let p = probabilities.select(0, row).to_vec();
            assert!((p.iter().sum::<f64>() - 1.0).abs() < ROUNDING);
            assert!(p.iter().filter(|&&p| p > 0.0).count() <= 2);
            let expected: f64 = p.iter().zip(0..).map(|(p, n)| p * f64::from(n)).sum();
            let image = batch.inputs.select(0, row);
            assert!(image.map(|x| (x - expected).abs()).max(..).item() < 1e-11);
            shares.push(p[row as usize]);
        }
    }
    // Beta(1, 1) is uniform; one of ten partners is the sample itself. Mean 0.9·½ + 0.1 = 0.55, 400 samples.
    let mean = shares.iter().sum::<f64>() / 400.0;
    assert!((mean - 0.55).abs() < 0.08, "{mean}");
}

/// Three features and two numbers to predict.
struct Rows;

impl Dataset for Rows {
    fn len(&self) -> usize {
        8
    }
    fn example(&self, index: usize) -> Example {
        let x = index as f64;
        Example::new(Tensor::from_vec(vec![x, -x, 1.0], [3]), vec![x, 2.0 * x])
    }
}

#[test]
fn mixup_works_for_inputs_that_are_no_images_and_other_changes_do_not() {
    let loader = Loader::new(&Rows, options(Augment::default().mixup(0.5), 8));
    let batch = loader.epoch::<f64>(0).next().expect("a batch");
    let Targets::Numbers(targets) = batch.targets else {
        panic!("numbers stay numbers");
    };
    for row in 0..8 {
        let x = batch.inputs.get([row, 0]);
        assert!((targets.get([row, 0]) - x).abs() < ROUNDING);
        assert!((targets.get([row, 1]) - 2.0 * x).abs() < ROUNDING);
    }
    let message = message_of(|| {
        let _ = Loader::new(&Rows, options(Augment::default().flip(), 8));
    });
    assert!(
        message.contains("only images [channels, height, width] can be changed"),
        "{message}"
    );
}

#[test]
fn strengths_that_are_no_valid_numbers_are_refused() {
    let none = Augment::default();
    for (augment, text) in [
        (
            none.crop(1.0),
            "Augment: crop = 1: must be a number from 0 to 1, excluding 1",
        ),
        (none.crop(-0.1), "Augment: crop = -0.1: must be"),
        (
            none.rotation(f64::NAN),
            "Augment: rotation = NaN: must be a number from 0 to ∞",
        ),
        (
            none.brightness(f64::INFINITY),
            "Augment: brightness = inf: must be",
        ),
        (none.mixup(-1.0), "Augment: mixup = -1: must be"),
    ] {
        let message = message_of(|| {
            let _ = Loader::new(&images(2), options(augment, 1));
        });
        assert!(message.starts_with(text), "{message}");
    }
    let grey = ImageSet::new(vec![0; 4], [1, 1, 2, 2], vec![0], &["a"], 255);
    let message = message_of(|| {
        let _ = Loader::new(&grey, options(none.saturation(0.1), 1));
    });
    assert!(message.contains("the images have 1 channels"), "{message}");
}
