//! Data sets and the loader that makes batches of them.
//!
//! [`Dataset`] is the trait of every set, yours too; [`ImageSet`] holds images in memory, [`ImageFiles`] reads each
//! when it is asked for.
//! [`Split::digits`] is built in; [`Split::mnist`], [`Split::fashion_mnist`] and
//! [`Split::cifar10`] read the published files. [`Loader`] shuffles, batches, scales and augments; each
//! batch is a pure function of seed, epoch and step, so a run can resume exactly.

mod augment;
mod batch;
mod cifar;
mod cifar100_classes;
mod collate;
mod dataset;
mod digits;
mod error;
#[cfg(feature = "images")]
mod folder;
mod idx;
mod image_files;
mod images;
mod loader;
mod mnist;
mod normalize;
mod npy;
#[cfg(feature = "npz")]
mod npz;
mod prefetch;
mod random;
mod row_file;
mod sampler;
mod source;
mod split;
mod subset;

pub use augment::Augment;
pub use batch::{Batch, Targets};
pub use dataset::{Dataset, Example, Target};
pub use error::{DataError, Problem};
#[cfg(feature = "images")]
pub use folder::{FolderOptions, ImageColor, UnusableFiles, read_image};
pub use idx::{Idx, IdxValues};
pub use image_files::ImageFiles;
pub use images::ImageSet;
pub use loader::{Batches, Loader, LoaderOptions, Position};
pub use normalize::Normalize;
pub use npy::{Npy, NpyError, NpyProblem};
#[cfg(feature = "npz")]
pub use npz::{Npz, NpzError, NpzProblem};
pub use prefetch::Prefetched;
pub(crate) use random::{Purpose, stream};
pub use sampler::Sampler;
pub use split::Split;
pub use subset::{Subset, split_rows};
