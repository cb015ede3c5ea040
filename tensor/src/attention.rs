//! Attention and its gradient, matrix by matrix: the scores of one are computed, normalised and used while they are in
//! the second-level cache.

use crate::create::buffer;
use crate::kernels::gemm::{self, Gemm};
use crate::kernels::simd::Level;
use crate::memory::Scratch;
use crate::reduce::{softmax_rows, softmax_rows_cotangent};
use crate::{Real, Tensor, parallel, require};

/// Most scores that are computed at once: 512 KB of `f32`.
const MAX_SCORES: usize = 1 << 17;

/// Extents of one attention: matrices, queries, keys, the width of a key and that of a value.
#[derive(Clone, Copy)]
struct Sizes {
    matrices: usize,
    queries: usize,
    keys: usize,
    width: usize,
    out: usize,
}

impl Sizes {
    /// Multiply-adds of one product of the scores' size, in vectors.
    fn work(self) -> usize {
        self.matrices * self.queries * self.keys * (self.width + self.out) / 8
    }

    /// Queries that are computed at once.
    fn rows(self) -> usize {
        (MAX_SCORES / self.keys.max(1)).clamp(1, self.queries.max(1))
    }
}

impl<T: Real> Tensor<T> {
    /// Attention without masks, and its probabilities: `y = p·v` with `p = softmax(q·kᵀ)` along the keys, where a row of
    /// scores that are all −∞ has the probabilities 0.
    ///
    /// * `self`: the queries `q`, `[.., queries, width]`
    /// * `key`, `value`: `[.., keys, width]`, `[.., keys, out]`, with the leading axes of `q`
    /// * returns `y`, `[.., queries, out]`, and `p`, `[.., queries, keys]`
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let (q, k) = (Tensor::zeros([1, 1]), Tensor::zeros([2, 1]));
    /// let [y, p] = q.attention(&k, &Tensor::from_vec(vec![1.0, 3.0], [2, 1]));
    /// assert_eq!((y.to_vec(), p.to_vec()), (vec![2.0], vec![0.5, 0.5]));
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[must_use]
    #[track_caller]
    pub fn attention(&self, key: &Self, value: &Self) -> [Self; 2] {
        let sizes = self.attention_sizes(key, value);
        let Sizes {
            matrices,
            queries,
            keys,
            width,
            out,
        } = sizes;
        let with = |last: usize| {
            let mut shape = self.shape().to_vec();
            shape[self.rank() - 1] = last;
            shape
        };
        if [matrices, queries, keys].contains(&0) {
            return [Self::zeros(with(out)), Self::zeros(with(keys))];
        }
        if out == 0 {
            // The probabilities do not depend on the values.
            let mut shape = value.shape().to_vec();
            shape[value.rank() - 1] = 1;
            let [_, p] = self.attention(key, &Self::zeros(&shape));
            return [Self::zeros(with(0)), p];
        }
        let operands = [self, key, value].map(Tensor::contiguous);
        let [q, k, v] = [0, 1, 2].map(|i| dense(&operands[i]));
        let mut y = buffer("attention", &with(out));
        let mut p = buffer("attention", &with(keys));
        let rows = sizes.rows();
        let mut tasks = Vec::new();
        let planes = y
            .chunks_mut(queries * out)
            .zip(p.chunks_mut(queries * keys));
        for (matrix, (y, p)) in planes.enumerate() {
            let parts = y.chunks_mut(rows * out).zip(p.chunks_mut(rows * keys));
            tasks.extend(
                parts
                    .enumerate()
                    .map(|(part, (y, p))| (matrix, part * rows, y, p)),
            );
        }
        let level = Level::best();
        parallel::for_chunks_mut(&mut tasks, 1, sizes.work(), |_, tasks| {
            let (matrix, first, y, p) = &mut tasks[0];
            let count = p.len() / keys;
            let (k, v) = (&k[*matrix * keys * width..], &v[*matrix * keys * out..]);
            let q = &q[(*matrix * queries + *first) * width..];
            let mut scores = Scratch::<T>::new(p.len());
            let task = Gemm {
                b: [1, width],
                ..Gemm::row_major(count, width, keys)
            };
            gemm::multiply(&task, q, k, &mut scores);
            softmax_rows(level, &scores, p, keys);
            gemm::multiply(&Gemm::row_major(count, keys, out), p, v, y);
        });
        [Self::from_vec(y, with(out)), Self::from_vec(p, with(keys))]
    }

    /// The gradients in the queries, keys and values of [`attention`](Self::attention), whose queries are `self`, given
    /// its probabilities `p` and the cotangent `g` of `y`.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let (q, k) = (Tensor::full([1, 1], 1.0), Tensor::zeros([2, 1]));
    /// let v = Tensor::from_vec(vec![1.0, 3.0], [2, 1]);
    /// let [_, p] = q.attention(&k, &v);
    /// let [dq, dk, dv] = q.attention_gradient(&k, &v, &p, &Tensor::ones([1, 1]));
    /// assert_eq!((dq.to_vec(), dk.to_vec(), dv.to_vec()), (vec![0.0], vec![-0.5, 0.5], vec![0.5, 0.5]));
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[must_use]
    #[track_caller]
    pub fn attention_gradient(&self, key: &Self, value: &Self, p: &Self, g: &Self) -> [Self; 3] {
        let sizes = self.attention_sizes(key, value);
        let Sizes {
            matrices,
            queries,
            keys,
            width,
            out,
        } = sizes;
        require!(
            p.len() == matrices * queries * keys && g.len() == matrices * queries * out,
            "attention: probabilities {:?} and a cotangent of {:?} do not fit",
            p.shape(),
            g.shape()
        );
        if [matrices, queries, keys, out].contains(&0) {
            return [self, key, value].map(|x| Self::zeros(x.shape()));
        }
        if width == 0 {
            // All scores are 0, so the probabilities are equal, and the values still have a gradient.
            let dv = p.transpose(-2, -1).matmul(g);
            return [self.clone(), key.clone(), dv];
        }
        let operands = [self, key, value, p, g].map(Tensor::contiguous);
        let [q, k, v, p, g] = [0, 1, 2, 3, 4].map(|i| dense(&operands[i]));
        let [mut dq, mut dk, mut dv] = [self, key, value].map(|x| buffer("attention", x.shape()));
        let mut tasks: Vec<_> = dq
            .chunks_mut(queries * width)
            .zip(dk.chunks_mut(keys * width))
            .zip(dv.chunks_mut(keys * out))
            .collect();
        let (level, rows) = (Level::best(), sizes.rows());
        parallel::for_chunks_mut(&mut tasks, 1, 2 * sizes.work(), |matrix, tasks| {
            let ((dq, dk), dv) = &mut tasks[0];
            let (k, v) = (&k[matrix * keys * width..], &v[matrix * keys * out..]);
            let mut scratch = [(); 2].map(|()| Scratch::<T>::new(rows * keys));
            for (part, dq) in dq.chunks_mut(rows * width).enumerate() {
                let (first, count) = (matrix * queries + part * rows, dq.len() / width);
                let (q, g) = (&q[first * width..], &g[first * out..]);
                let p = &p[first * keys..][..count * keys];
                let [dp, ds] = scratch.each_mut().map(|all| &mut all[..count * keys]);
                // dp = g·vᵀ, dv = pᵀ·g
                let task = Gemm {
                    b: [1, out],
                    ..Gemm::row_major(count, out, keys)
                };
                gemm::multiply(&task, g, v, dp);
                let task = Gemm {
                    a: [1, keys],
                    accumulate: part > 0,
                    ..Gemm::row_major(keys, count, out)
                };
                gemm::multiply(&task, p, g, dv);
                softmax_rows_cotangent(level, p, dp, ds, keys);
                // dq = ds·k, dk = dsᵀ·q
                gemm::multiply(&Gemm::row_major(count, keys, width), ds, k, dq);
                let task = Gemm {
                    n: width,
                    b: [width, 1],
                    c: [width, 1],
                    ..task
                };
                gemm::multiply(&task, ds, q, dk);
            }
        });
        [
            Self::from_vec(dq, self.shape()),
            Self::from_vec(dk, key.shape()),
            Self::from_vec(dv, value.shape()),
        ]
    }

    #[track_caller]
    fn attention_sizes(&self, key: &Self, value: &Self) -> Sizes {
        let shapes = [self.shape(), key.shape(), value.shape()];
        let sizes = if let (
            [leading @ .., queries, width],
            [of_keys @ .., keys, key_width],
            [of_values @ .., values, out],
        ) = (shapes[0], shapes[1], shapes[2])
        {
            let fits =
                leading == of_keys && leading == of_values && width == key_width && keys == values;
            fits.then_some(Sizes {
                matrices: leading.iter().product(),
                queries: *queries,
                keys: *keys,
                width: *width,
                out: *out,
            })
        } else {
            None
        };
        let [q, k, v] = shapes;
        require!(
            sizes.is_some(),
            "attention: queries {q:?}, keys {k:?}, values {v:?}: [.., queries, width], [.., keys, width] and \
             [.., keys, out] are needed"
        );
        sizes.expect("checked above")
    }
}

fn dense<T: Real>(x: &Tensor<T>) -> &[T] {
    x.as_slice().expect("made contiguous")
}
