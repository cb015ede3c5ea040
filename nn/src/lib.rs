//! Parameters, layers and state dicts, generic over the number type. No update rules here.
#![forbid(unsafe_code)]

pub mod check;
pub mod file;
mod gradients;
pub mod init;
mod known;
mod label;
mod layers;
pub mod models;
mod module;
mod param;
mod parameters;
mod pass;
mod safetensors;
mod state_dict;
mod summary;
mod trace;

pub use gradients::Gradients;
pub use label::Label;
pub use layers::*;
pub use module::{Layer, Module};
pub use param::{Buffer, Counter, Id, IdHasher, IdMap, IdSet, Param};
pub use parameters::{Parameters, ParametersExt, Path, Slot, SlotMut};
pub use pass::{Mode, Pass};
pub use safetensors::{FormatError, TensorProblem};
pub use state_dict::{Difference, Lenience, Misfit, StateDict, StateError, Values};
pub use summary::{LayerSummary, Summary, summary};
pub use trace::{LayerTrace, Reach, ReceptiveField, Window};
#[doc(hidden)]
pub use wengert_tensor as tensor;
pub use wengert_tensor::{Padding, PoolOptions};

use rand::SeedableRng;

/// The generator that initialisers draw from: `ChaCha8` of a seed.
#[must_use]
pub fn rng(seed: u64) -> rand_chacha::ChaCha8Rng {
    rand_chacha::ChaCha8Rng::seed_from_u64(seed)
}
