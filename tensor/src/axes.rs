//! Naming axes and ranges: [`Axes`] for reductions, [`Slice`] for views.

use std::ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};

use crate::layout::MAX_RANK;
use crate::require;

/// The axis `axis` of `shape` counted from the front; a negative one counts from the end.
///
/// # Panics
/// If there is no such axis.
#[must_use]
#[track_caller]
#[inline]
pub fn resolve_axis(op: &str, axis: isize, shape: &[usize]) -> usize {
    let rank = shape.len() as isize;
    let place = if axis < 0 { axis + rank } else { axis };
    require!(
        (0..rank).contains(&place),
        "{op}: {shape:?}: axis {axis} is outside the {rank} axes"
    );
    place as usize
}

/// Which axes an operation works on: all (`..`), one (`1`, `-1`) or several (`[0, 2]`);
/// with [`keep`] they stay, as extent 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axes {
    named: Option<Vec<isize>>,
    kept: bool,
}

/// The same axes, kept as extent 1 in the result of a reduction.
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
    /// Whether the axes stay in the result, as extent 1.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.kept
    }

    /// The axes of a tensor of that shape that are meant.
    ///
    /// # Panics
    /// If one does not exist or is named twice.
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
            let place = resolve_axis(op, axis, shape);
            require!(
                !set.contains(place),
                "{op}: {shape:?}: {named:?} names axis {place} twice"
            );
            set.bits |= 1 << place;
        }
        set
    }
}

/// Some of the axes of one tensor.
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

    /// How many axes are in the set.
    #[must_use]
    pub fn len(self) -> usize {
        self.bits.count_ones() as usize
    }

    /// Whether no axis is in the set.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.bits == 0
    }

    /// The axes in ascending order.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..MAX_RANK).filter(move |&axis| self.contains(axis))
    }
}

/// A range of an axis with Python's rules: negative ends count from the end, ends outside are
/// clamped, a negative step runs backwards.
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
    /// Python's `start:stop:step`; `None` is the end that the step comes from or runs to.
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

    /// First place and number of places on an axis of that extent.
    #[must_use]
    pub(crate) fn resolve(&self, extent: usize) -> (usize, usize) {
        let extent = extent as isize;
        let (lowest, highest) = if self.step > 0 {
            (0, extent)
        } else {
            (-1, extent - 1)
        };
        let clamp = |end: Option<isize>, otherwise: isize| match end {
            None => otherwise,
            Some(end) if end < 0 => end.saturating_add(extent).clamp(lowest, highest),
            Some(end) => end.clamp(lowest, highest),
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

/// The place behind an inclusive end; behind the last place there is none to name.
fn behind(last: isize) -> Option<isize> {
    (last != -1).then_some(last.saturating_add(1))
}

impl From<RangeInclusive<isize>> for Slice {
    fn from(range: RangeInclusive<isize>) -> Self {
        Self {
            start: Some(*range.start()),
            stop: behind(*range.end()),
            step: 1,
        }
    }
}

impl From<RangeToInclusive<isize>> for Slice {
    fn from(range: RangeToInclusive<isize>) -> Self {
        Self {
            start: None,
            stop: behind(range.end),
            step: 1,
        }
    }
}
