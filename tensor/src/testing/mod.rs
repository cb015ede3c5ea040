//! What tests and the laboratory need: oracles, geometries, layouts, and the limits of the machine.

pub mod conformance;
pub mod geometries;
pub mod layouts;
pub mod machine;
mod reference;
