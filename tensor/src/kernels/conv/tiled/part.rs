//! One task's share of one phase.

use super::plan::{Correlation, Phase, Run, Span};
use crate::kernels::simd::Level;

/// Some output channels and some rows of their planes, for one phase of one group of one image.
pub(super) struct Part<'a, T> {
    pub level: Level,
    pub plan: &'a Correlation,
    pub phase: &'a Phase,
    /// The padded image, or the band of it that the windows of the span cover.
    pub image: &'a [T],
    pub group: usize,
    /// The first output channel, in the group.
    pub first: usize,
    /// The rows of the output planes.
    pub span: &'a Span,
    pub w: &'a [T],
}

impl<T> Part<'_, T> {
    /// The runs of `lanes` pixels that cover its rows.
    pub fn pieces(&self, lanes: usize) -> Vec<Run> {
        self.plan.pieces(self.phase, self.span, lanes)
    }
}
