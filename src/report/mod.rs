//! Reports: confusion matrices, charts as SVG, images in the terminal, fingerprints.

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
