//! The squared error.

use super::prelude::*;
use super::reduction::Reduction;

impl<T: Real> Var<T> {
    /// The squared error `(x − t)²`; the operands broadcast.
    ///
    /// # Panics
    /// If the shapes do not broadcast to each other.
    #[must_use]
    #[track_caller]
    pub fn mse_loss(&self, target: &Self, reduction: Reduction) -> Self {
        let error = self - target;
        reduction.of(&(&error * &error))
    }
}

pub(super) const ENTRIES: &[Entry] = &[Entry::function("mse_loss", |draw| {
    let shape = draw.any_shape();
    let reduction = draw.reduction(&shape);
    let t = draw.broadcastable(&shape);
    let f = generic!([reduction] | x, t | x.mse_loss(t, reduction));
    Case::new(
        format!("{reduction:?}"),
        f,
        [draw.normal(shape), draw.normal(t)],
    )
})];
