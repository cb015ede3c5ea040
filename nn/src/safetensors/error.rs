//! What can be wrong with a safetensors file.

use thiserror::Error;

use super::DataType;

/// Why bytes are not a safetensors file that can be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FormatError {
    /// Too short for the header's length.
    #[error("not a safetensors file: {length} bytes, the length of the header alone takes 8")]
    Short {
        /// How many there are.
        length: usize,
    },
    /// The header would end after the end of the file, or be larger than any.
    #[error(
        "not a safetensors file, or one cut short: the header claims {claimed} bytes, {available} follow and {most} are \
         the most"
    )]
    HeaderLength {
        /// What is claimed.
        claimed: u64,
        /// What is there.
        available: usize,
        /// The limit of the format.
        most: usize,
    },
    /// The header is not text.
    #[error("not a safetensors file: the header is not UTF-8 at its byte {at}")]
    Utf8 {
        /// Where.
        at: usize,
    },
    /// The header is not of the one form that it may have.
    #[error("not a safetensors file: the header at its byte {at}: expected {expected}")]
    Syntax {
        /// Where.
        at: usize,
        /// What should be there.
        expected: &'static str,
    },
    /// A name that no tensor may have.
    #[error(
        "a name of {length} bytes: tensors have names of at most {} bytes without control characters",
        super::LONGEST_NAME
    )]
    Name {
        /// Its length.
        length: usize,
    },
    /// More tensors than any model has.
    #[error("more than {most} tensors")]
    Count {
        /// The limit.
        most: usize,
    },
    /// One tensor is described wrongly.
    #[error("tensor {name:?}: {problem}")]
    Tensor {
        /// Its name.
        name: String,
        /// What is wrong.
        problem: TensorProblem,
    },
    /// Bytes after the last tensor.
    #[error("{data} bytes of data, the tensors end at {covered}")]
    Trailing {
        /// Where the tensors end.
        covered: usize,
        /// Where the data ends.
        data: usize,
    },
}

/// What is wrong with the description of one tensor.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TensorProblem {
    /// There are two of this name.
    #[error("the name occurs twice")]
    Duplicate,
    /// A field is missing.
    #[error("has no field {field:?}")]
    Missing {
        /// Which.
        field: &'static str,
    },
    /// A type of number that the format does not have.
    #[error("is of type {name:?}; the format has {}", DataType::names())]
    Type {
        /// Its name.
        name: String,
    },
    /// More axes than a tensor may have.
    #[error("has {rank} axes, {} are the most", wengert_tensor::MAX_RANK)]
    Rank {
        /// How many.
        rank: usize,
    },
    /// `data_offsets` does not have exactly two numbers.
    #[error("has {count} data offsets, not 2")]
    Offsets {
        /// How many.
        count: usize,
    },
    /// More elements than memory could hold.
    #[error("has shape {shape:?}, too large for any memory")]
    Overflow {
        /// The shape.
        shape: Vec<usize>,
    },
    /// Elements of less than a byte that end within a byte.
    #[error("has {elements} elements of {bits} bits, which do not end with a byte")]
    Partial {
        /// How many.
        elements: usize,
        /// The bits of each.
        bits: usize,
    },
    /// The shape needs another number of bytes.
    #[error("of shape {shape:?} needs {needed} bytes, its offsets are {begin}..{end}")]
    Size {
        /// The shape.
        shape: Vec<usize>,
        /// The bytes that it needs.
        needed: usize,
        /// Where its bytes begin.
        begin: usize,
        /// Where they end.
        end: usize,
    },
    /// Bytes that overlap others, leave a gap, or lie after the end of the file.
    #[error("lies at {begin}..{end} of {data} bytes, of which {covered} are covered before it")]
    Place {
        /// Where its bytes begin.
        begin: usize,
        /// Where they end.
        end: usize,
        /// Where the tensor before it ends.
        covered: usize,
        /// How many bytes there are.
        data: usize,
    },
}
