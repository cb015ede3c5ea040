//! [`DataError`]: which file, what is wrong with it, and what to do.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A data file that cannot be used: its name and the problem.
#[derive(Debug, Error)]
#[error("{}: {problem}", file.display())]
pub struct DataError {
    /// The file or directory, or the name that the caller gave to bytes in memory.
    pub file: PathBuf,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a data file. The text of each names the cause and, where there is one, the remedy.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Problem {
    /// The operating system could not read it.
    #[error("cannot be read: {0}")]
    Io(io::Error),
    /// A directory, a pipe or a device where a file is needed.
    #[error("is not a regular file")]
    NotAFile,
    /// The data set is not there; the text says how to get it.
    #[error("{0}")]
    Missing(String),
    /// The compressed stream is damaged or cut short.
    #[error("the gzip stream is damaged or cut short ({0}); fetch the file again")]
    Gzip(io::Error),
    /// The first bytes are not those of an IDX file.
    #[error(
        "starts with the bytes {found:02x?}, but an IDX file starts with 0, 0, an element type and a rank; \
         this is another kind of file"
    )]
    NotIdx {
        /// What the file starts with, at most four bytes.
        found: Vec<u8>,
    },
    /// An element type that the IDX format does not know.
    #[error(
        "has the unknown element type {0:#04x}; IDX knows 0x08 (u8), 0x09 (i8), 0x0b (i16), 0x0c (i32), \
         0x0d (f32) and 0x0e (f64)"
    )]
    UnknownType(u8),
    /// A rank that no tensor can have.
    #[error("has rank {0}, and a tensor from a file has rank 1 to {MAX_RANK}")]
    Rank(u8),
    /// More elements than memory can address.
    #[error(
        "has the shape {0:?}, which is more than this machine can address; the header is damaged"
    )]
    TooLarge(Vec<usize>),
    /// The file ends before its contents do.
    #[error(
        "holds {found} bytes where its header promises {promised}: it is cut short, fetch the file again"
    )]
    Truncated {
        /// The length that header and shape ask for.
        promised: u64,
        /// The length that is there.
        found: u64,
    },
    /// The header asks for more than a stream of this length can expand to.
    #[error(
        "promises {promised} bytes in its header, but {compressed} compressed bytes cannot hold more than \
         {limit}; the header is damaged"
    )]
    Inflated {
        /// The length that header and shape ask for.
        promised: u64,
        /// The length of the compressed file.
        compressed: u64,
        /// The most that deflate can make of it.
        limit: u64,
    },
    /// Bytes behind the contents.
    #[error(
        "goes on behind the {promised} bytes that its header promises; it is damaged or two files in one"
    )]
    Trailing {
        /// The length that header and shape ask for.
        promised: u64,
    },
    /// Another element type or rank than the data set's.
    #[error(
        "holds {found} of shape {shape:?}, where {expected} is needed; are two files exchanged?"
    )]
    WrongContents {
        /// The element type that is there.
        found: &'static str,
        /// The shape that is there.
        shape: Vec<usize>,
        /// What the data set needs.
        expected: &'static str,
    },
    /// Not as many labels as images.
    #[error("holds {labels} labels for {images} images; the two files do not belong together")]
    Count {
        /// The number of images.
        images: usize,
        /// The number of labels.
        labels: usize,
    },
    /// A label that is none of the classes.
    #[error("gives image {image} the label {label}, but there are {classes} classes, 0 to {}", classes - 1)]
    Label {
        /// The image's number.
        image: usize,
        /// Its label.
        label: u8,
        /// The number of classes.
        classes: usize,
    },
    /// A data set without a single pixel.
    #[error("holds no images (its shape is {0:?})")]
    Empty(Vec<usize>),
    /// Images of one size to train on and of another to test with.
    #[error(
        "holds images of shape {train:?} to train on and of {test:?} to test with; their sizes differ"
    )]
    Sizes {
        /// The shape of the training images.
        train: [usize; 4],
        /// The shape of the test images.
        test: [usize; 4],
    },
    /// A length that no CIFAR-10 batch has.
    #[error(
        "has {length} bytes, and a CIFAR-10 batch is a multiple of 3073 (a label and 32×32×3 bytes each){}",
        if *cifar100 { "; this is a CIFAR-100 file, whose records have two labels" } else { "; fetch the file again" }
    )]
    Cifar {
        /// The file's length.
        length: u64,
        /// Whether the length is that of CIFAR-100 records.
        cifar100: bool,
    },
}

/// The largest rank that an IDX file may have here: that of a tensor.
pub(crate) const MAX_RANK: u8 = 8;

impl Problem {
    pub(crate) fn of(self, file: &Path) -> DataError {
        DataError {
            file: file.to_owned(),
            problem: self,
        }
    }
}
