//! Standardization to mean 0 and variance 1, which all normalization layers are made of.

use super::prelude::*;

/// `y = (x − mean) · rstd · w + b` with statistics over some axes.
///
/// Outputs are `y`, and with the reduced axes kept as extent 1 the mean, the (biased) variance, and
/// `rstd = 1/√(variance + ε)`: the rule reads them, so they are no constants.
#[derive(Clone, Debug)]
pub struct Standardize {
    pub(super) axes: Vec<isize>,
    pub(super) eps: f64,
    /// Without centring, the mean is taken to be 0 and the variance is the mean square.
    pub(super) centred: bool,
}

impl Standardize {
    /// Whether a parameter is the same for all elements that make one statistic.
    fn is_shared(parameter: &[usize], statistic: &[usize]) -> bool {
        let axes = parameter.iter().rev().zip(statistic.iter().rev());
        parameter.len() <= statistic.len() && axes.into_iter().all(|(&p, &s)| p == 1 || p == s)
    }

    fn mean<T: Real>(&self, x: &Var<T>, count: f64) -> Var<T> {
        x.sum(keep(self.axes.clone())) / count
    }
}

impl Op for Standardize {
    fn name(&self) -> &'static str {
        "standardize"
    }

    fn reads(&self) -> Reads {
        Reads::Both
    }

    fn reads_input(&self, i: usize) -> bool {
        i < 2
    }

    fn reads_output(&self, k: usize) -> bool {
        k == 1 || k == 3
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        let (x, w, b) = (&x[0], &x[1], &x[2]);
        let axes = keep(self.axes.clone());
        let (mean, var) = if self.centred {
            x.mean_var(axes, 0)
        } else {
            let square = (x * x).mean(axes);
            (Tensor::zeros(square.shape()), square)
        };
        let eps = T::of(self.eps);
        let rstd = var.map(|var| T::one() / (var + eps).sqrt());
        let scaled = x.zip3(&mean, &rstd, |x, mean, rstd| (x - mean) * rstd);
        let y = scaled.zip3(w, b, |x, w, b| x * w + b);
        [y, mean, var, rstd].into()
    }

    fn vjps<T: Real>(&self, call: &Call<T>, grad: &Cotangents<T>, out: &mut Contributions<'_, T>) {
        let (x, w) = (call.input(0), call.input(1));
        let (mean, rstd) = (call.output(1), call.output(3));
        let count = (x.len() / rstd.len().max(1)) as f64;
        if let Some(g) = grad.get(0) {
            let standard = x.standard(mean, rstd);
            let along = g * &standard;
            let (dw, db) = (along.sum_to(w.shape()), g.sum_to(call.input_shape(2)));
            if out.wants(0) {
                // dx = rstd · (g w − mean(g w) − standard · mean(g w · standard)). What all elements
                // of a mean share is multiplied before it meets them.
                // The mean of no elements is NaN: that must meet none, not w.
                let is_shared = !x.is_empty() && Self::is_shared(w.shape(), rstd.shape());
                let (g, along, slope) = if is_shared {
                    (g.clone(), along, rstd * w)
                } else {
                    (g * w, along * w, rstd.clone())
                };
                // Sums over the same axes that a parameter's gradient has taken already.
                let mean = |x: &Var<T>, sum: &Var<T>| {
                    let is_same = is_shared && Self::is_shared(sum.shape(), rstd.shape());
                    if is_same && sum.len() == rstd.len() {
                        sum.reshape(rstd.shape()) / count
                    } else {
                        self.mean(x, count)
                    }
                };
                let bend = -(mean(&along, &dw) * &slope);
                let dx = if self.centred {
                    (-(mean(&g, &db) * &slope)).addcmul(&g, &slope, 1.0)
                } else {
                    &g * &slope
                };
                out.add(0, dx.addcmul(&standard, &bend, 1.0));
            }
            out.add(1, dw);
            out.add(2, db);
        }
        if !out.wants(0) {
            return;
        }
        if let Some(g) = grad.get(1).filter(|_| self.centred) {
            out.add(0, (g / count).broadcast_to(x.shape()));
        }
        let by_rstd = grad.get(3).map(|g| g * rstd * rstd * rstd * -0.5);
        let by_var = match (grad.get(2), by_rstd) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.cloned().or(b),
        };
        if let Some(g) = by_var {
            out.add(0, (x - mean) * (g * (2.0 / count)));
        }
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let rank = draw.within(1, 4);
        let mut shape = draw.filled_shape(rank);
        let mut axes: Vec<isize> = (0..rank as isize).filter(|_| draw.once_in(2)).collect();
        if axes.is_empty() {
            axes.push(0);
        }
        // Two elements always standardize to ±1, and one to 0.
        let first = axes[0] as usize;
        if axes
            .iter()
            .map(|&axis| shape[axis as usize])
            .product::<usize>()
            < 3
        {
            shape[first] = 3;
        }
        let params: Vec<_> = shape
            .iter()
            .map(|&n| if draw.once_in(2) { n } else { 1 })
            .collect();
        let x = draw.normal(&shape).map(|x| 1.5 * x + 0.7);
        let op = Self {
            axes,
            // Where a broadcast operand has equal elements the variance is 0, and the function bends
            // within √eps: finite differences need room there.
            eps: draw.pick(&[1e-3, 0.1]),
            centred: !draw.once_in(3),
        };
        Sample::new(op, [x, draw.off_zero(&params), draw.normal(&params)])
    }
}

pub(super) const ENTRIES: &[Entry] = &[Entry::op::<Standardize>("batch_norm")];
