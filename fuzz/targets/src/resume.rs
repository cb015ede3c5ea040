//! Checkpoints: training that continues from a file.

use std::fs;
use std::sync::OnceLock;

use arbitrary::Unstructured;
use wengert::data::ImageSet;
use wengert::nn::StateDict;
use wengert::prelude::*;
use wengert::train::{Checkpoint, CheckpointOptions};

use crate::files::{edit_dict, small_model};
use crate::scratch::{directory, with_file};

/// The key in front of the eight digits of the checksum.
const KEY: &[u8] = b"\"wengert.checksum\":\"";

/// Any bytes as a checkpoint.
pub fn file(bytes: &[u8]) {
    with_file("checkpoint.safetensors", bytes, |path| {
        if let Ok(checkpoint) = Checkpoint::load(path) {
            let _ = (
                checkpoint.version(),
                checkpoint.configuration(),
                checkpoint.position(),
            );
        }
    });
}

/// A checkpoint with some of its contents replaced and a correct checksum: training continues, or there is an
/// error and the model is as it was.
pub fn edited(bytes: &[u8]) {
    static DICT: OnceLock<StateDict> = OnceLock::new();
    let parsed = || StateDict::from_bytes(original()).expect("a checkpoint is a file of tensors");
    let mut dict = DICT.get_or_init(parsed).clone();
    edit_dict(&mut Unstructured::new(bytes), &mut dict);
    let bytes = with_checksum(dict.to_bytes());
    with_file("edited.safetensors", &bytes, |path| {
        let set = images();
        let loader = loader(&set);
        let mut model = small_model();
        let before = StateDict::of(&model).to_bytes();
        let trained = Trainer::new(&mut model, Optimizer::new(Adam::default()), &loader)
            .epochs(2)
            .resume(path)
            .fit();
        if trained.is_err() && Checkpoint::load(path).is_err() {
            assert_eq!(
                before,
                StateDict::of(&model).to_bytes(),
                "an error changes nothing"
            );
        }
    });
}

/// A checkpoint after three of four steps.
pub fn seeds() -> Vec<Vec<u8>> {
    vec![original().to_vec()]
}

fn original() -> &'static [u8] {
    static ORIGINAL: OnceLock<Vec<u8>> = OnceLock::new();
    ORIGINAL.get_or_init(|| {
        let place = directory().join("checkpoints");
        let set = images();
        let loader = loader(&set);
        Trainer::new(&mut small_model(), Optimizer::new(Adam::default()), &loader)
            .checkpoints(CheckpointOptions {
                directory: place.clone(),
                ..CheckpointOptions::default()
            })
            .fit()
            .expect("nothing is wrong");
        let last = Checkpoint::last_in(&place)
            .expect("a directory")
            .expect("a checkpoint");
        fs::read(last).expect("a file")
    })
}

fn images() -> ImageSet {
    let pixels = (0..16).map(|i| i * 15).collect();
    ImageSet::new(pixels, [4, 1, 2, 2], vec![0, 1, 0, 1], &["a", "b"], 255)
}

fn loader(set: &ImageSet) -> Loader<'_> {
    Loader::new(
        set,
        LoaderOptions {
            batch: 2,
            ..LoaderOptions::default()
        },
    )
}

/// Replaces the checksum by that of the contents: the CRC-32 of the file with zeros in its place.
fn with_checksum(mut bytes: Vec<u8>) -> Vec<u8> {
    let Some(found) = bytes
        .windows(KEY.len())
        .position(|window| window.iter().eq(KEY))
    else {
        return bytes;
    };
    let start = found + KEY.len();
    if let Some(digits) = bytes.get_mut(start..start + 8) {
        digits.copy_from_slice(b"00000000");
        let sum = crc32fast::hash(&bytes);
        bytes[start..start + 8].copy_from_slice(format!("{sum:08x}").as_bytes());
    }
    bytes
}
