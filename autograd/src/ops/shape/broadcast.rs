//! Broadcasting as an op, so that every other op can require operands of exact shapes.

use crate::ops::prelude::*;

/// Repeats a tensor along axes of extent 1 and new leading axes.
#[derive(Clone, Debug)]
pub struct Broadcast {
    shape: Vec<usize>,
}

impl Op for Broadcast {
    fn name(&self) -> &'static str {
        "broadcast_to"
    }

    fn attributes(&self) -> Attributes {
        vec![("shape", self.shape.as_slice().into())]
    }

    fn reads(&self) -> Reads {
        Reads::SHAPES
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].broadcast_to(&self.shape).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |grad| grad.sum_to(call.input_shape(0)));
    }

    fn on_slices<T: Real>(&self, shapes: &[&[usize]]) -> Option<OnSlices<T>> {
        // The rule sums over the axes that are repeated: in the order of a sum over all only if these are all.
        let [x] = shapes else { return None };
        let all = x.is_empty() || !self.shape.contains(&1) || self.shape.iter().all(|&n| n == 1);
        (all && x.iter().all(|&extent| extent == 1)).then(OnSlices::repeat)
    }

    fn outline(&self, _inputs: &[&[usize]]) -> Outline {
        Outline::run().reach(Reach::Point)
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let shape = draw.any_shape();
        let narrow = draw.broadcastable(&shape);
        Sample::new(Self { shape }, [draw.normal(narrow)])
    }
}

impl<T: Real> Var<T> {
    /// The tensor repeated along axes of extent 1 and new leading axes, without a copy.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0], [2]));
    /// let y = x.broadcast_to([3, 2]);
    /// assert_eq!(y.value().to_vec(), [1.0, 2.0, 1.0, 2.0, 1.0, 2.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [3.0, 3.0]);
    /// ```
    ///
    /// # Panics
    /// If an extent is neither 1 nor that of `shape`.
    #[must_use]
    #[track_caller]
    pub fn broadcast_to(&self, shape: impl AsRef<[usize]>) -> Self {
        let shape = shape.as_ref();
        if self.shape() == shape {
            return self.clone();
        }
        Self::apply(
            Broadcast {
                shape: shape.to_vec(),
            },
            [self],
        )
    }

    /// The adjoint of [`broadcast_to`](Self::broadcast_to): the sum over every axis along which
    /// `shape` would be repeated to give this one.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2]));
    /// let y = x.sum_to([2]);
    /// assert_eq!(y.value().to_vec(), [4.0, 6.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [1.0, 1.0, 1.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If `shape` does not broadcast to this shape.
    #[must_use]
    #[track_caller]
    pub fn sum_to(&self, shape: impl AsRef<[usize]>) -> Self {
        let shape = shape.as_ref();
        if self.shape() == shape {
            return self.clone();
        }
        let wide = self.shape();
        require!(
            shape.len() <= wide.len(),
            "sum_to: {wide:?}: {shape:?} does not broadcast to it"
        );
        let new = wide.len() - shape.len();
        require!(
            shape
                .iter()
                .zip(&wide[new..])
                .all(|(&s, &w)| s == w || s == 1),
            "sum_to: {wide:?}: {shape:?} does not broadcast to it"
        );
        let axes: Vec<isize> = (0..wide.len())
            .filter(|&axis| axis < new || (shape[axis - new] == 1 && wide[axis] != 1))
            .map(|axis| axis as isize)
            .collect();
        self.sum(axes).reshape(shape)
    }
}

/// Broadcasts two operands to each other and applies an op that needs equal shapes; `name` is for messages.
// Takes the op, not a closure that applies it: the closure would be recorded as the caller.
#[track_caller]
pub(crate) fn pair<T: Real, O: Op>(name: &str, op: O, a: &Var<T>, b: &Var<T>) -> Var<T> {
    if a.shape() == b.shape() {
        return Var::apply(op, [a, b]);
    }
    let shape = wengert_tensor::broadcast_shapes(name, a.shape(), b.shape());
    Var::apply(op, [&a.broadcast_to(&shape), &b.broadcast_to(&shape)])
}

/// As [`pair`], and takes the first operand by value: where it has the shape of the result, the op may
/// reuse its buffer.
#[track_caller]
pub(crate) fn over_first<T: Real, O: Op>(op: O, a: Var<T>, b: &Var<T>) -> Var<T> {
    if a.shape() == b.shape() {
        return Var::apply(op, (a, [b]));
    }
    let shape = wengert_tensor::broadcast_shapes(op.name(), a.shape(), b.shape());
    let b = b.broadcast_to(&shape);
    if a.shape() == shape {
        return Var::apply(op, (a, [&b]));
    }
    Var::apply(op, [&a.broadcast_to(&shape), &b])
}

impl Case {
    /// A case of an operation on two operands that broadcast to each other.
    pub(crate) fn broadcasting(
        draw: &mut Draw,
        description: &str,
        function: impl crate::Differentiable + 'static,
    ) -> Self {
        let shape = draw.any_shape();
        let (a, b) = (draw.broadcastable(&shape), draw.broadcastable(&shape));
        Self::new(description, function, [draw.normal(a), draw.normal(b)])
    }
}

/// `sum_to` this shape.
#[derive(Clone, Debug)]
struct SumTo(Vec<usize>);

impl crate::Function for SumTo {
    fn call<T: Real>(&self, x: &[Var<T>]) -> Vec<Var<T>> {
        vec![x[0].sum_to(&self.0)]
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<Broadcast>("broadcast_to"),
    OpInfo::function("sum_to", |draw| {
        let shape = draw.any_shape();
        let narrow = draw.broadcastable(&shape);
        let description = format!("sum_to {narrow:?}");
        Case::new(
            description,
            crate::Generic(SumTo(narrow)),
            [draw.normal(shape)],
        )
    }),
];
