//! Reports: confusion matrices, charts as SVG, grids of images as PNG and SVG, images in the terminal, fingerprints.

mod chart;
mod colors;
mod confusion;
mod fingerprint;
mod heat;
mod histogram;
mod planes;
mod svg;
mod terminal;

pub use chart::{LineChart, Scale, Series};
pub use colors::ColorMap;
pub use confusion::Confusion;
pub use fingerprint::Fingerprint;
pub use heat::HeatMap;
pub use histogram::{Distribution, Histogram};
pub use planes::{Plane, PlaneGrid, PlaneRange};
pub use terminal::{beside, shades};
