//! Recurrent networks and attention.

use super::support::Entry;

mod attention;
mod gru;
mod lstm;
mod rnn;

pub use attention::{AttentionOptions, InProjection, MultiHead, MultiHeadOptions};
pub use rnn::{CellParams, Nonlinearity, RecurrentOptions};

pub(super) const ENTRIES: &[&[Entry]] = &[
    attention::ENTRIES,
    gru::ENTRIES,
    lstm::ENTRIES,
    rnn::ENTRIES,
];
