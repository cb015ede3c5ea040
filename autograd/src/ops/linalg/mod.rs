//! Products of matrices and vectors, and parts of matrices.

use super::support::OpInfo;

mod einsum;
mod linear_bilinear;
mod matmul;
mod outer_dot;
mod triangle_diagonal;

pub(super) const OPS: &[&[OpInfo]] = &[
    einsum::OPS,
    linear_bilinear::OPS,
    matmul::OPS,
    outer_dot::OPS,
    triangle_diagonal::OPS,
];
