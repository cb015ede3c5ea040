//! Which values the rule of an op reads.

/// Which inputs and outputs of a call its rule reads; the other values are dropped as soon as the op
/// has run. Shapes are always kept.
///
/// ```
/// use wengert_autograd::Reads;
///
/// let reads = Reads::inputs([1]).and_outputs([0]);
/// assert!(reads.reads_input(1) && !reads.reads_input(0));
/// assert!(reads.reads_output(0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reads {
    /// Bit `i` is set if the rule reads input `i`; bit 63 is for all inputs from 63 on.
    inputs: u64,
    outputs: u64,
}

impl Reads {
    /// No values, only shapes.
    pub const SHAPES: Self = Self {
        inputs: 0,
        outputs: 0,
    };

    /// All inputs.
    pub const INPUTS: Self = Self {
        inputs: u64::MAX,
        outputs: 0,
    };

    /// All outputs.
    pub const OUTPUTS: Self = Self {
        inputs: 0,
        outputs: u64::MAX,
    };

    /// All inputs and outputs.
    pub const ALL: Self = Self {
        inputs: u64::MAX,
        outputs: u64::MAX,
    };

    /// The inputs of these numbers.
    ///
    /// # Panics
    /// If a number is 63 or more.
    #[must_use]
    pub const fn inputs<const N: usize>(numbers: [usize; N]) -> Self {
        Self {
            inputs: bits(numbers),
            outputs: 0,
        }
    }

    /// The outputs of these numbers.
    ///
    /// # Panics
    /// If a number is 63 or more.
    #[must_use]
    pub const fn outputs<const N: usize>(numbers: [usize; N]) -> Self {
        Self::SHAPES.and_outputs(numbers)
    }

    /// The same, and the outputs of these numbers.
    ///
    /// # Panics
    /// If a number is 63 or more.
    #[must_use]
    pub const fn and_outputs<const N: usize>(self, numbers: [usize; N]) -> Self {
        Self {
            inputs: self.inputs,
            outputs: self.outputs | bits(numbers),
        }
    }

    /// Whether the rule reads input `i`.
    #[must_use]
    pub const fn reads_input(self, i: usize) -> bool {
        has(self.inputs, i)
    }

    /// Whether the rule reads output `k`.
    #[must_use]
    pub const fn reads_output(self, k: usize) -> bool {
        has(self.outputs, k)
    }
}

const fn bits<const N: usize>(numbers: [usize; N]) -> u64 {
    let (mut bits, mut k) = (0, 0);
    while k < N {
        assert!(
            numbers[k] < 63,
            "Reads: 62 is the largest number that can be given"
        );
        bits |= 1 << numbers[k];
        k += 1;
    }
    bits
}

const fn has(bits: u64, number: usize) -> bool {
    let bit = if number < 63 { number } else { 63 };
    bits >> bit & 1 == 1
}
