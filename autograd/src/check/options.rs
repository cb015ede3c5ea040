//! Which derivatives a check compares, and with what tolerances.

use super::Cost;
use super::witness::{
    DIFFERENCES_BESIDE_EXACT, DIFFERENCES_OF_EXAMPLES, DIRECTION_COST, EXAMPLES, LARGEST_JACOBIAN,
};

/// Options of a gradient check.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::struct_excessive_bools)] // each is one witness, on or off
pub struct CheckOptions {
    /// The seed of random cotangents and directions.
    pub seed: u64,
    /// Inputs with more elements than this are not judged entry by entry, but along random directions through all of
    /// them, and at a few entries drawn at random.
    pub entries: usize,
    /// The number of random directions that every entry lies on; two at most if all inputs are judged entry by entry.
    /// A wrong entry is missed with a probability of at most 2⁻ᵏ for `k` directions: ten see it with 99.9 %.
    pub directions: usize,
    /// The error of one entry that directions must see, relative to the largest entry. Directions whose differences are
    /// too inaccurate for it are replaced by directions through fewer entries. [`Report::power`](super::Report::power)
    /// states what was reached.
    pub power: f64,
    /// The most evaluations of the function; a pass on dual numbers counts as two, a backward pass as three. If it is too
    /// small for the power, the power that was reached is stated. See [`plan`](super::plan).
    pub budget: Option<usize>,
    /// Only this entry of the gradient is judged: the number of an input and an index. Directions, second derivatives and
    /// structure are then left out. [`Record::rerun`](super::Record::rerun) sets it.
    pub only: Option<(usize, Vec<usize>)>,
    /// Whether second derivatives are checked.
    pub second_order: bool,
    /// Whether the third derivative is checked: along two random directions, for functions that run on dual numbers.
    pub third_order: bool,
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
            directions: 10,
            power: 1e-6,
            budget: Some(20_000),
            only: None,
            second_order: true,
            third_order: false,
            finite_differences: true,
            forward_mode: true,
            exact_tolerance: 1e-12,
            single_tolerance: 1e-4,
            structure: true,
            localise: true,
        }
    }
}

/// What a check of inputs of these shapes costs at most, if nothing is wrong and no group has to be divided.
///
/// ```
/// use wengert_autograd::check::{CheckOptions, plan};
///
/// let cost = plan(&[vec![784, 128], vec![128]], &CheckOptions::default());
/// assert!(cost.values < 2_000 && cost.duals < 100);
/// ```
#[must_use]
pub fn plan(shapes: &[Vec<usize>], options: &CheckOptions) -> Cost {
    let counts: Vec<usize> = shapes.iter().map(|s| s.iter().product()).collect();
    let (mut singles, mut numeric) = (0, 0);
    for count in &counts {
        let all = *count <= options.entries;
        singles += if all {
            *count
        } else {
            options.entries.min(EXAMPLES)
        };
        numeric += match (all, options.forward_mode) {
            (true, true) => (*count).min(DIFFERENCES_BESIDE_EXACT),
            (true, false) => *count,
            (false, true) => DIFFERENCES_OF_EXAMPLES,
            (false, false) => options.entries.min(EXAMPLES),
        };
    }
    let every = counts.iter().all(|count| *count <= options.entries);
    let directions = if every {
        options.directions.min(2)
    } else {
        options.directions
    };
    let differences = usize::from(options.finite_differences);
    let exact = usize::from(options.forward_mode);
    let structure = 24 * usize::from(options.structure);
    let second = usize::from(options.second_order);
    let total = counts.iter().sum::<usize>();
    // A row for each element of the outputs, which are as many at most.
    let (rows, columns) = if total <= LARGEST_JACOBIAN {
        (exact * LARGEST_JACOBIAN, total)
    } else {
        (0, 0)
    };
    Cost {
        values: 4 + differences * DIRECTION_COST * (numeric + directions),
        gradients: 2 + structure + second * (2 + 24 * differences) + rows,
        duals: exact * (1 + singles + directions + columns + second),
    }
}
