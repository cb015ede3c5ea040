//! Multi-head attention.

use rand::Rng;
use wengert_autograd::Var;
use wengert_autograd::ops::{InProjection, MultiHead, MultiHeadOptions};
use wengert_tensor::{Real, Tensor, require};

use crate::init::xavier_uniform;
use crate::layers::Linear;
use crate::module::Module;
use crate::param::Param;
use crate::parameters::Parameters;
use crate::pass::Pass;

/// Attention of several heads side by side (Vaswani et al. 2017, section 3.2.2); see
/// [`Var::multi_head_attention`].
///
/// As a [`Module`] it is self-attention over `[batch, length, width]`.
///
/// Parameters, as in `torch.nn.MultiheadAttention`: `in_proj_weight` `[3·width, width]`,
/// `in_proj_bias` `[3·width]`, `out_proj.weight` `[width, width]`, `out_proj.bias` `[width]`.
#[derive(Clone, Debug)]
pub struct MultiheadAttention<T: Real = f32> {
    /// The projections of queries, keys and values, concatenated along the first axis.
    pub in_proj_weight: Param<T>,
    /// Their biases.
    pub in_proj_bias: Option<Param<T>>,
    /// The projection of the heads' results.
    pub out_proj: Linear<T>,
    heads: usize,
}

crate::fields!(MultiheadAttention {
    in_proj_weight,
    in_proj_bias,
    out_proj,
});

impl<T: Real> MultiheadAttention<T> {
    /// Heads that share a width; weights after Glorot, biases 0.
    ///
    /// # Panics
    /// If the heads do not divide the width.
    #[must_use]
    #[track_caller]
    pub fn new(width: usize, heads: usize, rng: &mut impl Rng) -> Self {
        require!(
            heads > 0 && width.is_multiple_of(heads),
            "multi_head_attention: {heads} heads do not divide the width {width}"
        );
        let mut out_proj = Linear::new(width, width, rng);
        out_proj.bias = Some(Param::new(Tensor::zeros([width])));
        Self {
            in_proj_weight: Param::new(xavier_uniform([3 * width, width], 1.0, rng)),
            in_proj_bias: Some(Param::new(Tensor::zeros([3 * width]))),
            out_proj,
            heads,
        }
    }

    /// The same without biases.
    #[must_use]
    pub fn without_bias(mut self) -> Self {
        self.in_proj_bias = None;
        self.out_proj = self.out_proj.without_bias();
        self
    }

    /// The result for each query, and its attention weights over the keys.
    ///
    /// # Panics
    /// If the shapes do not fit; see [`Var::multi_head_attention`].
    #[must_use]
    #[track_caller]
    pub fn attend(
        &self,
        [query, key, value]: [&Var<T>; 3],
        options: &MultiHeadOptions<'_, T>,
        pass: &mut Pass<T>,
    ) -> (Var<T>, Var<T>) {
        let entered = pass.enter(self.layer_id());
        let in_weight = pass.param(&self.in_proj_weight);
        let in_bias = pass.optional_param(self.in_proj_bias.as_ref());
        let out_weight = pass.param(&self.out_proj.weight);
        let out_bias = pass.optional_param(self.out_proj.bias.as_ref());
        let params = MultiHead {
            heads: self.heads,
            in_proj: InProjection::Packed(&in_weight),
            in_bias: in_bias.as_ref(),
            out_weight: &out_weight,
            out_bias: out_bias.as_ref(),
        };
        let y = query.multi_head_attention(key, value, &params, options);
        pass.leave(entered, y)
    }
}

impl<T: Real> Module<T> for MultiheadAttention<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let options = MultiHeadOptions {
            batch_first: true,
            ..MultiHeadOptions::default()
        };
        self.attend([x; 3], &options, pass).0
    }
}

samples! {
    |rng| MultiheadAttention::new(4, 2, rng), [2, 3, 4];
    |rng| MultiheadAttention::new(4, 2, rng).without_bias(), [2, 3, 4];
}
