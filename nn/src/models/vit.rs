//! Transformers on patches of images (Dosovitskiy et al. 2021).

use rand::Rng;
use wengert_autograd::Var;
use wengert_tensor::{Real, Tensor, require};

use crate::init::xavier_uniform;
use crate::layers::{Conv2d, Dropout, Gelu, LayerNorm, Linear, MultiheadAttention, Sequential};
use crate::module::Module;
use crate::param::Param;
use crate::pass::Pass;
use crate::sequential;

/// The sizes of a [`VisionTransformer`].
#[derive(Clone, Debug, PartialEq)]
pub struct VitOptions {
    /// Height and width of the images.
    pub image: usize,
    /// Height and width of the patches, which divide the image.
    pub patch: usize,
    /// Layers of the encoder.
    pub layers: usize,
    /// Heads of the attention, which divide the width.
    pub heads: usize,
    /// Features of each patch.
    pub width: usize,
    /// Width of the hidden dense layers.
    pub hidden: usize,
    /// Classes.
    pub classes: usize,
    /// The probability of dropping a feature.
    pub dropout: f64,
}

impl VitOptions {
    /// ViT-B/16: images of 224 × 224 in 1000 classes, 86.6 million parameters.
    #[must_use]
    pub const fn b_16() -> Self {
        Self {
            image: 224,
            patch: 16,
            layers: 12,
            heads: 12,
            width: 768,
            hidden: 3072,
            classes: 1000,
            dropout: 0.0,
        }
    }

    /// A small one, for images of 32 × 32 in 10 classes: 2.7 million parameters.
    #[must_use]
    pub const fn small() -> Self {
        Self {
            image: 32,
            patch: 4,
            layers: 6,
            heads: 3,
            width: 192,
            hidden: 768,
            classes: 10,
            dropout: 0.0,
        }
    }
}

impl Default for VitOptions {
    fn default() -> Self {
        Self::b_16()
    }
}

/// Patches as a sequence with a class token before them, an encoder, and a dense layer on the class token.
///
/// * input: `[batch, 3, image, image]`
/// * output: `[batch, classes]`, scores
///
/// The names are torchvision's.
///
/// ```
/// use wengert_nn::models::{VisionTransformer, VitOptions};
/// use wengert_nn::summary;
///
/// let options = VitOptions { layers: 2, ..VitOptions::small() };
/// let model: VisionTransformer = VisionTransformer::new(&options, &mut wengert_nn::rng(0));
/// assert_eq!(summary(&model, [2, 3, 32, 32]).output_shape, [2, 10]);
/// ```
#[derive(Clone, Debug)]
pub struct VisionTransformer<T: Real = f32> {
    /// The class token `[1, 1, width]`.
    pub class_token: Param<T>,
    /// The projection of patches.
    pub conv_proj: Conv2d<T>,
    encoder: VitEncoder<T>,
    /// The dense layer.
    pub heads: Sequential<T>,
    image: usize,
}

crate::fields!(VisionTransformer {
    class_token,
    conv_proj,
    encoder,
    heads
});

impl<T: Real> VisionTransformer<T> {
    /// The network. As in torchvision the dense layer starts with zeros.
    ///
    /// # Panics
    /// If the patches do not divide the image, the heads the width, or the dropout is no probability.
    #[must_use]
    #[track_caller]
    pub fn new(options: &VitOptions, rng: &mut impl Rng) -> Self {
        let &VitOptions {
            image,
            patch,
            width,
            classes,
            ..
        } = options;
        require!(
            patch > 0 && image.is_multiple_of(patch),
            "vision_transformer: patches of {patch}×{patch} do not divide an image of {image}×{image}"
        );
        let mut conv_proj = Conv2d::new(3, width, patch, rng).stride(patch);
        let deviation = 1.0 / (3.0 * (patch * patch) as f64).sqrt();
        let shape = conv_proj.weight.shape().to_vec();
        conv_proj.weight = Param::new(Tensor::normal(shape, 0.0, deviation, rng));
        conv_proj.bias = Some(Param::new(Tensor::zeros([width])));
        let head = Linear::from_tensors(
            Tensor::zeros([classes, width]),
            Some(Tensor::zeros([classes])),
        );
        Self {
            class_token: Param::new(Tensor::zeros([1, 1, width])),
            conv_proj,
            encoder: VitEncoder::new(options, rng),
            heads: Sequential::new().push_named("head", head),
            image,
        }
    }
}

impl<T: Real> Module<T> for VisionTransformer<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let image = self.image;
        require!(
            x.rank() == 4 && x.shape()[2..] == [image, image],
            "vision_transformer: {:?}: images of {image}×{image} are needed",
            x.shape()
        );
        let patches = self.conv_proj.call(x, pass).flatten(2, -1).transpose(1, 2);
        let token = pass.param(&self.class_token);
        let token = token.broadcast_to([x.size(0), 1, patches.size(2)]);
        let sequence = Var::concat(&[&token, &patches], 1);
        let y = self.encoder.call(&sequence, pass);
        self.heads.call(&y.select(1, 0), pass)
    }
}

/// Position embeddings, layers, and a norm.
#[derive(Clone, Debug)]
struct VitEncoder<T: Real> {
    pos_embedding: Param<T>,
    dropout: Dropout,
    layers: Sequential<T>,
    ln: LayerNorm<T>,
}

crate::fields!(VitEncoder {
    pos_embedding,
    dropout,
    layers,
    ln
});

impl<T: Real> VitEncoder<T> {
    #[track_caller]
    fn new(options: &VitOptions, rng: &mut impl Rng) -> Self {
        let width = options.width;
        let length = (options.image / options.patch).pow(2) + 1;
        let positions = Tensor::normal([1, length, width], 0.0, 0.02, rng);
        let mut layers = Sequential::new();
        for number in 0..options.layers {
            let layer = VitLayer::new(options, rng);
            layers = layers.push_named(format!("encoder_layer_{number}"), layer);
        }
        Self {
            pos_embedding: Param::new(positions),
            dropout: Dropout::new(options.dropout),
            layers,
            ln: LayerNorm::new([width]).eps(EPS),
        }
    }
}

/// Added to the variances of all norms.
const EPS: f64 = 1e-6;

impl<T: Real> Module<T> for VitEncoder<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let x = x + pass.param(&self.pos_embedding);
        let x = self.dropout.call_owned(x, pass);
        let x = self.layers.call_owned(x, pass);
        self.ln.call_owned(x, pass)
    }
}

/// `x + attention(norm(x))`, then `x + mlp(norm(x))`.
#[derive(Clone, Debug)]
struct VitLayer<T: Real> {
    ln_1: LayerNorm<T>,
    self_attention: MultiheadAttention<T>,
    dropout: Dropout,
    ln_2: LayerNorm<T>,
    mlp: Sequential<T>,
}

crate::fields!(VitLayer {
    ln_1,
    self_attention,
    dropout,
    ln_2,
    mlp
});

impl<T: Real> VitLayer<T> {
    #[track_caller]
    fn new(options: &VitOptions, rng: &mut impl Rng) -> Self {
        let &VitOptions {
            width,
            hidden,
            dropout,
            ..
        } = options;
        let mut dense = |inputs: usize, outputs: usize| {
            let weight = xavier_uniform([outputs, inputs], 1.0, rng);
            Linear::from_tensors(weight, Some(Tensor::normal([outputs], 0.0, 1e-6, rng)))
        };
        let mlp = sequential![
            dense(width, hidden),
            Gelu,
            Dropout::new(dropout),
            dense(hidden, width),
            Dropout::new(dropout),
        ];
        Self {
            ln_1: LayerNorm::new([width]).eps(EPS),
            self_attention: MultiheadAttention::new(width, options.heads, rng),
            dropout: Dropout::new(dropout),
            ln_2: LayerNorm::new([width]).eps(EPS),
            mlp,
        }
    }
}

impl<T: Real> Module<T> for VitLayer<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let y = self.self_attention.call(&self.ln_1.call(x, pass), pass);
        let x = self.dropout.call_owned(y, pass) + x;
        let y = self.mlp.call_owned(self.ln_2.call(&x, pass), pass);
        x + y
    }
}
