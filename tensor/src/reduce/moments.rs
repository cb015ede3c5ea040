//! Means, variances, and reciprocal standard deviations.

use super::accumulate::sum_of;
use super::fold::fold;
use super::scale::{is_exact, scales};
use super::{count, fold_without_params, result_layout};
use crate::{Axes, Real, Tensor};

impl<T: Real> Tensor<T> {
    /// The mean over some axes, `y = Σ x / n`; NaN over no elements.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2]);
    /// assert_eq!((x.mean(..).item(), x.mean(0).to_vec()), (2.5, vec![2.0, 3.0]));
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[must_use]
    #[track_caller]
    pub fn mean(&self, axes: impl Into<Axes>) -> Self {
        let axes = axes.into();
        self.sum_named("mean", &axes) / count("mean", self.shape(), &axes) as f64
    }

    /// The mean over some axes as `y = x₀ + Σ (x − x₀) / n` with the first element `x₀`; NaN over no elements.
    ///
    /// If all elements share a large offset, the [plain mean](Self::mean) has an error of several ulps (units in
    /// the last place), which is large compared with the deviations. The error of this mean is half an ulp,
    /// and the mean of equal elements is exactly that element.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// // Ten differences from the first element are 0, exactly; a sum of ten times 0.1 is rounded.
    /// assert_eq!(Tensor::full([10], 0.1).shifted_mean(..).item(), 0.1);
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[must_use]
    #[track_caller]
    pub fn shifted_mean(&self, axes: impl Into<Axes>) -> Self {
        let axes = axes.into();
        shifted_mean(
            "shifted_mean",
            self,
            &axes,
            &self.first_elements("shifted_mean", &axes),
        )
    }

    /// The variance over some axes, `y = Σ (x − mean)² / (n − correction)`, with the
    /// [shifted mean](Self::shifted_mean). Correction 0 gives the population variance, by which batch norm
    /// normalises; 1 the unbiased sample variance. NaN if `n ≤ correction`.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1.0, 3.0], [2]);
    /// assert_eq!((x.var(.., 0).item(), x.var(.., 1).item()), (1.0, 2.0));
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[must_use]
    #[track_caller]
    pub fn var(&self, axes: impl Into<Axes>, correction: usize) -> Self {
        self.mean_var(axes, correction).1
    }

    /// The mean and the variance over some axes; see [`shifted_mean`](Self::shifted_mean) and
    /// [`var`](Self::var). The variance of equal elements is 0.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let (mean, var) = Tensor::from_vec(vec![1.0, 3.0], [2]).mean_var(.., 0);
    /// assert_eq!((mean.item(), var.item()), (2.0, 1.0));
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[must_use]
    #[track_caller]
    pub fn mean_var(&self, axes: impl Into<Axes>, correction: usize) -> (Self, Self) {
        let axes = axes.into();
        let n = count("var", self.shape(), &axes);
        let shift = self.first_elements("var", &axes);
        let mean = shifted_mean("var", self, &axes, &shift);
        let squares = deviations("var", self, &axes, &mean);
        let freedom = if n > correction {
            (n - correction) as f64
        } else {
            f64::NAN
        };
        (mean, squares / freedom)
    }

    /// The mean, the population variance and `1/√(variance + eps)` over some axes.
    ///
    /// The mean is that of [`shifted_mean`](Self::shifted_mean). The reciprocal root is accurate even if the
    /// variance overflows or underflows: squares are scaled as in [`norm2`](Self::norm2).
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let [mean, var, rstd] = Tensor::from_vec(vec![1.0, 5.0], [2]).mean_var_rstd(.., 0.0);
    /// assert_eq!((mean.item(), var.item(), rstd.item()), (3.0, 4.0, 0.5));
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[must_use]
    #[track_caller]
    pub fn mean_var_rstd(&self, axes: impl Into<Axes>, eps: f64) -> [Self; 3] {
        let (op, axes) = ("mean_var_rstd", axes.into());
        let n = count(op, self.shape(), &axes) as f64;
        let shift = self.first_elements(op, &axes);
        let mean = shifted_mean(op, self, &axes, &shift);
        let squares = deviations(op, self, &axes, &mean);
        let exact: Vec<_> = squares.iter().map(|sum| is_exact(sum, eps)).collect();
        let Some(scales) = scales(op, self, &axes, &exact) else {
            let var = squares / n;
            let rstd = reciprocal_root(&var, eps);
            return [mean, var, rstd];
        };
        let params: Vec<_> = shift
            .iter()
            .zip(&scales)
            .map(|(&x, &s)| (x * s, s))
            .collect();
        let function = sum_of(|x: T, (shift, scale): (T, T)| x * scale - shift);
        let means = fold(op, self, &axes, &params, &function) / n;
        let means = means
            .iter()
            .zip(&params)
            .map(|(mean, &(shift, _))| shift + mean);
        let params: Vec<_> = means
            .zip(&scales)
            .map(|(mean, &scale)| (mean, scale))
            .collect();
        let function =
            sum_of(|x: T, (mean, scale): (T, T)| (x * scale - mean) * (x * scale - mean));
        let var = fold(op, self, &axes, &params, &function) / n;
        let means = params.iter().map(|&(mean, scale)| mean / scale).collect();
        let (var, rstd) = unscaled(&var, &scales, eps);
        [Self::from_vec(means, var.shape()), var, rstd]
    }

    /// The mean square `m = Σ x² / n` and `1/√(m + eps)` over some axes. The reciprocal root is accurate even if
    /// `m` overflows or underflows.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let [square, rstd] = Tensor::from_vec(vec![2.0, -2.0], [2]).mean_square_rstd(.., 0.0);
    /// assert_eq!((square.item(), rstd.item()), (4.0, 0.5));
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[must_use]
    #[track_caller]
    pub fn mean_square_rstd(&self, axes: impl Into<Axes>, eps: f64) -> [Self; 2] {
        let (op, axes) = ("mean_square_rstd", axes.into());
        let n = count(op, self.shape(), &axes) as f64;
        let function = sum_of(|x: T, ()| x * x);
        let squares = fold_without_params(op, self, &axes, &function);
        let exact: Vec<_> = squares.iter().map(|sum| is_exact(sum, eps)).collect();
        let Some(scales) = scales(op, self, &axes, &exact) else {
            let mean = squares / n;
            let rstd = reciprocal_root(&mean, eps);
            return [mean, rstd];
        };
        let function = sum_of(|x: T, scale: T| (x * scale) * (x * scale));
        let mean = fold(op, self, &axes, &scales, &function) / n;
        let (mean, rstd) = unscaled(&mean, &scales, eps);
        [mean, rstd]
    }

    /// The first element of each result of a reduction, without its tangent; 0 if it is not finite or does not
    /// exist.
    #[track_caller]
    fn first_elements(&self, op: &str, axes: &Axes) -> Vec<T> {
        if self.is_empty() {
            return vec![T::zero(); result_layout(op, self.shape(), axes).len()];
        }
        let reduced = axes.resolve(op, self.shape());
        let first_elements = reduced
            .iter()
            .fold(self.clone(), |x, axis| x.slice(axis as isize, 0..1));
        let finite = |x: T| {
            if x.primal().to_f64().is_finite() {
                x.primal()
            } else {
                T::zero()
            }
        };
        first_elements.iter().map(finite).collect()
    }
}

/// `shift + Σ (x − shift) / n`
#[track_caller]
fn shifted_mean<T: Real>(op: &str, x: &Tensor<T>, axes: &Axes, shift: &[T]) -> Tensor<T> {
    let function = sum_of(|x: T, shift: T| x - shift);
    let mut mean = fold(op, x, axes, shift, &function) / count(op, x.shape(), axes) as f64;
    for (mean, &shift) in mean.as_mut_slice().iter_mut().zip(shift) {
        *mean = shift + *mean;
    }
    mean
}

/// `Σ (x − mean)²`
#[track_caller]
fn deviations<T: Real>(op: &str, x: &Tensor<T>, axes: &Axes, mean: &Tensor<T>) -> Tensor<T> {
    let function = sum_of(|x: T, mean: T| (x - mean) * (x - mean));
    let means = mean.as_slice().expect("a reduction's result is contiguous");
    fold(op, x, axes, means, &function)
}

/// `1/√(x + eps)`
fn reciprocal_root<T: Real>(x: &Tensor<T>, eps: f64) -> Tensor<T> {
    let eps = T::of(eps);
    x.map(|x| T::one() / (x + eps).sqrt())
}

/// The mean of squares `m` and `1/√(m + eps)`, given the mean of the squares of `x · scale`.
fn unscaled<T: Real>(mean: &Tensor<T>, scales: &[T], eps: f64) -> (Tensor<T>, Tensor<T>) {
    let scales = Tensor::from_slice(scales, mean.shape());
    let rstd = mean.zip(&scales, |mean, scale| {
        let scaled_eps = T::of(eps * scale.to_f64() * scale.to_f64());
        if scaled_eps.to_f64().is_infinite() {
            // The mean is negligible compared with eps.
            T::of(1.0 / eps.sqrt())
        } else {
            scale / (mean + scaled_eps).sqrt()
        }
    });
    (mean.zip(&scales, |mean, scale| mean / scale / scale), rstd)
}
