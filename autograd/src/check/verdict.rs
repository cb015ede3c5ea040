//! What a check says about one number.

use std::fmt;

/// The verdict on one entry of a derivative.
///
/// Only [`Fail`](Self::Fail) means that the derivative is wrong, and only [`Pass`](Self::Pass) that it was
/// judged right. A check in which nothing passed is not a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// The witnesses agree within their error bars.
    Pass,
    /// A witness disagrees by more than its error bar, and neither noise nor a kink explains it.
    Fail,
    /// The input lies at a kink, or closer to one than the smallest step: the one-sided slopes differ, and the
    /// derivative lies between them or follows the convention of forward mode.
    Kink,
    /// The rounding noise of the function is larger than the accuracy that a comparison needs.
    NoiseLimited,
    /// No path leads from the input to the outputs, and the witnesses find none either.
    Unreachable,
    /// The derivative is infinite or NaN, and so is the exact witness.
    NonFinite,
    /// No witness could be computed.
    NotTaken,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Pass,
        Self::Fail,
        Self::Kink,
        Self::NoiseLimited,
        Self::Unreachable,
        Self::NonFinite,
        Self::NotTaken,
    ];
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Kink => "kink",
            Self::NoiseLimited => "noise-limited",
            Self::Unreachable => "unreachable",
            Self::NonFinite => "not finite",
            Self::NotTaken => "not taken",
        })
    }
}
