//! Instruction sets, vectors, and the copies that need shuffles or special stores.
//!
//! | file | contents |
//! |---|---|
//! | `level` | [`Level`]: the instruction sets, detected at run time; code compiled once for each |
//! | `vector`, `scalar` | lane-wise arithmetic; `f32` and `f64`, and arrays as registers of 256 bits |
//! | `avx512` | registers of 512 bits, by intrinsics |
//! | `lanewise` | work that is the same in every lane of a tile's row |
//! | `transpose`, `deinterleave` | copies that change the order of elements, in registers |
//! | `non_temporal` | stores that bypass the caches |
//! | `prefetch` | hints to load cache lines ahead of their use |

#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod avx512;
pub(crate) mod deinterleave;
mod lanewise;
mod level;
pub(crate) mod non_temporal;
pub(crate) mod prefetch;
mod scalar;
pub(crate) mod transpose;
mod vector;

use deinterleave::Deinterleave;
pub(crate) use lanewise::Lanewise;
pub use level::Level;
pub(crate) use level::{Body, Loop, Loop4};
pub(crate) use scalar::{Scalar, WideIsa, multiply_add};
use transpose::Transpose;
pub(crate) use vector::{Array, Vector};

/// A number type that the vectorised kernels run on: `f32` and `f64`.
pub(crate) trait Float: Scalar + Transpose + Deinterleave {}

impl Float for f32 {}
impl Float for f64 {}
