//! CIFAR-10 and CIFAR-100 in their binary formats.

use std::path::{Path, PathBuf};

use super::cifar100_classes::FINE;
use super::error::{DataError, Problem};
use super::image_files::ImageFiles;
use super::images::{ImageSet, check_labels};
use super::row_file::{RowFile, open_regular};
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

/// The red plane, the green one, the blue one.
const IMAGE: [usize; 3] = [3, 32, 32];
const PIXELS: usize = 3 * 32 * 32;

/// What the two data sets differ in.
struct Format {
    name: &'static str,
    classes: &'static [&'static str],
    /// The label bytes at the beginning of each record; the last one is the class.
    labels: usize,
    other: &'static str,
    /// The files of the training images and of the test images.
    train: &'static [&'static str],
    test: &'static str,
}

const CIFAR_10: Format = Format {
    name: "CIFAR-10",
    classes: &CLASSES,
    labels: 1,
    other: "this is a CIFAR-100 file, whose records have two labels",
    train: &[
        "data_batch_1.bin",
        "data_batch_2.bin",
        "data_batch_3.bin",
        "data_batch_4.bin",
        "data_batch_5.bin",
    ],
    test: "test_batch.bin",
};

/// A record has a coarse and a fine label.
const CIFAR_100: Format = Format {
    name: "CIFAR-100",
    classes: &FINE,
    labels: 2,
    other: "this is a CIFAR-10 file, whose records have one label",
    train: &["train.bin"],
    test: "test.bin",
};

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
        read(directory.as_ref(), &CIFAR_10, |files| {
            CIFAR_10.images(files)
        })
    }

    /// CIFAR-100 from the directory `cifar-100-binary`: 50,000 and 10,000 colour images of 32×32 pixels in 100
    /// classes, the fine ones (A. Krizhevsky, 2009).
    ///
    /// The files are `train.bin` and `test.bin`.
    ///
    /// # Errors
    /// If the directory or a file is missing (the message says how to get it), or a file is not of CIFAR-100.
    pub fn cifar100(directory: impl AsRef<Path>) -> Result<Self, DataError> {
        read(directory.as_ref(), &CIFAR_100, |files| {
            CIFAR_100.images(files)
        })
    }
}

impl Split<ImageFiles> {
    /// As [`Split::cifar10`], with images that are read when they are asked for.
    ///
    /// # Errors
    /// As [`Split::cifar10`].
    pub fn open_cifar10(directory: impl AsRef<Path>) -> Result<Self, DataError> {
        read(directory.as_ref(), &CIFAR_10, |files| CIFAR_10.open(files))
    }

    /// As [`Split::cifar100`], with images that are read when they are asked for.
    ///
    /// # Errors
    /// As [`Split::cifar100`].
    pub fn open_cifar100(directory: impl AsRef<Path>) -> Result<Self, DataError> {
        read(directory.as_ref(), &CIFAR_100, |files| {
            CIFAR_100.open(files)
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
        CIFAR_10.images(files)
    }

    /// The images of CIFAR-100 files, concatenated, with their fine classes.
    ///
    /// Each file is a sequence of records of 3074 bytes: a coarse label, a fine one, then the red, the green and
    /// the blue plane.
    ///
    /// # Errors
    /// If a file cannot be read, its length is not a multiple of 3074, or a fine label exceeds 99.
    pub fn cifar100_batches<P: AsRef<Path>>(
        files: impl IntoIterator<Item = P>,
    ) -> Result<Self, DataError> {
        CIFAR_100.images(files)
    }
}

fn read<S>(
    directory: &Path,
    format: &Format,
    set: impl Fn(Vec<PathBuf>) -> Result<S, DataError>,
) -> Result<Split<S>, DataError> {
    let missing = |what: &str| {
        let archive = format.name.to_lowercase();
        let name = format.name;
        let remedy = format!(
            "{name} is {archive}-binary.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html, unpacked"
        );
        Problem::Missing(format!("{what}; {remedy}")).of(directory)
    };
    if !directory.is_dir() {
        return Err(missing("there is no such directory"));
    }
    for &name in format.train.iter().chain([&format.test]) {
        if !directory.join(name).exists() {
            return Err(missing(&format!("there is no {name} in it")));
        }
    }
    let train = format.train.iter().map(|name| directory.join(name));
    Ok(Split {
        train: set(train.collect())?,
        test: set(vec![directory.join(format.test)])?,
    })
}

impl Format {
    fn images<P: AsRef<Path>>(
        &self,
        files: impl IntoIterator<Item = P>,
    ) -> Result<ImageSet, DataError> {
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        for file in files {
            self.read_batch(file.as_ref(), &mut pixels, &mut labels)?;
        }
        let [channels, height, width] = IMAGE;
        let shape = [labels.len(), channels, height, width];
        Ok(ImageSet::new(pixels, shape, labels, self.classes, u8::MAX))
    }

    /// Opens files; their labels alone are read.
    fn open(&self, files: Vec<PathBuf>) -> Result<ImageFiles, DataError> {
        let record = self.record();
        let (mut opened, mut labels) = (Vec::new(), Vec::new());
        for file in &files {
            let (_, length) = open_regular(file)?;
            self.check_length(file, length)?;
            let rows = RowFile::open(file, 0, record, (length / record as u64) as usize)?;
            let label = |row| {
                let mut label = [0];
                rows.read(row, self.labels - 1, &mut label)?;
                Ok(i64::from(label[0]))
            };
            let batch_labels: Vec<i64> = (0..rows.count()).map(label).collect::<Result<_, _>>()?;
            check_labels(file, &batch_labels, self.classes.len())?;
            labels.extend(batch_labels);
            opened.push(rows);
        }
        let set = ImageFiles::of_rows(opened, self.labels, IMAGE, labels, self.classes);
        Ok(set)
    }

    /// The bytes of an image with its labels.
    const fn record(&self) -> usize {
        self.labels + PIXELS
    }

    fn check_length(&self, file: &Path, length: u64) -> Result<(), DataError> {
        let record = self.record();
        if length > 0 && length.is_multiple_of(record as u64) {
            return Ok(());
        }
        // The record of the other data set has one label in place of two, or the reverse.
        let other = (3 - self.labels + PIXELS) as u64;
        Err(Problem::Cifar {
            format: self.name,
            length,
            record,
            cause: if length > 0 && length.is_multiple_of(other) {
                self.other
            } else {
                "fetch the file again"
            },
        }
        .of(file))
    }

    fn read_batch(
        &self,
        file: &Path,
        pixels: &mut Vec<u8>,
        labels: &mut Vec<i64>,
    ) -> Result<(), DataError> {
        let mut source = Source::open_plain(file)?;
        let length = source.length();
        let record = self.record();
        self.check_length(file, length)?;
        let bytes = source.rest(0, length as usize)?;
        let records = bytes.chunks_exact(record);
        let batch_labels: Vec<i64> = records
            .clone()
            .map(|record| record[self.labels - 1].into())
            .collect();
        check_labels(file, &batch_labels, self.classes.len())?;
        labels.extend(batch_labels);
        pixels.reserve_exact(records.len() * PIXELS);
        for record in records {
            pixels.extend_from_slice(&record[self.labels..]);
        }
        Ok(())
    }
}
