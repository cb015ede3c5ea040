//! Standardization to mean 0 and variance 1, which all normalization layers are made of.

use crate::ops::elementwise::three;
use crate::ops::prelude::*;

/// `y = (x − mean) · rstd · w + b` with statistics over some axes.
///
/// Outputs are `y`, and with the reduced axes kept as extent 1 the mean, the (biased) variance, and
/// `rstd = 1/√(variance + ε)`: the rule reads them, so they are no constants.
#[derive(Clone, Debug)]
pub struct Standardize {
    pub(crate) axes: Vec<isize>,
    pub(crate) eps: f64,
    /// Without centring, the mean is taken to be 0 and the variance is the mean square.
    pub(crate) centred: bool,
}

/// Rows of fewer pixels are not worth loops of their own.
const MIN_PIXELS: usize = 16;

impl Standardize {
    /// Whether a parameter is the same for all elements of each mean.
    fn is_shared(parameter: &[usize], statistic: &[usize]) -> bool {
        let axes = parameter.iter().rev().zip(statistic.iter().rev());
        parameter.len() <= statistic.len() && axes.into_iter().all(|(&p, &s)| p == 1 || p == s)
    }

    fn mean<T: Real>(&self, x: &Var<T>, count: f64) -> Var<T> {
        x.sum(keep(self.axes.clone())) / count
    }

    /// The number of elements of a row for [`Tensor::standardized_rows`]: all trailing axes that are reduced, if
    /// there are one mean for each row and one weight and one bias for each element of a row.
    fn row_extent(shape: &[usize], w: &[usize], b: &[usize], statistic: &[usize]) -> Option<usize> {
        let trailing = statistic.iter().rev().take_while(|&&n| n == 1).count();
        let (leading, row) = shape.split_at(shape.len() - trailing);
        let is_row = |parameter: &[usize]| {
            let (before, last) = parameter.split_at(parameter.len().saturating_sub(trailing));
            last == row && before.iter().all(|&n| n == 1)
        };
        let fits = statistic.starts_with(leading) && is_row(w) && is_row(b);
        let extent = row.iter().product();
        (fits && extent > 1 && !leading.contains(&0)).then_some(extent)
    }

    /// The shape of `x` with its last axes replaced by 1, along which neither the statistics nor the parameters
    /// change, if these are many pixels.
    fn shape_of_rows(shape: &[usize], parameters: [&[usize]; 3]) -> Option<Vec<usize>> {
        let is_constant = |&axis: &usize| {
            let from_end = shape.len() - axis;
            let extent = |p: &[usize]| p.len().checked_sub(from_end).map_or(1, |at| p[at]);
            parameters.iter().all(|p| extent(p) == 1)
        };
        let axes: Vec<_> = (0..shape.len()).rev().take_while(is_constant).collect();
        let pixels: usize = axes.iter().map(|&axis| shape[axis]).product();
        let mut rows = shape.to_vec();
        for &axis in &axes {
            rows[axis] = 1;
        }
        (pixels >= MIN_PIXELS).then_some(rows)
    }

    /// [`through_value`](Self::through_value) without a graph, in two passes over memory; `false` if the layout of the
    /// statistics needs the general way.
    fn through_rows<T: Real>(
        &self,
        call: &Call<T>,
        g: &Var<T>,
        count: f64,
        out: &mut Contributions<'_, T>,
    ) -> bool {
        let (x, w, g) = (call.input(0).value(), call.input(1).value(), g.value());
        let (mean, rstd) = (call.output(1).value(), call.output(3).value());
        let bias = call.input_shape(2);
        if x.is_empty() {
            return false;
        }
        let mut add = |i: usize, value: Tensor<T>| out.add(i, Var::constant(value));
        if Self::row_extent(x.shape(), w.shape(), bias, rstd.shape()).is_some() {
            let [dx, dw, db] = x.standardized_rows_gradient(g, mean, rstd, w, self.centred);
            add(0, dx);
            add(1, dw);
            add(2, db.reshape(bias));
            return true;
        }
        let Some(rows) = Self::shape_of_rows(x.shape(), [w.shape(), bias, rstd.shape()]) else {
            return false;
        };
        let of_rows = |x: &Tensor<T>| x.broadcast_to(&rows).contiguous();
        let (row_mean, row_rstd) = (of_rows(mean), of_rows(rstd));
        let [sum, along] = x.standardized_sums(g, &row_mean, &row_rstd);
        let of_statistic = |sums: &Tensor<T>| (sums * w).sum_to(rstd.shape()) / count;
        let correction = of_rows(&-(of_statistic(&along) * rstd));
        let shift = if self.centred {
            of_rows(&-(of_statistic(&sum) * rstd))
        } else {
            Tensor::zeros(&rows)
        };
        let slope = of_rows(&(rstd * w));
        add(1, along.sum_to(w.shape()));
        add(2, sum.sum_to(bias));
        let rows = [row_mean, row_rstd, slope, shift, correction];
        add(0, x.standardized_gradient(g, &rows));
        true
    }

    /// The contribution of the cotangent of `y`. With `s` the standardized values and `g` the cotangent,
    /// `db = Σ g`, `dw = Σ g s` and `dx = rstd · (g w − mean(g w) − s · mean(g w s))`.
    fn through_value<T: Real>(
        &self,
        call: &Call<T>,
        g: &Var<T>,
        count: f64,
        out: &mut Contributions<'_, T>,
    ) {
        let (x, w) = (call.input(0), call.input(1));
        let (mean, rstd) = (call.output(1), call.output(3));
        let is_plain = ![x, w, mean, rstd, g].iter().any(|var| var.is_tracked());
        if is_plain && out.wants(0) && self.through_rows(call, g, count, out) {
            return;
        }
        // If the weight is the same for all elements of a mean, it is multiplied after the reduction,
        // not in a loop over all elements. Not for an empty `x`: there the mean is NaN, and would make
        // dw NaN.
        let is_shared = !x.is_empty() && Self::is_shared(w.shape(), rstd.shape());
        // Whether the sum for the gradient of a parameter is also the sum that the mean needs.
        let is_sum_of_mean = |shape: &[usize]| {
            is_shared
                && Self::is_shared(shape, rstd.shape())
                && shape.iter().product::<usize>() == rstd.len()
        };
        let (standard, along);
        let (mut dw, mut db) = (None, None);
        if out.wants(2) || out.wants(0) && self.centred && is_sum_of_mean(call.input_shape(2)) {
            db = Some(g.sum_to(call.input_shape(2)));
        }
        if out.wants(0) || out.wants(1) {
            standard = x.standardized(mean, rstd);
            along = g * &standard;
            if out.wants(1) || is_sum_of_mean(w.shape()) {
                dw = Some(along.sum_to(w.shape()));
            }
            if out.wants(0) {
                let (g, along, slope) = if is_shared {
                    (g.clone(), along, rstd * w)
                } else {
                    (g * w, along * w, rstd.clone())
                };
                let mean_of = |x: &Var<T>, sum: &Option<Var<T>>| match sum {
                    Some(sum) if is_sum_of_mean(sum.shape()) => sum.reshape(rstd.shape()) / count,
                    _ => self.mean(x, count),
                };
                let correction = -(mean_of(&along, &dw) * &slope);
                let dx = if self.centred {
                    (-(mean_of(&g, &db) * &slope)).addcmul(&g, &slope, 1.0)
                } else {
                    &g * &slope
                };
                out.add(0, dx.addcmul(&standard, &correction, 1.0));
            }
        }
        if let Some(dw) = dw {
            out.add(1, dw);
        }
        if let Some(db) = db {
            out.add(2, db);
        }
    }
}

impl Op for Standardize {
    fn name(&self) -> &'static str {
        "standardize"
    }

    fn attributes(&self) -> Attributes {
        vec![
            ("axes", self.axes.as_slice().into()),
            ("eps", self.eps.into()),
            ("centred", self.centred.into()),
        ]
    }

    fn reads(&self) -> Reads {
        Reads::inputs([0, 1]).and_outputs([1, 3])
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        let (x, w, b) = (&x[0], &x[1], &x[2]);
        let axes = keep(self.axes.clone());
        let [mean, var, rstd] = if self.centred {
            x.mean_var_rstd(axes, self.eps)
        } else {
            let [square, rstd] = x.mean_square_rstd(axes, self.eps);
            [Tensor::zeros(square.shape()), square, rstd]
        };
        let is_shared = |p: &Tensor<T>| Self::is_shared(p.shape(), rstd.shape());
        let parameters = [w.shape(), b.shape(), rstd.shape()];
        let y = if is_shared(w) && is_shared(b)
            || Self::shape_of_rows(x.shape(), parameters).is_some()
        {
            // One number of each for many elements.
            let slope = &rstd * w;
            x.zip4(&mean, &slope, b, |x, mean, slope, b| (x - mean) * slope + b)
        } else if Self::row_extent(x.shape(), w.shape(), b.shape(), rstd.shape()).is_some() {
            x.standardized_rows(&mean, &rstd, w, b)
        } else {
            let scaled = x.zip3(&mean, &rstd, |x, mean, rstd| (x - mean) * rstd);
            scaled.zip3(w, b, |x, w, b| x * w + b)
        };
        [y, mean, var, rstd].into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let grads = [0, 1, 2, 3].map(|k| out.take(k));
        let x = call.input(0);
        let (mean, rstd) = (call.output(1), call.output(3));
        let count = (x.len() / rstd.len().max(1)) as f64;
        if let Some(g) = &grads[0] {
            self.through_value(call, g, count, out);
        }
        if !out.wants(0) {
            return;
        }
        if let Some(g) = grads[1].as_ref().filter(|_| self.centred) {
            out.add(0, (g / count).broadcast_to(x.shape()));
        }
        if let Some(g) = &grads[2] {
            out.add(0, (x - mean) * (g * (2.0 / count)));
        }
        // d rstd/dx = −rstd³ (x − mean) / n, as −rstd² s / n with the standardized values s: the cube would
        // overflow or underflow earlier.
        if let Some(g) = &grads[3] {
            out.add(
                0,
                x.standardized(mean, rstd) * (g * rstd * rstd * (-1.0 / count)),
            );
        }
    }

    fn outline(&self, _inputs: &[&[usize]]) -> Outline {
        Outline::run().reach(Reach::Whole)
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
        let [weight, bias] = [(); 2].map(|()| {
            let extents = shape.iter();
            let extents = extents.map(|&n| if draw.once_in(2) { n } else { 1 });
            extents.collect::<Vec<_>>()
        });
        let x = draw.normal(&shape).map(|x| 1.5 * x + 0.7);
        let op = Self {
            axes,
            // Not smaller, for the reason given at `SAMPLE_EPS` in normalization.rs.
            eps: draw.pick(&[1e-3, 0.1]),
            centred: !draw.once_in(3),
        };
        Sample::new(op, [x, draw.off_zero(&weight), draw.normal(&bias)])
    }
}

/// `(x − mean) · scale + shift`; all four broadcast.
#[derive(Clone, Debug)]
pub struct Normalized;

impl Op for Normalized {
    fn name(&self) -> &'static str {
        "normalized"
    }

    fn reads(&self) -> Reads {
        Reads::inputs([0, 1, 2])
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        let (x, mean, scale, shift) = (&x[0], &x[1], &x[2], &x[3]);
        x.zip4(mean, scale, shift, |x, mean, scale, shift| {
            (x - mean) * scale + shift
        })
        .into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let [x, mean, scale] = [0, 1, 2].map(|i| call.input(i));
        out.input(0, |g| (g * scale).sum_to(call.input_shape(0)));
        out.input(1, |g| -(g * scale).sum_to(call.input_shape(1)));
        out.input(2, |g| (g * (x - mean)).sum_to(call.input_shape(2)));
        out.input(3, |g| g.sum_to(call.input_shape(3)));
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let [x, mean, scale] = three(draw);
        let shift = draw.normal(scale.shape());
        Sample::new(Self, [x, mean, scale, shift])
    }
}

/// `(x − mean) · rstd`
#[derive(Clone, Debug)]
pub struct Standardized;

impl Op for Standardized {
    fn name(&self) -> &'static str {
        "standardized"
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].zip3(&x[1], &x[2], |x, mean, rstd| (x - mean) * rstd)
            .into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let [x, mean, rstd] = [0, 1, 2].map(|i| call.input(i));
        out.input(0, |g| (g * rstd).sum_to(call.input_shape(0)));
        out.input(1, |g| -(g * rstd).sum_to(call.input_shape(1)));
        out.input(2, |g| (g * (x - mean)).sum_to(call.input_shape(2)));
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        Sample::new(Self, three(draw))
    }
}

impl<T: Real> Var<T> {
    /// `(self − mean) · rstd`; all three broadcast.
    #[track_caller]
    fn standardized(&self, mean: &Self, rstd: &Self) -> Self {
        Self::apply(Standardized, [self, mean, rstd])
    }

    /// `(self − mean) · scale + shift`; all four broadcast.
    #[track_caller]
    pub(super) fn normalized(&self, mean: &Self, scale: &Self, shift: &Self) -> Self {
        Self::apply(Normalized, [self, mean, scale, shift])
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<Standardize>("batch_norm"),
    OpInfo::op::<Standardized>("batch_norm"),
    OpInfo::op::<Normalized>("batch_norm_with"),
];
