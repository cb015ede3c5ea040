//! Products of matrices and vectors, and parts of matrices.

use super::support::OpInfo;

mod einsum;
mod linear_bilinear;
mod matmul;
mod outer_dot;
mod triangle_diagonal;

pub(super) const OPS: &[&[OpInfo]] = include!(concat!(env!("OUT_DIR"), "/linalg.rs"));
