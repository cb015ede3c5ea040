//! What a computation costs and what its results depend on, without running its expensive ops.

/// The cost and the output shapes of an op, from the shapes of its inputs: see [`Op::outline`](crate::Op::outline).
///
/// ```
/// use wengert_autograd::{Outline, Tape};
/// use wengert_tensor::Tensor;
///
/// let tape = Tape::outline();
/// let x = tape.leaf(Tensor::<f32>::zeros([64, 1000]));
/// let w = tape.leaf(Tensor::zeros([500, 1000]));
/// let y = x.linear(&w, None);
/// assert_eq!(y.shape(), [64, 500]);
/// assert_eq!(tape.outlined()[0].multiply_adds, 64 * 1000 * 500);
/// # let _: Outline = Outline::run();
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    pub(crate) shapes: Option<Vec<Vec<usize>>>,
    pub(crate) multiply_adds: u64,
    pub(crate) reach: Option<Reach>,
}

impl Outline {
    /// The op is cheap enough to be run for its shapes. It reaches the whole input, or the same
    /// position alone if its output has the shape of its first input.
    #[must_use]
    pub fn run() -> Self {
        Self::default()
    }

    /// One output of this shape; the op need not run.
    #[must_use]
    pub fn of(shape: impl Into<Vec<usize>>) -> Self {
        Self {
            shapes: Some(vec![shape.into()]),
            ..Self::default()
        }
    }

    /// One output of the joint shape of all inputs, each element of which depends on the elements at
    /// its own position.
    #[must_use]
    pub fn elementwise(inputs: &[&[usize]]) -> Self {
        let rank = inputs.iter().map(|shape| shape.len()).max().unwrap_or(0);
        let mut joint = vec![1; rank];
        for shape in inputs {
            let first = rank - shape.len();
            for (extent, &own) in joint[first..].iter_mut().zip(*shape) {
                if own != 1 {
                    *extent = own;
                }
            }
        }
        Self::of(joint).reach(Reach::Point)
    }

    /// With a further output, of this shape.
    ///
    /// ```
    /// use wengert_autograd::Outline;
    ///
    /// // Values and indices of the two largest of each row.
    /// let of_topk = |x: &[usize]| Outline::of([x[0], 2]).and([x[0], 2]);
    /// assert_eq!(of_topk(&[3, 5]), Outline::of([3, 2]).and([3, 2]));
    /// ```
    ///
    /// # Panics
    /// If this outline has no shapes ([`Outline::run`]).
    #[must_use]
    pub fn and(mut self, shape: impl Into<Vec<usize>>) -> Self {
        let shapes = self.shapes.as_mut().expect("the shape of the first output");
        shapes.push(shape.into());
        self
    }

    /// With a number of multiply-adds.
    #[must_use]
    pub fn multiply_adds(mut self, count: usize) -> Self {
        self.multiply_adds = count as u64;
        self
    }

    /// With another part of the input that an element of the output depends on.
    #[must_use]
    pub fn reach(mut self, reach: Reach) -> Self {
        self.reach = Some(reach);
        self
    }
}

/// Which elements of an input image an element of the output depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// The elements at the same position.
    #[default]
    Point,
    /// A window of the image.
    Window(Window),
    /// The whole image.
    Whole,
}

/// A window over the last two spatial axes, height and width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Extents.
    pub kernel: [usize; 2],
    /// Steps.
    pub stride: [usize; 2],
    /// Distance between taps.
    pub dilation: [usize; 2],
}

/// One op on a tape that was made by [`Tape::outline`](crate::Tape::outline).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlined {
    /// The entry on the tape, see [`Var::entry`](crate::Var::entry).
    pub entry: usize,
    /// The op's name.
    pub op: &'static str,
    /// The entries of the tracked inputs.
    pub sources: Vec<usize>,
    /// Multiply-adds; those of elementwise ops and reductions are not counted.
    pub multiply_adds: u64,
    /// What an element of the output depends on.
    pub reach: Reach,
}
