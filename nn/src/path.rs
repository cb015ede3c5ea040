//! [`Path`]: the place of a layer or a parameter in a model, while the model is walked.

use std::sync::Arc;

use wengert_tensor::{Real, require};

use crate::index::Index;
use crate::parameters::{LayerId, Parameters};

/// The most names of a path. A walk and a forward call need stack for each level, and threads have 2 MiB by default.
const DEEPEST: usize = 256;

/// Panics if a path would have more names than a model may.
#[track_caller]
fn require_depth(depth: usize) {
    require!(
        depth <= DEEPEST,
        "model: layers are nested {depth} deep, and {DEEPEST} is the most; put them one after the other in one \
         `Sequential`"
    );
}

/// Panics if a layer cannot be the child of another one because too many are nested in it already.
#[track_caller]
pub(crate) fn require_nestable<T: Real>(layer: &impl Parameters<T>) {
    let mut path = Path::new();
    layer.walk(&mut path, &mut |_, _| {});
    require_depth(path.deepest + 1);
}

/// A path under construction: names joined by dots.
#[derive(Debug, Default)]
pub struct Path {
    text: String,
    depth: usize,
    deepest: usize,
    layers: Layers,
}

/// What a walk does with the layers that it meets.
#[derive(Debug, Default)]
enum Layers {
    #[default]
    Ignored,
    Collected(Vec<FoundLayer>),
    /// The number of layers that agree with an index; `None` after one that does not.
    Compared(Arc<Index>, Option<usize>),
}

/// A layer as a walk meets it.
#[derive(Debug)]
pub(crate) struct FoundLayer {
    pub(crate) id: LayerId,
    pub(crate) path: String,
    /// The number of names on the way, empty ones included.
    pub(crate) depth: usize,
}

impl Path {
    /// The root.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The root of a walk that collects the layers.
    pub(crate) fn collecting() -> Self {
        Self {
            layers: Layers::Collected(Vec::new()),
            ..Self::default()
        }
    }

    /// The root path of a traversal that compares the layers with those of an index.
    pub(crate) fn comparing(index: Arc<Index>) -> Self {
        Self {
            layers: Layers::Compared(index, Some(0)),
            ..Self::default()
        }
    }

    pub(crate) fn into_layers(self) -> Vec<FoundLayer> {
        match self.layers {
            Layers::Collected(layers) => layers,
            Layers::Ignored | Layers::Compared(..) => Vec::new(),
        }
    }

    /// The number of layers met, if each agreed with the index.
    pub(crate) fn compared(&self) -> Option<usize> {
        match self.layers {
            Layers::Compared(_, count) => count,
            Layers::Ignored | Layers::Collected(_) => None,
        }
    }

    /// Announces the layer at this path; [`fields!`](crate::fields) does so before its fields.
    pub fn layer(&mut self, id: LayerId) {
        match &mut self.layers {
            Layers::Ignored => {}
            Layers::Collected(layers) => layers.push(FoundLayer {
                id,
                path: self.text.clone(),
                depth: self.depth,
            }),
            Layers::Compared(index, count) => {
                let expected = count.and_then(|at| index.layers().get(at));
                let same =
                    expected.is_some_and(|layer| layer.id == id && *layer.path == *self.text);
                *count = count.filter(|_| same).map(|at| at + 1);
            }
        }
    }

    /// Calls `f` with `name` appended.
    ///
    /// # Panics
    /// If more than 256 names follow each other.
    #[track_caller]
    pub fn within<R>(&mut self, name: &str, f: impl FnOnce(&mut Self) -> R) -> R {
        let length = self.push(name);
        let result = f(self);
        self.depth -= 1;
        self.text.truncate(length);
        result
    }

    /// Appends a name, and returns the length of the text before it. Not inlined: [`within`](Self::within) is compiled for
    /// each closure.
    #[inline(never)]
    #[track_caller]
    fn push(&mut self, name: &str) -> usize {
        require_depth(self.depth + 1);
        let length = self.text.len();
        if length > 0 && !name.is_empty() {
            self.text.push('.');
        }
        self.text.push_str(name);
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
        length
    }

    /// The names so far.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}
