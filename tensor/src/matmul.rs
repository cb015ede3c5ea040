//! Products of vectors, matrices and batches of matrices.

use crate::create::buffer;
use crate::elementwise::loop_nest::LoopNest;
use crate::kernels::gemm::{self, Gemm};
use crate::layout::Layout;
use crate::matrix::Matrix;
use crate::{Real, Tensor, parallel, require};

impl<T: Real> Tensor<T> {
    /// The matrix product, by the rules of `NumPy` and `PyTorch`.
    ///
    /// `y[…, i, j] = Σₖ a[…, i, k] · b[…, k, j]`
    ///
    /// * `self`: `[…, m, k]`, `other`: `[…, k, n]`, returns `[…, m, n]`
    /// * the axes before the last two are batches and broadcast against each other
    /// * a vector `[k]` is a row on the left, a column on the right; the axis of extent 1 that it gets is not in
    ///   the result, so the product of two vectors has rank 0
    ///
    /// Operands may be transposed, stepped or broadcast views, which are not copied; only an operand with a
    /// negative stride is. Empty sums are 0.
    ///
    /// ```
    /// use wengert_tensor::Tensor;
    ///
    /// let a = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2]);
    /// let x = Tensor::from_vec(vec![1.0, 10.0], [2]);
    /// assert_eq!(a.matmul(&x).to_vec(), [21.0, 43.0]);
    /// ```
    ///
    /// # Panics
    /// If an operand has rank 0, the inner dimensions differ or the batches do not broadcast.
    #[must_use]
    #[track_caller]
    pub fn matmul(&self, other: &Self) -> Self {
        if let ([_, 1], [1, _]) = (self.shape(), other.shape()) {
            // A column times a row: bound by the memory of the result. A sum of one product begins at 0, so it is never −0.
            return self.zip_named("matmul", other, |a, b| T::zero() + a * b);
        }
        if let (Some(a), Some(b)) = (Matrix::new(self, false), Matrix::new(other, false)) {
            return a.times(&b);
        }
        let (left, right) = (self.shape(), other.shape());
        require!(
            !left.is_empty() && !right.is_empty(),
            "matmul: {left:?} × {right:?}: a single number is no matrix"
        );
        let a = Operand::new(self, self.rank() == 1, 0);
        let b = Operand::new(other, other.rank() == 1, -1);
        let ([m, k], [inner, n]) = (a.size, b.size);
        require!(
            k == inner,
            "matmul: {left:?} × {right:?}: inner dimensions {k} and {inner} differ"
        );
        let batches = joint_batches(&a, &b, left, right);
        let mut shape = batches.clone();
        shape.extend((self.rank() > 1).then_some(m));
        shape.extend((other.rank() > 1).then_some(n));
        let mut out = buffer("matmul", &shape);
        if k == 0 {
            out.fill(T::zero());
        } else if !out.is_empty() {
            product(&a, &b, &batches, &mut out);
        }
        Self::from_vec(out, shape)
    }

    /// The inner product of two vectors, `y = Σ a[i] · b[i]`; of rank 0.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let (a, b) = (Tensor::from_vec(vec![1.0, 2.0], [2]), Tensor::from_vec(vec![3.0, 4.0], [2]));
    /// assert_eq!(a.dot(&b).item(), 11.0);
    /// ```
    ///
    /// # Panics
    /// If an operand is not a vector or the lengths differ.
    #[must_use]
    #[track_caller]
    pub fn dot(&self, other: &Self) -> Self {
        let (left, right) = (self.shape(), other.shape());
        require!(
            left.len() == 1 && left == right,
            "dot: {left:?} and {right:?}: not two vectors of one length"
        );
        self.matmul(other)
    }

    /// The outer product of two vectors, `y[i, j] = a[i] · b[j]`.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let (a, b) = (Tensor::from_vec(vec![1.0, 2.0], [2]), Tensor::from_vec(vec![3.0, 4.0], [2]));
    /// assert_eq!(a.outer(&b).to_vec(), [3.0, 4.0, 6.0, 8.0]);
    /// ```
    ///
    /// # Panics
    /// If an operand is not a vector.
    #[must_use]
    #[track_caller]
    pub fn outer(&self, other: &Self) -> Self {
        let (left, right) = (self.shape(), other.shape());
        require!(
            left.len() == 1 && right.len() == 1,
            "outer: {left:?} and {right:?}: not two vectors"
        );
        self.unsqueeze(1).zip_named("outer", other, |a, b| a * b)
    }
}

/// A batch of matrices with non-negative strides.
struct Operand<T: Real> {
    matrices: Tensor<T>,
    size: [usize; 2],
    strides: [usize; 2],
}

impl<T: Real> Operand<T> {
    /// A vector becomes a matrix by a new axis `new_axis` of extent 1.
    fn new(x: &Tensor<T>, is_vector: bool, new_axis: isize) -> Self {
        let mut matrices = if is_vector {
            x.unsqueeze(new_axis)
        } else {
            x.clone()
        };
        let rank = matrices.rank();
        if matrices.strides()[rank - 2..]
            .iter()
            .any(|&stride| stride < 0)
        {
            matrices = matrices.contiguous();
        }
        let last_two = |axis: usize| {
            (
                matrices.shape()[axis],
                matrices.strides()[axis].unsigned_abs(),
            )
        };
        let ((rows, row), (columns, column)) = (last_two(rank - 2), last_two(rank - 1));
        Self {
            size: [rows, columns],
            strides: [row, column],
            matrices,
        }
    }

    fn batches(&self) -> &[usize] {
        &self.matrices.shape()[..self.matrices.rank() - 2]
    }

    /// The positions of the first elements of the matrices, broadcast to the batches of the result.
    fn starts(&self, batches: &[usize]) -> Layout {
        let rank = self.matrices.rank();
        let layout = self.matrices.layout();
        let first = layout
            .select(rank as isize - 1, 0)
            .select(rank as isize - 2, 0);
        first.broadcast_to(batches)
    }

    /// The stride from row to row if all batches together are one matrix with a constant row stride.
    fn stacked_row_stride(&self) -> Option<usize> {
        let rows = self.matrices.rank() - 1;
        let (shape, strides) = (self.matrices.shape(), self.matrices.strides());
        let mut row = None;
        let mut expected = 0;
        for axis in (0..rows).rev().filter(|&axis| shape[axis] != 1) {
            if row.is_none() {
                row = usize::try_from(strides[axis]).ok();
                expected = strides[axis];
            }
            if row.is_none() || strides[axis] != expected {
                return None;
            }
            expected *= shape[axis] as isize;
        }
        row
    }
}

/// The batch axes of both operands broadcast to each other.
#[track_caller]
fn joint_batches<T: Real>(
    a: &Operand<T>,
    b: &Operand<T>,
    left: &[usize],
    right: &[usize],
) -> Vec<usize> {
    let (x, y) = (a.batches(), b.batches());
    let rank = x.len().max(y.len());
    let extent = |batches: &[usize], axis: usize| {
        let added = rank - batches.len();
        if axis < added {
            1
        } else {
            batches[axis - added]
        }
    };
    let joint = |axis| {
        let (x, y) = (extent(x, axis), extent(y, axis));
        require!(
            x == y || x == 1 || y == 1,
            "matmul: {left:?} × {right:?}: batches of {x} and {y} do not broadcast"
        );
        if x == 1 { y } else { x }
    };
    (0..rank).map(joint).collect()
}

/// Computes the products of all batches; no extent is 0.
fn product<T: Real>(a: &Operand<T>, b: &Operand<T>, batches: &[usize], out: &mut [T]) {
    let ([m, k], [_, n]) = (a.size, b.size);
    let mut task = Gemm {
        a: a.strides,
        b: b.strides,
        ..Gemm::row_major(m, k, n)
    };
    let count: usize = batches.iter().product();
    // One right matrix for all batches: the left matrices are stacked and multiplied at once.
    let one_right = b.batches().iter().all(|&extent| extent == 1);
    if count > 1
        && one_right
        && let Some(row) = a.stacked_row_stride()
    {
        task.m = m * count;
        task.a[0] = row;
        let (a, b) = (&a.matrices, &b.matrices);
        let starts = [a, b].map(|x| x.layout().offset());
        gemm::multiply(
            &task,
            &a.buffer()[starts[0]..],
            &b.buffer()[starts[1]..],
            out,
        );
        return;
    }
    let (x, y) = (a.starts(batches), b.starts(batches));
    let nest = LoopNest::new([&x, &y]);
    let (a, b) = (a.matrices.buffer(), b.matrices.buffer());
    let work = m.saturating_mul(k).saturating_mul(n).saturating_mul(count);
    parallel::for_chunks_mut(out, m * n, work, |batch, out| {
        nest.for_inner_loops(batch, 1, |_, [x, y], _| {
            gemm::multiply(&task, &a[x as usize..], &b[y as usize..], out);
        });
    });
}
