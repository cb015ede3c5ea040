//! [`DataError`]: the file, what is wrong with it, and the remedy.

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
    /// The operating system reports an error.
    #[error("cannot be read: {0}")]
    Io(io::Error),
    /// A directory, a pipe or a device where a file is needed.
    #[error("is a directory or a special file, not a regular file")]
    NotAFile,
    /// The data set is missing; the text says how to get it.
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
    /// A rank that a tensor cannot have.
    #[error("has rank {0}, and a tensor from a file has rank 1 to {MAX_RANK}")]
    Rank(u8),
    /// More bytes than memory can address.
    #[error("has the shape {0:?}, which is more than memory can address; the header is damaged")]
    TooLarge(Vec<usize>),
    /// The file ends before its contents do.
    #[error(
        "has {found} bytes, but its header needs {needed}: the file is cut short, fetch it again"
    )]
    Truncated {
        /// The length that the header needs.
        needed: u64,
        /// The length of the file.
        found: u64,
    },
    /// The header needs more bytes than a gzip stream of this length can expand to.
    #[error(
        "has a header for {needed} bytes, but {compressed} compressed bytes expand to at most {limit}; \
         the header is damaged"
    )]
    Inflated {
        /// The length that the header needs.
        needed: u64,
        /// The length of the compressed file.
        compressed: u64,
        /// The most bytes that deflate can expand it to.
        limit: u64,
    },
    /// Bytes after the end of the array.
    #[error(
        "has more bytes than the {needed} that its header needs; it is damaged, or two files were joined"
    )]
    Trailing {
        /// The length that the header needs.
        needed: u64,
    },
    /// The file has become shorter.
    #[error(
        "has {found} bytes now, but needed {opened} when it was opened: it was changed during the run; restore it, and \
         resume the run"
    )]
    Shrunk {
        /// Its length now.
        found: u64,
        /// The length that its samples need.
        opened: u64,
    },
    /// There is no room for the contents of a compressed file.
    #[error(
        "cannot be unpacked to a temporary file: {0}; free disk space, or unpack the file beside it with gunzip -k"
    )]
    Unpack(io::Error),
    /// Not the element type or rank that the data set needs.
    #[error(
        "has {found} elements of shape {shape:?}, but {expected} is needed; are two files swapped?"
    )]
    WrongContents {
        /// The element type of the file.
        found: &'static str,
        /// The shape in the file.
        shape: Vec<usize>,
        /// What the data set needs.
        expected: &'static str,
    },
    /// The numbers of labels and images differ.
    #[error("has {labels} labels for {images} images; the two files do not belong together")]
    Count {
        /// The number of images.
        images: usize,
        /// The number of labels.
        labels: usize,
    },
    /// A label that is not the number of a class.
    #[error("gives image {image} the label {label}, but there are {classes} classes, 0 to {}", classes - 1)]
    Label {
        /// The image's number.
        image: usize,
        /// Its label.
        label: i64,
        /// The number of classes.
        classes: usize,
    },
    /// A data set without pixels.
    #[error("has no images (its shape is {0:?})")]
    Empty(Vec<usize>),
    /// Training and test images of different sizes.
    #[error(
        "has training images of shape {train:?} and test images of shape {test:?}; the sizes differ"
    )]
    Sizes {
        /// The shape of the training images.
        train: [usize; 4],
        /// The shape of the test images.
        test: [usize; 4],
    },
    /// Not the length of a CIFAR file.
    #[error(
        "has {length} bytes, and a {format} batch is a multiple of {record} ({} and 32×32×3 bytes each); {cause}",
        if *record == 3073 { "a label" } else { "two labels" }
    )]
    Cifar {
        /// The data set: `CIFAR-10` or `CIFAR-100`.
        format: &'static str,
        /// The file's length.
        length: u64,
        /// The length of a record.
        record: usize,
        /// What it probably is, or the remedy.
        cause: &'static str,
    },
    /// A folder of images without a directory per class.
    #[error(
        "has no directories; a folder of images has one directory per class, with the images of that class in it"
    )]
    NoClasses,
    /// A folder of images with one class.
    #[error(
        "has one class only, {0:?}; a classifier needs at least two: is this the directory of a class, and the \
         folder the one above it?"
    )]
    OneClass(String),
    /// A class directory without a usable image.
    #[error(
        "is the directory of a class, but has no usable PNG or JPEG image; remove it, or put images into it"
    )]
    EmptyClass,
    /// Training and test directories with different classes.
    #[error(
        "has the classes {train:?} in its training directory and {test:?} in its test directory; they must be the \
         same"
    )]
    Classes {
        /// The classes of the training images.
        train: Vec<String>,
        /// The classes of the test images.
        test: Vec<String>,
    },
    /// A file in a class directory that is no image of a known kind.
    #[error(
        "is not a PNG or JPEG image; remove it, or leave out such files with `UnusableFiles::Skip`"
    )]
    NotAnImage,
    /// An image that cannot be decoded.
    #[error(
        "is a damaged or truncated image ({0}); replace or remove it, or leave out such files with \
         `UnusableFiles::Skip`"
    )]
    DamagedImage(String),
}

/// The largest rank of an IDX file: that of a tensor.
pub(crate) const MAX_RANK: u8 = 8;

impl Problem {
    pub(crate) fn of(self, file: &Path) -> DataError {
        DataError {
            file: file.to_owned(),
            problem: self,
        }
    }
}
