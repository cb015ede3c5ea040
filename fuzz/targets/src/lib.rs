//! What the fuzzer runs.
//!
//! A target takes any bytes. It must return: a panic, an abort, a hang or a wrong result is a finding. The
//! fuzzer itself is in `fuzz/`, outside of the workspace, because it needs a nightly compiler; these functions are
//! inside, so that `cargo test` runs each target on its seeds and on every input that was ever a finding.

mod files;
mod oracles;
mod resume;
mod scratch;
mod seeds;

/// A function of any bytes that must return.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of the target and of its folder in `fuzz/corpus`.
    pub name: &'static str,
    /// Runs it; a finding is a panic.
    pub run: fn(&[u8]),
    /// Inputs to begin with: valid ones, and those with extents of zero or of 2⁶³.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Every target.
pub static TARGETS: &[Target] = &[
    target("safetensors", files::safetensors, seeds::safetensors),
    target("optimizer_state", files::optimizer_state, seeds::edits),
    target("checkpoint", resume::file, resume::seeds),
    target("resume", resume::edited, seeds::edits),
    target("npy", files::npy, seeds::npy),
    target("npz", files::npz, seeds::npz),
    target("idx", files::idx, seeds::idx),
    target("cifar", files::cifar, seeds::cifar),
    target("opened", files::opened, seeds::opened),
    target("image", files::image, seeds::image),
    target("geometry", files::geometry, seeds::geometry),
    target("configuration", files::configuration, seeds::configuration),
    target("layers", files::layers, seeds::layers),
    target("conv", oracles::conv, seeds::drawn),
    target("pool", oracles::pool, seeds::drawn),
    target("slice", oracles::slice, seeds::drawn),
    target("einsum", oracles::einsum, seeds::drawn),
];

const fn target(name: &'static str, run: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Target {
    Target { name, run, seeds }
}

/// The target of a name.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn named(name: &str) -> &'static Target {
    let found = TARGETS.iter().find(|target| target.name == name);
    found.unwrap_or_else(|| panic!("there is no target {name}"))
}
