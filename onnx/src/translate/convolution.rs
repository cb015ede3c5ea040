//! Convolutions, with the bias that is added to one, and resizing.

use crate::call::{Call, Translated};
use crate::graph::{integer, integers};
use crate::number::FileNumber;
use crate::program::{Extent, Operand, Operation, Value};
use wengert_tensor::Tensor;

pub(super) fn translate<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Option<Translated> {
    let family = match call.op() {
        "conv" => forward,
        "conv_input" => transposed,
        "resample" => resample,
        _ => return None,
    };
    Some(family(call))
}

/// The options of a convolution over `axes` axes: its list has three, of which the first ones may be unused.
struct Options {
    kernel: Vec<i64>,
    stride: Vec<i64>,
    dilation: Vec<i64>,
    /// Before each axis, then behind each.
    sides: [Vec<i64>; 2],
    group: i64,
}

impl Options {
    fn of<T: FileNumber>(call: &Call<'_, '_, T>, axes: usize) -> Result<Self, String> {
        let last = |name: &str| Ok::<_, String>(call.integers(name)?[3 - axes..].to_vec());
        let padding = &call.integers("padding")?[2 * (3 - axes)..];
        let side = |side: usize| padding.iter().skip(side).step_by(2).copied().collect();
        Ok(Self {
            kernel: last("kernel")?,
            stride: last("stride")?,
            dilation: last("dilation")?,
            sides: [side(0), side(1)],
            group: call.integer("groups")?,
        })
    }

    fn attributes(&self) -> Vec<crate::proto::AttributeProto> {
        vec![
            integers("kernel_shape", &self.kernel),
            integers("strides", &self.stride),
            integers("pads", &self.sides.concat()),
            integers("dilations", &self.dilation),
            integer("group", self.group),
        ]
    }
}

fn forward<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let (x, weight) = (call.input(0), call.input(1));
    let options = Options::of(call, call.rank(0) - 2)?;
    let y = call.node("Conv", &[&x, &weight], options.attributes());
    call.done(y)
}

/// The adjoint of a convolution: its operands are the weight and the images.
fn transposed<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let (weight, x) = (call.input(0), call.input(1));
    let axes = call.rank(1) - 2;
    let options = Options::of(call, axes)?;
    let mut more = Vec::new();
    for axis in 0..axes {
        let extents = [call.result_shape(0), call.shape(1)].map(|shape| shape[2 + axis]);
        let [Extent::Fixed(result), Extent::Fixed(input)] = extents else {
            return Err(format!("axis {} grows with the batch", 2 + axis));
        };
        let window = options.dilation[axis] * (options.kernel[axis] - 1) + 1;
        let padding = options.sides[0][axis] + options.sides[1][axis];
        let least = (input as i64 - 1) * options.stride[axis] - padding + window;
        more.push(result as i64 - least);
    }
    let mut attributes = options.attributes();
    attributes.push(integers("output_padding", &more));
    let y = call.node("ConvTranspose", &[&x, &weight], attributes);
    call.done(y)
}

/// Makes an addition the bias of the convolution before it, if that is what it is, and nothing else reads the result of the
/// convolution.
pub(crate) fn add_bias<T: FileNumber>(call: &mut Call<'_, '_, T>) -> bool {
    if call.op() != "add" || call.operands() != 2 {
        return false;
    }
    [(0, 1), (1, 0)]
        .into_iter()
        .any(|(product, bias)| add_bias_to(call, product, bias).is_some())
}

fn add_bias_to<T: FileNumber>(
    call: &mut Call<'_, '_, T>,
    product: usize,
    bias: usize,
) -> Option<()> {
    let Operand::Value(made) = call.step.operands[product] else {
        return None;
    };
    let convolution = call.made_by(made)?;
    if !matches!(convolution.place.op, "conv" | "conv_input") || call.graph.program.uses[&made] != 1
    {
        return None;
    }
    let shape = call.shape(product);
    if call.result_shape(0) != shape {
        return None;
    }
    let name = bias_along_channels(call, bias, shape)?;
    let output = call.graph.name(made)?.to_owned();
    let nodes = &mut call.graph.nodes;
    let node = nodes
        .iter_mut()
        .rev()
        .find(|node| node.output[0] == output)?;
    if node.input.len() != 2 {
        return None;
    }
    node.input.push(name);
    call.set(0, output);
    Some(())
}

/// The name of a vector that an operand holds along axis 1 of `shape`, if it is stored or constant.
fn bias_along_channels<T: FileNumber>(
    call: &mut Call<'_, '_, T>,
    operand: usize,
    shape: &[Extent],
) -> Option<String> {
    let Operand::Value(value) = call.step.operands[operand] else {
        return None;
    };
    let reshaped = reshaped(call, value)?;
    // `[channels, 1, …]` under all axes but the first.
    let [channels, ones @ ..] = &reshaped.results[0][..] else {
        return None;
    };
    let along = ones.len() + 2 == shape.len()
        && ones.iter().all(|extent| *extent == Extent::Fixed(1))
        && *channels == shape[1]
        && reshaped.operand_shapes[0] == [*channels];
    if !along {
        return None;
    }
    call.leaf(reshaped.operands[0])
}

/// The change of shape that made a value, before it was broadcast.
fn reshaped<'g, T: FileNumber>(call: &Call<'_, 'g, T>, value: Value) -> Option<&'g Operation> {
    let mut step = call.made_by(value)?;
    if step.place.op == "broadcast_to"
        && let Operand::Value(narrow) = step.operands[0]
    {
        step = call.made_by(narrow)?;
    }
    (step.place.op == "reshape").then_some(step)
}

/// Weighted sums of elements along an axis: one selection for each tap.
fn resample<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let (x, axis, rank) = (call.input(0), call.axis()?, call.rank(0));
    let sources = call.indices("sources")?;
    let weights = call.numbers("weights")?;
    let mut sum: Option<String> = None;
    for tap in 0..sources.size(1) {
        let column = sources
            .slice(1, tap as isize..tap as isize + 1)
            .flatten(0, 1);
        let places = call.graph.indices(&column);
        let mut part = call.node("Gather", &[&x, &places], [integer("axis", axis as i64)]);
        let weight = weights
            .slice(1, tap as isize..tap as isize + 1)
            .flatten(0, 1);
        if weight.iter().any(|w| w != 1.0) {
            let mut along = vec![1; rank - axis];
            along[0] = weight.len();
            let weight: Tensor<T> = weight.map(|w| T::of(w)).reshape(along);
            let weight = call.tensor(&weight);
            part = call.node("Mul", &[&part, &weight], []);
        }
        sum = Some(match sum {
            Some(sum) => call.node("Add", &[&sum, &part], []),
            None => part,
        });
    }
    let sum = sum.ok_or("it has no taps")?;
    call.done(sum)
}
