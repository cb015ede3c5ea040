//! Option values of convolution and pooling: [`Extents`] and [`Padding`], one for all axes or one per axis.

use crate::kernels::conv::GeometryError;

/// A number for each spatial axis: `2` for the same on all, `[2, 1]` for one per axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Extents(PerAxis<usize>);

impl Extents {
    /// The values for three spatial axes, of which the last `axes` are used; the others get 1.
    ///
    /// # Errors
    /// If this is a list of another length than `axes`; the error names `what`.
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

/// Padding around each image: how many elements are added before and after each spatial axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Padding {
    /// As much as the result needs to have the extents of the input: `d·(k − 1)` in total, split evenly, with
    /// the odd element after. The stride must be 1.
    Same,
    /// A number of elements: `1` everywhere, `[1, 2]` per axis, or `[[1, 2], [0, 3]]` before and after each
    /// axis.
    Pixels(Sides),
}

/// Padding before and after each axis; see [`Padding`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sides(PerAxis<[usize; 2]>);

impl Padding {
    /// The padding `[before, after]` of three spatial axes, of which the last `axes` are used; the others
    /// get none.
    ///
    /// # Errors
    /// If this is a list of another length than `axes`, or `Same` with a stride other than 1.
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
                // A kernel extent of 0 has an error of its own, reported later.
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

/// One value for all axes, or a list of `count` values. `count` may be larger than 3: that is reported by
/// `resolve`, which knows the number of axes.
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

    /// The values of the last `axes` of three axes; the unused ones in front get `unused`.
    fn resolve(self, what: &'static str, axes: usize, unused: V) -> Result<[V; 3], GeometryError> {
        let mut resolved = [unused; 3];
        let used = &mut resolved[3 - axes..];
        match self {
            Self::All(value) => used.fill(value),
            Self::Each { values, count } if count == axes => {
                used.copy_from_slice(&values[..count]);
            }
            Self::Each { count: given, .. } => {
                return Err(GeometryError::Axes { what, given, axes });
            }
        }
        Ok(resolved)
    }
}
