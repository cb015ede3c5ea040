//! Which derivatives a check compares, and with what tolerances.

/// Options of a gradient check.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckOptions {
    /// The seed of random cotangents and directions.
    pub seed: u64,
    /// Inputs with more elements than this are checked at that many elements, drawn at random, and
    /// along random directions through all of them.
    pub entries: usize,
    /// The number of random directions through all inputs at once.
    pub directions: usize,
    /// Whether second derivatives are checked.
    pub second_order: bool,
    /// Whether finite differences are compared. Set it to false if an input lies close to a kink; an input
    /// exactly at a kink is detected.
    pub finite_differences: bool,
    /// Whether exact forward mode is compared. Set it to false if an input lies exactly at a kink whose
    /// convention differs from both one-sided derivatives.
    pub forward_mode: bool,
    /// The bound on the difference to exact forward mode, relative to the largest entry of the
    /// derivative, or to the same sum over absolute values if that is larger. Only rounding counts here.
    pub exact_tolerance: f64,
    /// The bound on the difference to finite differences, relative in the same way. Truncation dominates.
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
