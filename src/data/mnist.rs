//! MNIST and other data sets of four IDX files.

use std::path::{Path, PathBuf};

use super::digits::DIGITS;
use super::error::{DataError, Problem};
use super::idx::Idx;
use super::images::{ImageSet, check_labels};
use super::split::Split;

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
            &DIGITS,
            "MNIST is four files, train- and t10k-images-idx3-ubyte.gz and -labels-idx1-ubyte.gz, \
             from http://yann.lecun.com/exdb/mnist/ or a mirror of it",
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
            &FASHION,
            "on Debian or Ubuntu `apt-get install dataset-fashion-mnist` puts Fashion-MNIST into \
             /usr/share/datasets/fashion-mnist, elsewhere get its four files from \
             https://github.com/zalandoresearch/fashion-mnist",
        )
    }
}

fn read(directory: &Path, classes: &[&str], remedy: &str) -> Result<Split, DataError> {
    let missing = |what: &str| Problem::Missing(format!("{what}; {remedy}")).of(directory);
    if !directory.is_dir() {
        return Err(missing("there is no such directory"));
    }
    let set = |part: &str| {
        let locate = |kind: &str| {
            find(directory, part, kind)
                .ok_or_else(|| missing(&format!("there is no {part}-{kind}-ubyte(.gz) in it")))
        };
        image_set(&locate("images-idx3")?, &locate("labels-idx1")?, classes)
    };
    let (train, test) = (set("train")?, set("t10k")?);
    if train.shape()[1..] != test.shape()[1..] {
        return Err(Problem::Sizes {
            train: train.shape(),
            test: test.shape(),
        }
        .of(directory));
    }
    Ok(Split { train, test })
}

/// The file under any name in use: `images-idx3` or `images.idx3`, with or without `.gz`.
fn find(directory: &Path, part: &str, kind: &str) -> Option<PathBuf> {
    let stem = format!("{part}-{kind}-ubyte");
    let dotted = stem.replace("-idx", ".idx");
    [&stem, &dotted]
        .into_iter()
        .flat_map(|name| [format!("{name}.gz"), name.clone()])
        .map(|name| directory.join(name))
        .find(|path| path.exists())
}

fn image_set(images: &Path, labels: &Path, classes: &[&str]) -> Result<ImageSet, DataError> {
    let (pixels, [count, height, width]) =
        Idx::read(images)?.into_bytes(images, "u8 of rank 3 (images)")?;
    let (label_bytes, [label_count]) =
        Idx::read(labels)?.into_bytes(labels, "u8 of rank 1 (labels)")?;
    if count != label_count {
        return Err(Problem::Count {
            images: count,
            labels: label_count,
        }
        .of(labels));
    }
    if pixels.is_empty() {
        return Err(Problem::Empty(vec![count, height, width]).of(images));
    }
    let classes_of_images: Vec<_> = label_bytes.into_iter().map(i64::from).collect();
    check_labels(labels, &classes_of_images, classes.len())?;
    let shape = [count, 1, height, width];
    Ok(ImageSet::new(
        pixels,
        shape,
        classes_of_images,
        classes,
        u8::MAX,
    ))
}
