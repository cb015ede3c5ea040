//! Why a model cannot be exported.

use std::fmt;
use std::io;
use std::panic::Location;
use std::path::PathBuf;
use std::sync::Arc;

/// Why a model cannot be exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// An operation has no translation.
    #[error(
        "{place} has no translation to ONNX opset {}: replace it by operations that have one, or give a translation \
         with `Export::op`",
        crate::OPSET
    )]
    NoTranslation {
        /// The call.
        place: CallSite,
    },
    /// An operation has a translation, but not with these options or shapes.
    #[error("{place} cannot be written in ONNX opset {}: {reason}", crate::OPSET)]
    Unsupported {
        /// The call.
        place: CallSite,
        /// What is not supported.
        reason: String,
    },
    /// A value was computed from the input outside of recorded operations, so that it would be a constant in the file.
    #[error(
        "{place}: {what} changes with the input or the batch, but no recorded operation computed it, so a file would hold it \
         as a constant; compute it by methods of `Var`, or, if it depends on the batch alone, export a fixed batch"
    )]
    NotRecorded {
        /// The call.
        place: CallSite,
        /// The operand or the option.
        what: String,
    },
    /// Extents are no multiples of the batch.
    #[error(
        "{place}: its shape is {first:?} for a batch of {} and {second:?} for one of {}; export a fixed batch",
        batches[0],
        batches[1]
    )]
    Batch {
        /// The call.
        place: CallSite,
        /// The batches of two runs.
        batches: [usize; 2],
        /// A shape in the first run.
        first: Vec<usize>,
        /// The same in the second.
        second: Vec<usize>,
    },
    /// Two runs of the model called different operations.
    #[error(
        "the model calls other operations for other inputs, from {place} on: a file holds one sequence of operations; \
         if it depends on the batch alone, export a fixed batch"
    )]
    Control {
        /// The first call that differs.
        place: CallSite,
    },
    /// An input has no batch axis, or its batch is 0.
    #[error(
        "input {number} has the shape {shape:?}: a batch axis of extent 1 or more is needed in front"
    )]
    Input {
        /// The number of the input.
        number: usize,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// The file would be larger than the format allows.
    #[error(
        "the file would have {bytes} bytes, and the format allows {}",
        i32::MAX
    )]
    TooLarge {
        /// The size.
        bytes: usize,
    },
    /// The file cannot be written.
    #[error("{}: {source}; give a file in a directory that you may write to", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A call of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallSite {
    /// The operation.
    pub op: &'static str,
    /// Where it was called.
    pub location: &'static Location<'static>,
    /// The path of the layer that called it, if it is known.
    pub layer: Option<Arc<str>>,
}

impl fmt::Display for CallSite {
    /// Such as "`where` (src/model.rs:10:5) in layer `fc`".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({})", self.op, self.location)?;
        match &self.layer {
            Some(layer) if !layer.is_empty() => write!(f, " in layer `{layer}`"),
            _ => Ok(()),
        }
    }
}
