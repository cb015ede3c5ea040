//! Attention.

use crate::ops::norm::softmax_cotangent;
use crate::ops::prelude::*;

/// Options of [`Var::scaled_dot_product_attention`].
#[derive(Clone, Copy, Debug)]
pub struct AttentionOptions<'a, T: Real = f32> {
    /// Which keys a query may attend to, broadcast to `[.., queries, keys]`; all by default.
    pub allowed: Option<&'a Tensor<bool>>,
    /// What is added to the scores, broadcast in the same way; nothing by default.
    pub bias: Option<&'a Var<T>>,
    /// Whether query `i` may attend to keys `j ≤ i` only; not by default.
    pub causal: bool,
    /// What the scores are multiplied by; `1/√width` by default.
    pub scale: Option<f64>,
}

impl<T: Real> Default for AttentionOptions<'_, T> {
    fn default() -> Self {
        Self {
            allowed: None,
            bias: None,
            causal: false,
            scale: None,
        }
    }
}

impl<T: Real> AttentionOptions<'_, T> {
    /// The factor of the scores for queries of some width.
    fn scale_of(&self, width: usize) -> f64 {
        self.scale.unwrap_or_else(|| 1.0 / (width as f64).sqrt())
    }
}

/// `softmax(q·kᵀ)·v`, and the softmax as a second output, because the rule reads it.
#[derive(Clone, Debug)]
pub struct Attention;

impl Attention {
    /// Whether the operands have equal leading axes, and no axis is empty. It does not depend on the number of
    /// matrices, so that every batch size records the same ops.
    fn fits(q: &[usize], k: &[usize], v: &[usize]) -> bool {
        let ([a @ .., _, width], [b @ .., keys, of_key], [c @ .., values, _]) = (q, k, v) else {
            return false;
        };
        let filled = [q, k, v].iter().all(|shape| !shape.contains(&0));
        a == b && a == c && width == of_key && keys == values && filled
    }
}

impl Op for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS.and_outputs([1])
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].attention(&x[1], &x[2]).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let ([q, k, v], p) = ([0, 1, 2].map(|i| call.input(i)), call.output(1));
        let (of_y, of_p) = (out.take(0), out.take(1));
        if let (Some(g), None) = (&of_y, &of_p)
            && ![q, k, v, p, g].iter().any(|var| var.is_tracked())
        {
            let [q, k, v, p, g] = [q, k, v, p, g].map(Var::value);
            let gradients = q.attention_gradient(k, v, p, g);
            for (i, gradient) in gradients.into_iter().enumerate() {
                out.add(i, Var::constant(gradient));
            }
            return;
        }
        let from_y = of_y.as_ref().map(|g| g.matmul(&v.t()));
        let dp = match (from_y, of_p) {
            (Some(a), Some(b)) => a + b,
            (Some(a), None) | (None, Some(a)) => a,
            (None, None) => return,
        };
        let ds = softmax_cotangent(p, &dp);
        out.add(0, ds.matmul(k));
        out.add(1, ds.t().matmul(q));
        if let Some(g) = of_y {
            out.add(2, p.t().matmul(&g));
        }
    }

    fn outline(&self, inputs: &[&[usize]]) -> Outline {
        let (width, front) = inputs[0].split_last().expect("queries are matrices");
        let [keys, out] = *inputs[2].last_chunk().expect("values are matrices");
        let scores = front.iter().product::<usize>() * keys;
        let of = |last: usize| [front, &[last]].concat();
        Outline {
            shapes: Some(vec![of(out), of(keys)]),
            ..Outline::run()
        }
        .multiply_adds(scores * (width + out))
        .reach(Reach::Whole)
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let [queries, keys, width, out] = [(); 4].map(|()| draw.within(1, 3));
        let front = if draw.once_in(2) { vec![2] } else { vec![] };
        let shape = |rows, columns| [&front[..], &[rows, columns]].concat();
        let shapes = [shape(queries, width), shape(keys, width), shape(keys, out)];
        Sample::new(Self, shapes.map(|shape| draw.normal(shape)))
    }
}

impl<T: Real> Var<T> {
    /// Attention: `y = softmax(q·kᵀ·scale + bias)·v`, the softmax over the allowed keys.
    ///
    /// A query that may attend to nothing has the result 0.
    ///
    /// * `self`: queries `[.., queries, width]`
    /// * `key`: `[.., keys, width]`, `value`: `[.., keys, values]`; leading axes broadcast
    /// * returns `[.., queries, values]`
    ///
    /// Source: Vaswani et al. 2017, equation 1.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::ops::AttentionOptions;
    ///
    /// // Equal keys get equal weights, so the result is the mean of the values.
    /// let (query, key) = (Var::constant(Tensor::<f64>::ones([1, 2])), Var::constant(Tensor::ones([2, 2])));
    /// let value = Var::constant(Tensor::from_vec(vec![1.0, 3.0], [2, 1]));
    /// let y = query.scaled_dot_product_attention(&key, &value, &AttentionOptions::default());
    /// assert_eq!(y.value().to_vec(), [2.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[must_use]
    #[track_caller]
    pub fn scaled_dot_product_attention(
        &self,
        key: &Self,
        value: &Self,
        options: &AttentionOptions<'_, T>,
    ) -> Self {
        let is_plain = options.allowed.is_none() && options.bias.is_none() && !options.causal;
        if is_plain && Attention::fits(self.shape(), key.shape(), value.shape()) {
            let scale = options.scale_of(self.size(-1));
            let [y, _] = Self::apply_array(Attention, [&(self * scale), key, value]);
            return y;
        }
        let scores = self.attention_scores(key, options);
        scores.softmax_or_zero(-1).matmul(value)
    }

    /// The scores before the softmax; −∞ where a key is not allowed.
    #[track_caller]
    fn attention_scores(&self, key: &Self, options: &AttentionOptions<'_, T>) -> Self {
        let (q, k) = (self.shape(), key.shape());
        require!(
            q.len() >= 2 && k.len() >= 2 && q[q.len() - 1] == k[k.len() - 1],
            "attention: queries {q:?}, keys {k:?}: [.., queries, width] and [.., keys, width] are needed"
        );
        let mut scores = (self * options.scale_of(q[q.len() - 1])).matmul(&key.t());
        if let Some(bias) = options.bias {
            scores = scores + bias;
        }
        if let Some(allowed) = options.allowed {
            scores = scores.forbid(&allowed.not());
        }
        if options.causal {
            let (queries, keys) = (scores.size(-2), scores.size(-1));
            let later = Tensor::from_fn([queries, keys], |at| at[1] > at[0]);
            scores = scores.forbid(&later);
        }
        scores
    }

    /// −∞ where the mask, which may be wider, is true.
    #[track_caller]
    fn forbid(&self, mask: &Tensor<bool>) -> Self {
        let shape = wengert_tensor::broadcast_shapes("attention", self.shape(), mask.shape());
        let mask = mask.broadcast_to(&shape);
        self.broadcast_to(&shape)
            .masked_fill(&mask, f64::NEG_INFINITY)
    }
}

/// The parameters of multi-head attention, named and shaped as in `PyTorch`.
#[derive(Clone, Copy, Debug)]
pub struct MultiHead<'a, T: Real = f32> {
    /// The number of heads, which divides the width.
    pub heads: usize,
    /// The projections of queries, keys and values.
    pub in_proj: InProjection<'a, T>,
    /// Their biases, `[3·width]`.
    pub in_bias: Option<&'a Var<T>>,
    /// The projection of the heads' results, `[width, width]`.
    pub out_weight: &'a Var<T>,
    /// Its bias, `[width]`.
    pub out_bias: Option<&'a Var<T>>,
}

/// The projections of queries, keys and values, stacked in one matrix or separate.
#[derive(Clone, Copy, Debug)]
pub enum InProjection<'a, T: Real = f32> {
    /// `[3·width, width]`
    Packed(&'a Var<T>),
    /// `[width, width]`, `[width, key_width]`, `[width, value_width]`
    Apart([&'a Var<T>; 3]),
}

/// Options of [`Var::multi_head_attention`].
#[derive(Clone, Copy, Debug)]
pub struct MultiHeadOptions<'a, T: Real = f32> {
    /// Whether sequences are `[batch, length, width]`; by default they are `[length, batch, width]`.
    pub batch_first: bool,
    /// Which keys are padding, `[batch, keys]`; none by default.
    pub padding: Option<&'a Tensor<bool>>,
    /// Which keys a query may *not* attend to, `[queries, keys]` or `[batch·heads, queries, keys]`.
    pub forbidden: Option<&'a Tensor<bool>>,
    /// What is added to the scores, of the same shapes.
    pub bias: Option<&'a Var<T>>,
    /// Whether the returned weights are those of each head; by default their mean over the heads.
    pub weights_per_head: bool,
}

impl<T: Real> Default for MultiHeadOptions<'_, T> {
    fn default() -> Self {
        Self {
            batch_first: false,
            padding: None,
            forbidden: None,
            bias: None,
            weights_per_head: false,
        }
    }
}

impl<T: Real> Var<T> {
    /// Attention by several heads, each on its part of the projected width.
    ///
    /// * `self`: queries `[length, batch, width]`; keys and values `[keys, batch, ..]`, see
    ///   [`MultiHeadOptions::batch_first`]; all without the batch for one sequence
    /// * returns `y`, shaped as the queries, and the weights `[batch, queries, keys]`, or
    ///   `[batch, heads, queries, keys]`
    ///
    /// A query that may attend to nothing has weights NaN.
    ///
    /// Source: Vaswani et al. 2017, section 3.2.2.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::ops::{InProjection, MultiHead, MultiHeadOptions};
    ///
    /// let x = Var::constant(Tensor::<f64>::ones([5, 4])); // five steps of width 4
    /// let (packed, out) = (Var::constant(Tensor::ones([12, 4])), Var::constant(Tensor::eye(4)));
    /// let in_proj = InProjection::Packed(&packed);
    /// let heads = MultiHead { heads: 2, in_proj, in_bias: None, out_weight: &out, out_bias: None };
    /// let (y, weights) = x.multi_head_attention(&x, &x, &heads, &MultiHeadOptions::default());
    /// assert_eq!((y.shape(), weights.shape()), (&[5, 4][..], &[5, 5][..]));
    /// assert!((weights.value().get([0, 0]) - 0.2).abs() < 1e-12 && (y.value().get([0, 0]) - 4.0).abs() < 1e-12);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit, or the heads do not divide the width.
    #[must_use]
    #[track_caller]
    pub fn multi_head_attention(
        &self,
        key: &Self,
        value: &Self,
        params: &MultiHead<'_, T>,
        options: &MultiHeadOptions<'_, T>,
    ) -> (Self, Self) {
        if self.rank() == 2 {
            let [q, k, v] = [self, key, value].map(|x| x.unsqueeze(0));
            let padding = options.padding.map(|mask| mask.unsqueeze(0));
            let options = MultiHeadOptions {
                batch_first: true,
                padding: padding.as_ref(),
                ..*options
            };
            let (y, weights) = q.multi_head_attention(&k, &v, params, &options);
            return (y.squeeze(0), weights.squeeze(0));
        }
        let shapes = [self, key, value].map(Self::shape);
        let [q, k, v] = shapes;
        require!(
            shapes.iter().all(|shape| shape.len() == 3) && k[..2] == v[..2],
            "multi_head_attention: {q:?}, {k:?}, {v:?}: sequences with and without batch, or of \
             different lengths"
        );
        let transposed_if_steps_first = |x: &Self| {
            if options.batch_first {
                x.clone()
            } else {
                x.transpose(0, 1)
            }
        };
        let [q, k, v] = [self, key, value].map(transposed_if_steps_first);
        let (batch, width, heads) = (q.size(0), q.size(-1), params.heads);
        require!(
            k.size(0) == batch && heads > 0 && width.is_multiple_of(heads),
            "multi_head_attention: {:?}, {:?}: the batches differ, or {heads} heads do not divide \
             the width {width}",
            self.shape(),
            key.shape()
        );
        let [q, k, v] = params.project([&q, &k, &v], width).map(|x| {
            let length = x.size(1);
            x.reshape([batch, length, heads, width / heads])
                .permute([0, 2, 1, 3])
        });
        let mut scores = q.attention_scores(&k, &AttentionOptions::default());
        let by_head = |shape: &[usize]| match *shape {
            [all, rows, columns] => vec![batch, all / batch.max(1), rows, columns],
            _ => shape.to_vec(),
        };
        if let Some(bias) = options.bias {
            scores = scores + bias.reshape(by_head(bias.shape()));
        }
        if let Some(mask) = options.forbidden {
            scores = scores.forbid(&mask.reshape(by_head(mask.shape())));
        }
        if let Some(mask) = options.padding {
            scores = scores.forbid(&mask.unsqueeze(1).unsqueeze(1));
        }
        let weights = scores.softmax(-1);
        let y = weights.matmul(&v).permute([0, 2, 1, 3]).flatten(2, 3);
        let y = transposed_if_steps_first(&y.linear(params.out_weight, params.out_bias));
        (
            y,
            if options.weights_per_head {
                weights
            } else {
                weights.mean(1)
            },
        )
    }
}

impl<T: Real> MultiHead<'_, T> {
    /// Queries, keys and values, each `[batch, length, width]`.
    #[track_caller]
    fn project(&self, inputs: [&Var<T>; 3], width: usize) -> [Var<T>; 3] {
        let part = |all: &Var<T>, i: usize| {
            let start = (i * width) as isize;
            all.slice(0, start..start + width as isize)
        };
        std::array::from_fn(|i| {
            let bias = self.in_bias.map(|bias| part(bias, i));
            match self.in_proj {
                InProjection::Packed(weight) => inputs[i].linear(&part(weight, i), bias.as_ref()),
                InProjection::Apart(weights) => inputs[i].linear(weights[i], bias.as_ref()),
            }
        })
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<Attention>("attention"),
    OpInfo::function("scaled_dot_product_attention", |draw| {
        let (l, s, e, d) = (
            draw.within(1, 3),
            draw.within(1, 4),
            draw.within(1, 3),
            draw.within(1, 3),
        );
        let front = if draw.once_in(2) { vec![2] } else { vec![] };
        let shape = |rows, columns| [&front[..], &[rows, columns]].concat();
        let mut allowed = draw.mask([l, s]);
        if draw.once_in(2) {
            allowed = allowed.map(|_| true);
        }
        let causal = draw.once_in(2);
        let scale = draw.pick(&[None, Some(0.3)]);
        let inputs = [shape(l, e), shape(s, e), shape(s, d), vec![1, s]].map(|s| draw.normal(s));
        let f = generic!(
            [allowed] | q,
            k,
            v,
            bias | {
                let options = AttentionOptions {
                    allowed: Some(&allowed),
                    bias: Some(bias),
                    causal,
                    scale,
                };
                q.scaled_dot_product_attention(k, v, &options)
            }
        );
        Case::new(
            format!("{allowed:?}, causal {causal}, scale {scale:?}"),
            f,
            inputs,
        )
    }),
    OpInfo::function("multi_head_attention", |draw| {
        let (heads, each) = (draw.within(1, 2), draw.within(1, 2));
        let (width, batch, l, s) = (
            heads * each,
            draw.within(1, 2),
            draw.within(1, 2),
            draw.within(1, 3),
        );
        let batch_first = draw.once_in(2);
        let sequence = |length| {
            if batch_first {
                [batch, length, width]
            } else {
                [length, batch, width]
            }
        };
        // The first key is no padding, so that every query can attend to it.
        let padding = draw.uniform([batch, s], 0.0, 1.0);
        let padding = Tensor::from_fn([batch, s], |at| at[1] > 0 && padding.get(at) < 0.3);
        let inputs = [
            draw.normal(sequence(l)),
            draw.normal(sequence(s)),
            draw.normal(sequence(s)),
            draw.normal([3 * width, width]),
            draw.normal([3 * width]),
            draw.normal([width, width]),
            draw.normal([width]),
        ];
        let f = generic!(
            [padding] | q,
            k,
            v,
            w,
            b,
            out,
            out_bias | {
                let params = MultiHead {
                    heads,
                    in_proj: InProjection::Packed(w),
                    in_bias: Some(b),
                    out_weight: out,
                    out_bias: Some(out_bias),
                };
                let options = MultiHeadOptions {
                    batch_first,
                    padding: Some(&padding),
                    ..MultiHeadOptions::default()
                };
                let (y, weights) = q.multi_head_attention(k, v, &params, &options);
                y * (&weights * &weights).sum(..)
            }
        );
        Case::new(format!("{heads} heads, {padding:?}"), f, inputs)
    }),
];
