//! Normalization of each example by itself: layer, group, instance and root mean square.

use wengert_autograd::Var;
use wengert_autograd::ops::NormOptions;
use wengert_tensor::{Real, Tensor};

use crate::module::Module;
use crate::param::Param;
use crate::pass::Pass;

/// Every row to mean 0 and variance 1 over the last axes, then scaled and shifted
/// (Ba, Kiros & Hinton 2016).
///
/// `y = (x − mean)/√(var + ε) · weight + bias`
///
/// * input and output: `[.., shape..]`
///
/// Parameters, as in `torch.nn.LayerNorm`: `weight` and `bias`, both of the shape.
#[derive(Clone, Debug)]
pub struct LayerNorm<T: Real = f32> {
    /// The scale; 1 at first.
    pub weight: Param<T>,
    /// The shift; 0 at first.
    pub bias: Option<Param<T>>,
    /// Added to the variance; 1e-5.
    pub eps: f64,
}

crate::fields!(LayerNorm { weight, bias });

impl<T: Real> LayerNorm<T> {
    /// A layer that normalizes over the last axes, whose shape is `shape`, such as `[features]`.
    #[must_use]
    pub fn new(shape: impl AsRef<[usize]>) -> Self {
        Self {
            weight: Param::new(Tensor::ones(&shape)),
            bias: Some(Param::new(Tensor::zeros(&shape))),
            eps: 1e-5,
        }
    }

    /// The same layer without the shift.
    #[must_use]
    pub fn without_bias(mut self) -> Self {
        self.bias = None;
        self
    }

    /// With another number added to the variance.
    #[must_use]
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = eps;
        self
    }
}

impl<T: Real> Module<T> for LayerNorm<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let weight = pass.param(&self.weight);
        let bias = pass.optional_param(self.bias.as_ref());
        let options = NormOptions {
            weight: Some(&weight),
            bias: bias.as_ref(),
            eps: self.eps,
        };
        x.layer_norm(self.weight.shape(), &options)
    }
}

/// Every row divided by its root mean square over the last axes, then scaled (Zhang & Sennrich
/// 2019).
///
/// `y = x/√(mean x² + ε) · weight`
///
/// * input and output: `[.., shape..]`
///
/// Parameters, as in `torch.nn.RMSNorm`: `weight`, of the shape.
#[derive(Clone, Debug)]
pub struct RmsNorm<T: Real = f32> {
    /// The scale; 1 at first.
    pub weight: Param<T>,
    /// Added to the mean square; 1e-5.
    pub eps: f64,
}

crate::fields!(RmsNorm { weight });

impl<T: Real> RmsNorm<T> {
    /// A layer that normalizes over the last axes, whose shape is `shape`, such as `[features]`.
    #[must_use]
    pub fn new(shape: impl AsRef<[usize]>) -> Self {
        Self {
            weight: Param::new(Tensor::ones(shape)),
            eps: 1e-5,
        }
    }

    /// With another number added to the mean square.
    #[must_use]
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = eps;
        self
    }
}

impl<T: Real> Module<T> for RmsNorm<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let weight = pass.param(&self.weight);
        let options = NormOptions {
            weight: Some(&weight),
            bias: None,
            eps: self.eps,
        };
        x.rms_norm(self.weight.shape(), &options)
    }
}

/// Every group of channels of every image to mean 0 and variance 1, then scaled and shifted by
/// channel (Wu & He 2018). One group is layer norm over the image, a group per channel is instance
/// norm (Ulyanov, Vedaldi & Lempitsky 2016).
///
/// `y = (x − mean)/√(var + ε) · weight + bias`
///
/// * input and output: `[batch, channels, ..]`
///
/// Parameters, as in `torch.nn.GroupNorm`: `weight` and `bias`, both `[channels]`.
#[derive(Clone, Debug)]
pub struct GroupNorm<T: Real = f32> {
    /// The scale; 1 at first.
    pub weight: Option<Param<T>>,
    /// The shift; 0 at first.
    pub bias: Option<Param<T>>,
    /// Added to the variance; 1e-5.
    pub eps: f64,
    groups: usize,
}

crate::fields!(GroupNorm { weight, bias });

impl<T: Real> GroupNorm<T> {
    /// A layer for `channels` channels in `groups` groups of equal size.
    #[must_use]
    pub fn new(groups: usize, channels: usize) -> Self {
        Self {
            weight: Some(Param::new(Tensor::ones([channels]))),
            bias: Some(Param::new(Tensor::zeros([channels]))),
            eps: 1e-5,
            groups,
        }
    }

    /// The same layer without scale and shift.
    #[must_use]
    pub fn without_affine(mut self) -> Self {
        self.weight = None;
        self.bias = None;
        self
    }

    /// With another number added to the variance.
    #[must_use]
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = eps;
        self
    }
}

impl<T: Real> Module<T> for GroupNorm<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let weight = pass.optional_param(self.weight.as_ref());
        let bias = pass.optional_param(self.bias.as_ref());
        let options = NormOptions {
            weight: weight.as_ref(),
            bias: bias.as_ref(),
            eps: self.eps,
        };
        x.group_norm(self.groups, &options)
    }
}

samples! {
    |_rng| LayerNorm::new([5]), [2, 3, 5];
    |_rng| LayerNorm::new([3, 2]).without_bias().eps(0.1), [2, 3, 2];
    |_rng| RmsNorm::new([4]), [3, 4];
    |_rng| GroupNorm::new(2, 4), [2, 4, 3];
    |_rng| GroupNorm::new(3, 3).without_affine(), [2, 3, 2, 2];
}
