//! The cotangents that a backward pass has collected.

use std::collections::BTreeMap;

/// The cotangents collected so far, by entry and output.
///
/// Few exist at a time, so they are stored close together, and there is only an index per entry.
#[derive(Debug)]
pub(crate) struct Slots<V> {
    /// Per entry, 1 + the index in `alive` of the value of its first output; 0 if it has none.
    first: Vec<u32>,
    alive: Vec<Option<V>>,
    free: Vec<u32>,
    /// The values of outputs after the first; few ops have several outputs.
    others: BTreeMap<(usize, usize), V>,
}

impl<V> Slots<V> {
    pub(crate) fn new(entries: usize) -> Self {
        Self {
            first: vec![0; entries],
            alive: Vec::new(),
            free: Vec::new(),
            others: BTreeMap::new(),
        }
    }

    /// The number of entries.
    pub(crate) const fn entries(&self) -> usize {
        self.first.len()
    }

    pub(crate) fn take(&mut self, (entry, output): (usize, usize)) -> Option<V> {
        if output > 0 {
            return self.others.remove(&(entry, output));
        }
        let place = std::mem::take(&mut self.first[entry]).checked_sub(1)?;
        self.free.push(place);
        self.alive[place as usize].take()
    }

    pub(crate) fn get(&self, (entry, output): (usize, usize)) -> Option<&V> {
        if output > 0 {
            return self.others.get(&(entry, output));
        }
        let place = self.first.get(entry)?.checked_sub(1)?;
        self.alive[place as usize].as_ref()
    }

    pub(crate) fn get_mut(&mut self, (entry, output): (usize, usize)) -> Option<&mut V> {
        if output > 0 {
            return self.others.get_mut(&(entry, output));
        }
        let place = self.first.get(entry)?.checked_sub(1)?;
        self.alive[place as usize].as_mut()
    }

    /// Stores a value where there is none.
    pub(crate) fn put(&mut self, (entry, output): (usize, usize), value: V) {
        debug_assert!(self.get((entry, output)).is_none(), "a place is free");
        if output > 0 {
            self.others.insert((entry, output), value);
        } else if let Some(place) = self.free.pop() {
            self.first[entry] = place + 1;
            self.alive[place as usize] = Some(value);
        } else {
            self.alive.push(Some(value));
            self.first[entry] = self.alive.len() as u32;
        }
    }
}
