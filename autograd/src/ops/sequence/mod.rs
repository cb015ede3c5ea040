//! Recurrent networks and attention.

use super::support::Entry;

mod attention;
mod gru;
mod lstm;
mod recurrent;
mod rnn;

pub use attention::{AttentionOptions, InProjection, MultiHead, MultiHeadOptions};
pub use recurrent::{CellParams, RecurrentOptions};
pub use rnn::RnnActivation;

pub(super) const ENTRIES: &[&[Entry]] = &[
    attention::ENTRIES,
    gru::ENTRIES,
    lstm::ENTRIES,
    rnn::ENTRIES,
];
