//! The stack of layers that are running in a forward pass.

use std::sync::Arc;

use wengert_tensor::fail::Scope;

use crate::index::Index;
use crate::parameters::LayerId;

/// The layers that are running, outermost first.
#[derive(Debug)]
pub(crate) struct RunningLayers {
    frames: Vec<Frame>,
    /// The layer after the one that was entered last.
    next: usize,
    training: bool,
    /// Whether a layer is kept in evaluation mode, by its number; empty if none is.
    evaluated: Vec<bool>,
}

/// A running layer.
#[derive(Clone, Copy, Debug)]
struct Frame {
    layer: usize,
    /// The child after the one that was entered last: the most likely next one.
    next: usize,
    training: bool,
}

/// A layer that was entered and has to be left.
#[must_use]
#[derive(Debug)]
pub(crate) struct Entered {
    /// The layer, and the number of frames around it; `None` if the model does not hold it, or if it
    /// was running already.
    place: Option<(usize, usize)>,
    /// Dropped when a panic unwinds, too.
    _scope: Option<Scope>,
}

impl Entered {
    pub(crate) fn layer(&self) -> Option<usize> {
        self.place.map(|(layer, _)| layer)
    }
}

impl RunningLayers {
    pub(crate) fn new(training: bool) -> Self {
        Self {
            frames: Vec::new(),
            next: 0,
            training,
            evaluated: Vec::new(),
        }
    }

    /// Whether the running layer is in training mode.
    pub(crate) fn is_training(&self) -> bool {
        self.frames
            .last()
            .map_or(self.training, |frame| frame.training)
    }

    /// Keeps layers in evaluation mode.
    pub(crate) fn evaluate(&mut self, layers: &[bool]) {
        self.evaluated.resize(layers.len(), false);
        for (evaluated, layer) in self.evaluated.iter_mut().zip(layers) {
            *evaluated |= layer;
        }
    }

    /// Which of some layers are kept in evaluation mode.
    pub(crate) fn evaluated(&self, layers: std::ops::Range<usize>) -> Vec<bool> {
        let evaluated = |layer| self.evaluated.get(layer).copied().unwrap_or_default();
        layers.map(evaluated).collect()
    }

    pub(crate) fn enter(&mut self, index: &Index, id: LayerId) -> Entered {
        let Some(layer) = self.find(index, id) else {
            return Entered {
                place: None,
                _scope: None,
            };
        };
        let path = &index.layers()[layer].path;
        let evaluated = self.evaluated.get(layer).copied().unwrap_or_default();
        let around = self.frames.len();
        let training = self.is_training() && !evaluated;
        self.next = layer + 1;
        self.frames.push(Frame {
            layer,
            next: layer + 1,
            training,
        });
        Entered {
            place: Some((layer, around)),
            _scope: (!path.is_empty()).then(|| Scope::enter(Arc::clone(path))),
        }
    }

    /// Leaves a layer, and returns its number.
    pub(crate) fn leave(&mut self, entered: Entered) -> Option<usize> {
        let (layer, around) = entered.place?;
        // A caught panic may have left frames on the stack.
        self.frames.truncate(around);
        Some(layer)
    }

    /// The number of a layer: first among the children of the running layer, in their order from
    /// the one entered last, then in the whole model.
    fn find(&mut self, index: &Index, id: LayerId) -> Option<usize> {
        let layers = index.layers();
        if let Some(frame) = self.frames.last_mut() {
            let running = &layers[frame.layer];
            if running.id == id && !id.is_zero_sized() {
                return None;
            }
            let (first, end) = (frame.layer + 1, running.end);
            let child = |from: usize, to: usize| {
                let mut at = from;
                while at < to {
                    if layers[at].id == id {
                        return Some(at);
                    }
                    at = layers[at].end;
                }
                None
            };
            if let Some(at) = child(frame.next, end).or_else(|| child(first, frame.next)) {
                frame.next = layers[at].end;
                return Some(at);
            }
        }
        let next = self.next.min(layers.len());
        let (before, after) = layers.split_at(next);
        let matches = |layer: &crate::index::IndexedLayer| layer.id == id;
        let after = after.iter().position(matches).map(|at| next + at);
        after.or_else(|| before.iter().position(matches))
    }
}
