//! Samples that fit no batch, sets without samples, options of another length: the corners of loaders and files.

use std::fs;

use wengert::data::{
    Augment, Dataset, Example, ImageSet, Loader, LoaderOptions, Normalize, Npy, Npz, Sampler,
    Split, Target, split_rows,
};
use wengert::tensor::Tensor;
use wengert::tensor::testing::panics::assert_refused;

use crate::samples::idx;

/// Samples in memory, whatever their shapes.
struct Samples(Vec<Example>, usize);

impl Dataset for Samples {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn example(&self, index: usize) -> Example {
        self.0[index].clone()
    }
    fn class_count(&self) -> usize {
        self.1
    }
}

fn samples<const N: usize>(shapes: [&[usize]; N]) -> Samples {
    let example = |shape: &&[usize]| Example::new(Tensor::zeros(*shape), 0_usize);
    Samples(shapes.iter().map(example).collect(), 2)
}

fn first_batch(set: &dyn Dataset, options: LoaderOptions) {
    let loader = Loader::new(set, options);
    let _ = loader.epoch::<f32>(0).next();
}

#[test]
fn a_set_without_images_fits_any_options() {
    let set = ImageSet::new(Vec::new(), [0, 1, 4, 4], Vec::new(), &["a", "b"], 255);
    let options = LoaderOptions {
        batch: 8,
        drop_last: true,
        augment: Augment {
            rotation: 10.0,
            saturation: 0.5,
            ..Augment::default()
        },
        ..LoaderOptions::default()
    };
    assert_eq!(Loader::new(&set, options).epoch::<f32>(0).count(), 0);
}

#[test]
fn images_without_pixels_stay_empty() {
    let set = samples([&[1, 0, 4], &[1, 0, 4]]);
    let options = LoaderOptions {
        batch: 2,
        augment: Augment {
            rotation: 10.0,
            ..Augment::default()
        },
        ..LoaderOptions::default()
    };
    let loader = Loader::new(&set, options);
    let batch = loader.epoch::<f32>(0).next().expect("a batch");
    assert_eq!(batch.inputs.shape(), [2, 1, 0, 4]);
}

#[test]
fn mixed_samples_have_one_shape_and_known_classes() {
    let mixed = |batch| LoaderOptions {
        batch,
        augment: Augment {
            mixup: 1.0,
            ..Augment::default()
        },
        ..LoaderOptions::default()
    };
    let shapes = samples([&[2], &[3]]);
    assert_refused("all must have one shape", || {
        let loader = Loader::new(&shapes, mixed(1));
        // In some epoch a sample is mixed with the other one.
        for epoch in 0..20 {
            let _ = loader.epoch::<f32>(epoch).count();
        }
    });
    for class in [2_i64, -1] {
        let target = Tensor::scalar(class);
        let set = Samples(vec![Example::new(Tensor::zeros([2]), target); 2], 2);
        assert_refused("one of the 2 classes is needed", || {
            first_batch(&set, mixed(2));
        });
    }
    let mut unknown = samples([&[2], &[2]]);
    unknown.1 = 0;
    assert_refused("the set does not know its number of classes", || {
        first_batch(&unknown, mixed(2));
    });
}

#[test]
fn a_target_of_several_classes_is_not_one_class() {
    assert_eq!(Target::from(3_usize).class(), Some(3));
    let map = Tensor::from_vec(vec![3_i64], [1]);
    assert_eq!(Target::from(map).class(), None);
    assert_eq!(Target::from(3.0).class(), None);
}

#[test]
fn a_normalization_has_one_mean_and_one_deviation_for_each_channel() {
    let set = samples([&[2, 3], &[2, 3]]);
    for (means, deviations) in [(1, 2), (2, 1), (3, 3), (0, 0)] {
        let normalize = Normalize {
            mean: vec![0.0; means],
            deviation: vec![1.0; deviations],
        };
        let options = LoaderOptions {
            normalize: Some(normalize),
            ..LoaderOptions::default()
        };
        assert_refused(
            &format!("normalize has {means} means and {deviations} deviations"),
            || first_batch(&set, options),
        );
    }
}

#[test]
fn the_mean_of_a_set_is_over_samples_with_the_same_channels() {
    let scalar = samples([&[]]);
    assert_refused("sample 0 has the shape []", || {
        let _ = Normalize::of(&scalar);
    });
    let other = samples([&[2, 3], &[3, 3]]);
    assert_refused("sample 1 has the shape [3, 3]", || {
        let _ = Normalize::of(&other);
    });
    // A sample without values adds none.
    let ones = Example::new(Tensor::ones([2, 3]), 0_usize);
    let none = Example::new(Tensor::zeros([2, 0]), 0_usize);
    let set = Samples(vec![none.clone(), ones, none], 1);
    assert_eq!(Normalize::of(&set).mean, [1.0, 1.0]);
}

#[test]
fn the_weights_of_a_sampler_are_finite_and_not_negative() {
    let set = samples([&[1], &[1]]);
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        let options = LoaderOptions {
            sampler: Sampler::Weighted(vec![1.0, bad]),
            ..LoaderOptions::default()
        };
        assert_refused(
            &format!(
                "weighted sampler: sample 1 has the weight {bad}: must be a finite number, at least 0"
            ),
            || first_batch(&set, options),
        );
    }
}

#[test]
fn a_set_whose_targets_are_numbers_is_split_as_a_whole() {
    let example = |i: u32| Example::new(Tensor::zeros([1]), f64::from(i));
    let set = Samples((0..10).map(example).collect(), 0);
    let (train, validation) = split_rows(&set, 0.3, 0);
    assert_eq!((train.len(), validation.len()), (7, 3));
    let mut all = [train, validation].concat();
    all.sort_unstable();
    assert_eq!(all, (0..10).collect::<Vec<_>>());
}

#[test]
fn open_images_are_bytes() {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, bytes) in [
        // Type 0x0b: integers of 16 bits.
        ("train-images-idx3-ubyte", idx(0x0b, &[1, 2, 2], &[0; 8])),
        ("train-labels-idx1-ubyte", idx(8, &[1], &[0])),
        ("t10k-images-idx3-ubyte", idx(8, &[1, 2, 2], &[0; 4])),
        ("t10k-labels-idx1-ubyte", idx(8, &[1], &[0])),
    ] {
        fs::write(directory.path().join(name), bytes).expect("a file");
    }
    let error = Split::open_mnist(directory.path()).expect_err("not bytes");
    let error = error.to_string();
    assert!(
        error.contains("train-images-idx3-ubyte") && error.contains("i16"),
        "{error}"
    );
}

#[test]
fn arrays_of_any_rank_have_their_shape_in_the_header_as_python_writes_it() {
    for (shape, text) in [
        (&[][..], "'shape': (), "),
        (&[3], "'shape': (3,), "),
        (&[0], "'shape': (0,), "),
        (&[2, 3], "'shape': (2, 3), "),
    ] {
        let array = Npy::from(Tensor::<f32>::zeros(shape));
        let bytes = array.to_bytes();
        let found = bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes());
        assert!(found, "{text} is not in {}", bytes.escape_ascii());
        assert_eq!(Npy::parse(&bytes).expect("our own"), array);
    }
}

#[test]
fn a_member_that_the_end_of_the_archive_cuts_is_damage() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("cut.npz");
    let mut arrays = Npz::new();
    arrays.insert("x", Tensor::<f32>::zeros([2]));
    arrays.save(&path).expect("a directory that can be written");
    let mut bytes = fs::read(&path).expect("just written");
    let place = |signature: &[u8]| bytes.windows(4).rposition(|part| part == signature);
    let (entry, end) = (
        place(b"PK\x01\x02").expect("a directory entry"),
        place(b"PK\x05\x06").expect("an end"),
    );
    // The entry claims that its member begins in the last bytes of the file.
    let offset = (bytes.len() - 10) as u32;
    assert!(entry < end && end < offset as usize);
    bytes[entry + 42..entry + 46].copy_from_slice(&offset.to_le_bytes());
    fs::write(&path, bytes).expect("a directory that can be written");
    let error = Npz::load(&path).expect_err("no member there").to_string();
    assert!(
        error.contains("cut.npz: is not a .npz file, or is damaged"),
        "{error}"
    );
}
