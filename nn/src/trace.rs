//! What a summary learns of each layer while it runs.

use std::sync::Arc;

use wengert_autograd::Var;
use wengert_tensor::{Real, Tensor};

use crate::label::Label;

/// What a layer did, beside its result.
///
/// ```
/// use wengert_nn::{LayerTrace, Window};
///
/// let window = Window { kernel: [3, 3], stride: [2, 2], dilation: [1, 1] };
/// let trace = LayerTrace::window(window).with_multiply_adds(1_024);
/// assert_eq!(trace.multiply_adds, 1_024);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayerTrace {
    /// Multiply-adds for the whole batch; biases, norms and pooling not counted.
    pub multiply_adds: u64,
    /// What each element of the result depends on.
    pub reach: Reach,
}

impl LayerTrace {
    /// Each element depends on the elements at its own place alone.
    #[must_use]
    pub fn pointwise() -> Self {
        Self::default()
    }

    /// Each element depends on a window.
    #[must_use]
    pub fn window(window: Window) -> Self {
        Self {
            multiply_adds: 0,
            reach: Reach::Window(window),
        }
    }

    /// Each element depends on the whole image.
    #[must_use]
    pub fn whole() -> Self {
        Self {
            multiply_adds: 0,
            reach: Reach::Whole,
        }
    }

    /// With a number of multiply-adds.
    #[must_use]
    pub fn with_multiply_adds(mut self, count: usize) -> Self {
        self.multiply_adds = count as u64;
        self
    }
}

/// What each element of a layer's result depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// The elements at the same place.
    #[default]
    Point,
    /// A window of the image.
    Window(Window),
    /// The whole image.
    Whole,
}

/// A window over the last two spatial axes, height and width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Extents.
    pub kernel: [usize; 2],
    /// Steps.
    pub stride: [usize; 2],
    /// Distance between taps.
    pub dilation: [usize; 2],
}

/// The part of the model's input that one element depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceptiveField {
    /// Its height and width in pixels of the input, as if the input had no border.
    pub size: [usize; 2],
    /// How many pixels of the input lie between those of neighbouring elements.
    pub jump: [usize; 2],
}

impl ReceptiveField {
    /// One pixel.
    pub const PIXEL: Self = Self {
        size: [1; 2],
        jump: [1; 2],
    };

    /// The field behind a window: `size + (kernel − 1)·dilation·jump`, `jump · stride`.
    #[must_use]
    pub fn through(self, window: Window) -> Self {
        let mut field = self;
        for axis in 0..2 {
            let reach = window.kernel[axis].saturating_sub(1) * window.dilation[axis];
            field.size[axis] += reach * self.jump[axis];
            field.jump[axis] *= window.stride[axis];
        }
        field
    }

    fn joined(self, other: Self) -> Self {
        let larger = |a: [usize; 2], b: [usize; 2]| [a[0].max(b[0]), a[1].max(b[1])];
        Self {
            size: larger(self.size, other.size),
            jump: larger(self.jump, other.jump),
        }
    }
}

/// One layer of a traced pass.
#[derive(Clone, Debug)]
pub(crate) struct Traced {
    pub(crate) path: Arc<str>,
    pub(crate) kind: &'static str,
    pub(crate) shape: Vec<usize>,
    pub(crate) multiply_adds: u64,
    /// `None`: the whole image.
    pub(crate) field: Option<ReceptiveField>,
}

/// The layers of a pass in order of execution.
#[derive(Clone, Debug)]
pub(crate) struct Trace<T: Real> {
    pub(crate) layers: Vec<Traced>,
    results: Vec<Known<T>>,
}

/// A value whose receptive field is known.
#[derive(Clone, Debug)]
struct Known<T: Real> {
    /// `None` once nobody else holds it: no later layer can read it then.
    value: Option<Tensor<T>>,
    field: Option<ReceptiveField>,
    /// Whether a later layer has read it.
    read: bool,
}

impl<T: Real> Trace<T> {
    /// A trace that starts at the model's input.
    pub(crate) fn new(input: &Tensor<T>) -> Self {
        let field = Some(ReceptiveField::PIXEL);
        let input = Known {
            value: Some(input.clone()),
            field,
            read: false,
        };
        Self {
            layers: Vec::new(),
            results: vec![input],
        }
    }

    pub(crate) fn push(
        &mut self,
        label: &Label,
        kind: &'static str,
        x: &Var<T>,
        y: &Var<T>,
        trace: LayerTrace,
    ) {
        let field = match (self.field_of(x.value()), trace.reach) {
            (None, _) | (_, Reach::Whole) => None,
            (Some(field), Reach::Point) => Some(field),
            (Some(field), Reach::Window(window)) => Some(field.through(window)),
        };
        for known in &mut self.results {
            known.value.take_if(|value| !value.is_shared());
        }
        self.results.push(Known {
            value: Some(y.value().clone()),
            field,
            read: false,
        });
        self.layers.push(Traced {
            path: label.path(),
            kind,
            shape: y.shape().to_vec(),
            multiply_adds: trace.multiply_adds,
            field,
        });
    }

    /// The field of a value. One that no layer made was made between layers, by an addition or a
    /// concatenation: it sees what the results see that no layer has read yet.
    fn field_of(&mut self, x: &Tensor<T>) -> Option<ReceptiveField> {
        let made = self.results.iter_mut().rev().find(|known| {
            known
                .value
                .as_ref()
                .is_some_and(|value| value.shares_memory(x))
        });
        if let Some(known) = made {
            known.read = true;
            return known.field;
        }
        let mut field = Some(ReceptiveField::PIXEL);
        for known in self.results.iter_mut().filter(|known| !known.read) {
            known.read = true;
            field = field.zip(known.field).map(|(a, b)| a.joined(b));
        }
        self.results.push(Known {
            value: Some(x.clone()),
            field,
            read: true,
        });
        field
    }
}
