//! Layers.
#![forbid(unsafe_code)]
