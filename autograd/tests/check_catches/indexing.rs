//! Wrong places: indices, slices, channels.

use crate::prelude::*;
use wengert_tensor::Slice;

/// The matrix that picks rows by index; it and its transpose make gather and scatter.
fn picking<T: Real>(index: &Tensor<i64>, rows: usize) -> Var<T> {
    let index = index.to_vec();
    let one = |picked: bool| if picked { T::one() } else { T::zero() };
    let pick = |at: &[usize]| one(index[at[0]] == at[1] as i64);
    Var::constant(Tensor::from_fn([index.len(), rows], pick))
}

/// Random indices of rows, and the number of rows.
fn draw_index(draw: &mut Draw) -> (Tensor<i64>, usize) {
    let (count, rows) = (draw.within(1, 5), draw.within(1, 4));
    (draw.indices([count], rows), rows)
}

bug! {
    /// Rows added at indices, whose gradient is picked in another order (burn #5296).
    the_gradient_of_scatter_permuted { index: Tensor<i64>, rows: usize }, reads Reads::SHAPES,
    sample |draw| {
        let (index, rows) = draw_index(draw);
        let x = draw.normal([index.len(), 2]);
        Sample::new(Self { index, rows }, [x])
    },
    forward |op, x| Tensor::zeros([op.rows, 2]).index_add(0, &op.index, &x[0]),
    vjp |op, i, call, grad| {
        let index = if wrong() { op.index.flip(0) } else { op.index.clone() };
        picking::<T>(&index, op.rows).matmul(grad)
    },
}

bug! {
    /// Rows picked by index, whose gradient is written and not added: a repeated index keeps one
    /// contribution (burn #4064, #3555).
    repeated_indices_lost { index: Tensor<i64>, rows: usize }, reads Reads::SHAPES,
    sample |draw| {
        let (index, rows) = draw_index(draw);
        Sample::new(Self { index, rows }, [draw.normal([rows, 2])])
    },
    forward |op, x| x[0].index_select(0, &op.index),
    vjp |op, i, call, grad| {
        let mut index = op.index.to_vec();
        for k in 0..index.len() {
            if wrong() && index[k + 1..].contains(&index[k]) {
                index[k] = -1;
            }
        }
        let index = Tensor::from_vec(index, op.index.shape());
        picking::<T>(&index, op.rows).t().matmul(grad)
    },
}

bug! {
    /// Every pixel copied to two, whose gradient keeps the last copy's (candle #3507).
    a_gradient_overwritten_instead_of_accumulated, reads Reads::SHAPES,
    sample |draw| {
        let n = draw.extent();
        Sample::new(Self {}, [draw.normal([n])])
    },
    forward |op, x| {
        let n = x[0].len();
        x[0].unsqueeze(1).broadcast_to([n, 2]).reshape([2 * n])
    },
    vjp |op, i, call, grad| {
        let pairs = grad.reshape([grad.len() / 2, 2]);
        if wrong() { pairs.select(1, 1) } else { pairs.sum(1) }
    },
}

bug! {
    /// A slice that runs backwards, whose gradient runs forwards (MLX #4444).
    a_slice_with_negative_step { slice: Slice }, reads Reads::SHAPES,
    sample |draw| {
        let n = draw.extent();
        let step = draw.pick(&[-1, -2, 1, 2]);
        let slice = Slice::new(None, None, step);
        Sample::new(Self { slice }, [draw.normal([n])])
    },
    forward |op, x| x[0].slice(0, op.slice),
    vjp |op, i, call, grad| {
        let n = call.input(0).len();
        let backwards = op.slice == Slice::new(None, None, -1) || op.slice == Slice::new(None, None, -2);
        let grad = if wrong() && backwards { grad.slice(0, Slice::from(..).step(-1)) } else { grad.clone() };
        grad.unslice(&[op.slice], [n])
    },
}

bug! {
    /// A vectorised path that is wrong at one number of channels only (PyTorch #50042, there 24).
    wrong_at_one_channel_count, reads Reads::INPUTS,
    sample |draw| {
        let (channels, n) = (draw.extent(), draw.extent());
        Sample::new(Self {}, [draw.normal([channels, n]), draw.normal([channels, 1])])
    },
    forward |op, x| &x[0] * &x[1],
    vjp |op, i, call, grad| {
        let whole = grad * call.input(1 - i);
        let whole = if i == 1 { whole.sum_to(call.input(1).shape()) } else { whole };
        let channels = call.input(0).size(0);
        if wrong() && channels == 3 { whole.slice(0, Slice::from(..).step(-1)) } else { whole }
    },
}

bug! {
    /// A concatenation whose gradient is cut at the place of the first part for both
    /// (Rust taper #9 cut it off altogether).
    a_join_cut_in_the_wrong_place, reads Reads::SHAPES,
    sample |draw| {
        let n = draw.extent();
        Sample::new(Self {}, [draw.normal([n]), draw.normal([n])])
    },
    forward |op, x| Tensor::concat(&[&x[0], &x[1]], 0),
    vjp |op, i, call, grad| {
        let n = call.input(0).len() as isize;
        let start = if wrong() { 0 } else { i as isize * n };
        grad.slice(0, start..start + n)
    },
}
