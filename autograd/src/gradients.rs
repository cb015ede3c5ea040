//! The result of a backward pass: gradients by leaf, and why a leaf has none.

use std::collections::BTreeMap;
use std::panic::Location;

use wengert_tensor::{Real, Tensor, fail::fail, require};

use crate::tape::Entry;
use crate::var::Var;

/// The gradients of one backward pass, by leaf.
#[derive(Clone, Debug)]
pub struct LeafGradients<T: Real = f32> {
    pub(crate) tape: u64,
    pub(crate) generation: u32,
    pub(crate) by_leaf: BTreeMap<usize, Tensor<T>>,
    pub(crate) unreached: BTreeMap<usize, Unreached>,
}

/// A leaf that a backward pass never reached, and where the path from it ends.
#[derive(Clone, Copy, Debug)]
pub struct Unreached {
    /// Where the leaf was made.
    pub leaf: &'static Location<'static>,
    /// The last op that depends on the leaf and that the differentiated value does not depend on;
    /// `None` if nothing used the leaf.
    pub end: Option<(&'static str, &'static Location<'static>)>,
}

impl std::fmt::Display for Unreached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.end {
            Some((op, at)) => write!(f, "its path ends at {op} ({at})"),
            None => f.write_str("nothing was computed from it"),
        }
    }
}

impl<T: Real> LeafGradients<T> {
    /// The gradient with respect to a leaf; `None` if the differentiated value does not depend on it.
    #[must_use]
    pub fn get(&self, leaf: &Var<T>) -> Option<&Tensor<T>> {
        self.key(leaf).and_then(|entry| self.by_leaf.get(&entry))
    }

    /// The gradient with respect to a leaf.
    ///
    /// # Panics
    /// If the differentiated value does not depend on it; the message says where the path ends.
    #[must_use]
    #[track_caller]
    pub fn wrt(&self, leaf: &Var<T>) -> &Tensor<T> {
        if let Some(gradient) = self.get(leaf) {
            return gradient;
        }
        match self.unreached(leaf) {
            Some(unreached) => fail(format_args!(
                "gradient: the leaf made at {} was not reached: {unreached}",
                unreached.leaf
            )),
            None => fail(format_args!(
                "gradient: the variable is no leaf of the tape that was differentiated"
            )),
        }
    }

    /// Moves the gradient with respect to a leaf out.
    pub fn take(&mut self, leaf: &Var<T>) -> Option<Tensor<T>> {
        self.key(leaf).and_then(|entry| self.by_leaf.remove(&entry))
    }

    /// Why a leaf has no gradient, if it has none.
    #[must_use]
    pub fn unreached(&self, leaf: &Var<T>) -> Option<&Unreached> {
        self.key(leaf).and_then(|entry| self.unreached.get(&entry))
    }

    /// How many leaves have a gradient.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_leaf.len()
    }

    /// Whether no leaf has a gradient.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_leaf.is_empty()
    }

    /// Adds the gradients of another backward pass over the same tape.
    ///
    /// # Panics
    /// If the passes were over different tapes.
    #[track_caller]
    pub fn accumulate(&mut self, other: Self) {
        require!(
            (self.tape, self.generation) == (other.tape, other.generation),
            "accumulate: the gradients belong to different tapes"
        );
        for (entry, gradient) in other.by_leaf {
            self.unreached.remove(&entry);
            match self.by_leaf.get_mut(&entry) {
                Some(sum) => sum.add_assign(&gradient),
                None => drop(self.by_leaf.insert(entry, gradient)),
            }
        }
    }

    fn key(&self, leaf: &Var<T>) -> Option<usize> {
        let node = leaf.node()?;
        let mine = (node.tape.id(), node.generation) == (self.tape, self.generation);
        mine.then_some(node.place().0)
    }
}

/// The entries that no cotangent reached. They show where the path from an unreached leaf ends.
#[derive(Default)]
pub(crate) struct UnreachedEntries {
    /// Per entry: name, place, and the entries that it reads.
    entries: BTreeMap<usize, (&'static str, &'static Location<'static>, Vec<usize>)>,
    leaves: Vec<(usize, &'static Location<'static>)>,
}

impl UnreachedEntries {
    pub(crate) fn add_leaf(&mut self, index: usize, at: &'static Location<'static>) {
        self.leaves.push((index, at));
    }

    pub(crate) fn add<T: Real>(&mut self, index: usize, entry: &Entry<T>) {
        let sources = entry
            .inputs
            .iter()
            .filter_map(|x| Some(x.source()?.0))
            .collect();
        let name = entry.rule.as_ref().map_or("leaf", |rule| rule.name());
        self.entries.insert(index, (name, entry.location, sources));
    }

    pub(crate) fn resolve(self) -> BTreeMap<usize, Unreached> {
        // For each entry, the end of a path from it. An entry reads earlier ones only, so in a loop from
        // the last entry to the first, the end of every entry is final when its sources inherit it.
        let mut end: BTreeMap<usize, usize> = BTreeMap::new();
        for (&index, (_, _, sources)) in self.entries.iter().rev() {
            let last = end.get(&index).copied().unwrap_or(index);
            for &source in sources {
                end.entry(source).or_insert(last);
            }
        }
        self.leaves
            .into_iter()
            .map(|(leaf, at)| {
                let end = end.get(&leaf).map(|last| {
                    let (name, at, _) = &self.entries[last];
                    (*name, *at)
                });
                (leaf, Unreached { leaf: at, end })
            })
            .collect()
    }
}
