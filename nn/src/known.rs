//! The trained parameters of a model, as one pass knows them.

use crate::param::{Id, IdMap};

/// Identities and paths in the model's order, in a few pieces of memory: every step makes one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    ids: Vec<Id>,
    places: IdMap<usize>,
    /// The paths one after the other, and where each ends.
    paths: String,
    ends: Vec<usize>,
}

impl Known {
    /// Adds a parameter; one that stands in two places of the model is known by its first path.
    pub(crate) fn add(&mut self, id: Id, path: &str) {
        if self.places.contains_key(&id) {
            return;
        }
        self.places.insert(id, self.ids.len());
        self.ids.push(id);
        self.paths.push_str(path);
        self.ends.push(self.paths.len());
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(crate) fn ids(&self) -> &[Id] {
        &self.ids
    }

    /// Where a parameter stands in the order.
    pub(crate) fn place(&self, id: Id) -> Option<usize> {
        self.places.get(&id).copied()
    }

    pub(crate) fn path(&self, place: usize) -> &str {
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.paths[start..self.ends[place]]
    }
}
