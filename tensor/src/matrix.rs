//! Products of two matrices without batches: the fast path of [`matmul`](Tensor::matmul), products with
//! transposed operands, and [`linear`](Tensor::linear).

use crate::create::buffer;
use crate::elementwise::outer_loops;
use crate::fail::flatten_hint;
use crate::kernels::gemm::{self, Gemm};
use crate::layout::Layout;
use crate::{Real, Tensor, parallel, require, slices};

/// Which operands of a matrix product are transposed: their last two axes exchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Transposed {
    /// The left operand.
    pub left: bool,
    /// The right operand.
    pub right: bool,
}

impl<T: Real> Tensor<T> {
    /// [`matmul`](Self::matmul) of operands of which some are transposed, as `op(A)·op(B)` in BLAS; does not
    /// create the transposed views of matrices.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// use wengert_tensor::Transposed;
    ///
    /// let (a, b) = (Tensor::from_vec(vec![1.0, 2.0], [2, 1]), Tensor::from_vec(vec![3.0, 4.0], [2, 1]));
    /// // aᵀ·b
    /// assert_eq!(a.matmul_transposed(&b, Transposed { left: true, right: false }).to_vec(), [11.0]);
    /// ```
    ///
    /// # Panics
    /// If an operand to be transposed has a rank below 2, and in the cases of `matmul`.
    #[must_use]
    #[track_caller]
    pub fn matmul_transposed(&self, other: &Self, transposed: Transposed) -> Self {
        let Transposed { left, right } = transposed;
        if let (Some(a), Some(b)) = (Matrix::new(self, left), Matrix::new(other, right)) {
            return a.times(&b);
        }
        let a = if left { self.t() } else { self.clone() };
        let b = if right { other.t() } else { other.clone() };
        a.matmul(&b)
    }

    /// An affine map of the last axis, `y = x·weightᵀ + bias`:
    /// `y[.., o] = Σᵢ x[.., i] · weight[o, i] + bias[o]`.
    ///
    /// * `self`: `x`, `[.., inputs]`
    /// * `weight`: `[outputs, inputs]`
    /// * `bias`: `[outputs]`, or any shape that broadcasts to that of the result
    /// * returns `[.., outputs]`
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1.0, 2.0], [1, 2]);
    /// let weight = Tensor::from_vec(vec![1.0, 0.0, 0.0, 1.0, 1.0, 1.0], [3, 2]);
    /// let bias = Tensor::from_vec(vec![0.0, 0.0, 10.0], [3]);
    /// assert_eq!(x.linear(&weight, Some(&bias)).to_vec(), [1.0, 2.0, 13.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit each other.
    #[must_use]
    #[track_caller]
    pub fn linear(&self, weight: &Self, bias: Option<&Self>) -> Self {
        let (x, w) = (self.shape(), weight.shape());
        let ([front @ .., inputs], [outputs, columns]) = (x, w) else {
            crate::fail::fail(format_args!(
                "linear: {x:?}, weight {w:?}: [.., inputs] and [outputs, inputs] are needed"
            ));
        };
        require!(
            inputs == columns,
            "linear: {x:?}, weight {w:?}: the last extents are not equal{}",
            flatten_hint(x, *columns)
        );
        let rows: usize = front.iter().product();
        let flat;
        let x = if let Some(matrix) = Matrix::new(self, false) {
            matrix
        } else {
            flat = self.contiguous().reshape([rows, *inputs]);
            Matrix::of_contiguous(&flat)
        };
        let transposed;
        let w = if let Some(matrix) = Matrix::new(weight, true) {
            matrix
        } else {
            transposed = weight.t().contiguous();
            Matrix::of_contiguous(&transposed)
        };
        let mut shape = [0; crate::MAX_RANK];
        shape[..front.len()].copy_from_slice(front);
        shape[front.len()] = *outputs;
        let layout = Layout::row_major("linear", &shape[..=front.len()]);
        let mut y = buffer("linear", layout.shape());
        if let Some(bias) = bias {
            bias.repeat_into(&layout, &mut y);
        }
        x.multiply(&w, bias.is_some(), &mut y);
        Self::from_parts(y, layout)
    }

    /// Writes the elements, broadcast to the shape of `layout`, to `out` in row-major order.
    #[track_caller]
    fn repeat_into(&self, layout: &Layout, out: &mut [T]) {
        match self.as_slice() {
            Some(row) if !row.is_empty() && layout.shape().ends_with(self.shape()) => {
                for to in out.chunks_exact_mut(row.len()) {
                    to.copy_from_slice(row);
                }
            }
            _ => outer_loops::copy(&self.broadcast_to(layout.shape()), out),
        }
    }
}

/// A matrix in the buffer of a tensor, with non-negative strides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix<'a, T> {
    values: &'a [T],
    size: [usize; 2],
    strides: [usize; 2],
}

impl<'a, T: Real> Matrix<'a, T> {
    /// `None` if the rank is not 2 or a stride is negative.
    pub(crate) fn new(x: &'a Tensor<T>, transposed: bool) -> Option<Self> {
        let (&[rows, columns], &[row, column]) = (x.shape(), x.strides()) else {
            return None;
        };
        // The stride of an axis of extent 0 or 1 is never used, so a negative one may be replaced.
        let step = |extent: usize, stride: isize| match usize::try_from(stride) {
            Err(_) if extent <= 1 || x.is_empty() => Some(1),
            stride => stride.ok(),
        };
        let strides = [step(rows, row)?, step(columns, column)?];
        let plain = Self {
            values: &x.buffer()[x.layout().offset()..],
            size: [rows, columns],
            strides,
        };
        Some(if transposed { plain.t() } else { plain })
    }

    /// Of a contiguous tensor of rank 2.
    fn of_contiguous(x: &'a Tensor<T>) -> Self {
        Self::new(x, false).expect("a contiguous matrix has positive strides")
    }

    fn t(self) -> Self {
        let flip = |[a, b]: [usize; 2]| [b, a];
        Self {
            size: flip(self.size),
            strides: flip(self.strides),
            ..self
        }
    }

    /// The matrix product as a new tensor.
    #[track_caller]
    pub(crate) fn times(&self, other: &Self) -> Tensor<T> {
        let ([m, k], [inner, n]) = (self.size, other.size);
        require!(
            k == inner,
            "matmul: {:?} × {:?}: inner dimensions {k} and {inner} differ",
            self.size,
            other.size
        );
        let mut out = buffer("matmul", &[m, n]);
        self.multiply(other, false, &mut out);
        Tensor::from_parts(out, Layout::row_major("matmul", &[m, n]))
    }

    /// A column times a row: bound by the memory of the result.
    fn outer(&self, row: &[T], out: &mut [T]) {
        let (columns, work) = (row.len(), out.len());
        // Whole rows, or parts of long ones.
        let chunk = if columns < parallel::CHUNK {
            columns * parallel::CHUNK.div_ceil(columns)
        } else {
            parallel::CHUNK
        };
        parallel::for_chunks_mut(out, chunk, work, |index, mut out| {
            let first = index * chunk;
            let (mut i, mut column) = (first / columns, first % columns);
            while !out.is_empty() {
                let count = (columns - column).min(out.len());
                let (now, rest) = std::mem::take(&mut out).split_at_mut(count);
                let a = self.values[i * self.strides[0]];
                // A sum of one product begins at 0, so it is never −0.
                let product = move |b: T| T::zero() + a * b;
                slices::map(&row[column..column + count], now, &product);
                (out, i, column) = (rest, i + 1, 0);
            }
        });
    }

    /// `out ← self · other`, or `out ← out + self · other`.
    fn multiply(&self, other: &Self, accumulate: bool, out: &mut [T]) {
        let ([m, k], [_, n]) = (self.size, other.size);
        if out.is_empty() {
            return;
        }
        if k == 0 {
            if !accumulate {
                out.fill(T::zero());
            }
            return;
        }
        if k == 1 && !accumulate {
            // The result of one column is a row in memory.
            if n == 1 && (self.strides[0] == 1 || m == 1) {
                return other.outer(&self.values[..m], out);
            }
            if other.strides[1] == 1 || n == 1 {
                return self.outer(&other.values[..n], out);
            }
        }
        let task = Gemm {
            a: self.strides,
            b: other.strides,
            accumulate,
            ..Gemm::row_major(m, k, n)
        };
        gemm::multiply(&task, self.values, other.values, out);
    }
}

/// The elements of a matrix in a slice, for [`matmul`](crate::slices::matmul).
#[derive(Clone, Copy, Debug)]
pub struct SliceMatrix<'a, T>(Matrix<'a, T>);

impl<'a, T: Real> SliceMatrix<'a, T> {
    /// A matrix of `[rows, columns]`, row by row.
    ///
    /// # Panics
    /// If the slice has another number of elements.
    #[must_use]
    #[track_caller]
    pub fn new(values: &'a [T], size: [usize; 2]) -> Self {
        let [rows, columns] = size;
        require!(
            values.len() == rows * columns,
            "slices: {} elements are no matrix of {rows} × {columns}",
            values.len()
        );
        Self(Matrix {
            values,
            size,
            strides: [columns, 1],
        })
    }

    /// The transpose.
    #[must_use]
    pub fn t(self) -> Self {
        Self(self.0.t())
    }

    /// The transpose, or the matrix itself.
    #[must_use]
    pub fn t_if(self, transposed: bool) -> Self {
        if transposed { self.t() } else { self }
    }
}

/// The product of two matrices, row by row, with the bits of [`Tensor::matmul_transposed`]: in the place of `out`, or added
/// to it if `accumulate`.
///
/// # Panics
/// If the sizes do not fit.
#[track_caller]
pub fn matmul_of_slices<T: Real>(
    a: SliceMatrix<'_, T>,
    b: SliceMatrix<'_, T>,
    accumulate: bool,
    out: &mut [T],
) {
    let ([m, k], [inner, n]) = (a.0.size, b.0.size);
    require!(
        k == inner && out.len() == m * n,
        "slices: {m} × {k} times {inner} × {n} to {} elements",
        out.len()
    );
    a.0.multiply(&b.0, accumulate, out);
}
