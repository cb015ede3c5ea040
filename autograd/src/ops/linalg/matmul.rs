//! Products of matrices, of batches of them, and with vectors.

use wengert_tensor::Transposed;
use wengert_tensor::slices::Matrix;

use crate::ops::prelude::*;

/// The product of matrices `[.., m, k] × [.., k, n]` with equal batch axes; an operand may be given
/// transposed.
#[derive(Clone, Debug)]
pub struct Matmul(Transposed);

impl Op for Matmul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn attributes(&self) -> Attributes {
        vec![
            ("left_transposed", self.0.left.into()),
            ("right_transposed", self.0.right.into()),
        ]
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].matmul_transposed(&x[1], self.0).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        // Of y = A·B the cotangents are g·Bᵀ and Aᵀ·g; where an operand was given transposed, the
        // transpose of that, with the factors exchanged.
        let Transposed { left, right } = self.0;
        let (a, b) = (call.input(0), call.input(1));
        out.input(0, |g| {
            if left {
                b.product(g, [right, true])
            } else {
                g.product(b, [false, !right])
            }
        });
        out.input(1, |g| {
            if right {
                g.product(a, [true, left])
            } else {
                a.product(g, [!left, false])
            }
        });
    }

    fn on_slices<T: Real>(&self, shapes: &[&[usize]]) -> Option<OnSlices<T>> {
        let (&[&[a0, a1], &[b0, b1]], Transposed { left, right }) = (shapes, self.0) else {
            return None;
        };
        let (m, k, n) = (
            if left { a1 } else { a0 },
            if left { a0 } else { a1 },
            if right { b0 } else { b1 },
        );
        if m * k * n > slices::MAX_MULTIPLY_ADDS {
            return None;
        }
        let (a, b, y) = ([a0, a1], [b0, b1], [m, n]);
        let op = OnSlices::new(move |x: &[&[T]], out: &mut [T]| {
            let (a, b) = (Matrix::new(x[0], a), Matrix::new(x[1], b));
            slices::matmul(a.t_if(left), b.t_if(right), false, out);
        });
        // As in the rule.
        let op = op.input(0, move |at, out| {
            let (b, g) = (Matrix::new(at.x[1], b), Matrix::new(at.grad, y));
            if left {
                slices::matmul(b.t_if(right), g.t(), false, out);
            } else {
                slices::matmul(g, b.t_if(!right), false, out);
            }
        });
        Some(op.input(1, move |at, out| {
            let (a, g) = (Matrix::new(at.x[0], a), Matrix::new(at.grad, y));
            if right {
                slices::matmul(g.t(), a.t_if(left), false, out);
            } else {
                slices::matmul(a.t_if(!left), g, false, out);
            }
        }))
    }

    fn outline(&self, inputs: &[&[usize]]) -> Outline {
        let Transposed { left, right } = self.0;
        let (_, a) = inputs[0].split_last_chunk::<2>().expect("a matrix");
        let (batch, b) = inputs[1].split_last_chunk::<2>().expect("a matrix");
        let (left, right) = (usize::from(left), usize::from(right));
        let (m, k, n) = (a[left], a[1 - left], b[1 - right]);
        let shape = [batch, &[m, n]].concat();
        let products = shape.iter().product::<usize>().saturating_mul(k);
        Outline::of(shape)
            .multiply_adds(products)
            .reach(Reach::Whole)
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let (m, k, n) = (draw.extent(), draw.extent(), draw.extent());
        let batch = draw.pick(&[None, Some(1), Some(2), Some(3)]);
        let (left, right) = (draw.once_in(3), draw.once_in(3));
        let shape = |rows, columns, transposed| {
            let matrix = if transposed {
                [columns, rows]
            } else {
                [rows, columns]
            };
            batch.into_iter().chain(matrix).collect::<Vec<_>>()
        };
        let (a, b) = (
            draw.normal(shape(m, k, left)),
            draw.normal(shape(k, n, right)),
        );
        Sample::new(Self(Transposed { left, right }), [a, b])
    }
}

impl<T: Real> Var<T> {
    /// The product with an operand of the same rank, 2 or more, and equal batch axes; which of the two
    /// are transposed first.
    #[track_caller]
    pub(crate) fn product(&self, other: &Self, [left, right]: [bool; 2]) -> Self {
        Self::apply(Matmul(Transposed { left, right }), [self, other])
    }

    /// The matrix product `yᵢⱼ = Σₖ aᵢₖ bₖⱼ`.
    ///
    /// * matrices `[m, k] × [k, n]` give `[m, n]`;
    /// * a vector is a row on the left and a column on the right, and the axis that this adds is dropped
    ///   from the result; two vectors give their inner product, of rank 0;
    /// * with more axes, the leading ones are batches and broadcast.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let tape = Tape::new();
    /// let a = tape.leaf(Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2]));
    /// let b = tape.leaf(Tensor::from_vec(vec![10.0, 1.0], [2, 1]));
    /// let y = a.matmul(&b);
    /// assert_eq!(y.value().to_vec(), [12.0, 34.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&b).to_vec(), [4.0, 6.0]);
    /// ```
    ///
    /// # Panics
    /// If an operand has rank 0, the inner dimensions differ, or the batches do not broadcast.
    #[must_use]
    #[track_caller]
    pub fn matmul(&self, other: &Self) -> Self {
        let (a, b) = (self.shape(), other.shape());
        require!(
            !a.is_empty() && !b.is_empty(),
            "matmul: {a:?} × {b:?}: an operand has rank 0"
        );
        let inner = (a[a.len() - 1], b[b.len().saturating_sub(2)]);
        require!(
            inner.0 == inner.1,
            "matmul: {a:?} × {b:?}: inner dimensions {} and {} differ",
            inner.0,
            inner.1
        );
        match (a.len(), b.len()) {
            (1, 1) => self.unsqueeze(0).matmul(&other.unsqueeze(1)).reshape([]),
            (1, _) => self.unsqueeze(0).matmul(other).squeeze(-2),
            (_, 1) => self.matmul(&other.unsqueeze(1)).squeeze(-1),
            (2, 2) => self.product(other, [false; 2]),
            // The right matrix is the same for every batch, so one product of all rows is enough.
            (rank, 2) => {
                let rows: usize = a[..rank - 1].iter().product();
                let product = self.reshape([rows, inner.0]).matmul(other);
                let mut shape = a.to_vec();
                shape[rank - 1] = b[1];
                product.reshape(shape)
            }
            (p, q) => {
                let batch = wengert_tensor::broadcast_shapes("matmul", &a[..p - 2], &b[..q - 2]);
                let a = self.broadcast_to([&batch, &a[p - 2..]].concat());
                let b = other.broadcast_to([&batch, &b[q - 2..]].concat());
                a.product(&b, [false; 2])
            }
        }
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<Matmul>("matmul"),
    OpInfo::function("matmul", |draw| {
        let (m, k, n) = (draw.extent(), draw.extent(), draw.extent());
        let shapes: &[[&[usize]; 2]] = &[
            [&[k], &[k]],
            [&[k], &[k, n]],
            [&[m, k], &[k]],
            [&[k], &[2, k, n]],
            [&[3, m, k], &[k]],
            [&[2, m, k], &[k, n]],
            [&[m, k], &[3, k, n]],
            [&[2, 1, m, k], &[3, k, n]],
        ];
        let [a, b] = draw.pick(shapes);
        let description = format!("matmul {a:?} × {b:?}");
        Case::new(
            description,
            generic!(|a, b| a.matmul(b)),
            [draw.normal(a), draw.normal(b)],
        )
    }),
];
