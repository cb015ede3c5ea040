//! Wrong about where things lie: axes, padding, memory, nothing at all.

use crate::prelude::*;
use wengert_tensor::Slice;

/// The elements in the opposite order: what a kernel reads that trusts the wrong layout.
fn misread<T: Real>(x: &Var<T>) -> Var<T> {
    let n = x.len();
    x.reshape([n])
        .slice(0, Slice::from(..).step(-1))
        .reshape(x.shape())
}

bug! {
    /// The cotangent's axes permuted by the permutation itself, not by its inverse; right only for swaps.
    a_permutation_that_is_not_inverted { axes: Vec<isize> }, reads Reads::SHAPES,
    sample |draw| {
        let axes = draw.pick(&[vec![1, 0, 2], vec![1, 2, 0], vec![2, 0, 1]]);
        Sample::new(Self { axes }, [draw.normal([2, 2, 2])])
    },
    forward |op, x| x[0].permute(&op.axes),
    vjp |op, i, call, grad| {
        let mut inverse = vec![0; 3];
        for (place, &axis) in op.axes.iter().enumerate() {
            inverse[axis as usize] = place as isize;
        }
        grad.permute(if wrong() { &op.axes } else { &inverse })
    },
}

bug! {
    /// Padding whose gradient is cut at the other side.
    padding_cut_at_the_other_side { before: isize, after: isize }, reads Reads::SHAPES,
    sample |draw| {
        let (before, after) = (draw.within(0, 2) as isize, draw.within(0, 2) as isize);
        let n = draw.extent();
        Sample::new(Self { before, after }, [draw.normal([n])])
    },
    forward |op, x| {
        let n = x[0].len() as isize;
        let mut y = Tensor::zeros([(op.before + n + op.after) as usize]);
        y.region_assign(&[Slice::from(op.before..op.before + n)], &x[0]);
        y
    },
    vjp |op, i, call, grad| {
        let start = if wrong() { op.after } else { op.before };
        grad.slice(0, start..start + call.input(0).len() as isize)
    },
}

bug! {
    /// Elements rolled on by as much on the way back.
    a_roll_that_goes_on { shift: isize }, reads Reads::SHAPES,
    sample |draw| {
        let n = draw.within(1, 5);
        Sample::new(Self { shift: draw.within(0, n) as isize }, [draw.normal([n])])
    },
    forward |op, x| x[0].roll(op.shift, 0),
    vjp |op, i, call, grad| grad.roll(if wrong() { op.shift } else { -op.shift }, 0),
}

bug! {
    /// A lower triangle whose gradient is one diagonal too wide.
    a_triangle_one_diagonal_too_wide, reads Reads::SHAPES,
    sample |draw| {
        let (n, m) = (draw.extent(), draw.extent());
        Sample::new(Self {}, [draw.normal([n, m])])
    },
    forward |op, x| x[0].tril(0),
    vjp |op, i, call, grad| grad.tril(isize::from(wrong())),
}

bug! {
    /// A kernel that takes its operand for contiguous (candle #3735, #3875).
    an_operand_taken_for_contiguous, reads Reads::INPUTS,
    sample |draw| {
        let shape = draw.any_shape();
        Sample::new(Self {}, [draw.normal(&shape), draw.normal(&shape)])
    },
    forward |op, x| &x[0] * &x[1],
    vjp |op, i, call, grad| {
        let other = call.input(1 - i);
        let trusted = wrong() && !other.value().is_contiguous();
        if trusted { grad * misread(other) } else { grad * other }
    },
}

bug! {
    /// A kernel that takes its cotangent for contiguous.
    a_cotangent_taken_for_contiguous, reads Reads::SHAPES,
    sample |draw| Sample::new(Self {}, [draw.any()]),
    forward |op, x| x[0].map(|x| x * T::of(3.0)),
    vjp |op, i, call, grad| {
        let trusted = wrong() && !grad.value().is_contiguous();
        if trusted { misread(grad) * 3.0 } else { grad * 3.0 }
    },
}

bug! {
    /// An expanded operand, whose gradient is added up over the places that share memory
    /// (PyTorch #30303).
    an_expanded_operand_that_gets_the_sum, reads Reads::INPUTS,
    sample |draw| {
        let (n, m) = (draw.within(2, 4), draw.extent());
        let row = draw.normal([1, m]);
        Sample::new(Self {}, [row.broadcast_to([n, m])])
    },
    forward |op, x| &x[0] * &x[0],
    vjp |op, i, call, grad| {
        let x = call.input(0);
        let whole = grad * x * 2.0;
        let expanded = wrong() && x.value().strides()[0] == 0;
        if expanded { whole.sum(0).unsqueeze(0).broadcast_to(x.shape()) } else { whole }
    },
}

bug! {
    /// An early return where an operand is empty, which loses the gradient of the other one
    /// (candle #3756).
    nothing_to_do_where_an_operand_is_empty, reads Reads::SHAPES,
    sample |draw| {
        let (n, m) = (draw.within(0, 1), draw.extent());
        Sample::new(Self {}, [draw.normal([n, m]), draw.normal([m])])
    },
    forward |op, x| &x[0].sum(0) + &x[1],
    vjp |op, i, call, grad| {
        let nothing = wrong() && call.input(0).is_empty();
        let grad = if nothing { grad * 0.0 } else { grad.clone() };
        if i == 0 { grad.unsqueeze(0).broadcast_to(call.input(0).shape()) } else { grad }
    },
}
