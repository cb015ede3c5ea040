//! Readers of files, and of the text of a geometry.
//!
//! What a reader accepts, it must write, and read again as the same.

use std::fs;

use arbitrary::Unstructured;
use wengert::data::{
    DataError, Idx, ImageColor, ImageFiles, ImageSet, Npy, Npz, Split, read_image,
};
use wengert::nn::{StateDict, Values};
use wengert::optim::OptimizerState;
use wengert::prelude::*;
use wengert::tensor::kernels::conv::{ConvGeometry, explain, kernels};

use crate::scratch::{directory, with_file};

/// Weights: read, written and read again; then loaded into a model.
pub fn safetensors(bytes: &[u8]) {
    let Ok(dict) = StateDict::from_bytes(bytes) else {
        return;
    };
    for (_, values) in dict.iter() {
        assert_eq!(values.len(), values.shape().iter().product::<usize>());
    }
    let written = dict.to_bytes();
    let again = StateDict::from_bytes(&written).expect("what was written can be read");
    // Bytes, because NaN differs from itself.
    assert_eq!(written, again.to_bytes(), "read, written, read, written");
    let mut model = small_model();
    let before = StateDict::of(&model).to_bytes();
    if dict.load_into(&mut model).is_err() {
        assert_eq!(
            before,
            StateDict::of(&model).to_bytes(),
            "an error changes nothing"
        );
    }
}

/// A model with parameters, buffers and a counter.
pub fn small_model() -> Sequential {
    let rng = &mut rng(0);
    Sequential::new()
        .push(Conv2d::new(1, 2, 3, rng).padding(1))
        .push(BatchNorm2d::new(2))
        .push(Flatten)
        .push(Linear::new(8, 2, rng))
}

/// The state of an optimizer with some of its names, numbers and shapes replaced.
pub fn optimizer_state(bytes: &[u8]) {
    let mut model = small_model();
    let mut optimizer = Optimizer::new(Adam::default());
    step(&mut model, &mut optimizer);
    let mut state = optimizer.state_dict();
    edit_state(&mut Unstructured::new(bytes), &mut state);
    let before = optimizer.state_dict();
    if optimizer.load_state_dict(&model, &state).is_err() {
        assert_eq!(before, optimizer.state_dict(), "an error changes nothing");
    } else {
        step(&mut model, &mut optimizer);
    }
}

fn step(model: &mut Sequential, optimizer: &mut Optimizer) {
    let mut pass = Pass::train(model, 0);
    let x = pass.input(Tensor::ones([2, 1, 2, 2]));
    let loss = model.call(&x, &mut pass).square().mean(..);
    let gradients = pass.backward(&loss);
    optimizer.step(model, &gradients, pass);
}

fn edit_state(u: &mut Unstructured<'_>, state: &mut OptimizerState) {
    for _ in 0..u.int_in_range(0..=4).unwrap_or(0) {
        let at = u.arbitrary::<u8>().unwrap_or(0) as usize;
        let number = number(u);
        let scalars = state.scalars.len().max(1);
        let tensors = state.tensors.len().max(1);
        match u.arbitrary::<u8>().unwrap_or(0) % 8 {
            0 => state
                .scalars
                .iter_mut()
                .skip(at % scalars)
                .take(1)
                .for_each(|s| s.1 = number),
            1 => state.scalars.truncate(at % scalars),
            2 => state
                .scalars
                .iter_mut()
                .skip(at % scalars)
                .take(1)
                .for_each(|s| s.0.push('/')),
            3 => state.tensors.truncate(at % tensors),
            4 => state
                .tensors
                .iter_mut()
                .skip(at % tensors)
                .take(1)
                .for_each(|t| {
                    t.1 = Tensor::full(extents(u), number as f32);
                }),
            5 => state.tensors.extend(state.tensors.first().cloned()),
            6 => state.options.clear(),
            _ => state.options.truncate(at % 16),
        }
    }
}

/// Numbers where arithmetic is at its limits.
pub fn number(u: &mut Unstructured<'_>) -> f64 {
    const EDGES: [f64; 13] = [
        0.0,
        -0.0,
        -1.0,
        0.5,
        1e300,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        9_007_199_254_740_992.0,
        2.0,
        1.8e19,
        5e-324,
        1e9,
    ];
    let index = u.arbitrary::<u8>().unwrap_or(0) as usize;
    match EDGES.get(index % 16) {
        Some(&edge) => edge,
        None => u.arbitrary().unwrap_or(1.0),
    }
}

/// A small shape; an extent may be 0.
pub fn extents(u: &mut Unstructured<'_>) -> Vec<usize> {
    let rank = u.int_in_range(0..=4).unwrap_or(0);
    (0..rank)
        .map(|_| u.int_in_range(0..=3).unwrap_or(0))
        .collect()
}

/// An array: its number of elements is that of its shape.
pub fn npy(bytes: &[u8]) {
    if let Ok(array) = Npy::parse(bytes) {
        check_npy(&array);
    }
}

fn check_npy(array: &Npy) {
    let written = array.to_bytes();
    let again = Npy::parse(&written).expect("what was written can be read");
    assert_eq!(again.to_bytes(), written);
}

/// An archive of arrays.
pub fn npz(bytes: &[u8]) {
    with_file("arrays.npz", bytes, |path| {
        if let Ok(arrays) = Npz::load(path) {
            arrays.iter().for_each(|(_, array)| check_npy(array));
        }
    });
}

/// An IDX file, plain or compressed.
pub fn idx(bytes: &[u8]) {
    let Ok(idx) = Idx::parse("fuzz.idx", bytes) else {
        return;
    };
    assert_eq!(idx.values().len(), idx.shape().iter().product::<usize>());
    let again = Idx::parse("fuzz.idx", &idx.encode()).expect("what was written can be read");
    assert_eq!(again.encode(), idx.encode());
}

/// A batch of CIFAR-10 and of CIFAR-100.
pub fn cifar(bytes: &[u8]) {
    with_file("batch.bin", bytes, |path| {
        for (set, record) in [
            (ImageSet::cifar10_batches([path]), 3073),
            (ImageSet::cifar100_batches([path]), 3074),
        ] {
            if let Ok(set) = set {
                assert_eq!(set.len() * record, bytes.len());
            }
        }
    });
}

/// Files that stay open are as usable as those that are read at once, and have the same images. The first byte chooses
/// the data set; of MNIST's files, the second byte is the number of labels.
pub fn opened(bytes: &[u8]) {
    let [choice, labels, rest @ ..] = bytes else {
        return;
    };
    let place = directory().join("opened");
    fs::create_dir_all(&place).expect("the scratch directory can be written");
    let write = |name: &str, bytes: &[u8]| {
        fs::write(place.join(name), bytes).expect("the scratch directory can be written");
    };
    if choice % 2 == 0 {
        let labels = [
            &[0, 0, 8, 1, 0, 0, 0, *labels],
            &vec![7; *labels as usize][..],
        ]
        .concat();
        for part in ["train", "t10k"] {
            write(&format!("{part}-images-idx3-ubyte"), rest);
            write(&format!("{part}-labels-idx1-ubyte"), &labels);
        }
        assert_same_images(Split::open_mnist(&place), Split::mnist(&place));
    } else {
        write("train.bin", rest);
        write("test.bin", rest);
        assert_same_images(Split::open_cifar100(&place), Split::cifar100(&place));
    }
}

fn assert_same_images(
    opened: Result<Split<ImageFiles>, DataError>,
    read: Result<Split, DataError>,
) {
    match (opened, read) {
        (Ok(opened), Ok(read)) => {
            let images = opened.train.load().expect("the file was not changed");
            assert_eq!(images, read.train);
            assert_eq!(opened.test.labels(), read.test.labels());
        }
        // Which fault of several is named may differ.
        (Err(_), Err(_)) => {}
        (opened, read) => panic!("opened: {:?}, read: {:?}", opened.err(), read.err()),
    }
}

/// An image of a folder.
pub fn image(bytes: &[u8]) {
    with_file("image", bytes, |path| {
        for (color, channels) in [(ImageColor::Grey, 1), (ImageColor::Rgb, 3)] {
            if let Ok(pixels) = read_image(path, [3, 5], color) {
                assert_eq!(pixels.len(), 15 * channels);
            }
        }
    });
    assert!(directory().is_dir());
}

/// The text of a geometry: what is valid prints, parses, and is explained in little memory.
pub fn geometry(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(geometry) = text.parse::<ConvGeometry>() else {
        return;
    };
    let printed = geometry.to_string();
    assert_eq!(printed.parse().as_ref(), Ok(&geometry), "{printed}");
    // Plans list the taps and the phases of an axis: up to millions they take seconds here, so one of 256 is tried; the
    // kernels refuse more.
    let longest = (0..3).map(|axis| {
        geometry.kernel[axis]
            .max(geometry.stride[axis])
            .min(geometry.input[axis])
    });
    let sum = bytes.iter().fold(0_u8, |sum, &byte| sum.wrapping_add(byte));
    if longest.max() > Some(1_000) && sum != 0 {
        return;
    }
    assert!(!explain::<f32>(&geometry).is_empty());
    for kernel in kernels::<f32>() {
        if kernel.supports(&geometry).is_ok() {
            let _ = kernel.workspace(&geometry);
        }
    }
}

/// A configuration file of the command: what is valid is written and read again as the same, without keys that were not
/// in it.
pub fn configuration(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(written) = wengert_cli::read_configuration(text) else {
        return;
    };
    let again = wengert_cli::read_configuration(&written);
    assert_eq!(again.as_ref(), Ok(&written), "read, written, read, written");
    for line in written.lines() {
        let key = line.split(" =").next().unwrap_or_default();
        assert!(text.contains(key), "{key} was not in the file");
    }
}

/// A file of layers; small networks are made.
pub fn layers(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    // A number of one digit cannot ask for much memory.
    let digits = bytes.windows(2);
    let is_small = !digits
        .clone()
        .any(|pair| pair.iter().all(u8::is_ascii_digit));
    let _ = wengert_cli::read_layers(text, is_small);
}

/// The same tensor but for one element.
fn with_one(u: &mut Unstructured<'_>, x: &Tensor<f64>, number: f64) -> Tensor<f64> {
    let mut values = x.to_vec();
    let at = u.arbitrary::<u8>().unwrap_or(0) as usize;
    let places = values.len().max(1);
    if let Some(value) = values.get_mut(at % places) {
        *value = number;
    }
    Tensor::from_vec(values, x.shape())
}

/// A change of a state dict: a name, a shape, one number or all of a tensor, or a text.
pub fn edit_dict(u: &mut Unstructured<'_>, dict: &mut StateDict) {
    for _ in 0..u.int_in_range(0..=4).unwrap_or(0) {
        let names: Vec<String> = dict.iter().map(|(name, _)| name.to_owned()).collect();
        let keys: Vec<String> = dict.metadata.keys().cloned().collect();
        let at = u.arbitrary::<u16>().unwrap_or(0) as usize;
        let number = number(u);
        match u.arbitrary::<u8>().unwrap_or(0) % 7 {
            0 if !names.is_empty() => {
                dict.remove(&names[at % names.len()]);
            }
            1 if !names.is_empty() => dict.insert(
                names[at % names.len()].clone(),
                Values::of(&Tensor::<f64>::full(extents(u), number)),
            ),
            2 if !names.is_empty() => {
                let name = &names[at % names.len()];
                if let Some(values) = dict.get(name).and_then(Values::real::<f64>) {
                    dict.insert(
                        name.clone(),
                        Values::of(&Tensor::full(values.shape(), number)),
                    );
                }
            }
            6 if !names.is_empty() => {
                let name = &names[at % names.len()];
                if let Some(values) = dict.get(name).and_then(Values::real::<f64>) {
                    dict.insert(name.clone(), Values::of(&with_one(u, &values, number)));
                }
            }
            3 if !keys.is_empty() => {
                dict.metadata.remove(&keys[at % keys.len()]);
            }
            4 if !keys.is_empty() => {
                let text = u.arbitrary::<&str>().unwrap_or("").to_owned();
                dict.metadata.insert(keys[at % keys.len()].clone(), text);
            }
            5 if !keys.is_empty() => {
                let value = dict.metadata.get_mut(&keys[at % keys.len()]);
                if let Some(text) = value {
                    *text = text.chars().take(at % 7).collect();
                }
            }
            _ => {}
        }
    }
}
