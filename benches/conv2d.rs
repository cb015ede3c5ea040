//! Convolution kernels on named geometries: proven, timed, compared. See `lab/`.
//!
//!     cargo bench --bench conv2d -- --help
//!     cargo bench --bench conv2d -- f32/forward
//!     cargo bench --bench conv2d -- --set resnet50 --number f32 --direction weight
//!     cargo bench --bench conv2d -- --shape mb32_ic48ih17iw17_oc48_kh3kw3_ph1pw1

use std::process::ExitCode;

fn main() -> ExitCode {
    wengert_lab::Lab::new().run()
}
