//! Small networks as one case.

use wengert::autograd::ops::NormOptions;
use wengert::autograd::{Tape, Var};
use wengert::tensor::{ConvOptions, Real, keep};

use crate::call::{Call, Outputs, y};
use crate::failure::{Failure, needed, wrong};

pub fn run<T: Real>(call: &Call<'_, T>) -> Result<Outputs<T>, Failure> {
    if call.op != "composite" {
        return Err(Failure::NotImplemented);
    }
    match needed(call.args.str("net")?, "argument net")? {
        "mlp" => mlp(call),
        "cnn" => cnn(call),
        "conv_bn_relu_pool" => conv_bn_relu_pool(call),
        "residual" => residual(call),
        "gradient_penalty" => gradient_penalty(call),
        other => wrong(format!("net {other:?}")),
    }
}

fn mlp<T: Real>(call: &Call<'_, T>) -> Result<Outputs<T>, Failure> {
    let hidden = call
        .x()?
        .linear(call.var("w1")?, Some(call.var("b1")?))
        .tanh();
    let out = hidden.linear(call.var("w2")?, Some(call.var("b2")?));
    y(out.softplus(1.0, 20.0).mse_loss(call.var("t")?))
}

fn channels<T: Real>(bias: &Var<T>) -> Var<T> {
    bias.reshape([1, bias.len(), 1, 1])
}

fn cnn<T: Real>(call: &Call<'_, T>) -> Result<Outputs<T>, Failure> {
    let padded = ConvOptions::default().padding(1);
    let first = call.x()?.conv2d(call.var("w1")?, &padded) + channels(call.var("b1")?);
    let pooled = first.gelu().avg_pool2d(2);
    let second = pooled.conv2d(call.var("w2")?, &padded.stride(2)).silu();
    let out = second
        .flatten(1, -1)
        .linear(call.var("w3")?, Some(call.var("b3")?));
    y(out.cross_entropy(call.whole("target")?))
}

fn conv_bn_relu_pool<T: Real>(call: &Call<'_, T>) -> Result<Outputs<T>, Failure> {
    let out = call
        .x()?
        .conv2d(call.var("w1")?, &ConvOptions::default().padding(1));
    let norm = NormOptions::affine(call.var("g1")?, call.var("b1")?).eps(1e-5);
    let out = out.batch_norm(&norm).y.relu().max_pool2d(2);
    let out = out
        .mean([2, 3])
        .linear(call.var("w2")?, Some(call.var("b2")?));
    y(out.cross_entropy(call.whole("target")?))
}

fn residual<T: Real>(call: &Call<'_, T>) -> Result<Outputs<T>, Failure> {
    let x = call.x()?;
    let norm = NormOptions::affine(call.var("g1")?, call.var("b1")?).eps(1e-5);
    let inner = x
        .layer_norm([x.size(-1)], &norm)
        .linear(call.var("w1")?, None);
    let h = x + inner.gelu_tanh().linear(call.var("w2")?, None);
    y(h.logsumexp(-1).sum(..))
}

fn gradient_penalty<T: Real>(call: &Call<'_, T>) -> Result<Outputs<T>, Failure> {
    // A constant input gets its own tape, so that it has a gradient.
    let x = match call.x()?.tape() {
        Some(_) => call.x()?.clone(),
        None => Tape::new().leaf(call.x()?.value().clone()),
    };
    let hidden = x.linear(call.var("w1")?, Some(call.var("b1")?)).tanh();
    let sum = hidden.linear(call.var("w2")?, None).sum(..);
    let gradient = sum.grad(&[&x]).remove(0);
    let length = (gradient.square().sum(keep(-1)) + 0.001).sqrt();
    y((length - 1.0).square().mean(..))
}
