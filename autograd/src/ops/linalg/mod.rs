//! Products of matrices and vectors, and parts of matrices.

use super::support::Entry;

mod einsum;
mod linear_bilinear;
mod matmul;
mod outer_dot;
mod triangle_diagonal;

pub(super) const ENTRIES: &[&[Entry]] = &[
    einsum::ENTRIES,
    linear_bilinear::ENTRIES,
    matmul::ENTRIES,
    outer_dot::ENTRIES,
    triangle_diagonal::ENTRIES,
];
