//! Attention and recurrent networks.

use wengert::autograd::Var;
use wengert::autograd::ops::{
    AttentionOptions, CellParams, InProjection, MultiHead, MultiHeadOptions, RecurrentOptions,
    RnnActivation,
};
use wengert::tensor::{Real, Tensor};

use crate::call::{Call, Outputs, Slot, named, y};
use crate::failure::{Failure, needed, wrong};

pub fn run<T: Real>(call: &Call<'_, T>) -> Result<Outputs<T>, Failure> {
    match call.op {
        "scaled_dot_product_attention" => attention(call),
        "multi_head_attention" => multi_head(call),
        "lstm_cell" | "gru_cell" | "rnn_cell" => cell(call),
        "lstm" | "gru" | "rnn" => sequence(call),
        _ => Err(Failure::NotImplemented),
    }
}

/// A boolean mask, or values that are added to the scores.
type Mask<'a, T> = (Option<&'a Tensor<bool>>, Option<&'a Var<T>>);

fn mask<'a, T: Real>(call: &'a Call<'_, T>, name: &str) -> Result<Mask<'a, T>, Failure> {
    match call.inputs.get(name) {
        None => Ok((None, None)),
        Some(Slot::Truth(mask)) => Ok((Some(mask), None)),
        Some(Slot::Var(bias)) => Ok((None, Some(bias))),
        Some(Slot::Whole(_)) => wrong(format!("{name} is a mask of whole numbers")),
    }
}

fn attention<T: Real>(call: &Call<'_, T>) -> Result<Outputs<T>, Failure> {
    let (allowed, bias) = mask(call, "mask")?;
    let options = AttentionOptions {
        allowed,
        bias,
        causal: call.args.bool_or("is_causal", false)?,
        scale: call.args.f64("scale")?,
    };
    let (q, k, v) = (call.var("q")?, call.var("k")?, call.var("v")?);
    y(q.scaled_dot_product_attention(k, v, &options))
}

fn multi_head<T: Real>(call: &Call<'_, T>) -> Result<Outputs<T>, Failure> {
    let args = call.args;
    let in_proj = match call.try_var("in_proj_weight")? {
        Some(packed) => InProjection::Packed(packed),
        None => InProjection::Apart([
            call.var("q_proj_weight")?,
            call.var("k_proj_weight")?,
            call.var("v_proj_weight")?,
        ]),
    };
    let params = MultiHead {
        heads: needed(args.usize("num_heads")?, "argument num_heads")?,
        in_proj,
        in_bias: call.try_var("in_proj_bias")?,
        out_weight: call.var("out_proj.weight")?,
        out_bias: call.try_var("out_proj.bias")?,
    };
    let (forbidden, bias) = mask(call, "attn_mask")?;
    let options = MultiHeadOptions {
        batch_first: args.bool_or("batch_first", false)?,
        padding: call.try_truth("key_padding_mask")?,
        forbidden,
        bias,
        weights_per_head: !args.bool_or("average_attn_weights", true)?,
    };
    let (query, key, value) = (call.var("query")?, call.var("key")?, call.var("value")?);
    let (out, weights) = query.multi_head_attention(key, value, &params, &options);
    named([("y", out.into()), ("attn", weights.into())])
}

/// The parameters whose names end with a suffix; sizes are checked against the arguments.
fn params<'a, T: Real>(call: &'a Call<'_, T>, suffix: &str) -> Result<CellParams<'a, T>, Failure> {
    let of = |name: &str| format!("{name}{suffix}");
    let params = CellParams {
        weight_ih: call.var(&of("weight_ih"))?,
        weight_hh: call.var(&of("weight_hh"))?,
        bias_ih: call.try_var(&of("bias_ih"))?,
        bias_hh: call.try_var(&of("bias_hh"))?,
    };
    let biased = call.args.bool_or("bias", true)?;
    if biased != params.bias_ih.is_some() || biased != params.bias_hh.is_some() {
        return wrong("biases are given where there are none, or missing");
    }
    let width = call.args.usize("hidden_size")?;
    if width.is_some_and(|width| width != params.weight_hh.size(-1)) {
        return wrong("hidden_size does not belong to weight_hh");
    }
    Ok(params)
}

fn nonlinearity<T: Real>(call: &Call<'_, T>) -> Result<RnnActivation, Failure> {
    match call.args.str("nonlinearity")? {
        None | Some("tanh") => Ok(RnnActivation::Tanh),
        Some("relu") => Ok(RnnActivation::Relu),
        Some(other) => wrong(format!("nonlinearity {other:?}")),
    }
}

fn zeros<T: Real>(shape: &[usize]) -> Var<T> {
    Var::full(shape, 0.0)
}

fn cell<T: Real>(call: &Call<'_, T>) -> Result<Outputs<T>, Failure> {
    let (x, params) = (call.x()?, params(call, "")?);
    inputs(call, x)?;
    let mut shape = x.shape().to_vec();
    *needed(shape.last_mut(), "axis of inputs")? = params.weight_hh.size(-1);
    let zero = zeros(&shape);
    let state = |name: &str| Ok::<_, Failure>(call.try_var(name)?.unwrap_or(&zero));
    match call.op {
        "lstm_cell" => {
            let (h, c) = x.lstm_cell(state("h")?, state("c")?, &params);
            named([("h", h.into()), ("c", c.into())])
        }
        "gru_cell" => named([("h", x.gru_cell(state("h")?, &params).into())]),
        _ => named([(
            "h",
            x.rnn_cell(state("h")?, &params, nonlinearity(call)?).into(),
        )]),
    }
}

/// Checks the width of the inputs.
fn inputs<T: Real>(call: &Call<'_, T>, x: &Var<T>) -> Result<(), Failure> {
    let width = call.args.usize("input_size")?;
    if width.is_some_and(|width| width != x.size(-1)) {
        return wrong("input_size does not belong to x");
    }
    Ok(())
}

fn sequence<T: Real>(call: &Call<'_, T>) -> Result<Outputs<T>, Failure> {
    let (x, args) = (call.x()?, call.args);
    inputs(call, x)?;
    if args.f64_or("dropout", 0.0)? != 0.0 {
        return wrong("dropout needs masks, which the format does not have");
    }
    let options = RecurrentOptions {
        batch_first: args.bool_or("batch_first", false)?,
        bidirectional: args.bool_or("bidirectional", false)?,
    };
    let directions = if options.bidirectional {
        &["", "_reverse"][..]
    } else {
        &[""]
    };
    let mut layers = Vec::new();
    for layer in 0..args.usize_or("num_layers", 1)? {
        for direction in directions {
            layers.push(params(call, &format!("_l{layer}{direction}"))?);
        }
    }
    let state = call.try_var("h0")?;
    match call.op {
        "lstm" => {
            let memory = call.try_var("c0")?;
            if state.is_some() != memory.is_some() {
                return wrong("h0 and c0 come together");
            }
            let (out, h, c) = x.lstm(&layers, state.zip(memory), &options);
            named([("y", out.into()), ("hn", h.into()), ("cn", c.into())])
        }
        "gru" => {
            let (out, h) = x.gru(&layers, state, &options);
            named([("y", out.into()), ("hn", h.into())])
        }
        _ => {
            let (out, h) = x.rnn(&layers, state, nonlinearity(call)?, &options);
            named([("y", out.into()), ("hn", h.into())])
        }
    }
}
