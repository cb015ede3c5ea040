//! Support for tests and the laboratory: the conformance test of kernels and its reference, named and random geometries,
//! tensors in all layouts, and the measured limits of the machine.

pub mod conformance;
pub mod geometries;
pub mod layouts;
pub mod machine;
pub mod panics;
pub mod random;
pub mod reference;
pub mod variants;
