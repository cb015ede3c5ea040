//! A small interpreter of ONNX files, by the definitions of <https://onnx.ai/onnx/operators/>, in `f64`.
//!
//! It shares no code with the export but the types of the messages. Products and convolutions are those of `wengert`.

use std::collections::HashMap;

use wengert::autograd::Var;
use wengert::tensor::{ConvOptions, ConvTransposeOptions, Tensor, keep};
use wengert_onnx::proto::{AttributeProto, ModelProto, NodeProto, TensorProto};

#[derive(Clone, Debug)]
enum Value {
    Numbers(Tensor<f64>),
    Integers(Tensor<i64>),
    Mask(Tensor<bool>),
}

impl Value {
    fn numbers(&self) -> &Tensor<f64> {
        match self {
            Self::Numbers(x) => x,
            other => panic!("numbers are needed, not {other:?}"),
        }
    }

    fn integers(&self) -> &Tensor<i64> {
        match self {
            Self::Integers(x) => x,
            other => panic!("whole numbers are needed, not {other:?}"),
        }
    }

    fn mask(&self) -> &Tensor<bool> {
        match self {
            Self::Mask(x) => x,
            other => panic!("a mask is needed, not {other:?}"),
        }
    }

    fn shape(&self) -> &[usize] {
        match self {
            Self::Numbers(x) => x.shape(),
            Self::Integers(x) => x.shape(),
            Self::Mask(x) => x.shape(),
        }
    }
}

/// Runs a file on its inputs in order.
pub fn run(model: &ModelProto, inputs: &[Tensor<f64>]) -> Vec<Tensor<f64>> {
    let graph = model.graph.as_ref().expect("a file has a graph");
    let mut values = HashMap::new();
    for constant in &graph.initializer {
        let name = constant.name.clone().expect("a constant has a name");
        values.insert(name, stored(constant));
    }
    assert_eq!(graph.input.len(), inputs.len(), "inputs");
    for (info, input) in graph.input.iter().zip(inputs) {
        let name = info.name.clone().expect("an input has a name");
        values.insert(name, Value::Numbers(input.clone()));
    }
    for node in &graph.node {
        let operands: Vec<_> = node
            .input
            .iter()
            .map(|name| {
                values.get(name).or_else(|| {
                    assert!(
                        name.is_empty(),
                        "{:?} reads {name} before it is there",
                        node.name
                    );
                    None
                })
            })
            .map(Option::<&Value>::cloned)
            .collect();
        let results = Node {
            node,
            operands: &operands,
        }
        .run();
        for (name, value) in node.output.iter().zip(results) {
            let before = values.insert(name.clone(), value);
            assert!(before.is_none(), "{name} is computed twice");
        }
    }
    let output = graph.output.iter().map(|info| {
        let name = info.name.as_ref().expect("an output has a name");
        values[name].numbers().clone()
    });
    output.collect()
}

/// Numbers from their bytes.
fn all<const N: usize, X>(raw: &[u8], of: impl Fn([u8; N]) -> X) -> Vec<X> {
    let (parts, rest) = raw.as_chunks();
    assert!(rest.is_empty(), "a part of a number");
    parts.iter().map(|part| of(*part)).collect()
}

fn stored(constant: &TensorProto) -> Value {
    let shape: Vec<_> = constant.dims.iter().map(|&n| n as usize).collect();
    let raw = constant.raw_data.as_deref().unwrap_or_default();
    match constant.data_type {
        Some(1) => Value::Numbers(Tensor::from_vec(
            all(raw, |bytes| f64::from(f32::from_le_bytes(bytes))),
            shape,
        )),
        Some(11) => Value::Numbers(Tensor::from_vec(all(raw, f64::from_le_bytes), shape)),
        Some(7) => Value::Integers(Tensor::from_vec(all(raw, i64::from_le_bytes), shape)),
        Some(9) => Value::Mask(Tensor::from_vec(
            all(raw, |[byte]: [u8; 1]| byte != 0),
            shape,
        )),
        other => panic!("a constant of type {other:?}"),
    }
}

struct Node<'a> {
    node: &'a NodeProto,
    operands: &'a [Option<Value>],
}

impl Node<'_> {
    fn x(&self, i: usize) -> &Tensor<f64> {
        self.value(i).numbers()
    }

    fn value(&self, i: usize) -> &Value {
        self.operands[i]
            .as_ref()
            .unwrap_or_else(|| panic!("{:?} has no operand {i}", self.node.name))
    }

    fn optional(&self, i: usize) -> Option<&Value> {
        self.operands.get(i)?.as_ref()
    }

    fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        let mut all = self.node.attribute.iter();
        all.find(|attribute| attribute.name.as_deref() == Some(name))
    }

    fn integer(&self, name: &str, default: i64) -> i64 {
        self.attribute(name)
            .map_or(default, |a| a.i.expect("a whole number"))
    }

    fn number(&self, name: &str, default: f64) -> f64 {
        self.attribute(name)
            .map_or(default, |a| f64::from(a.f.expect("a number")))
    }

    fn integers(&self, name: &str) -> Option<Vec<i64>> {
        Some(self.attribute(name)?.ints.clone())
    }

    fn axis(&self, default: i64, rank: usize) -> usize {
        let axis = self.integer("axis", default);
        usize::try_from(if axis < 0 { axis + rank as i64 } else { axis }).expect("an axis")
    }

    fn map(&self, f: impl Fn(f64) -> f64 + Sync) -> Value {
        Value::Numbers(self.x(0).map(f))
    }

    fn zip(&self, f: impl Fn(f64, f64) -> f64 + Sync) -> Value {
        let shape = joint(self.x(0).shape(), self.x(1).shape());
        let (a, b) = (
            self.x(0).broadcast_to(&shape),
            self.x(1).broadcast_to(&shape),
        );
        Value::Numbers(a.zip(&b, f))
    }

    fn compare(&self, f: impl Fn(f64, f64) -> bool + Sync) -> Value {
        let shape = joint(self.x(0).shape(), self.x(1).shape());
        let (a, b) = (
            self.x(0).broadcast_to(&shape),
            self.x(1).broadcast_to(&shape),
        );
        Value::Mask(a.zip(&b, f))
    }

    fn run(&self) -> Vec<Value> {
        let op = self
            .node
            .op_type
            .as_deref()
            .expect("a node has an operator");
        if op == "Split" {
            return self.split();
        }
        if op == "Mul" && matches!(self.value(0), Value::Integers(_)) {
            let product = self
                .value(0)
                .integers()
                .zip(self.value(1).integers(), |a, b| a * b);
            return vec![Value::Integers(product)];
        }
        let result = match op {
            "Identity" => self.value(0).clone(),
            "Where" => self.choose(),
            "Conv" => self.conv(),
            "ConvTranspose" => self.conv_transpose(),
            "MaxPool" | "AveragePool" => self.pool(op == "MaxPool"),
            "GlobalAveragePool" | "GlobalMaxPool" => {
                let axes = keep((2..self.x(0).rank() as isize).collect::<Vec<_>>());
                let x = self.x(0);
                Value::Numbers(if op == "GlobalMaxPool" {
                    x.max(axes)
                } else {
                    x.mean(axes)
                })
            }
            "Gemm" => {
                assert_eq!(self.integer("transA", 0), 0);
                let weight = self.x(1);
                let weight = if self.integer("transB", 0) == 1 {
                    weight.t()
                } else {
                    weight.clone()
                };
                let product = self.x(0).matmul(&weight);
                Value::Numbers(match self.optional(2) {
                    Some(bias) => product + bias.numbers(),
                    None => product,
                })
            }
            "MatMul" => Value::Numbers(self.x(0).matmul(self.x(1))),
            "Trilu" => {
                let k = self.value(1).integers().item() as isize;
                let upper = self.integer("upper", 1) == 1;
                Value::Numbers(if upper {
                    self.x(0).triu(k)
                } else {
                    self.x(0).tril(k)
                })
            }
            "BatchNormalization" => self.batch_normalization(),
            "LayerNormalization" => self.layer_normalization(),
            "Softmax" | "LogSoftmax" => {
                let axis = self.axis(-1, self.x(0).rank()) as isize;
                let top = self.x(0).max(keep(axis));
                let e = self.x(0).zip(&top, |x, top| (x - top).exp());
                let sum = e.sum(keep(axis));
                Value::Numbers(if op == "Softmax" {
                    e.zip(&sum, |e, sum| e / sum)
                } else {
                    let shift = top.zip(&sum, |top, sum| top + sum.ln());
                    self.x(0).zip(&shift, |x, shift| x - shift)
                })
            }
            _ if op.starts_with("Reduce") => self.reduce(op),
            "CumSum" => {
                let axis = self.value(1).integers().item() as isize;
                Value::Numbers(self.x(0).cumsum(axis))
            }
            _ => self.elementwise(op).unwrap_or_else(|| self.arrange(op)),
        };
        vec![result]
    }

    fn elementwise(&self, op: &str) -> Option<Value> {
        Some(match op {
            "Relu" => self.map(|x| x.max(0.0)),
            "Sigmoid" => self.map(|x| 1.0 / (1.0 + (-x).exp())),
            "Tanh" => self.map(f64::tanh),
            "HardSigmoid" => {
                let (alpha, beta) = (self.number("alpha", 0.2), self.number("beta", 0.5));
                self.map(|x| (alpha * x + beta).clamp(0.0, 1.0))
            }
            "HardSwish" => self.map(|x| x * (x / 6.0 + 0.5).clamp(0.0, 1.0)),
            "Softsign" => self.map(|x| x / (1.0 + x.abs())),
            "Softplus" => self.map(|x| x.max(0.0) + (-x.abs()).exp().ln_1p()),
            "Elu" => {
                let alpha = self.number("alpha", 1.0);
                self.map(|x| if x < 0.0 { alpha * x.exp_m1() } else { x })
            }
            "Selu" => {
                let (alpha, gamma) = (
                    self.number("alpha", f64::NAN),
                    self.number("gamma", f64::NAN),
                );
                self.map(|x| gamma * if x <= 0.0 { alpha * x.exp_m1() } else { x })
            }
            "LeakyRelu" => {
                let alpha = self.number("alpha", 0.01);
                self.map(|x| if x < 0.0 { alpha * x } else { x })
            }
            "Shrink" => {
                let (lambda, bias) = (self.number("lambd", 0.5), self.number("bias", 0.0));
                self.map(|x| {
                    if x < -lambda {
                        x + bias
                    } else if x > lambda {
                        x - bias
                    } else {
                        0.0
                    }
                })
            }
            "Clip" => {
                let bound = |i, default| self.optional(i).map_or(default, |b| b.numbers().item());
                let (low, high) = (bound(1, f64::NEG_INFINITY), bound(2, f64::INFINITY));
                self.map(|x| x.max(low).min(high))
            }
            "Exp" => self.map(f64::exp),
            "Log" => self.map(f64::ln),
            "Sqrt" => self.map(f64::sqrt),
            "Reciprocal" => self.map(|x| 1.0 / x),
            "Abs" => self.map(f64::abs),
            "Neg" => self.map(|x| -x),
            "Sign" => self.map(|x| if x == 0.0 { 0.0 } else { x.signum() }),
            "Floor" => self.map(f64::floor),
            "Ceil" => self.map(f64::ceil),
            "Round" => self.map(f64::round_ties_even),
            "Sin" => self.map(f64::sin),
            "Cos" => self.map(f64::cos),
            "Tan" => self.map(f64::tan),
            "Asin" => self.map(f64::asin),
            "Acos" => self.map(f64::acos),
            "Atan" => self.map(f64::atan),
            "Sinh" => self.map(f64::sinh),
            "Cosh" => self.map(f64::cosh),
            "Asinh" => self.map(f64::asinh),
            "Acosh" => self.map(f64::acosh),
            "Atanh" => self.map(f64::atanh),
            "Erf" => Value::Numbers(Var::constant(self.x(0).clone()).erf().into_value()),
            "Add" => self.zip(|a, b| a + b),
            "Sub" => self.zip(|a, b| a - b),
            "Mul" => self.zip(|a, b| a * b),
            "Div" => self.zip(|a, b| a / b),
            "Pow" => self.zip(f64::powf),
            "PRelu" => self.zip(|x, slope| if x < 0.0 { slope * x } else { x }),
            "Max" => self.zip(f64::max),
            "Min" => self.zip(f64::min),
            "Equal" => self.compare(|a, b| a == b),
            "Greater" => self.compare(|a, b| a > b),
            _ => return None,
        })
    }

    fn arrange(&self, op: &str) -> Value {
        match op {
            "Shape" => {
                let shape: Vec<_> = self.value(0).shape().iter().map(|&n| n as i64).collect();
                let end = self.integer("end", shape.len() as i64) as usize;
                let part = &shape[self.integer("start", 0) as usize..end];
                Value::Integers(Tensor::from_slice(part, [part.len()]))
            }
            "Reshape" => Value::Numbers(self.x(0).reshape(self.target())),
            "Expand" => {
                let target: Vec<_> = self
                    .value(1)
                    .integers()
                    .iter()
                    .map(|n| n as usize)
                    .collect();
                let shape = joint(self.x(0).shape(), &target);
                Value::Numbers(self.x(0).broadcast_to(shape))
            }
            "Transpose" => {
                let order = self.integers("perm").expect("an order");
                let order: Vec<_> = order.iter().map(|&axis| axis as isize).collect();
                Value::Numbers(self.x(0).permute(order))
            }
            "Concat" if matches!(self.value(0), Value::Integers(_)) => {
                let parts =
                    (0..self.operands.len()).flat_map(|i| self.value(i).integers().to_vec());
                let all: Vec<_> = parts.collect();
                let count = all.len();
                Value::Integers(Tensor::from_vec(all, [count]))
            }
            "Concat" => {
                let parts: Vec<_> = (0..self.operands.len()).map(|i| self.x(i)).collect();
                let axis = self.axis(0, parts[0].rank());
                Value::Numbers(Tensor::concat(&parts, axis as isize))
            }
            "Slice" => self.slice(),
            "Pad" => {
                let sides = self.value(1).integers().to_vec();
                let value = self.optional(2).map_or(0.0, |v| v.numbers().item());
                let rank = self.x(0).rank();
                let widths = (0..rank).map(|i| [sides[i] as isize, sides[rank + i] as isize]);
                Value::Numbers(self.x(0).pad(&widths.collect::<Vec<_>>(), value))
            }
            "Unsqueeze" | "Squeeze" => {
                let axes = self.value(1).integers().to_vec();
                let change = |x: Tensor<f64>, &axis: &i64| {
                    if op == "Squeeze" {
                        x.squeeze(axis as isize)
                    } else {
                        x.unsqueeze(axis as isize)
                    }
                };
                Value::Numbers(axes.iter().fold(self.x(0).clone(), change))
            }
            "Gather" => {
                let (x, index) = (self.x(0), self.value(1).integers());
                let axis = self.axis(0, x.rank());
                let shape = [&x.shape()[..axis], index.shape(), &x.shape()[axis + 1..]].concat();
                let behind = axis + index.rank();
                Value::Numbers(Tensor::from_fn(shape, |at| {
                    let from = index.get(&at[axis..behind]) as usize;
                    x.get([&at[..axis], &[from], &at[behind..]].concat())
                }))
            }
            "GatherElements" => {
                let (x, index) = (self.x(0), self.value(1).integers());
                let axis = self.axis(0, x.rank());
                Value::Numbers(Tensor::from_fn(index.shape(), |at| {
                    let mut from = at.to_vec();
                    from[axis] = index.get(at) as usize;
                    x.get(from)
                }))
            }
            "ScatterElements" => {
                let (x, index, updates) = (self.x(0), self.value(1).integers(), self.x(2));
                let axis = self.axis(0, x.rank()) as isize;
                let reduction = self.attribute("reduction").and_then(|a| a.s.clone());
                Value::Numbers(if reduction.as_deref() == Some(b"add") {
                    x.scatter_add(axis, index, updates)
                } else {
                    x.scatter(axis, index, updates)
                })
            }
            other => panic!("the interpreter has no operator {other}"),
        }
    }

    /// The shape that `Reshape` asks for.
    fn target(&self) -> Vec<usize> {
        let x = self.x(0);
        let all_zero_means_zero = self.integer("allowzero", 0) == 1;
        let target = self.value(1).integers().to_vec();
        let known = target.iter().enumerate().map(|(i, &n)| match n {
            0 if !all_zero_means_zero => Some(x.shape()[i]),
            -1 => None,
            n => Some(n as usize),
        });
        let known: Vec<_> = known.collect();
        let product: usize = known.iter().flatten().product();
        known
            .into_iter()
            .map(|n| n.unwrap_or_else(|| x.len() / product))
            .collect()
    }

    fn choose(&self) -> Value {
        let (mask, a, b) = (self.value(0).mask(), self.x(1), self.x(2));
        let shape = joint(&joint(mask.shape(), a.shape()), b.shape());
        let [a, b] = [a, b].map(|x| x.broadcast_to(&shape));
        Value::Numbers(Tensor::where_(&mask.broadcast_to(&shape), &a, &b))
    }

    fn slice(&self) -> Value {
        let list = |i: usize| self.value(i).integers().to_vec();
        let (starts, ends, axes, steps) = (list(1), list(2), list(3), list(4));
        let mut x = self.x(0).clone();
        for (i, &axis) in axes.iter().enumerate() {
            let n = x.size(axis as isize) as i64;
            let from_back = |bound: i64| {
                if bound < 0 {
                    bound.saturating_add(n)
                } else {
                    bound
                }
            };
            let (start, end, step) = (from_back(starts[i]), from_back(ends[i]), steps[i]);
            let places: Vec<i64> = if step > 0 {
                (start.clamp(0, n)..end.clamp(0, n))
                    .step_by(step as usize)
                    .collect()
            } else {
                let (start, end) = (start.clamp(0, n - 1), end.clamp(-1, n - 1));
                let count = (start - end).max(0).div_euclid(-step)
                    + i64::from((start - end).max(0).rem_euclid(-step) > 0);
                (0..count).map(|k| start + k * step).collect()
            };
            let count = places.len();
            x = x.index_select(axis as isize, &Tensor::from_vec(places, [count]));
        }
        Value::Numbers(x)
    }

    fn split(&self) -> Vec<Value> {
        let x = self.x(0);
        let axis = self.axis(0, x.rank());
        let parts = self.node.output.len();
        let sizes = vec![x.shape()[axis] / parts; parts];
        x.split(axis as isize, sizes)
            .into_iter()
            .map(Value::Numbers)
            .collect()
    }

    fn reduce(&self, op: &str) -> Value {
        let x = self.x(0);
        let axes = match op {
            "ReduceSum" => self.optional(1).map(|axes| axes.integers().to_vec()),
            _ => self.integers("axes"),
        };
        let axes = axes.unwrap_or_default();
        if axes.is_empty() && self.integer("noop_with_empty_axes", 0) == 1 {
            return self.value(0).clone();
        }
        assert!(!axes.is_empty(), "{op} without axes");
        let axes: Vec<_> = axes.iter().map(|&axis| axis as isize).collect();
        let is_kept = self.integer("keepdims", 1) == 1;
        let kept = keep(axes.clone());
        let y = match op {
            "ReduceSum" => x.sum(kept),
            "ReduceMean" => x.mean(kept),
            "ReduceMax" => x.max(kept),
            "ReduceMin" => x.min(kept),
            "ReduceProd" => x.prod(kept),
            "ReduceL2" => x.map(|x| x * x).sum(kept).map(f64::sqrt),
            "ReduceLogSumExp" => x.map(f64::exp).sum(kept).map(f64::ln),
            other => panic!("the interpreter has no operator {other}"),
        };
        Value::Numbers(if is_kept { y } else { y.sum(axes) })
    }

    fn batch_normalization(&self) -> Value {
        let x = self.x(0);
        let eps = self.number("epsilon", 1e-5);
        let mut along = vec![1; x.rank()];
        along[1] = x.size(1);
        let [scale, bias, mean, var] = [1, 2, 3, 4].map(|i| self.x(i).reshape(&along));
        let rstd = var.map(|var| 1.0 / (var + eps).sqrt());
        let y = x.zip(&mean, |x, mean| x - mean).zip(&rstd, |x, r| x * r);
        Value::Numbers(y.zip(&scale, |y, w| y * w).zip(&bias, |y, b| y + b))
    }

    fn layer_normalization(&self) -> Value {
        let x = self.x(0);
        let axes: Vec<_> = (self.axis(-1, x.rank())..x.rank())
            .map(|axis| axis as isize)
            .collect();
        let eps = self.number("epsilon", 1e-5);
        let centred = x.zip(&x.mean(keep(axes.clone())), |x, mean| x - mean);
        let var = centred.map(|x| x * x).mean(keep(axes));
        let y = centred.zip(&var, |x, var| x / (var + eps).sqrt());
        let y = y.zip(self.x(1), |y, w| y * w);
        Value::Numbers(match self.optional(2) {
            Some(bias) => y.zip(bias.numbers(), |y, b| y + b),
            None => y,
        })
    }

    fn sides(&self, axes: usize) -> Vec<[usize; 2]> {
        let pads = self.integers("pads").unwrap_or_else(|| vec![0; 2 * axes]);
        (0..axes)
            .map(|i| [pads[i] as usize, pads[axes + i] as usize])
            .collect()
    }

    fn extents(&self, name: &str, axes: usize) -> Vec<usize> {
        let all = self.integers(name).unwrap_or_else(|| vec![1; axes]);
        all.iter().map(|&n| n as usize).collect()
    }

    fn conv(&self) -> Value {
        let (x, w) = (
            Var::constant(self.x(0).clone()),
            Var::constant(self.x(1).clone()),
        );
        let axes = x.rank() - 2;
        let mut widths = vec![[0, 0]; 2];
        widths.extend(self.sides(axes).iter().map(|side| side.map(|n| n as isize)));
        let x = x.pad(&widths, 0.0);
        let options = ConvOptions::default()
            .stride(&self.extents("strides", axes)[..])
            .dilation(&self.extents("dilations", axes)[..])
            .groups(self.integer("group", 1) as usize);
        let y = match axes {
            1 => x.conv1d(&w, &options),
            2 => x.conv2d(&w, &options),
            _ => x.conv3d(&w, &options),
        };
        self.with_bias(y.into_value())
    }

    fn with_bias(&self, y: Tensor<f64>) -> Value {
        let Some(bias) = self.optional(2) else {
            return Value::Numbers(y);
        };
        let mut along = vec![1; y.rank()];
        along[1] = y.size(1);
        Value::Numbers(y.zip(&bias.numbers().reshape(along), |y, b| y + b))
    }

    /// By definition: every element of the input, times the filter, is added to the result.
    fn conv_transpose(&self) -> Value {
        let (x, w) = (
            Var::constant(self.x(0).clone()),
            Var::constant(self.x(1).clone()),
        );
        let axes = x.rank() - 2;
        let options = ConvTransposeOptions::default()
            .stride(&self.extents("strides", axes)[..])
            .dilation(&self.extents("dilations", axes)[..])
            .groups(self.integer("group", 1) as usize);
        let whole = match axes {
            1 => x.conv_transpose1d(&w, &options),
            2 => x.conv_transpose2d(&w, &options),
            _ => x.conv_transpose3d(&w, &options),
        };
        // Padding crops the whole result, output padding adds rows behind it.
        let more = self.extents("output_padding", axes);
        let mut widths = vec![[0, 0]; 2];
        let sides = self.sides(axes);
        for (side, more) in sides.iter().zip(more) {
            widths.push([-(side[0] as isize), more as isize - side[1] as isize]);
        }
        self.with_bias(whole.pad(&widths, 0.0).into_value())
    }

    fn pool(&self, is_max: bool) -> Value {
        let x = self.x(0);
        let axes = x.rank() - 2;
        assert_eq!(self.integer("ceil_mode", 0), 0);
        let (kernel, stride) = (
            self.extents("kernel_shape", axes),
            self.extents("strides", axes),
        );
        let (dilation, sides) = (self.extents("dilations", axes), self.sides(axes));
        let counts_padding = self.integer("count_include_pad", 0) == 1;
        let mut shape = x.shape()[..2].to_vec();
        for i in 0..axes {
            let window = dilation[i] * (kernel[i] - 1) + 1;
            shape.push((x.shape()[2 + i] + sides[i][0] + sides[i][1] - window) / stride[i] + 1);
        }
        let taps: usize = kernel.iter().product();
        Value::Numbers(Tensor::from_fn(shape, |at| {
            let mut seen = Vec::new();
            for tap in 0..taps {
                let mut rest = tap;
                let mut from = at[..2].to_vec();
                for i in (0..axes).rev() {
                    let place = at[2 + i] * stride[i] + (rest % kernel[i]) * dilation[i];
                    rest /= kernel[i];
                    // Beyond the image if it lies before it.
                    from.insert(2, place.wrapping_sub(sides[i][0]));
                }
                if from.iter().zip(x.shape()).all(|(at, n)| at < n) {
                    seen.push(x.get(from));
                }
            }
            if is_max {
                return seen.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            }
            let count = if counts_padding { taps } else { seen.len() };
            seen.iter().sum::<f64>() / count as f64
        }))
    }
}

fn joint(a: &[usize], b: &[usize]) -> Vec<usize> {
    let rank = a.len().max(b.len());
    let at = |shape: &[usize], axis: usize| {
        axis.checked_sub(rank - shape.len())
            .map_or(1, |axis| shape[axis])
    };
    let extent = |axis| match (at(a, axis), at(b, axis)) {
        (1, n) | (n, 1) => n,
        (a, b) => {
            assert_eq!(a, b, "shapes that do not broadcast");
            a
        }
    };
    (0..rank).map(extent).collect()
}
