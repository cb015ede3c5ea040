//! Products of vectors.

use crate::ops::prelude::*;

impl<T: Real> Var<T> {
    /// The outer product of two vectors, `yᵢⱼ = aᵢ bⱼ`.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let tape = Tape::new();
    /// let (a, b) = (tape.leaf(Tensor::from_vec(vec![1.0, 2.0], [2])), tape.leaf(Tensor::from_vec(vec![3.0, 4.0], [2])));
    /// let y = a.outer(&b);
    /// assert_eq!(y.value().to_vec(), [3.0, 4.0, 6.0, 8.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&a).to_vec(), [7.0, 7.0]);
    /// ```
    ///
    /// # Panics
    /// If an operand has another rank than 1.
    #[must_use]
    #[track_caller]
    pub fn outer(&self, other: &Self) -> Self {
        self.require_vectors("outer", other);
        self.unsqueeze(1).matmul(&other.unsqueeze(0))
    }

    /// The inner product of two vectors, `Σᵢ aᵢ bᵢ`, of rank 0.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let tape = Tape::new();
    /// let (a, b) = (tape.leaf(Tensor::from_vec(vec![1.0, 2.0], [2])), tape.leaf(Tensor::from_vec(vec![3.0, 4.0], [2])));
    /// let y = a.dot(&b);
    /// assert_eq!(y.item(), 11.0);
    /// assert_eq!(y.backward().wrt(&a).to_vec(), [3.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// If an operand has another rank than 1, or the extents differ.
    #[must_use]
    #[track_caller]
    pub fn dot(&self, other: &Self) -> Self {
        self.require_vectors("dot", other);
        self.matmul(other)
    }

    #[track_caller]
    fn require_vectors(&self, op: &str, other: &Self) {
        let (a, b) = (self.shape(), other.shape());
        require!(
            a.len() == 1 && b.len() == 1,
            "{op}: {a:?} × {b:?}: two vectors are needed"
        );
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::function("outer", |draw| {
        let inputs = [draw.shape(1), draw.shape(1)].map(|shape| draw.normal(shape));
        Case::new("outer", generic!(|a, b| a.outer(b)), inputs)
    }),
    OpInfo::function("dot", |draw| {
        let shape = draw.shape(1);
        Case::new(
            "dot",
            generic!(|a, b| a.dot(b)),
            [draw.normal(&shape), draw.normal(&shape)],
        )
    }),
];
