//! What a summary learns of each layer while it runs.

use std::sync::Arc;

use crate::label::Label;

/// What a layer did, beside its result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayerTrace {
    /// Multiply-adds for the whole batch; biases, norms and pooling not counted.
    pub multiply_adds: u64,
    /// The window that a layer moves over its input, if it does.
    pub window: Option<Window>,
}

/// A window over two spatial axes, for the receptive field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Extents.
    pub kernel: [usize; 2],
    /// Steps.
    pub stride: [usize; 2],
    /// Distance between taps.
    pub dilation: [usize; 2],
}

/// One layer of a traced pass.
#[derive(Clone, Debug)]
pub(crate) struct Traced {
    pub(crate) path: Arc<str>,
    pub(crate) kind: &'static str,
    pub(crate) shape: Vec<usize>,
    pub(crate) cost: LayerTrace,
}

/// The layers of a pass in order of execution.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace(pub(crate) Vec<Traced>);

impl Trace {
    pub(crate) fn push(
        &mut self,
        label: &Label,
        kind: &'static str,
        shape: &[usize],
        cost: LayerTrace,
    ) {
        self.0.push(Traced {
            path: label.path(),
            kind,
            shape: shape.to_vec(),
            cost,
        });
    }
}
