//! Which derivatives a check compares, and with what tolerances.

/// Options of a gradient check.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::struct_excessive_bools)] // each is one witness, on or off
pub struct CheckOptions {
    /// The seed of random cotangents and directions.
    pub seed: u64,
    /// Inputs with more elements than this are checked at that many elements, drawn at random, and
    /// along random directions through all of them.
    pub entries: usize,
    /// The least number of random directions through all inputs at once.
    pub directions: usize,
    /// Only this entry of the gradient is judged: the number of an input and an index. Directions, second derivatives and
    /// structure are then left out. [`Record::rerun`](super::Record::rerun) sets it.
    pub only: Option<(usize, Vec<usize>)>,
    /// Whether second derivatives are checked.
    pub second_order: bool,
    /// Whether finite differences are compared. Kinks are detected, at an input and near it, so that networks of
    /// rectifiers need not turn them off.
    pub finite_differences: bool,
    /// Whether exact forward mode is compared. Set it to false if an input lies exactly at a kink whose
    /// convention differs from both one-sided derivatives.
    pub forward_mode: bool,
    /// A difference to exact forward mode below this, relative to the largest entry of the derivative or of the terms
    /// of its sum, is rounding without further proof. A larger one is rounding only if it is another one at
    /// neighbouring inputs.
    pub exact_tolerance: f64,
    /// A difference of an `f32` gradient to the `f64` one below this, relative to the entry, is never wrong.
    pub single_tolerance: f64,
    /// Whether properties of every gradient are checked too: it is linear in the cotangent over twenty orders of
    /// magnitude, zero for zero, the same for every memory layout of the cotangent and in a second run, and added to
    /// that of other uses of an input.
    pub structure: bool,
    /// Whether the rule of every recorded op is checked if something is wrong, to name the wrong one.
    pub localise: bool,
}

impl Default for CheckOptions {
    fn default() -> Self {
        Self {
            seed: 0,
            entries: 64,
            directions: 2,
            only: None,
            second_order: true,
            finite_differences: true,
            forward_mode: true,
            exact_tolerance: 1e-12,
            single_tolerance: 1e-4,
            structure: true,
            localise: true,
        }
    }
}
