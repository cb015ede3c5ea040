//! The blocked product for few rows and columns and long sums: tasks are blocks of the sum.
//!
//! Blocks of such a C are fewer than threads, or so small that packing is most of the work, and threads would wait for
//! each other in each of the many passes over the sum. Weight gradients of 1×1 convolutions and of dense layers
//! are such products.

use super::blocked::{KC, Product};
use super::macrokernel::{Macrokernel, Target};
use super::task::Gemm;
use crate::kernels::partition::balanced;
use crate::kernels::simd::Float;
use crate::memory::Scratch;
use crate::parallel;

/// Most elements of C: each block of the sum has its own copy.
const MAX_RESULTS: usize = 256 * 256;

/// Fewest blocks of the sum for each thread.
const MIN_BLOCKS: usize = 4;

/// Whether the sum is divided between the threads that there are.
pub(super) fn is_profitable(task: &Gemm) -> bool {
    // An operand of stride 0 may be smaller than the copies of C.
    let is_repeated = task.a.contains(&0) || task.b.contains(&0);
    if task.m * task.n > MAX_RESULTS || task.m * task.n * task.k < 1 << 20 || is_repeated {
        return false;
    }
    let threads = parallel::share_of_threads();
    threads > 1 && task.k.div_ceil(KC) >= MIN_BLOCKS * threads
}

impl<T: Float> Product<'_, T> {
    /// Tasks are blocks of `KC` steps of the sum. Their sums are added in order, as those of passes one after the
    /// other are, so that results have the same bits.
    pub fn by_depth(&self, c: &mut [T]) {
        let task = self.task;
        let blocks: Vec<_> = balanced(task.k, KC).collect();
        let size = task.m * task.n;
        let mut sums = Scratch::<T>::new(blocks.len() * size);
        let work = size * task.k / T::NR;
        parallel::for_chunks_mut(&mut sums, size, work, |block, sums| {
            let (k0, depth) = blocks[block];
            let all = [0, task.n];
            let mut right = Scratch::<T>::new(self.right_length(task.n.div_ceil(T::NR)));
            self.pack_for_one([k0, depth], all, &mut right);
            let mut left = Scratch::<T>::new(self.left_length(depth));
            self.pack_block(0, task.m, k0, depth, &mut left);
            let kernel = Macrokernel {
                add: false,
                ..self.macrokernel([k0, depth], all, &right)
            };
            kernel.run(0, task.m, &left, Target::Matrix(sums, task.n));
        });
        for (block, sums) in sums.chunks_exact(size).enumerate() {
            for (to, sums) in c.chunks_mut(task.c[0]).zip(sums.chunks_exact(task.n)) {
                let to = &mut to[..task.n];
                if block == 0 && !task.accumulate {
                    to.copy_from_slice(sums);
                    continue;
                }
                for (to, &sum) in to.iter_mut().zip(sums) {
                    *to += sum;
                }
            }
        }
    }
}
