//! What a check looks at, and how closely.

/// Options of a gradient check.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckOptions {
    /// The seed of random cotangents and directions.
    pub seed: u64,
    /// Inputs with more elements than this are checked at that many elements, drawn at random, and
    /// along random directions through all of them.
    pub entries: usize,
    /// Random directions through all inputs at once.
    pub directions: usize,
    /// Whether second derivatives are checked.
    pub second_order: bool,
    /// Whether finite differences are taken; not where an input lies beside a kink. One exactly at a
    /// kink is noticed.
    pub finite_differences: bool,
    /// Whether dual numbers are run; not where an input lies exactly at a kink at which the
    /// convention differs from every one-sided derivative.
    pub forward_mode: bool,
    /// The bound on the difference to exact forward mode, relative to the largest entry of the
    /// derivative, or of the same sum over absolute values if that is more: rounding alone.
    pub exact_tolerance: f64,
    /// The bound on the difference to finite differences, relative in the same way: truncation.
    pub numeric_tolerance: f64,
    /// The bound on the difference of an `f32` gradient to the `f64` one, relative in the same way.
    pub single_tolerance: f64,
}

impl Default for CheckOptions {
    fn default() -> Self {
        Self {
            seed: 0,
            entries: 64,
            directions: 2,
            second_order: true,
            finite_differences: true,
            forward_mode: true,
            exact_tolerance: 1e-12,
            numeric_tolerance: 1e-6,
            single_tolerance: 2e-3,
        }
    }
}
