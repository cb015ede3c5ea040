//! The part of an image that an element of a feature map depends on.

use wengert_autograd::Window;

/// The part of the model's input that one element depends on (Araujo, Norris & Sim 2019).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceptiveField {
    /// Its height and width in pixels of the input, as if the input had no border.
    pub size: [usize; 2],
    /// The distance, in pixels of the input, between the fields of neighbouring elements.
    pub jump: [usize; 2],
}

impl ReceptiveField {
    /// One pixel.
    pub const PIXEL: Self = Self {
        size: [1; 2],
        jump: [1; 2],
    };

    /// The field after a window: `size + (kernel − 1)·dilation·jump`, `jump · stride`.
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

    /// The field of an element that depends on elements of both.
    #[must_use]
    pub fn joined(self, other: Self) -> Self {
        let larger = |a: [usize; 2], b: [usize; 2]| [a[0].max(b[0]), a[1].max(b[1])];
        Self {
            size: larger(self.size, other.size),
            jump: larger(self.jump, other.jump),
        }
    }
}
