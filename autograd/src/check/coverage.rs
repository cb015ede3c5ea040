//! What a check covers: by which witness, in which situation.

use std::fmt;

/// An independent way to a derivative.
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

/// What is particular about the inputs of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Situation {
    /// Row-major in memory.
    Contiguous,
    /// The first axis innermost in memory.
    Permuted,
    /// Every second place in memory.
    Stepped,
    /// Part of a larger buffer.
    Offset,
    /// Expanded along an axis: one place in memory for many elements.
    Repeated,
    /// An axis of extent 0.
    Empty,
    /// No axis.
    RankZero,
    /// One variable in two places.
    Twice,
    /// An operand narrower than the result.
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

/// Why a witness cannot judge the function in a situation that it does meet.
#[derive(Clone, Copy, Debug)]
pub struct Exemption {
    /// Which situation.
    pub situation: Situation,
    /// Which witnesses.
    pub witnesses: &'static [Witness],
    /// Why.
    pub reason: &'static str,
}
