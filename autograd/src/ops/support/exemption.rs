//! The coverage of checks: witnesses and situations.

use std::fmt;

/// An independent computation of a derivative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Witness {
    /// Exact forward mode on dual numbers.
    Dual,
    /// Central finite differences.
    Differences,
    /// The second derivative, forward over reverse.
    Second,
    /// `f32` against `f64`.
    Single,
}

impl Witness {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Dual, Self::Differences, Self::Second, Self::Single];

    /// One letter for tables.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::Dual => 'D',
            Self::Differences => 'F',
            Self::Second => '2',
            Self::Single => 's',
        }
    }
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Dual => "forward mode",
            Self::Differences => "differences",
            Self::Second => "forward over reverse",
            Self::Single => "f64",
        })
    }
}

/// A property of the inputs of a check that rules often get wrong: their layout, extents or aliasing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Situation {
    /// Row-major in memory.
    Contiguous,
    /// The first axis innermost in memory.
    Permuted,
    /// Every second element of a buffer: strides of 2.
    Stepped,
    /// Part of a larger buffer, with an offset.
    Offset,
    /// Expanded along an axis: stride 0, so that many elements share one place in memory.
    Repeated,
    /// An axis of extent 0.
    Empty,
    /// No axes.
    RankZero,
    /// The same variable for two operands.
    Twice,
    /// An operand that is broadcast to the shape of the result.
    Broadcast,
}

impl Situation {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Contiguous,
        Self::Permuted,
        Self::Stepped,
        Self::Offset,
        Self::Repeated,
        Self::Empty,
        Self::RankZero,
        Self::Twice,
        Self::Broadcast,
    ];
}

impl fmt::Display for Situation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Contiguous => "contiguous",
            Self::Permuted => "permuted",
            Self::Stepped => "stepped",
            Self::Offset => "offset",
            Self::Repeated => "stride 0",
            Self::Empty => "zero-length",
            Self::RankZero => "rank 0",
            Self::Twice => "same variable twice",
            Self::Broadcast => "broadcast",
        })
    }
}

/// A situation in which a function can be called, but some witnesses cannot be computed, and why.
#[derive(Clone, Copy, Debug)]
pub struct Exemption {
    /// The situation.
    pub situation: Situation,
    /// The witnesses that are left out.
    pub witnesses: &'static [Witness],
    /// The reason.
    pub reason: &'static str,
}
