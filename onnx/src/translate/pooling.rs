//! Max and average pooling.

use wengert_tensor::Tensor;

use crate::call::{Call, Translated};
use crate::graph::{integer, integers};
use crate::number::FileNumber;
use crate::proto::AttributeProto;

pub(super) fn translate<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Option<Translated> {
    matches!(call.op(), "max_pool" | "avg_pool").then(|| pool(call))
}

/// The windows along the axes that the images have.
struct Windows {
    axes: usize,
    input: Vec<i64>,
    output: Vec<i64>,
    is_max: bool,
}

fn pool<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let axes = call.integer("spatial_axes")? as usize;
    let last = |name: &str| Ok::<_, String>(call.integers(name)?[3 - axes..].to_vec());
    let windows = Windows {
        axes,
        input: last("input")?,
        output: last("output")?,
        is_max: call.op() == "max_pool",
    };
    let mut x = call.input(0);
    let has_batch = call.rank(0) == axes + 2;
    let front = call.vector(&[0]);
    if !has_batch {
        x = call.node("Unsqueeze", &[&x, &front], []);
    }
    let mut y = if call.attribute("kernel").is_ok() {
        windows.regular(call, &x)?
    } else {
        windows.adaptive(call, &x)?
    };
    if !has_batch {
        y = call.node("Squeeze", &[&y, &front], []);
    }
    call.done(y)
}

impl Windows {
    const fn operator(&self) -> &'static str {
        if self.is_max {
            "MaxPool"
        } else {
            "AveragePool"
        }
    }

    fn regular<T: FileNumber>(
        &self,
        call: &mut Call<'_, '_, T>,
        x: &str,
    ) -> Result<String, String> {
        let axes = self.axes;
        let last = |name: &str| Ok::<_, String>(call.integers(name)?[3 - axes..].to_vec());
        let (kernel, stride, dilation) = (last("kernel")?, last("stride")?, last("dilation")?);
        let padding = &call.integers("padding")?[2 * (3 - axes)..];
        let before: Vec<_> = padding.iter().step_by(2).copied().collect();
        let mut behind: Vec<_> = padding.iter().skip(1).step_by(2).copied().collect();
        let (counts_padding, divisor) = (call.flag("counts_padding")?, call.integers("divisor")?);
        for axis in 0..axes {
            let window = dilation[axis] * (kernel[axis] - 1) + 1;
            let padded = self.input[axis] + before[axis] + behind[axis];
            let needed = (self.output[axis] - 1) * stride[axis] + window;
            // The last window of ceil mode reaches beyond the padding. More padding does the same where none is counted.
            let more = (needed - padded).max(0);
            if more > 0 && !self.is_max && counts_padding {
                return Err("an average in ceil mode divides by the part of a window that lies in the padding".to_owned());
            }
            behind[axis] += more;
            if (self.input[axis] + before[axis] + behind[axis] - window) / stride[axis] + 1
                != self.output[axis]
            {
                return Err("a window that starts in the padding is left out".to_owned());
            }
        }
        let mut options: Vec<AttributeProto> = vec![
            integers("kernel_shape", &kernel),
            integers("strides", &stride),
            integers("pads", &[before, behind].concat()),
        ];
        if self.is_max {
            options.push(integers("dilations", &dilation));
            return Ok(call.node("MaxPool", &[x], options));
        }
        if dilation.iter().any(|&d| d != 1) {
            return Err("an average over taps with a distance".to_owned());
        }
        options.push(integer("count_include_pad", i64::from(counts_padding)));
        let y = call.node("AveragePool", &[x], options);
        let [divisor] = divisor else {
            return Ok(y);
        };
        let taps: i64 = kernel.iter().product();
        Ok(super::elementwise::with(
            call,
            "Mul",
            &y,
            taps as f64 / *divisor as f64,
        ))
    }

    /// Windows that divide the image.
    fn adaptive<T: FileNumber>(
        &self,
        call: &mut Call<'_, '_, T>,
        x: &str,
    ) -> Result<String, String> {
        if self.input == self.output {
            return Ok(x.to_owned());
        }
        if self.output.iter().all(|&n| n == 1) {
            let operator = format!("Global{}", self.operator());
            return Ok(call.node(&operator, &[x], []));
        }
        let pairs = || self.input.iter().zip(&self.output);
        if pairs().all(|(input, output)| *output > 0 && input % output == 0) {
            let kernel: Vec<_> = pairs().map(|(input, output)| input / output).collect();
            let options = [
                integers("kernel_shape", &kernel),
                integers("strides", &kernel),
            ];
            return Ok(call.node(self.operator(), &[x], options));
        }
        if self.is_max || self.axes > 2 {
            let (input, output) = (&self.input, &self.output);
            return Err(format!(
                "windows of different extents, from {input:?} to {output:?} pixels"
            ));
        }
        // A mean along an axis is a product with a matrix.
        let across = self.means::<T>(self.axes - 1);
        let across = call.tensor(&across.t().contiguous());
        let y = call.node("MatMul", &[x, &across], []);
        if self.axes == 1 {
            return Ok(y);
        }
        let down = call.tensor(&self.means::<T>(0));
        Ok(call.node("MatMul", &[&down, &y], []))
    }

    /// `[output, input]`: the weight of each pixel in each mean along an axis.
    fn means<T: FileNumber>(&self, axis: usize) -> Tensor<T> {
        let (input, output) = (self.input[axis] as usize, self.output[axis] as usize);
        Tensor::from_fn([output, input], |at| {
            let (first, end) = (
                at[0] * input / output,
                ((at[0] + 1) * input).div_ceil(output),
            );
            if (first..end).contains(&at[1]) {
                T::of(1.0 / (end - first) as f64)
            } else {
                T::zero()
            }
        })
    }
}
