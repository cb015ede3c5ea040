//! One pass over a parameter, its state and its gradient.

use wengert_tensor::parallel::{self, CHUNK};
use wengert_tensor::{Real, Tensor, require};

/// Replaces each element `p` of a parameter and the elements `s` of its state tensors by `f(p, s, g)`,
/// where `g` is the element of the gradient at the same index.
///
/// State below the smallest normal number becomes 0. The moments of a parameter whose gradient stays 0 would
/// decay to subnormal numbers and stay there, since 0.9 times the smallest rounds to itself, and on some
/// processors the update would then take ten times as long.
///
/// In place where a buffer is uniquely owned. Large tensors are cut into chunks that depend on the
/// shape alone, so the bits do not depend on the number of threads.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub(crate) fn elementwise<T: Real, const N: usize>(
    param: &mut Tensor<T>,
    state: [&mut Tensor<T>; N],
    gradient: &Tensor<T>,
    f: impl Fn(T, [T; N], T) -> (T, [T; N]) + Sync,
) {
    let shapes = std::iter::once(param.shape()).chain(state.iter().map(|tensor| tensor.shape()));
    for shape in shapes {
        require!(
            shape == gradient.shape(),
            "update: {shape:?}: the gradient is {:?}",
            gradient.shape()
        );
    }
    let gradient = gradient.contiguous();
    let gradient = gradient.as_slice().expect("made contiguous above");
    let mut param = param.as_mut_slice();
    let mut state = state.map(Tensor::as_mut_slice);
    if gradient.len() <= CHUNK {
        return update_chunk(param, state, gradient, &f);
    }
    let mut jobs = Vec::with_capacity(gradient.len().div_ceil(CHUNK));
    for gradient in gradient.chunks(CHUNK) {
        let (param_chunk, param_rest) = param.split_at_mut(gradient.len());
        let [state_chunk, state_rest] = split(state, gradient.len());
        (param, state) = (param_rest, state_rest);
        jobs.push((param_chunk, state_chunk, gradient));
    }
    let work = gradient.len() * (N + 2);
    parallel::for_chunks_mut(&mut jobs, 1, work, |_, jobs| {
        for (param, state, gradient) in jobs {
            let state = state.each_mut().map(|part| &mut **part);
            update_chunk(param, state, gradient, &f);
        }
    });
}

/// The first `count` elements of each slice, and the others.
fn split<T, const N: usize>(slices: [&mut [T]; N], count: usize) -> [[&mut [T]; N]; 2] {
    let mut tails = slices;
    let heads = tails.each_mut().map(|tail| {
        let (head, rest) = std::mem::take(tail).split_at_mut(count);
        *tail = rest;
        head
    });
    [heads, tails]
}

/// Elements per block: enough for the compiler to use vectors of any width.
const LANES: usize = 16;

fn update_chunk<T: Real, const N: usize>(
    param: &mut [T],
    state: [&mut [T]; N],
    gradient: &[T],
    f: &impl Fn(T, [T; N], T) -> (T, [T; N]),
) {
    // A block is copied into arrays first: `f`'s captured values cannot alias them, so they stay in
    // registers and the loop over lanes is vectorised.
    let (blocks, rest) = gradient.as_chunks::<LANES>();
    let (param_head, param_tail) = param.split_at_mut(LANES * blocks.len());
    let [state_heads, state_tails] = split(state, LANES * blocks.len());
    let param_blocks = param_head.as_chunks_mut::<LANES>().0;
    let state_blocks = state_heads.map(|head| head.as_chunks_mut::<LANES>().0);
    for (i, g) in blocks.iter().enumerate() {
        let old_param = param_blocks[i];
        let old_state: [[T; LANES]; N] = std::array::from_fn(|k| state_blocks[k][i]);
        let (mut new_param, mut new_state) = (old_param, old_state);
        for lane in 0..LANES {
            let s = std::array::from_fn(|k| old_state[k][lane]);
            let (p, s) = f(old_param[lane], s, g[lane]);
            new_param[lane] = p;
            for k in 0..N {
                new_state[k][lane] = s[k].flush_subnormal();
            }
        }
        param_blocks[i] = new_param;
        for k in 0..N {
            state_blocks[k][i] = new_state[k];
        }
    }
    for (i, &g) in rest.iter().enumerate() {
        let (p, s) = f(param_tail[i], std::array::from_fn(|k| state_tails[k][i]), g);
        param_tail[i] = p;
        for k in 0..N {
            state_tails[k][i] = s[k].flush_subnormal();
        }
    }
}
