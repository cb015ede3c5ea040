//! Equal tensors in different memory layouts: tests use them to find code that assumes a layout.

use crate::axes::Slice;
use crate::{Element, Tensor};

/// The same elements in other memory layouts, each with its name.
///
/// `contiguous`; `permuted` (the first axis innermost in memory); `offset` (a part of a larger buffer, at its
/// end); `stepped` (every second element); `reversed` (negative strides); `mixed` (all of these); and, if all
/// elements along an axis are equal, `stride 0`. The memory between and around the elements is
/// [poison](Element::poison).
///
/// ```
/// use wengert_tensor::{Tensor, testing::layouts::all_layouts};
///
/// let x = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [2, 3]);
/// for (layout, copy) in all_layouts(&x) {
///     assert_eq!(copy.exp(), x.exp(), "{layout}");
/// }
/// ```
#[must_use]
pub fn all_layouts<T: Element>(x: &Tensor<T>) -> Vec<(&'static str, Tensor<T>)> {
    let contiguous = Tensor::from_vec(x.to_vec(), x.shape());
    let mut copies = vec![
        ("permuted", permuted(x)),
        ("offset", placed(x, 1, 1)),
        ("stepped", placed(x, 0, 2)),
        ("reversed", x.flip(..).contiguous().flip(..)),
        ("mixed", permuted(&placed(&x.flip(..), 3, 2)).flip(..)),
    ];
    copies.extend(repeated(x).map(|copy| ("stride 0", copy)));
    copies.insert(0, ("contiguous", contiguous));
    copies
}

/// The elements of `x` in the memory layout of `like`: the same order of axes, steps, reversed and repeated
/// axes, and with an offset if `like` has one.
///
/// The elements of `x` must be equal along every axis of stride 0 of `like`.
#[must_use]
pub fn in_layout_of<T: Element, U: Element>(x: &Tensor<T>, like: &Tensor<U>) -> Tensor<T> {
    let rank = x.rank();
    if like.is_contiguous() || x.is_empty() || like.rank() != rank {
        return x.clone();
    }
    let axes = || 0..rank as isize;
    let stride = |axis: isize| like.strides()[axis as usize];
    // From the outermost axis in memory to the innermost.
    let mut order: Vec<isize> = axes().collect();
    order.sort_by_key(|&axis| std::cmp::Reverse(stride(axis).unsigned_abs()));
    let reversed: Vec<isize> = axes().filter(|&axis| stride(axis) < 0).collect();
    let mut core = x.flip(reversed.as_slice());
    for axis in axes().filter(|&axis| stride(axis) == 0) {
        core = core.slice(axis, ..1);
    }
    let steps: Vec<usize> = order
        .iter()
        .map(|&axis| stride(axis).unsigned_abs())
        .collect();
    let innermost = steps.iter().copied().filter(|&step| step > 0).min();
    let core = placed(&core.permute(&order), 1, innermost.unwrap_or(1).min(3));
    let mut back = vec![0_isize; rank];
    for (position, &axis) in order.iter().enumerate() {
        back[axis as usize] = position as isize;
    }
    core.permute(&back)
        .broadcast_to(x.shape())
        .flip(reversed.as_slice())
}

fn permuted<T: Element>(x: &Tensor<T>) -> Tensor<T> {
    let reversed: Vec<isize> = (0..x.rank() as isize).rev().collect();
    // A new buffer even where the permuted tensor would be contiguous already.
    let memory = x.permute(&reversed);
    Tensor::from_vec(memory.to_vec(), memory.shape()).permute(&reversed)
}

/// A view with the elements of `x` of a buffer filled with poison: on every axis it starts at index `before` and
/// has step `step`.
fn placed<T: Element>(x: &Tensor<T>, before: usize, step: usize) -> Tensor<T> {
    let room = |&extent: &usize| before + (extent * step).saturating_sub(step - 1);
    let shape: Vec<usize> = x.shape().iter().map(room).collect();
    let region = vec![Slice::new(Some(before as isize), None, step as isize); x.rank()];
    let mut around = Tensor::full(shape, T::poison());
    around.region_assign(&region, x);
    (0..x.rank()).fold(around, |view, axis| view.slice(axis as isize, region[axis]))
}

/// The tensor with stride 0 on every axis along which all elements are equal; `None` if there is no such axis.
fn repeated<T: Element>(x: &Tensor<T>) -> Option<Tensor<T>> {
    if x.is_empty() {
        return None;
    }
    let mut core = x.clone();
    for axis in 0..x.rank() as isize {
        let first = core.slice(axis, ..1);
        if first.broadcast_to(core.shape()) == core {
            core = first;
        }
    }
    let repeats = core.len() < x.len();
    repeats.then(|| core.contiguous().broadcast_to(x.shape()))
}
