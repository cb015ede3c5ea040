//! Convolution and pooling over one, two or three spatial axes.

pub mod conv;
pub mod pooling;
pub(crate) mod window;
