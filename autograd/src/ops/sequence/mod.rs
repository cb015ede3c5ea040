//! Recurrent networks and attention.

use super::support::OpInfo;

mod attention;
mod gru;
mod lstm;
mod rnn;

pub use attention::{AttentionOptions, InProjection, MultiHead, MultiHeadOptions};
pub use rnn::RnnActivation;

pub(super) const OPS: &[&[OpInfo]] = include!(concat!(env!("OUT_DIR"), "/sequence.rs"));
