//! The cells of a program while it is made.

use std::collections::HashMap;

use wengert_tensor::Real;

use super::program::Cell;

/// Ops with larger operands run by their `forward` and `vjp`, which use several threads.
pub(super) const MAX_LEN: usize = 4096;

/// The cells of a program, and those that are free, by shape.
pub(super) struct Cells<T: Real> {
    pub(super) all: Vec<Cell<T>>,
    pub(super) shapes: Vec<Vec<usize>>,
    free: HashMap<Vec<usize>, Vec<usize>>,
}

impl<T: Real> Default for Cells<T> {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            shapes: Vec::new(),
            free: HashMap::new(),
        }
    }
}

impl<T: Real> Cells<T> {
    /// A cell for a value of this shape: the one that was used last, whose memory is likely in the cache.
    pub(super) fn take(&mut self, shape: &[usize]) -> usize {
        let free = self.free.get_mut(shape).and_then(Vec::pop);
        free.unwrap_or_else(|| {
            self.all.push(Cell::Empty);
            self.shapes.push(shape.to_vec());
            self.all.len() - 1
        })
    }

    /// Takes cells back; returns those whose memory is to be freed.
    pub(super) fn give_back(&mut self, cells: impl Iterator<Item = usize>) -> Vec<usize> {
        let mut drops = Vec::new();
        for cell in cells {
            let shape = &self.shapes[cell];
            if shape.iter().product::<usize>() > MAX_LEN {
                drops.push(cell);
            }
            self.free.entry(shape.clone()).or_default().push(cell);
        }
        drops
    }
}
