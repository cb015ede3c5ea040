//! The layers of a transformer (Vaswani et al. 2017).

use rand::Rng;
use wengert_autograd::Var;
use wengert_autograd::ops::MultiHeadOptions;
use wengert_tensor::{Real, Tensor};

use crate::layers::{Activation, Dropout, LayerNorm, Linear, MultiheadAttention};
use crate::module::Module;
use crate::parameters::Parameters;
use crate::pass::Pass;

/// Options of [`TransformerEncoderLayer`] and [`TransformerDecoderLayer`]; the defaults are `PyTorch`'s.
#[derive(Clone, Debug, PartialEq)]
pub struct TransformerOptions {
    /// The width of the hidden dense layer; 2048. `PyTorch`: `dim_feedforward`.
    pub hidden: usize,
    /// The probability with which training drops a feature; 0.1. Unlike in `PyTorch` the attention weights themselves are
    /// not dropped.
    pub dropout: f64,
    /// The activation of the hidden dense layer; relu.
    pub activation: Activation,
    /// Whether a norm comes before its sublayer (Xiong et al. 2020), not after the sum; not by default.
    pub norm_first: bool,
    /// Added to the variance in the norms; 1e-5.
    pub eps: f64,
}

impl Default for TransformerOptions {
    fn default() -> Self {
        Self {
            hidden: 2048,
            dropout: 0.1,
            activation: Activation::Relu,
            norm_first: false,
            eps: 1e-5,
        }
    }
}

/// Which keys of one attention are out of reach; none by default. The masks are true there, as in `PyTorch`.
#[derive(Clone, Copy, Debug, Default)]
pub struct AttentionMasks<'a> {
    /// For each query: `[queries, keys]` or `[batch·heads, queries, keys]`. `PyTorch`: `attn_mask`.
    pub forbidden: Option<&'a Tensor<bool>>,
    /// For each sequence of the batch: `[batch, keys]`. `PyTorch`: `key_padding_mask`.
    pub padding: Option<&'a Tensor<bool>>,
}

impl<'a> AttentionMasks<'a> {
    /// For sequences `[batch, length, width]`.
    const fn options<T: Real>(&self) -> MultiHeadOptions<'a, T> {
        MultiHeadOptions {
            batch_first: true,
            padding: self.padding,
            forbidden: self.forbidden,
            bias: None,
            weights_per_head: false,
        }
    }
}

/// Two dense layers with an activation between: `W₂ f(W₁ x + b₁) + b₂`.
#[track_caller]
fn dense<T: Real>(
    x: &Var<T>,
    (first, second): (&Linear<T>, &Linear<T>),
    (activation, dropout): (Activation, &Dropout),
    pass: &mut Pass<T>,
) -> Var<T> {
    let hidden = first.call(x, pass);
    let hidden = activation.forward_owned(hidden, pass);
    let hidden = dropout.call(&hidden, pass);
    second.call(&hidden, pass)
}

/// Self-attention and two dense layers, each with a shortcut and a norm (Vaswani et al. 2017, section 3.1).
///
/// `x ← norm1(x + attention(x))`, `y = norm2(x + W₂ f(W₁ x + b₁) + b₂)`; with
/// [`norm_first`](TransformerOptions::norm_first) `x ← x + attention(norm1(x))`, `y = x + W₂ f(W₁ norm2(x) + b₁) + b₂`
///
/// * input and output: `[batch, length, width]`, or without the batch
///
/// Parameters, as in `torch.nn.TransformerEncoderLayer` with `batch_first=True`: those of `self_attn`, `linear1`, `linear2`,
/// `norm1`, `norm2`.
///
/// ```
/// use wengert_nn::{TransformerEncoderLayer, TransformerOptions, summary};
///
/// let options = TransformerOptions { hidden: 16, norm_first: true, ..Default::default() };
/// let layer: TransformerEncoderLayer = TransformerEncoderLayer::new(8, 2, &options, &mut wengert_nn::rng(0));
/// assert_eq!(summary(&layer, [2, 5, 8]).output_shape, [2, 5, 8]);
/// ```
#[derive(Clone, Debug)]
pub struct TransformerEncoderLayer<T: Real = f32> {
    /// The attention.
    pub self_attn: MultiheadAttention<T>,
    /// From the width to the hidden width.
    pub linear1: Linear<T>,
    /// What training drops of the hidden layer.
    pub dropout: Dropout,
    /// Back to the width.
    pub linear2: Linear<T>,
    /// The norm of the attention.
    pub norm1: LayerNorm<T>,
    /// The norm of the dense layers.
    pub norm2: LayerNorm<T>,
    /// What training drops of the attention's result.
    pub dropout1: Dropout,
    /// What training drops of the dense layers' result.
    pub dropout2: Dropout,
    activation: Activation,
    norm_first: bool,
}

crate::fields!(TransformerEncoderLayer {
    self_attn,
    linear1,
    dropout,
    linear2,
    norm1,
    norm2,
    dropout1,
    dropout2,
});

impl<T: Real> TransformerEncoderLayer<T> {
    /// A layer of a width and a number of heads.
    ///
    /// # Panics
    /// If the heads do not divide the width, or the dropout is no probability.
    #[must_use]
    #[track_caller]
    pub fn new(
        width: usize,
        heads: usize,
        options: &TransformerOptions,
        rng: &mut impl Rng,
    ) -> Self {
        let dropout = Dropout::new(options.dropout);
        let norm = || LayerNorm::new([width]).eps(options.eps);
        Self {
            self_attn: MultiheadAttention::new(width, heads, rng),
            linear1: Linear::new(width, options.hidden, rng),
            dropout: dropout.clone(),
            linear2: Linear::new(options.hidden, width, rng),
            norm1: norm(),
            norm2: norm(),
            dropout1: dropout.clone(),
            dropout2: dropout,
            activation: options.activation,
            norm_first: options.norm_first,
        }
    }

    /// The result where keys are out of reach.
    ///
    /// ```
    /// use wengert_nn::{AttentionMasks, Pass, TransformerEncoderLayer, TransformerOptions};
    /// use wengert_tensor::Tensor;
    ///
    /// let rng = &mut wengert_nn::rng(0);
    /// let options = TransformerOptions { hidden: 16, ..Default::default() };
    /// let layer: TransformerEncoderLayer = TransformerEncoderLayer::new(8, 2, &options, rng);
    /// // Each step attends to itself and those before.
    /// let later = Tensor::from_fn([5, 5], |at| at[1] > at[0]);
    /// let masks = AttentionMasks { forbidden: Some(&later), ..Default::default() };
    /// let mut pass = Pass::eval(&layer);
    /// let x = pass.input(Tensor::normal([2, 5, 8], 0.0, 1.0, rng));
    /// let y = layer.encode(&x, &masks, &mut pass);
    /// let first = layer.encode(&x.slice(1, ..1), &AttentionMasks::default(), &mut pass);
    /// let apart = (y.slice(1, ..1) - first).abs().amax(..);
    /// assert!(apart.item() < 1e-6);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit; see [`Var::multi_head_attention`].
    #[must_use]
    #[track_caller]
    pub fn encode(&self, x: &Var<T>, masks: &AttentionMasks<'_>, pass: &mut Pass<T>) -> Var<T> {
        let entered = pass.enter(self.layer_id());
        let y = self.encoded(x, masks, pass);
        pass.leave(entered, y)
    }

    #[track_caller]
    fn encoded(&self, x: &Var<T>, masks: &AttentionMasks<'_>, pass: &mut Pass<T>) -> Var<T> {
        if self.norm_first {
            let normed = self.norm1.call(x, pass);
            let x = x + self.attended(&normed, masks, pass);
            let normed = self.norm2.call(&x, pass);
            return &x + self.dense(&normed, pass);
        }
        let sum = x + self.attended(x, masks, pass);
        let x = self.norm1.call(&sum, pass);
        let sum = &x + self.dense(&x, pass);
        self.norm2.call(&sum, pass)
    }

    #[track_caller]
    fn attended(&self, x: &Var<T>, masks: &AttentionMasks<'_>, pass: &mut Pass<T>) -> Var<T> {
        let y = self.self_attn.attend([x; 3], &masks.options(), pass).0;
        self.dropout1.call(&y, pass)
    }

    #[track_caller]
    fn dense(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let layers = (&self.linear1, &self.linear2);
        let y = dense(x, layers, (self.activation, &self.dropout), pass);
        self.dropout2.call(&y, pass)
    }
}

impl<T: Real> Module<T> for TransformerEncoderLayer<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        self.encoded(x, &AttentionMasks::default(), pass)
    }
}

/// Self-attention, attention to the result of an encoder, and two dense layers, each with a shortcut and a norm (Vaswani
/// et al. 2017, section 3.1).
///
/// `x ← norm1(x + attention(x))`, `x ← norm2(x + attention(x, memory))`, `y = norm3(x + W₂ f(W₁ x + b₁) + b₂)`; with
/// [`norm_first`](TransformerOptions::norm_first) each norm is applied to the input of its sublayer instead.
///
/// * input and output: `[batch, length, width]`, memory `[batch, keys, width]`; or all without the batch
///
/// Parameters, as in `torch.nn.TransformerDecoderLayer` with `batch_first=True`: those of `self_attn`, `multihead_attn`,
/// `linear1`, `linear2`, `norm1`, `norm2`, `norm3`.
///
/// ```
/// use wengert_nn::{AttentionMasks, Pass, TransformerDecoderLayer, TransformerOptions};
/// use wengert_tensor::Tensor;
///
/// let rng = &mut wengert_nn::rng(0);
/// let options = TransformerOptions { hidden: 16, ..Default::default() };
/// let layer: TransformerDecoderLayer = TransformerDecoderLayer::new(8, 2, &options, rng);
/// let mut pass = Pass::eval(&layer);
/// let x = pass.input(Tensor::normal([2, 5, 8], 0.0, 1.0, rng));
/// let memory = pass.input(Tensor::normal([2, 3, 8], 0.0, 1.0, rng));
/// let masks = [AttentionMasks::default(); 2];
/// assert_eq!(layer.decode(&x, &memory, &masks, &mut pass).shape(), [2, 5, 8]);
/// ```
#[derive(Clone, Debug)]
pub struct TransformerDecoderLayer<T: Real = f32> {
    /// The attention to the sequence itself.
    pub self_attn: MultiheadAttention<T>,
    /// The attention to the memory.
    pub multihead_attn: MultiheadAttention<T>,
    /// From the width to the hidden width.
    pub linear1: Linear<T>,
    /// What training drops of the hidden layer.
    pub dropout: Dropout,
    /// Back to the width.
    pub linear2: Linear<T>,
    /// The norm of the self-attention.
    pub norm1: LayerNorm<T>,
    /// The norm of the attention to the memory.
    pub norm2: LayerNorm<T>,
    /// The norm of the dense layers.
    pub norm3: LayerNorm<T>,
    /// What training drops of the self-attention's result.
    pub dropout1: Dropout,
    /// What training drops of the result of the attention to the memory.
    pub dropout2: Dropout,
    /// What training drops of the dense layers' result.
    pub dropout3: Dropout,
    activation: Activation,
    norm_first: bool,
}

crate::fields!(TransformerDecoderLayer {
    self_attn,
    multihead_attn,
    linear1,
    dropout,
    linear2,
    norm1,
    norm2,
    norm3,
    dropout1,
    dropout2,
    dropout3,
});

impl<T: Real> TransformerDecoderLayer<T> {
    /// A layer of a width and a number of heads.
    ///
    /// # Panics
    /// If the heads do not divide the width, or the dropout is no probability.
    #[must_use]
    #[track_caller]
    pub fn new(
        width: usize,
        heads: usize,
        options: &TransformerOptions,
        rng: &mut impl Rng,
    ) -> Self {
        let dropout = Dropout::new(options.dropout);
        let norm = || LayerNorm::new([width]).eps(options.eps);
        Self {
            self_attn: MultiheadAttention::new(width, heads, rng),
            multihead_attn: MultiheadAttention::new(width, heads, rng),
            linear1: Linear::new(width, options.hidden, rng),
            dropout: dropout.clone(),
            linear2: Linear::new(options.hidden, width, rng),
            norm1: norm(),
            norm2: norm(),
            norm3: norm(),
            dropout1: dropout.clone(),
            dropout2: dropout.clone(),
            dropout3: dropout,
            activation: options.activation,
            norm_first: options.norm_first,
        }
    }

    /// The result for a sequence and the memory that it attends to. The masks are those of the self-attention and of the
    /// attention to the memory.
    ///
    /// # Panics
    /// If the shapes do not fit; see [`Var::multi_head_attention`].
    #[must_use]
    #[track_caller]
    pub fn decode(
        &self,
        x: &Var<T>,
        memory: &Var<T>,
        masks: &[AttentionMasks<'_>; 2],
        pass: &mut Pass<T>,
    ) -> Var<T> {
        let entered = pass.enter(self.layer_id());
        let y = self.decoded(x, memory, masks, pass);
        pass.leave(entered, y)
    }

    #[track_caller]
    fn decoded(
        &self,
        x: &Var<T>,
        memory: &Var<T>,
        [own, across]: &[AttentionMasks<'_>; 2],
        pass: &mut Pass<T>,
    ) -> Var<T> {
        if self.norm_first {
            let normed = self.norm1.call(x, pass);
            let x = x + self.attended(&normed, own, pass);
            let normed = self.norm2.call(&x, pass);
            let x = &x + self.attended_to(&normed, memory, across, pass);
            let normed = self.norm3.call(&x, pass);
            return &x + self.dense(&normed, pass);
        }
        let sum = x + self.attended(x, own, pass);
        let x = self.norm1.call(&sum, pass);
        let sum = &x + self.attended_to(&x, memory, across, pass);
        let x = self.norm2.call(&sum, pass);
        let sum = &x + self.dense(&x, pass);
        self.norm3.call(&sum, pass)
    }

    #[track_caller]
    fn attended(&self, x: &Var<T>, masks: &AttentionMasks<'_>, pass: &mut Pass<T>) -> Var<T> {
        let y = self.self_attn.attend([x; 3], &masks.options(), pass).0;
        self.dropout1.call(&y, pass)
    }

    #[track_caller]
    fn attended_to(
        &self,
        x: &Var<T>,
        memory: &Var<T>,
        masks: &AttentionMasks<'_>,
        pass: &mut Pass<T>,
    ) -> Var<T> {
        let sequences = [x, memory, memory];
        let y = self
            .multihead_attn
            .attend(sequences, &masks.options(), pass)
            .0;
        self.dropout2.call(&y, pass)
    }

    #[track_caller]
    fn dense(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let layers = (&self.linear1, &self.linear2);
        let y = dense(x, layers, (self.activation, &self.dropout), pass);
        self.dropout3.call(&y, pass)
    }
}

/// Options under which the tests run the layers.
#[cfg(feature = "check")]
const fn sample_options(norm_first: bool) -> TransformerOptions {
    TransformerOptions {
        hidden: 3,
        dropout: 0.2,
        activation: Activation::Gelu,
        norm_first,
        eps: 1e-5,
    }
}

samples! {
    |rng| TransformerEncoderLayer::new(4, 2, &sample_options(false), rng), [1, 2, 4];
    |rng| TransformerEncoderLayer::new(4, 2, &sample_options(true), rng), [1, 2, 4];
}
