//! Recurrent networks and attention.

use super::support::OpInfo;

mod attention;
mod gru;
mod lstm;
mod recurrent;
mod rnn;

pub use attention::{AttentionOptions, InProjection, MultiHead, MultiHeadOptions};
pub use recurrent::{CellParams, RecurrentOptions};
pub use rnn::RnnActivation;

pub(super) const OPS: &[&[OpInfo]] = &[attention::OPS, gru::OPS, lstm::OPS, rnn::OPS];
