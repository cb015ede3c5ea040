//! Parameters and buffers: the tensors that a model owns.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

use wengert_tensor::{Real, Tensor};

/// Identifies a parameter or a buffer within the process. It never reaches a result or a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(u64);

impl Id {
    fn fresh() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// A map from parameters or buffers.
pub type IdMap<V> = HashMap<Id, V, BuildHasherDefault<IdHasher>>;

/// A set of parameters or buffers.
pub type IdSet = HashSet<Id, BuildHasherDefault<IdHasher>>;

#[doc(hidden)] // part of the types above and no more
/// A hasher of [`Id`]s: they are counted up, so one multiplication spreads them.
#[derive(Clone, Copy, Debug, Default)]
pub struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        // 2⁶⁴ over the golden ratio, odd (Knuth, volume 3, 6.4).
        self.0 = (self.0 ^ value).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

/// A trainable tensor.
///
/// `clone` makes another parameter with the same values: the copy of a teacher, not a shared weight.
/// To share a weight, use one `Param` in two places: its gradients add up.
#[derive(Debug)]
pub struct Param<T: Real = f32> {
    value: Tensor<T>,
    id: Id,
    frozen: bool,
}

impl<T: Real> Param<T> {
    /// A parameter with these starting values.
    #[must_use]
    pub fn new(value: Tensor<T>) -> Self {
        Self {
            value,
            id: Id::fresh(),
            frozen: false,
        }
    }

    /// The values.
    #[must_use]
    pub const fn value(&self) -> &Tensor<T> {
        &self.value
    }

    /// The values, mutable: optimizers change them.
    pub const fn value_mut(&mut self) -> &mut Tensor<T> {
        &mut self.value
    }

    /// The extents.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        self.value.shape()
    }

    /// The identity within the process.
    #[must_use]
    pub const fn id(&self) -> Id {
        self.id
    }

    /// Whether the parameter is held constant.
    #[must_use]
    pub const fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// Holds the parameter constant: it gets no gradient.
    pub const fn freeze(&mut self) {
        self.frozen = true;
    }

    /// Lets the parameter train again.
    pub const fn unfreeze(&mut self) {
        self.frozen = false;
    }
}

impl<T: Real> Clone for Param<T> {
    fn clone(&self) -> Self {
        Self {
            value: self.value.clone(),
            id: Id::fresh(),
            frozen: self.frozen,
        }
    }
}

/// A tensor that a model keeps but does not train, such as a running mean.
///
/// A forward pass changes it through [`Pass::update`](crate::Pass::update) and
/// [`Pass::commit`](crate::Pass::commit); between passes it can be set, as an average of models needs.
#[derive(Debug)]
pub struct Buffer<T: Real = f32> {
    value: Tensor<T>,
    id: Id,
}

impl<T: Real> Buffer<T> {
    /// A buffer with these starting values.
    #[must_use]
    pub fn new(value: Tensor<T>) -> Self {
        Self {
            value,
            id: Id::fresh(),
        }
    }

    /// The values.
    #[must_use]
    pub const fn value(&self) -> &Tensor<T> {
        &self.value
    }

    /// The values, mutable.
    pub const fn value_mut(&mut self) -> &mut Tensor<T> {
        &mut self.value
    }

    /// The extents.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        self.value.shape()
    }

    /// The identity within the process.
    #[must_use]
    pub const fn id(&self) -> Id {
        self.id
    }
}

impl<T: Real> Clone for Buffer<T> {
    fn clone(&self) -> Self {
        Self::new(self.value.clone())
    }
}

/// A whole number that a model keeps, such as how many batches a batch norm has seen.
#[derive(Debug)]
pub struct Counter {
    value: i64,
    id: Id,
}

impl Counter {
    /// A counter at this value.
    #[must_use]
    pub fn new(value: i64) -> Self {
        Self {
            value,
            id: Id::fresh(),
        }
    }

    /// The value.
    #[must_use]
    pub const fn value(&self) -> i64 {
        self.value
    }

    /// The value, mutable.
    pub const fn value_mut(&mut self) -> &mut i64 {
        &mut self.value
    }

    /// The identity within the process.
    #[must_use]
    pub const fn id(&self) -> Id {
        self.id
    }
}

impl Clone for Counter {
    fn clone(&self) -> Self {
        Self::new(self.value)
    }
}
