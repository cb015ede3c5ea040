//! How a window moves over an image: extents and padding, per axis or for all axes at once.

use crate::kernels::conv::GeometryError;

/// One number for every spatial axis, or one for each: `2` or `[2, 1]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Extents(PerAxis<usize>);

impl Extents {
    /// The values of `axes` spatial axes, behind ones for those in front.
    ///
    /// # Errors
    /// If there is one for each of another number of axes.
    pub fn resolve(self, what: &'static str, axes: usize) -> Result<[usize; 3], GeometryError> {
        self.0.resolve(what, axes, 1)
    }
}

impl From<usize> for Extents {
    fn from(extent: usize) -> Self {
        Self(PerAxis::All(extent))
    }
}

impl<const N: usize> From<[usize; N]> for Extents {
    fn from(extents: [usize; N]) -> Self {
        Self(PerAxis::each(&extents))
    }
}

impl From<&[usize]> for Extents {
    fn from(extents: &[usize]) -> Self {
        Self(PerAxis::each(extents))
    }
}

/// What lies around an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Padding {
    /// So much that the result has the extents of the input; the odd unit goes behind. The stride
    /// must be 1.
    Same,
    /// A number of pixels: `1`, `[1, 2]` per axis, or `[[1, 2], [0, 3]]` before and behind each.
    Pixels(Sides),
}

/// Pixels before and behind the axes; see [`Padding`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sides(PerAxis<[usize; 2]>);

impl Padding {
    /// The pixels before and behind `axes` spatial axes of windows of some kernel, behind none for
    /// the axes in front.
    ///
    /// # Errors
    /// If there are pixels for another number of axes, or `Same` meets a stride.
    pub fn resolve(
        self,
        axes: usize,
        kernel: [usize; 3],
        stride: [usize; 3],
        dilation: [usize; 3],
    ) -> Result<[[usize; 2]; 3], GeometryError> {
        match self {
            Self::Pixels(Sides(sides)) => sides.resolve("padding", axes, [0; 2]),
            Self::Same if stride != [1; 3] => Err(GeometryError::Same { stride }),
            Self::Same => Ok([0, 1, 2].map(|axis| {
                // A kernel of 0 is refused later, with its own message.
                let total = dilation[axis].saturating_mul(kernel[axis].saturating_sub(1));
                [total / 2, total - total / 2]
            })),
        }
    }
}

impl From<usize> for Padding {
    fn from(pixels: usize) -> Self {
        Self::Pixels(Sides(PerAxis::All([pixels; 2])))
    }
}

impl<const N: usize> From<[usize; N]> for Padding {
    fn from(pixels: [usize; N]) -> Self {
        pixels.map(|both| [both; 2]).into()
    }
}

impl<const N: usize> From<[[usize; 2]; N]> for Padding {
    fn from(sides: [[usize; 2]; N]) -> Self {
        sides.as_slice().into()
    }
}

impl From<&[[usize; 2]]> for Padding {
    fn from(sides: &[[usize; 2]]) -> Self {
        Self::Pixels(Sides(PerAxis::each(sides)))
    }
}

/// `count` may exceed what is kept: that is an error only once the axes are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum PerAxis<V> {
    All(V),
    Each { values: [V; 3], count: usize },
}

impl<V: Copy + Default> PerAxis<V> {
    fn each(given: &[V]) -> Self {
        let mut values = [V::default(); 3];
        for (value, &given) in values.iter_mut().zip(given) {
            *value = given;
        }
        let count = given.len();
        Self::Each { values, count }
    }

    fn resolve(self, what: &'static str, axes: usize, front: V) -> Result<[V; 3], GeometryError> {
        let mut resolved = [front; 3];
        let behind = &mut resolved[3 - axes..];
        match self {
            Self::All(value) => behind.fill(value),
            Self::Each { values, count } if count == axes => {
                behind.copy_from_slice(&values[..count]);
            }
            Self::Each { count: given, .. } => {
                return Err(GeometryError::Axes { what, given, axes });
            }
        }
        Ok(resolved)
    }
}
