//! Wrong sums: counts, axes, terms that come through a mean.

use crate::prelude::*;
use wengert_tensor::keep;

fn matrix(draw: &mut Draw) -> Tensor<f64> {
    let (n, m) = (draw.within(2, 4), draw.within(2, 4));
    draw.normal([n, m])
}

bug! {
    /// A mean over one axis, whose gradient is divided by all elements.
    a_mean_divided_by_everything, reads Reads::SHAPES,
    sample |draw| Sample::new(Self {}, [matrix(draw)]),
    forward |op, x| x[0].mean(1),
    vjp |op, i, call, grad| {
        let x = call.input(0);
        let count = if wrong() { x.len() } else { x.size(1) };
        (grad / count as f64).unsqueeze(1).broadcast_to(x.shape())
    },
}

bug! {
    /// An unbiased variance with the gradient of the biased one.
    a_variance_without_its_correction, reads Reads::INPUTS,
    sample |draw| Sample::new(Self {}, [matrix(draw)]),
    forward |op, x| {
        let centred = &x[0] - &x[0].mean(keep(1));
        let count = T::of(x[0].size(1) as f64 - 1.0);
        (&centred * &centred).sum(1).map(|v| v / count)
    },
    vjp |op, i, call, grad| {
        let x = call.input(0);
        let count = x.size(1) as f64 - if wrong() { 0.0 } else { 1.0 };
        grad.unsqueeze(1) * (x - x.mean(keep(1))) * (2.0 / count)
    },
}

bug! {
    /// A norm whose gradient is not divided by it.
    a_norm_not_divided, reads Reads::ALL,
    sample |draw| Sample::new(Self {}, [matrix(draw)]),
    forward |op, x| (&x[0] * &x[0]).sum(1).map(T::sqrt),
    vjp |op, i, call, grad| {
        let whole = grad.unsqueeze(1) * call.input(0);
        if wrong() { whole } else { whole / call.output(0).unsqueeze(1) }
    },
}

bug! {
    /// The shares of a log-sum-exp taken along the other axis of a square.
    shares_along_the_wrong_axis, reads Reads::INPUTS,
    sample |draw| {
        let n = draw.within(1, 4);
        Sample::new(Self {}, [draw.normal([n, n])])
    },
    forward |op, x| x[0].map(T::exp).sum(1).map(T::ln),
    vjp |op, i, call, grad| grad.unsqueeze(1) * call.input(0).softmax(isize::from(!wrong())),
}

bug! {
    /// A running sum whose gradient runs in the same direction.
    a_running_sum_that_runs_forwards_in_backward, reads Reads::SHAPES,
    sample |draw| Sample::new(Self {}, [matrix(draw)]),
    forward |op, x| x[0].cumsum(1),
    vjp |op, i, call, grad| if wrong() { grad.cumsum(1) } else { grad.flip(1).cumsum(1).flip(1) },
}

bug! {
    /// The logarithm of a softmax whose gradient lacks the part through the sum.
    a_log_softmax_that_forgets_the_sum, reads Reads::OUTPUTS,
    sample |draw| Sample::new(Self {}, [matrix(draw)]),
    forward |op, x| x[0].log_softmax(-1),
    vjp |op, i, call, grad| {
        let shares = call.output(0).exp();
        if wrong() { grad - shares } else { grad - shares * grad.sum(keep(-1)) }
    },
}

bug! {
    /// Rows centred, whose gradient is not: the mean is taken for a constant.
    a_mean_that_is_taken_for_a_constant, reads Reads::SHAPES,
    sample |draw| Sample::new(Self {}, [matrix(draw)]),
    forward |op, x| &x[0] - &x[0].mean(keep(1)),
    vjp |op, i, call, grad| if wrong() { grad.clone() } else { grad - grad.mean(keep(1)) },
}

bug! {
    /// Rows of length one, whose gradient keeps the part along the row.
    a_direction_whose_length_may_change, reads Reads::ALL,
    sample |draw| Sample::new(Self {}, [matrix(draw).map(|x| x + 3.0)]),
    forward |op, x| &x[0] / &(&x[0] * &x[0]).sum(keep(1)).map(T::sqrt),
    vjp |op, i, call, grad| {
        let (x, y) = (call.input(0), call.output(0));
        let along = y * (grad * y).sum(keep(1));
        let across = if wrong() { grad.clone() } else { grad - along };
        across / x.square().sum(keep(1)).sqrt()
    },
}

bug! {
    /// A mean of counted targets, whose gradient is divided by all of them.
    ignored_targets_that_count_in_the_mean { counted: Tensor<bool> }, reads Reads::SHAPES,
    sample |draw| {
        let counted = Tensor::from_vec(vec![true, draw.once_in(2), draw.once_in(2)], [3]);
        Sample::new(Self { counted }, [draw.normal([3])])
    },
    forward |op, x| {
        let count = op.counted.iter().filter(|on| *on).count() as f64;
        x[0].masked_fill(&op.counted.map(|on| !on), T::zero()).sum(..).map(|y| y / T::of(count))
    },
    vjp |op, i, call, grad| {
        let count = op.counted.iter().filter(|on| wrong() || *on).count() as f64;
        (grad / count).broadcast_to([3]).masked_fill(&op.counted.map(|on| !on), 0.0)
    },
}

bug! {
    /// One matrix for a whole batch, whose gradient is that of the batch's first member.
    a_shared_matrix_that_learns_from_one_sample, reads Reads::INPUTS,
    sample |draw| {
        let (b, n, m) = (draw.within(1, 3), draw.within(1, 3), draw.within(1, 3));
        Sample::new(Self {}, [draw.normal([b, n, m]), draw.normal([m, 2])])
    },
    forward |op, x| x[0].matmul(&x[1]),
    vjp |op, i, call, grad| {
        if i == 0 {
            return grad.matmul(&call.input(1).transpose(0, 1));
        }
        let each = call.input(0).transpose(1, 2).matmul(grad);
        if wrong() { each.select(0, 0) } else { each.sum(0) }
    },
}
