//! Operations on images: convolution, pooling, and the windows that both move over them.

pub mod conv;
pub mod pooling;
pub(crate) mod window;
