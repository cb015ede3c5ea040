//! Blends of tensors.

use super::prelude::*;

impl<T: Real> Var<T> {
    /// Linear interpolation `a + w (b − a)`, `self` being `a`; all three broadcast.
    ///
    /// # Panics
    /// If the shapes do not broadcast together.
    #[must_use]
    #[track_caller]
    pub fn lerp(&self, b: &Self, weight: &Self) -> Self {
        self + weight * (b - self)
    }

    /// `x + value · a · b`, `self` being `x`; all three broadcast.
    ///
    /// # Panics
    /// If the shapes do not broadcast together.
    #[must_use]
    #[track_caller]
    pub fn addcmul(&self, a: &Self, b: &Self, value: f64) -> Self {
        self + a * b * value
    }
}

/// Three tensors that broadcast together.
fn three(draw: &mut Draw) -> [Tensor<f64>; 3] {
    let shape = draw.any_shape();
    std::array::from_fn(|_| {
        let narrow = draw.broadcastable(&shape);
        draw.normal(narrow)
    })
}

pub(super) const ENTRIES: &[Entry] = &[
    Entry::function("lerp", |draw| Case::new("lerp", generic!(|a, b, w| a.lerp(b, w)), three(draw))),
    Entry::function("addcmul", |draw| {
        Case::new("addcmul(0.3)", generic!(|x, a, b| x.addcmul(a, b, 0.3)), three(draw))
    }),
];
