//! Batch, layer, group, instance and RMS normalization.

use super::standardize::Standardize;
use crate::ops::prelude::*;

/// Options of normalization: the affine map after it, and `eps`, which is added to the variance.
#[derive(Clone, Copy, Debug)]
pub struct NormOptions<'a, T: Real = f32> {
    /// What the standardized values are multiplied by; 1 by default.
    pub weight: Option<&'a Var<T>>,
    /// What is added after that; 0 by default.
    pub bias: Option<&'a Var<T>>,
    /// Added to the variance; 1e-5 by default.
    pub eps: f64,
}

impl<T: Real> Default for NormOptions<'_, T> {
    fn default() -> Self {
        Self {
            weight: None,
            bias: None,
            eps: 1e-5,
        }
    }
}

impl<'a, T: Real> NormOptions<'a, T> {
    /// Weight and bias, and the default `eps`.
    #[must_use]
    pub fn affine(weight: &'a Var<T>, bias: &'a Var<T>) -> Self {
        Self {
            weight: Some(weight),
            bias: Some(bias),
            ..Self::default()
        }
    }

    /// With another `eps`.
    #[must_use]
    pub fn eps(self, eps: f64) -> Self {
        Self { eps, ..self }
    }

    /// Weight and bias, which must have the shape `given`, reshaped to `seen`. Ones and zeros if there
    /// are none.
    #[track_caller]
    fn params(&self, op: &str, given: &[usize], seen: &[usize]) -> [Var<T>; 2] {
        [("weight", self.weight, 1.0), ("bias", self.bias, 0.0)].map(|(name, var, default)| {
            let Some(var) = var else {
                return Var::full(seen, default);
            };
            require!(
                var.shape() == given,
                "{op}: the {name} is {:?}, {given:?} is needed",
                var.shape()
            );
            var.reshape(seen)
        })
    }
}

/// The result of [`Var::batch_norm`] and [`Var::instance_norm_statistics`].
#[derive(Clone, Debug)]
pub struct BatchNormed<T: Real = f32> {
    /// The normalized batch.
    pub y: Var<T>,
    /// The mean of each channel; see the method.
    pub mean: Var<T>,
    /// The biased variance of each channel, `Σ (x − mean)² / n`; see the method.
    pub var: Var<T>,
}

impl<T: Real> Var<T> {
    /// Batch normalization in training: every channel to mean 0 and variance 1 over the batch.
    ///
    /// `y = (x − mean)/√(var + ε) · weight + bias`, the statistics taken over all axes but axis 1.
    ///
    /// * `self`: `[batch, channels, ..]`; weight and bias `[channels]`
    /// * returns `y`, and mean and biased variance `[channels]` for the running statistics; gradients
    ///   flow through them too. With one value per channel, `y` is the bias and the variance 0. For
    ///   an empty batch, `y` is empty and the statistics are NaN. (The layer panics in both cases.)
    ///
    /// Source: Ioffe & Szegedy 2015, algorithm 1.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::ops::NormOptions;
    ///
    /// // Two images of one channel.
    /// let x = Var::constant(Tensor::from_vec(vec![1.0_f64, 3.0], [2, 1]));
    /// let normed = x.batch_norm(&NormOptions { eps: 0.0, ..NormOptions::default() });
    /// assert_eq!(normed.y.value().to_vec(), [-1.0, 1.0]);
    /// assert_eq!((normed.mean.item(), normed.var.item()), (2.0, 1.0));
    /// ```
    ///
    /// # Panics
    /// If there is no channel axis, or a parameter is not `[channels]`.
    #[must_use]
    #[track_caller]
    pub fn batch_norm(&self, options: &NormOptions<'_, T>) -> BatchNormed<T> {
        let (channels, along) = self.channels("batch_norm");
        let [w, b] = options.params("batch_norm", &[channels], &along);
        let axes = (0..self.rank() as isize)
            .filter(|&axis| axis != 1)
            .collect();
        let op = Standardize {
            axes,
            eps: options.eps,
            centred: true,
        };
        let [y, mean, var, _] = Self::apply_array(op, [self, &w, &b]);
        BatchNormed {
            y,
            mean: mean.reshape([channels]),
            var: var.reshape([channels]),
        }
    }

    /// [Instance normalization](Self::instance_norm) in training, which also returns the statistics for
    /// running averages.
    ///
    /// * `self`: `[batch, channels, ..]`; weight and bias `[channels]`
    /// * returns `y`, and `[channels]` the means over the batch of the images' means and of their biased
    ///   variances: running statistics average them, the variance times `n/(n − 1)` of `n` pixels. In
    ///   evaluation [`batch_norm_with`](Self::batch_norm_with) takes them, as
    ///   `torch.nn.functional.instance_norm` does with `use_input_stats=False`.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::ops::NormOptions;
    ///
    /// let x = Var::constant(Tensor::from_vec(vec![1.0_f64, 3.0], [1, 1, 2]));
    /// let normed = x.instance_norm_statistics(&NormOptions { eps: 0.0, ..NormOptions::default() });
    /// assert_eq!(normed.y.value().to_vec(), [-1.0, 1.0]);
    /// assert_eq!(normed.mean.item(), 2.0);
    /// ```
    ///
    /// # Panics
    /// If there is no channel axis, or a parameter is not `[channels]`.
    #[must_use]
    #[track_caller]
    pub fn instance_norm_statistics(&self, options: &NormOptions<'_, T>) -> BatchNormed<T> {
        let (channels, _) = self.channels("instance_norm");
        let (y, [mean, var]) = self.standardize_groups("instance_norm", channels, options);
        let over_batch = |x: Self| x.reshape([self.shape()[0], channels]).mean(0);
        BatchNormed {
            y,
            mean: over_batch(mean),
            var: over_batch(var),
        }
    }

    /// Batch normalization in evaluation: an affine map of every channel by given statistics.
    ///
    /// `y = (x − mean)/√(var + ε) · weight + bias`
    ///
    /// * `self`: `[batch, channels, ..]`; mean, variance, weight and bias `[channels]`
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::ops::NormOptions;
    ///
    /// let x = Var::constant(Tensor::from_vec(vec![1.0_f64, 3.0], [2, 1]));
    /// let (mean, var) = (Var::full([1], 1.0), Var::full([1], 4.0));
    /// let options = NormOptions { eps: 0.0, ..NormOptions::default() };
    /// assert_eq!(x.batch_norm_with(&mean, &var, &options).value().to_vec(), [0.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no channel axis, or a parameter is not `[channels]`.
    #[must_use]
    #[track_caller]
    pub fn batch_norm_with(&self, mean: &Self, var: &Self, options: &NormOptions<'_, T>) -> Self {
        let (channels, along) = self.channels("batch_norm");
        for (name, statistic) in [("mean", mean), ("variance", var)] {
            require!(
                statistic.shape() == [channels],
                "batch_norm: {:?}: the {name} is {:?}, [{channels}] is needed",
                self.shape(),
                statistic.shape()
            );
        }
        let [w, b] = options.params("batch_norm", &[channels], &along);
        let rstd = if var.is_tracked() {
            (var + options.eps).rsqrt()
        } else {
            // The same digits, in one loop.
            let eps = T::of(options.eps);
            let rstd = var.value().map(|var| T::one() / (var + eps).sqrt());
            Self::constant(rstd)
        };
        let scale = w * rstd.reshape(&along);
        // Not x·scale + (b − mean·scale), which loses digits to cancellation if the mean is large.
        self.normalized(&mean.reshape(&along), &scale, &b)
    }

    /// Layer normalization: every row to mean 0 and variance 1 over the last axes.
    ///
    /// `y = (x − mean)/√(var + ε) · weight + bias`
    ///
    /// * `self`: `[.., shape..]`; weight and bias of that `shape`
    ///
    /// Source: Ba, Kiros & Hinton 2016.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::ops::NormOptions;
    ///
    /// let x = Var::constant(Tensor::from_vec(vec![1.0_f64, 3.0, 10.0, 30.0], [2, 2]));
    /// let options = NormOptions { eps: 0.0, ..NormOptions::default() };
    /// assert_eq!(x.layer_norm([2], &options).value().to_vec(), [-1.0, 1.0, -1.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If the last extents are not `shape`, or a parameter has another shape.
    #[must_use]
    #[track_caller]
    pub fn layer_norm(&self, shape: impl AsRef<[usize]>, options: &NormOptions<'_, T>) -> Self {
        self.standardize_rows("layer_norm", shape.as_ref(), options, true)
    }

    /// Root mean square normalization over the last axes: `y = x/√(mean x² + ε) · weight + bias`.
    ///
    /// * `self`: `[.., shape..]`; weight and bias of that `shape`
    ///
    /// Source: Zhang & Sennrich 2019.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::ops::NormOptions;
    ///
    /// let x = Var::constant(Tensor::from_vec(vec![2.0_f64, -2.0], [1, 2]));
    /// let options = NormOptions { eps: 0.0, ..NormOptions::default() };
    /// assert_eq!(x.rms_norm([2], &options).value().to_vec(), [1.0, -1.0]);
    /// ```
    ///
    /// # Panics
    /// If the last extents are not `shape`, or a parameter has another shape.
    #[must_use]
    #[track_caller]
    pub fn rms_norm(&self, shape: impl AsRef<[usize]>, options: &NormOptions<'_, T>) -> Self {
        self.standardize_rows("rms_norm", shape.as_ref(), options, false)
    }

    #[track_caller]
    fn standardize_rows(
        &self,
        op: &str,
        shape: &[usize],
        options: &NormOptions<'_, T>,
        centred: bool,
    ) -> Self {
        require!(
            self.shape().ends_with(shape) && !shape.is_empty(),
            "{op}: {:?}: the last extents are not {shape:?}",
            self.shape()
        );
        let [w, b] = options.params(op, shape, shape);
        let axes = (1..=shape.len() as isize).map(|axis| -axis).collect();
        let op = Standardize {
            axes,
            eps: options.eps,
            centred,
        };
        let [y, ..]: [Self; 4] = Self::apply_array(op, [self, &w, &b]);
        y
    }

    /// Group normalization: every group of channels of every image to mean 0 and variance 1.
    ///
    /// `y = (x − mean)/√(var + ε) · weight + bias`
    ///
    /// * `self`: `[batch, channels, ..]`; weight and bias `[channels]`
    ///
    /// Source: Wu & He 2018.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::ops::NormOptions;
    ///
    /// // Two groups of two channels.
    /// let x = Var::constant(Tensor::from_vec(vec![1.0_f64, 3.0, 10.0, 30.0], [1, 4]));
    /// let options = NormOptions { eps: 0.0, ..NormOptions::default() };
    /// assert_eq!(x.group_norm(2, &options).value().to_vec(), [-1.0, 1.0, -1.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no channel axis, the groups do not divide the channels, or a parameter is not
    /// `[channels]`.
    #[must_use]
    #[track_caller]
    pub fn group_norm(&self, groups: usize, options: &NormOptions<'_, T>) -> Self {
        self.standardize_groups("group_norm", groups, options).0
    }

    /// Instance normalization: every channel of every image to mean 0 and variance 1.
    ///
    /// `y = (x − mean)/√(var + ε) · weight + bias`
    ///
    /// * `self`: `[batch, channels, ..]`; weight and bias `[channels]`
    ///
    /// Source: Ulyanov, Vedaldi & Lempitsky 2016.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::ops::NormOptions;
    ///
    /// let x = Var::constant(Tensor::from_vec(vec![1.0_f64, 3.0, 10.0, 30.0], [1, 2, 2]));
    /// let options = NormOptions { eps: 0.0, ..NormOptions::default() };
    /// assert_eq!(x.instance_norm(&options).value().to_vec(), [-1.0, 1.0, -1.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no channel axis, or a parameter is not `[channels]`.
    #[must_use]
    #[track_caller]
    pub fn instance_norm(&self, options: &NormOptions<'_, T>) -> Self {
        let (channels, _) = self.channels("instance_norm");
        self.standardize_groups("instance_norm", channels, options)
            .0
    }

    #[track_caller]
    fn standardize_groups(
        &self,
        op: &str,
        groups: usize,
        options: &NormOptions<'_, T>,
    ) -> (Self, [Self; 2]) {
        let (channels, _) = self.channels(op);
        require!(
            groups > 0 && channels % groups == 0 || channels == 0,
            "{op}: {:?}: {groups} groups do not divide {channels} channels",
            self.shape()
        );
        let each = channels / groups.max(1);
        let inner: usize = self.shape()[2..].iter().product();
        let [w, b] = options.params(op, &[channels], &[groups, each, 1]);
        let op = Standardize {
            axes: vec![2, 3],
            eps: options.eps,
            centred: true,
        };
        let x = self.reshape([self.shape()[0], groups, each, inner]);
        let [y, mean, var, _] = Self::apply_array(op, [&x, &w, &b]);
        (y.reshape(self.shape()), [mean, var])
    }

    /// The channels, and the shape of a vector along them that broadcasts.
    #[track_caller]
    fn channels(&self, op: &str) -> (usize, Vec<usize>) {
        require!(
            self.rank() > 1,
            "{op}: {:?}: there is no channel axis",
            self.shape()
        );
        let channels = self.shape()[1];
        let mut along = vec![1; self.rank() - 1];
        along[0] = channels;
        (channels, along)
    }
}

/// The `eps` of samples. Where an operand repeats an element the variance is 0, and the function
/// changes its slope within √ε of that point: too close for finite differences at second order if ε is
/// small. The default is checked with stored values of PyTorch.
const SAMPLE_EPS: f64 = 1e-2;

/// Images of rank 2 to 4 with three values at least to standardize for every channel.
fn draw_images(draw: &mut Draw, channels: usize) -> Tensor<f64> {
    let rank = draw.within(1, 2);
    let mut shape = draw.filled_shape(rank);
    shape[0] = shape[0].max(3);
    shape.splice(0..0, [draw.within(1, 3), channels]);
    draw.normal(shape).map(|x| 1.5 * x + 0.7)
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::function("batch_norm", |draw| {
        let channels = draw.within(1, 4);
        let x = draw_images(draw, channels);
        let f = generic!(|x, w, b| {
            let normed = x.batch_norm(&NormOptions::affine(w, b).eps(SAMPLE_EPS));
            let statistics = (normed.mean * &normed.var + normed.var).sum(..);
            normed.y * statistics
        });
        Case::new(
            "batch_norm",
            f,
            [x, draw.off_zero([channels]), draw.normal([channels])],
        )
    }),
    OpInfo::function("batch_norm_with", |draw| {
        let channels = draw.within(1, 4);
        let x = draw_images(draw, channels);
        let (mean, var) = (draw.normal([channels]), draw.uniform([channels], 0.1, 2.0));
        let f = generic!(|x, mean, var, w, b| {
            x.batch_norm_with(mean, var, &NormOptions::affine(w, b).eps(0.01))
        });
        let (w, b) = (draw.off_zero([channels]), draw.normal([channels]));
        Case::new("batch_norm_with", f, [x, mean, var, w, b])
    }),
    OpInfo::function("layer_norm", |draw| {
        let rank = draw.within(1, 2);
        let mut shape = draw.filled_shape(rank);
        shape[0] = shape[0].max(3);
        let rows = draw.within(1, 3);
        let x = draw.normal([&[rows], &shape[..]].concat());
        let (w, b) = (draw.off_zero(&shape), draw.normal(&shape));
        let f = generic!(
            [shape] | x,
            w,
            b | x.layer_norm(&shape, &NormOptions::affine(w, b).eps(SAMPLE_EPS))
        );
        Case::new("layer_norm", f, [x, w, b])
    }),
    OpInfo::function("rms_norm", |draw| {
        let shape = [draw.within(2, 5)];
        let rows = draw.within(1, 3);
        let (x, w) = (draw.normal([rows, shape[0]]), draw.off_zero(shape));
        let f = generic!(
            [shape] | x,
            w | {
                x.rms_norm(
                    shape,
                    &NormOptions {
                        weight: Some(w),
                        eps: SAMPLE_EPS,
                        ..NormOptions::default()
                    },
                )
            }
        );
        Case::new("rms_norm", f, [x, w])
    }),
    OpInfo::function("group_norm", |draw| {
        let groups = draw.within(1, 3);
        let channels = groups * draw.within(1, 2);
        let x = draw_images(draw, channels);
        let f = generic!(
            [groups] | x,
            w,
            b | x.group_norm(groups, &NormOptions::affine(w, b).eps(SAMPLE_EPS))
        );
        Case::new(
            "group_norm",
            f,
            [x, draw.off_zero([channels]), draw.normal([channels])],
        )
    }),
    OpInfo::function("instance_norm_statistics", |draw| {
        let channels = draw.within(1, 3);
        let x = draw_images(draw, channels);
        let f = generic!(|x, w, b| {
            let normed = x.instance_norm_statistics(&NormOptions::affine(w, b).eps(SAMPLE_EPS));
            let statistics = (normed.mean * &normed.var + normed.var).sum(..);
            normed.y * statistics
        });
        let params = [draw.off_zero([channels]), draw.normal([channels])];
        let [w, b] = params;
        Case::new("instance_norm_statistics", f, [x, w, b])
    }),
    OpInfo::function("instance_norm", |draw| {
        let channels = draw.within(1, 3);
        let x = draw_images(draw, channels);
        let f = generic!(|x, w, b| x.instance_norm(&NormOptions::affine(w, b).eps(SAMPLE_EPS)));
        Case::new(
            "instance_norm",
            f,
            [x, draw.off_zero([channels]), draw.normal([channels])],
        )
    }),
];
