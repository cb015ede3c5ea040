//! Affine and bilinear maps of the last axis.

use wengert_tensor::fail::flatten_hint;

use crate::ops::prelude::*;

/// `x · weightᵀ + bias` over the last axis, of a weight `[outputs, inputs]`; the bias may be left out.
#[derive(Clone, Debug)]
pub struct Linear;

impl Op for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn reads(&self) -> Reads {
        Reads::inputs([0, 1])
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].linear(&x[1], x.iter().nth(2)).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |g| {
            let dx = g.rows().product(call.input(1), [false; 2]);
            dx.reshape(call.input_shape(0))
        });
        out.input(1, |g| {
            g.rows().product(&call.input(0).rows(), [true, false])
        });
        if call.inputs() > 2 {
            out.input(2, |g| g.sum_to(call.input_shape(2)));
        }
    }

    fn on_slices<T: Real>(&self, shapes: &[&[usize]]) -> Option<OnSlices<T>> {
        let (columns, front) = shapes[0].split_last().expect("rows have an axis");
        let (rows, columns, outputs) = (front.iter().product(), *columns, shapes[1][0]);
        if rows > slices::MAX_ROWS || rows * columns * outputs > slices::MAX_MULTIPLY_ADDS {
            return None;
        }
        let [x, w, y] = [[rows, columns], [outputs, columns], [rows, outputs]];
        let linear = OnSlices::new(move |inputs: &[&[T]], out: &mut [T]| {
            if let [_, _, bias] = inputs {
                for row in out.chunks_exact_mut(outputs) {
                    row.copy_from_slice(bias);
                }
            }
            let (a, b) = (
                slices::Matrix::new(inputs[0], x),
                slices::Matrix::new(inputs[1], w).t(),
            );
            slices::matmul(a, b, inputs.len() > 2, out);
        });
        let linear = linear.input(0, move |at, out| {
            let (g, w) = (
                slices::Matrix::new(at.grad, y),
                slices::Matrix::new(at.x[1], w),
            );
            slices::matmul(g, w, false, out);
        });
        let linear = linear.input(1, move |at, out| {
            let (g, x) = (
                slices::Matrix::new(at.grad, y),
                slices::Matrix::new(at.x[0], x),
            );
            slices::matmul(g.t(), x, false, out);
        });
        Some(match shapes.get(2) {
            Some(bias) if *bias != [outputs] => return None,
            Some(_) => linear.input(2, |at, out| slices::sum_of_rows(at.grad, out)),
            None => linear,
        })
    }

    fn outline(&self, inputs: &[&[usize]]) -> Outline {
        let mut shape = inputs[0].to_vec();
        let columns = shape.pop().unwrap_or(1);
        shape.push(inputs[1][0]);
        let products = shape.iter().product::<usize>().saturating_mul(columns);
        Outline::of(shape)
            .multiply_adds(products)
            .reach(Reach::Whole)
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let (inputs, outputs) = (draw.extent(), draw.extent());
        let rank = draw.within(0, 2);
        let front = draw.shape(rank);
        let mut operands = vec![
            draw.normal([&front[..], &[inputs]].concat()),
            draw.normal([outputs, inputs]),
        ];
        if !draw.once_in(3) {
            operands.push(draw.normal([outputs]));
        }
        Sample::new(Self, operands)
    }
}

impl<T: Real> Var<T> {
    /// The rows of the last axis as one matrix.
    fn rows(&self) -> Self {
        let (columns, front) = self.shape().split_last().expect("rows have an axis");
        self.reshape([front.iter().product(), *columns])
    }
}

impl<T: Real> Var<T> {
    /// `y = x · weightᵀ + bias`
    ///
    /// * `self`: `[.., inputs]`
    /// * `weight`: `[outputs, inputs]`, or `[inputs]` for one output without an axis
    /// * `bias`: `[outputs]`
    /// * returns `[.., outputs]`
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let tape = Tape::new();
    /// let x = tape.leaf(Tensor::from_vec(vec![1.0, 2.0], [1, 2]));
    /// let weight = tape.leaf(Tensor::from_vec(vec![1.0, 0.0, 0.0, 1.0, 1.0, 1.0], [3, 2]));
    /// let y = x.linear(&weight, Some(&Var::constant(Tensor::from_vec(vec![0.0, 0.0, 10.0], [3]))));
    /// assert_eq!(y.value().to_vec(), [1.0, 2.0, 13.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&weight).to_vec(), [1.0, 2.0, 1.0, 2.0, 1.0, 2.0]);
    /// ```
    ///
    /// # Panics
    /// If the number of inputs differs, or the bias does not broadcast to the result.
    #[must_use]
    #[track_caller]
    pub fn linear(&self, weight: &Self, bias: Option<&Self>) -> Self {
        let (x, w) = (self.shape(), weight.shape());
        require!(
            matches!(w.len(), 1 | 2) && !x.is_empty() && x[x.len() - 1] == w[w.len() - 1],
            "linear: {x:?}, weight {w:?}: the last extents are not equal, or the weight is no matrix{}",
            flatten_hint(x, w.last().copied().unwrap_or(0))
        );
        let outputs = &w[..w.len() - 1];
        if let Some(bias) = bias
            && bias.shape() != outputs
        {
            let y = [&x[..x.len() - 1], outputs].concat();
            require!(
                bias.tensor().layout().broadcasts_to(&y),
                "linear: {x:?}, weight {w:?}: a bias {:?} does not broadcast to {y:?}",
                bias.shape()
            );
        }
        match (outputs, bias) {
            ([_], Some(bias)) => Self::apply(Linear, [self, weight, bias]),
            ([_], None) => Self::apply(Linear, [self, weight]),
            (_, Some(bias)) => self.matmul(weight) + bias,
            (_, None) => self.matmul(weight),
        }
    }

    /// `y[.., o] = Σᵢⱼ a[.., i] · weight[o, i, j] · b[.., j] + bias[o]`
    ///
    /// * `self`: `a`, `[.., left]`; `other`: `b`, `[.., right]` with equal leading extents
    /// * `weight`: `[outputs, left, right]`; `bias`: `[outputs]`
    /// * returns `[.., outputs]`
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let a = Var::constant(Tensor::from_vec(vec![1.0, 2.0], [1, 2]));
    /// let weight = Var::constant(Tensor::from_vec(vec![1.0, 0.0, 0.0, 1.0], [1, 2, 2]));
    /// assert_eq!(a.bilinear(&a, &weight, None).value().to_vec(), [5.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[must_use]
    #[track_caller]
    pub fn bilinear(&self, other: &Self, weight: &Self, bias: Option<&Self>) -> Self {
        let (a, b, w) = (self.shape(), other.shape(), weight.shape());
        let fits = match (a, b, w) {
            ([front @ .., i], [behind @ .., j], [_, left, right]) => {
                front == behind && i == left && j == right
            }
            _ => false,
        };
        require!(
            fits,
            "bilinear: {a:?}, {b:?}, weight {w:?}: [.., i], [.., j] and [outputs, i, j] are needed"
        );
        let (front, [outputs, left, right]) = (&a[..a.len() - 1], [w[0], w[1], w[2]]);
        let rows: usize = front.iter().product();
        let flat = weight.permute([1, 0, 2]).reshape([left, outputs * right]);
        let half = self
            .reshape([rows, left])
            .matmul(&flat)
            .reshape([rows, outputs, right]);
        let y = half
            .matmul(&other.reshape([rows, right, 1]))
            .reshape([front, &[outputs]].concat());
        let Some(bias) = bias else { return y };
        require!(
            bias.shape() == [outputs],
            "bilinear: the bias is {:?}, [{outputs}] is needed",
            bias.shape()
        );
        y + bias
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<Linear>("linear"),
    OpInfo::function("linear", |draw| {
        let (inputs, outputs) = (draw.extent(), draw.extent());
        let rank = draw.within(0, 2);
        let mut x = draw.shape(rank);
        x.push(inputs);
        let f = generic!(|x, w, b| x.linear(w, Some(b)));
        let bias = if draw.once_in(3) {
            vec![1]
        } else {
            vec![outputs]
        };
        Case::new(
            "linear",
            f,
            [
                draw.normal(x),
                draw.normal([outputs, inputs]),
                draw.normal(bias),
            ],
        )
    }),
    OpInfo::function("linear", |draw| {
        let n = draw.extent();
        let f = generic!(|x, w| x.linear(w, None));
        Case::new(
            "linear, one output",
            f,
            [draw.normal([3, n]), draw.normal([n])],
        )
    }),
    OpInfo::function("bilinear", |draw| {
        let (i, j, o) = (draw.within(1, 3), draw.within(1, 4), draw.within(1, 3));
        let rank = draw.within(0, 2);
        let front = draw.filled_shape(rank);
        let inputs = [
            draw.normal([&front[..], &[i]].concat()),
            draw.normal([&front[..], &[j]].concat()),
            draw.normal([o, i, j]),
            draw.normal([o]),
        ];
        Case::new(
            "bilinear",
            generic!(|a, b, w, c| a.bilinear(b, w, Some(c))),
            inputs,
        )
    }),
];
