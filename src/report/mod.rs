//! What a run shows: tables, pictures in the terminal and in files, fingerprints.

mod chart;
mod confusion;
mod fingerprint;
mod heat;
mod svg;
mod terminal;

pub use chart::{LineChart, Scale, Series};
pub use confusion::Confusion;
pub use fingerprint::Fingerprint;
pub use heat::HeatMap;
pub use terminal::{beside, shades};
