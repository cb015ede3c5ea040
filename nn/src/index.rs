//! The layers and parameters of a model by path, as a pass needs them.

use std::cell::RefCell;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use wengert_tensor::Real;

use crate::param::{Id, IdMap};
use crate::parameters::{LayerId, Parameters, Slot};
use crate::path::Path;

/// Every layer and parameter of a model in the order of its fields.
#[derive(Debug, Default)]
pub(crate) struct Index {
    layers: Vec<IndexedLayer>,
    ids: Vec<Id>,
    places: IdMap<usize>,
    paths: Vec<Box<str>>,
}

/// One layer; those inside it follow, up to `end`.
#[derive(Debug)]
pub(crate) struct IndexedLayer {
    pub(crate) id: LayerId,
    pub(crate) path: Arc<str>,
    pub(crate) end: usize,
}

/// Indexes kept per thread: a program may alternate between a few models, such as a teacher and a student.
const REMEMBERED: usize = 4;

thread_local! {
    /// The indexes of the models that this thread has walked last: a training step compares in place
    /// of building paths. An index is used only if the whole walk agrees with it.
    static RECENT: RefCell<Vec<Arc<Index>>> = const { RefCell::new(Vec::new()) };
}

impl Index {
    /// The index of a model, and the positions of its frozen parameters.
    pub(crate) fn of<T: Real>(model: &(impl Parameters<T> + ?Sized)) -> (Arc<Self>, Vec<usize>) {
        let root = model.layer_id();
        let recent = RECENT.try_with(|recent| {
            let recent = recent.borrow();
            let mut recent = recent.iter();
            recent.find(|index| index.root() == Some(root)).cloned()
        });
        // A thread that ends remembers nothing.
        let recent = recent.ok().flatten();
        if let Some(index) = &recent
            && let Some(frozen) = index.agrees(model)
        {
            return (Arc::clone(index), frozen);
        }
        let (index, frozen) = Self::build(model);
        let index = Arc::new(index);
        let _ = RECENT.try_with(|recent| {
            let mut recent = recent.borrow_mut();
            recent.retain(|index| index.root() != Some(root));
            recent.truncate(REMEMBERED - 1);
            recent.insert(0, Arc::clone(&index));
        });
        (index, frozen)
    }

    fn root(&self) -> Option<LayerId> {
        self.layers.first().map(|layer| layer.id)
    }

    fn build<T: Real>(model: &(impl Parameters<T> + ?Sized)) -> (Self, Vec<usize>) {
        let mut index = Self::default();
        let mut frozen = Vec::new();
        let mut path = Path::collecting();
        model.walk(&mut path, &mut |path, slot| {
            if let Slot::Param(param) = slot
                // A parameter that the model holds twice has its first path.
                && let Entry::Vacant(place) = index.places.entry(param.id())
            {
                place.insert(index.ids.len());
                if param.is_frozen() {
                    frozen.push(index.ids.len());
                }
                index.ids.push(param.id());
                index.paths.push(path.into());
            }
        });
        let mut open: Vec<(usize, usize)> = Vec::new();
        for (at, found) in path.into_layers().into_iter().enumerate() {
            while let Some(&(layer, depth)) = open.last()
                && depth >= found.depth
            {
                index.layers[layer].end = at;
                open.pop();
            }
            open.push((at, found.depth));
            index.layers.push(IndexedLayer {
                id: found.id,
                path: found.path.into(),
                end: usize::MAX,
            });
        }
        let count = index.layers.len();
        for layer in &mut index.layers {
            layer.end = layer.end.min(count);
        }
        (index, frozen)
    }

    /// The positions of the frozen parameters, if the model is walked just as it was for this index.
    fn agrees<T: Real>(
        self: &Arc<Self>,
        model: &(impl Parameters<T> + ?Sized),
    ) -> Option<Vec<usize>> {
        let mut frozen = Vec::new();
        let (mut at, mut same) = (0, true);
        let mut path = Path::comparing(Arc::clone(self));
        model.walk(&mut path, &mut |path, slot| {
            if let Slot::Param(param) = slot {
                same = same && self.ids.get(at) == Some(&param.id()) && *self.paths[at] == *path;
                if param.is_frozen() {
                    frozen.push(at);
                }
                at += 1;
            }
        });
        let same = same && at == self.ids.len() && path.compared() == Some(self.layers.len());
        same.then_some(frozen)
    }

    pub(crate) fn layers(&self) -> &[IndexedLayer] {
        &self.layers
    }

    /// The number of parameters.
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(crate) fn ids(&self) -> &[Id] {
        &self.ids
    }

    /// The position of a parameter in the order.
    pub(crate) fn place(&self, id: Id) -> Option<usize> {
        self.places.get(&id).copied()
    }

    /// The path of a parameter.
    pub(crate) fn path(&self, place: usize) -> &str {
        &self.paths[place]
    }
}
