//! CIFAR-10 in its binary format.

use std::path::Path;

use super::error::{DataError, Problem};
use super::images::{ImageSet, check_labels};
use super::source::Source;
use super::split::Split;

const CLASSES: [&str; 10] = [
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
];

/// The bytes of an image: the red plane, the green one, the blue one.
const IMAGE: [usize; 3] = [3, 32, 32];
const RECORD: usize = 1 + 3 * 32 * 32;
/// CIFAR-100 has a coarse and a fine label per record.
const RECORD_100: u64 = RECORD as u64 + 1;

impl Split {
    /// CIFAR-10 from the directory `cifar-10-batches-bin`: 50,000 and 10,000 colour images of 32×32 pixels in
    /// ten classes (A. Krizhevsky: Learning multiple layers of features from tiny images, 2009).
    ///
    /// The files are `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin`.
    ///
    /// # Errors
    /// If the directory or a file is missing (the message says how to get it), or a file is not a CIFAR-10
    /// batch.
    pub fn cifar10(directory: impl AsRef<Path>) -> Result<Self, DataError> {
        let directory = directory.as_ref();
        let names: Vec<String> = (1..=5).map(|n| format!("data_batch_{n}.bin")).collect();
        let missing = |what: &str| {
            let remedy = "CIFAR-10 is cifar-10-binary.tar.gz from \
                          https://www.cs.toronto.edu/~kriz/cifar.html, unpacked";
            Problem::Missing(format!("{what}; {remedy}")).of(directory)
        };
        if !directory.is_dir() {
            return Err(missing("there is no such directory"));
        }
        for name in names.iter().map(String::as_str).chain(["test_batch.bin"]) {
            if !directory.join(name).exists() {
                return Err(missing(&format!("there is no {name} in it")));
            }
        }
        Ok(Self {
            train: ImageSet::cifar10_batches(names.iter().map(|name| directory.join(name)))?,
            test: ImageSet::cifar10_batches([directory.join("test_batch.bin")])?,
        })
    }
}

impl ImageSet {
    /// The images of CIFAR-10 batch files, concatenated.
    ///
    /// Each file is a sequence of records of 3073 bytes: a label, then the red, the green and the blue plane.
    ///
    /// # Errors
    /// If a file cannot be read, its length is not a multiple of 3073, or a label exceeds 9.
    pub fn cifar10_batches<P: AsRef<Path>>(
        files: impl IntoIterator<Item = P>,
    ) -> Result<Self, DataError> {
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        for file in files {
            read_batch(file.as_ref(), &mut pixels, &mut labels)?;
        }
        let [channels, height, width] = IMAGE;
        let shape = [labels.len(), channels, height, width];
        Ok(Self::new(pixels, shape, labels, &CLASSES, u8::MAX))
    }
}

fn read_batch(file: &Path, pixels: &mut Vec<u8>, labels: &mut Vec<i64>) -> Result<(), DataError> {
    let mut source = Source::open_plain(file)?;
    let length = source.length();
    let cifar100 = length > 0 && length.is_multiple_of(RECORD_100);
    if length == 0 || !length.is_multiple_of(RECORD as u64) {
        return Err(source.error(Problem::Cifar { length, cifar100 }));
    }
    let bytes = source.rest(0, length as usize)?;
    let (records, _) = bytes.as_chunks::<RECORD>();
    let batch_labels: Vec<i64> = records.iter().map(|record| record[0].into()).collect();
    check_labels(file, &batch_labels, CLASSES.len())?;
    labels.extend(batch_labels);
    pixels.reserve_exact(records.len() * (RECORD - 1));
    for record in records {
        pixels.extend_from_slice(&record[1..]);
    }
    Ok(())
}
