//! Data sets and the loader that makes batches of them.
//!
//! [`Dataset::digits`] is built in; [`Dataset::mnist`], [`Dataset::fashion_mnist`] and
//! [`Dataset::cifar10`] read the published files. [`Loader`] shuffles, batches, scales and augments; each
//! batch is a pure function of seed, epoch and step, so a run can resume exactly.

mod augment;
mod cifar;
mod digits;
mod error;
mod idx;
mod images;
mod loader;
mod mnist;
mod normalize;
mod npy;
mod random;
mod source;

pub use augment::Augment;
pub use error::{DataError, Problem};
pub use idx::{Idx, IdxValues};
pub use images::{Dataset, ImageSet};
pub use loader::{Batch, Batches, Loader, LoaderOptions, Position};
pub use normalize::Normalize;
pub use npy::{Npy, NpyError, NpyProblem};
