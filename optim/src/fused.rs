//! One pass over a parameter, its state and its gradient.

use wengert_tensor::parallel::{self, CHUNK};
use wengert_tensor::{Real, Tensor, require};

/// Replaces each element `v` of `N` tensors by `f(v, g)`, `g` the gradient's element at its place.
///
/// One pass, in place where nobody else uses the memory; large tensors are cut into chunks that
/// depend on the shape alone, so the bits do not depend on the number of threads.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn fused<T: Real, const N: usize>(
    tensors: [&mut Tensor<T>; N],
    gradient: &Tensor<T>,
    f: impl Fn([T; N], T) -> [T; N] + Sync,
) {
    for tensor in &tensors {
        require!(
            tensor.shape() == gradient.shape(),
            "update: {:?}: the gradient is {:?}",
            tensor.shape(),
            gradient.shape()
        );
    }
    let gradient = gradient.contiguous();
    let gradient = gradient.as_slice().expect("made contiguous above");
    let mut rest = tensors.map(Tensor::as_mut_slice);
    if gradient.len() <= CHUNK {
        return run(rest, gradient, &f);
    }
    let mut jobs = Vec::with_capacity(gradient.len().div_ceil(CHUNK));
    for gradient in gradient.chunks(CHUNK) {
        let parts;
        [parts, rest] = split(rest, gradient.len());
        jobs.push((parts, gradient));
    }
    let work = gradient.len() * (N + 1);
    parallel::for_chunks_mut(&mut jobs, 1, work, |_, jobs| {
        for (parts, gradient) in jobs {
            run(parts.each_mut().map(|part| &mut **part), gradient, &f);
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

/// Elements that are read, changed and written together.
const LANES: usize = 16;

fn run<T: Real, const N: usize>(
    parts: [&mut [T]; N],
    gradient: &[T],
    f: &impl Fn([T; N], T) -> [T; N],
) {
    // In blocks: what `f` reads of its own cannot lie in a block, so it is read once for each, and the
    // lanes become vectors.
    let (whole, rest) = gradient.as_chunks::<LANES>();
    let [heads, tails] = split(parts, LANES * whole.len());
    let blocks = heads.map(|head| head.as_chunks_mut::<LANES>().0);
    for (i, g) in whole.iter().enumerate() {
        let old: [[T; LANES]; N] = std::array::from_fn(|k| blocks[k][i]);
        let mut new = old;
        for lane in 0..LANES {
            let values = f(std::array::from_fn(|k| old[k][lane]), g[lane]);
            for k in 0..N {
                new[k][lane] = values[k];
            }
        }
        for k in 0..N {
            blocks[k][i] = new[k];
        }
    }
    for (i, &g) in rest.iter().enumerate() {
        let new = f(std::array::from_fn(|k| tails[k][i]), g);
        for k in 0..N {
            tails[k][i] = new[k];
        }
    }
}
