//! MNIST and other data sets of four IDX files.

use std::path::{Path, PathBuf};

use super::dataset::Dataset;
use super::digits::DIGITS;
use super::error::{DataError, Problem};
use super::idx::{Idx, open_rows};
use super::image_files::ImageFiles;
use super::images::{ImageSet, check_labels};
use super::split::Split;

/// How to get the files.
const MNIST_REMEDY: &str = "MNIST is four files, train- and t10k-images-idx3-ubyte.gz and -labels-idx1-ubyte.gz, \
     from http://yann.lecun.com/exdb/mnist/ or a mirror of it";
const FASHION_REMEDY: &str = "on Debian or Ubuntu `apt-get install dataset-fashion-mnist` puts Fashion-MNIST into \
     /usr/share/datasets/fashion-mnist, elsewhere get its four files from \
     https://github.com/zalandoresearch/fashion-mnist";

const FASHION: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

impl Split {
    /// MNIST from a directory with its four IDX files: 60,000 and 10,000 digits of 28×28 pixels
    /// (Y. LeCun, C. Cortes, C. Burges, 1998).
    ///
    /// The files are `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte`
    /// and `t10k-labels-idx1-ubyte`, with or without `.gz`.
    ///
    /// # Errors
    /// If the directory or a file is missing (the message says how to get it), if a file is damaged, or if
    /// the numbers of images and labels differ.
    pub fn mnist(directory: impl AsRef<Path>) -> Result<Self, DataError> {
        read(
            directory.as_ref(),
            MNIST_REMEDY,
            [".gz", ""],
            |images, labels| image_set(images, labels, &DIGITS),
        )
    }

    /// Fashion-MNIST from a directory with its four IDX files: 60,000 and 10,000 images of clothes, 28×28
    /// pixels (H. Xiao, K. Rasul, R. Vollgraf, 2017). The files are named as MNIST's.
    ///
    /// # Errors
    /// As [`mnist`](Self::mnist).
    pub fn fashion_mnist(directory: impl AsRef<Path>) -> Result<Self, DataError> {
        read(
            directory.as_ref(),
            FASHION_REMEDY,
            [".gz", ""],
            |images, labels| image_set(images, labels, &FASHION),
        )
    }
}

impl Split<ImageFiles> {
    /// As [`Split::mnist`], with images that are read when they are asked for. A compressed file is unpacked at once,
    /// into a temporary file; of two files with the same name, the one without `.gz` is used.
    ///
    /// # Errors
    /// As [`Split::mnist`], and if there is no room for a temporary file.
    pub fn open_mnist(directory: impl AsRef<Path>) -> Result<Self, DataError> {
        read(
            directory.as_ref(),
            MNIST_REMEDY,
            ["", ".gz"],
            |images, labels| image_files(images, labels, &DIGITS),
        )
    }

    /// As [`Split::fashion_mnist`], with images that are read when they are asked for; see
    /// [`open_mnist`](Self::open_mnist).
    ///
    /// # Errors
    /// As [`open_mnist`](Self::open_mnist).
    pub fn open_fashion_mnist(directory: impl AsRef<Path>) -> Result<Self, DataError> {
        read(
            directory.as_ref(),
            FASHION_REMEDY,
            ["", ".gz"],
            |images, labels| image_files(images, labels, &FASHION),
        )
    }
}

/// * `endings`: those of the names of files, in the order in which they are looked for
/// * `set`: makes a set from a file of images and one of labels
fn read<S: Dataset>(
    directory: &Path,
    remedy: &str,
    endings: [&str; 2],
    set: impl Fn(&Path, &Path) -> Result<(S, [usize; 4]), DataError>,
) -> Result<Split<S>, DataError> {
    let missing = |what: &str| Problem::Missing(format!("{what}; {remedy}")).of(directory);
    if !directory.is_dir() {
        return Err(missing("there is no such directory"));
    }
    let set = |part: &str| {
        let locate = |kind: &str| {
            find(directory, part, kind, endings)
                .ok_or_else(|| missing(&format!("there is no {part}-{kind}-ubyte(.gz) in it")))
        };
        set(&locate("images-idx3")?, &locate("labels-idx1")?)
    };
    let ((train, train_shape), (test, test_shape)) = (set("train")?, set("t10k")?);
    if train_shape[1..] != test_shape[1..] {
        return Err(Problem::Sizes {
            train: train_shape,
            test: test_shape,
        }
        .of(directory));
    }
    Ok(Split { train, test })
}

/// The file under any name in use: `images-idx3` or `images.idx3`, with or without `.gz`.
fn find(directory: &Path, part: &str, kind: &str, endings: [&str; 2]) -> Option<PathBuf> {
    let stem = format!("{part}-{kind}-ubyte");
    let dotted = stem.replace("-idx", ".idx");
    [&stem, &dotted]
        .into_iter()
        .flat_map(|name| endings.map(|ending| format!("{name}{ending}")))
        .map(|name| directory.join(name))
        .find(|path| path.exists())
}

fn image_set(
    images: &Path,
    labels: &Path,
    classes: &[&str],
) -> Result<(ImageSet, [usize; 4]), DataError> {
    let (pixels, shape) = Idx::read(images)?.into_bytes(images, IMAGES)?;
    let (labels, shape) = labels_of(images, labels, shape, classes.len())?;
    let set = ImageSet::new(pixels, shape, labels, classes, u8::MAX);
    Ok((set, shape))
}

fn image_files(
    images: &Path,
    labels: &Path,
    classes: &[&str],
) -> Result<(ImageFiles, [usize; 4]), DataError> {
    let (file, shape) = open_rows(images, IMAGES)?;
    let (labels, shape) = labels_of(images, labels, shape, classes.len())?;
    let [_, channels, height, width] = shape;
    let size = [channels, height, width];
    let set = ImageFiles::of_rows(vec![file], 0, size, labels, classes);
    Ok((set, shape))
}

/// What the file of images must hold.
const IMAGES: &str = "u8 of rank 3 (images)";

/// The labels of images of shape `[images, height, width]`, and the shape with channels.
fn labels_of(
    images: &Path,
    labels: &Path,
    [count, height, width]: [usize; 3],
    classes: usize,
) -> Result<(Vec<i64>, [usize; 4]), DataError> {
    let (bytes, [label_count]) = Idx::read(labels)?.into_bytes(labels, "u8 of rank 1 (labels)")?;
    if count != label_count {
        return Err(Problem::Count {
            images: count,
            labels: label_count,
        }
        .of(labels));
    }
    if count * height * width == 0 {
        return Err(Problem::Empty(vec![count, height, width]).of(images));
    }
    let classes_of_images: Vec<_> = bytes.into_iter().map(i64::from).collect();
    check_labels(labels, &classes_of_images, classes)?;
    Ok((classes_of_images, [count, 1, height, width]))
}
