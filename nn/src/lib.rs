//! Parameters, layers and state dicts, generic over the number type. No update rules here.
#![forbid(unsafe_code)]

mod buffer_changes;
mod capture;
#[cfg(feature = "check")]
pub mod check;
pub mod file;
mod flow;
mod functional;
mod gradients;
mod index;
pub mod init;
mod layers;
pub mod models;
mod module;
mod param;
mod parameters;
mod pass;
mod path;
mod pattern;
mod receptive_field;
mod recompute;
mod running_layers;
mod safetensors;
mod shard_sums;
mod state_dict;
mod summary;
mod trace;
mod values;

pub use buffer_changes::BufferChanges;
pub use capture::LayerOutput;
pub use flow::{GradientFlow, ParameterFlow, RectifierFlow, gradient_flow, gradient_flow_with};
pub use functional::{Named, per_sample_gradients};
pub use gradients::Gradients;
pub use layers::*;
pub use module::{Layer, Module};
pub use param::{Buffer, Counter, Id, IdHasher, IdMap, IdSet, Param};
pub use parameters::{LayerId, Parameters, ParametersExt, Slot, SlotMut};
pub use pass::{Mode, Pass, ReplayedLoss};
pub use path::Path;
pub use pattern::path_matches;
pub use receptive_field::ReceptiveField;
pub use safetensors::{FormatError, TensorProblem};
pub use shard_sums::{SUM_OVER_SHARDS, ShardSums, has_shard_sums};
pub use state_dict::{Difference, Lenience, Misfit, StateDict, StateError};
pub use summary::{LayerSummary, Summary, summary};
pub use trace::{Trace, TracedLeaf, trace};
pub use values::{RawValues, Values};
pub use wengert_autograd::{Reach, Window};
#[doc(hidden)]
pub use wengert_tensor as tensor;
pub use wengert_tensor::{Padding, PoolOptions};

use rand::SeedableRng;

/// The generator that initialisers draw from: `ChaCha8` of a seed.
#[must_use]
pub fn rng(seed: u64) -> rand_chacha::ChaCha8Rng {
    rand_chacha::ChaCha8Rng::seed_from_u64(seed)
}

/// The code of the README, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
