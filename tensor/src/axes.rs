//! Arguments that select axes and ranges: [`Axes`] for reductions, [`Slice`] for views.

use std::ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};

use crate::layout::MAX_RANK;
use crate::require;

/// An axis as an index into `shape`; a negative one counts from the end.
///
/// # Panics
/// If the axis does not exist; the message starts with `op`.
#[must_use]
#[track_caller]
#[inline]
pub fn resolve_axis(op: &str, axis: isize, shape: &[usize]) -> usize {
    let rank = shape.len() as isize;
    let index = if axis < 0 { axis + rank } else { axis };
    require!(
        (0..rank).contains(&index),
        "{op}: {shape:?}: axis {axis} is outside the {rank} axes"
    );
    index as usize
}

/// Which axes a reduction reduces: all (`..`), one (`1`, `-1`) or several (`[0, 2]`).
///
/// Reduced axes are removed from the result; with [`keep`] they stay, with extent 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axes {
    named: Option<Vec<isize>>,
    kept: bool,
}

/// The same axes, kept with extent 1 in the result of a reduction (`keepdim` in `PyTorch`).
#[must_use]
pub fn keep(axes: impl Into<Axes>) -> Axes {
    Axes {
        kept: true,
        ..axes.into()
    }
}

impl From<RangeFull> for Axes {
    fn from(_: RangeFull) -> Self {
        Self {
            named: None,
            kept: false,
        }
    }
}

impl From<Vec<isize>> for Axes {
    fn from(axes: Vec<isize>) -> Self {
        Self {
            named: Some(axes),
            kept: false,
        }
    }
}

impl From<&[isize]> for Axes {
    fn from(axes: &[isize]) -> Self {
        axes.to_vec().into()
    }
}

impl<const N: usize> From<[isize; N]> for Axes {
    fn from(axes: [isize; N]) -> Self {
        axes.to_vec().into()
    }
}

impl From<isize> for Axes {
    fn from(axis: isize) -> Self {
        vec![axis].into()
    }
}

impl Axes {
    /// Whether the axes stay in the result, with extent 1.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.kept
    }

    /// These axes as a set, for a tensor of shape `shape`.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice; the message starts with `op`.
    #[must_use]
    #[track_caller]
    pub fn resolve(&self, op: &str, shape: &[usize]) -> AxisSet {
        let Some(named) = &self.named else {
            return AxisSet {
                bits: (1 << shape.len()) - 1,
            };
        };
        let mut set = AxisSet { bits: 0 };
        for &axis in named {
            let index = resolve_axis(op, axis, shape);
            require!(
                !set.contains(index),
                "{op}: {shape:?}: {named:?} names axis {index} twice"
            );
            set.bits |= 1 << index;
        }
        set
    }
}

/// A set of axes, without duplicates and independent of their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AxisSet {
    bits: u16,
}

impl AxisSet {
    /// Whether the axis is in the set.
    #[must_use]
    pub fn contains(self, axis: usize) -> bool {
        axis < MAX_RANK && self.bits & (1 << axis) != 0
    }

    /// The number of axes in the set.
    #[must_use]
    pub fn len(self) -> usize {
        self.bits.count_ones() as usize
    }

    /// Whether the set is empty.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.bits == 0
    }

    /// The axes in ascending order.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..MAX_RANK).filter(move |&axis| self.contains(axis))
    }
}

/// A range of an axis by the rules of Python's slices: a negative bound counts from the end, a bound
/// outside the axis is clamped, a negative step goes backwards.
///
/// Made from `1..3`, `..-1`, `2..`, `..`, or by [`Slice::new`].
///
/// ```
/// use wengert_tensor::{Slice, Tensor};
///
/// let x = Tensor::from_vec(vec![0, 1, 2, 3, 4], [5]);
/// assert_eq!(x.slice(0, 1..-1).to_vec(), [1, 2, 3]);
/// assert_eq!(x.slice(0, Slice::from(..).step(2)).to_vec(), [0, 2, 4]);
/// assert_eq!(x.slice(0, Slice::new(Some(-2), None, -1)).to_vec(), [3, 2, 1, 0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    start: Option<isize>,
    stop: Option<isize>,
    pub(crate) step: isize,
}

impl Slice {
    /// Python's `start:stop:step`, with `stop` excluded. For a positive step `None` means the first element
    /// and the end of the axis; for a negative one, the last element and the beginning.
    ///
    /// # Panics
    /// If the step is 0.
    #[must_use]
    #[track_caller]
    pub fn new(start: Option<isize>, stop: Option<isize>, step: isize) -> Self {
        require!(step != 0, "slice: the step is 0");
        Self { start, stop, step }
    }

    /// The same range with another step.
    ///
    /// # Panics
    /// If the step is 0.
    #[must_use]
    #[track_caller]
    pub fn step(self, step: isize) -> Self {
        Self::new(self.start, self.stop, step)
    }

    /// The distance from one element to the next, negative if the slice goes backwards.
    #[must_use]
    pub const fn stride(&self) -> isize {
        self.step
    }

    /// The first index and the number of elements on an axis of extent `extent`.
    ///
    /// ```
    /// use wengert_tensor::Slice;
    ///
    /// assert_eq!(Slice::from(1..-1).resolve(5), (1, 3));
    /// assert_eq!(Slice::new(None, None, -2).resolve(5), (4, 3));
    /// ```
    #[must_use]
    pub fn resolve(&self, extent: usize) -> (usize, usize) {
        let extent = extent as isize;
        let (lowest, highest) = if self.step > 0 {
            (0, extent)
        } else {
            (-1, extent - 1)
        };
        let clamp = |bound: Option<isize>, default: isize| match bound {
            None => default,
            Some(bound) if bound < 0 => bound.saturating_add(extent).clamp(lowest, highest),
            Some(bound) => bound.clamp(lowest, highest),
        };
        let (start, stop) = if self.step > 0 {
            (clamp(self.start, lowest), clamp(self.stop, highest))
        } else {
            (clamp(self.start, highest), clamp(self.stop, lowest))
        };
        let distance = if self.step > 0 {
            stop - start
        } else {
            start - stop
        };
        if distance <= 0 {
            return (0, 0);
        }
        let count = (distance as usize).div_ceil(self.step.unsigned_abs());
        (start as usize, count)
    }
}

impl From<RangeFull> for Slice {
    fn from(_: RangeFull) -> Self {
        Self {
            start: None,
            stop: None,
            step: 1,
        }
    }
}

impl From<Range<isize>> for Slice {
    fn from(range: Range<isize>) -> Self {
        Self {
            start: Some(range.start),
            stop: Some(range.end),
            step: 1,
        }
    }
}

impl From<RangeFrom<isize>> for Slice {
    fn from(range: RangeFrom<isize>) -> Self {
        Self {
            start: Some(range.start),
            stop: None,
            step: 1,
        }
    }
}

impl From<RangeTo<isize>> for Slice {
    fn from(range: RangeTo<isize>) -> Self {
        Self {
            start: None,
            stop: Some(range.end),
            step: 1,
        }
    }
}

/// The exclusive end of a range that includes `last`. The one after −1, the last element, is `None`: 0 would
/// mean the first.
fn exclusive_end(last: isize) -> Option<isize> {
    (last != -1).then_some(last.saturating_add(1))
}

impl From<RangeInclusive<isize>> for Slice {
    fn from(range: RangeInclusive<isize>) -> Self {
        Self {
            start: Some(*range.start()),
            stop: exclusive_end(*range.end()),
            step: 1,
        }
    }
}

impl From<RangeToInclusive<isize>> for Slice {
    fn from(range: RangeToInclusive<isize>) -> Self {
        Self {
            start: None,
            stop: exclusive_end(range.end),
            step: 1,
        }
    }
}
