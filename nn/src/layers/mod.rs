//! The layers, one idea a file.

mod dropout;
mod flatten;
mod identity;
mod linear;
mod sequential;

pub use dropout::Dropout;
pub use flatten::Flatten;
pub use identity::Identity;
pub use linear::Linear;
pub use sequential::Sequential;
