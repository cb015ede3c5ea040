//! Convolutions, pooling, and functions of images.

use burn::nn;
use burn::tensor::grid::affine_grid_2d;
use burn::tensor::ops::{
    AvgPoolOptions, ConvOptions, ConvTransposeOptions, DeformConvOptions, GridSampleOptions,
    GridSamplePaddingMode, InterpolateMode, InterpolateOptions, MaxPoolOptions, PadMode,
    UnfoldOptions,
};
use burn::tensor::{Tensor, module};
use protocol::gradients::Call;

use crate::{Inputs, flat};

pub fn apply(call: &Call, x: &Inputs) -> Option<Tensor<1>> {
    convolution(call, x)
        .or_else(|| pool(call, x))
        .or_else(|| resized(call, x))
        .or_else(|| moved(&call.function, x))
}

fn convolution(call: &Call, x: &Inputs) -> Option<Tensor<1>> {
    let pair = |name| call.pair(name);
    let transposed = |padding_out| {
        let (stride, padding, dilation) = (pair("stride"), pair("padding"), pair("dilation"));
        let groups = call.count("groups");
        ConvTransposeOptions::new(stride, padding, padding_out, dilation, groups)
    };
    Some(match call.function.as_str() {
        "conv1d" => {
            let (stride, padding) = ([call.count("stride")], [call.count("padding")]);
            let options = ConvOptions::new(stride, padding, [1], 1);
            flat(module::conv1d(x.at(0), x.at(1), None, options))
        }
        "conv2d" => {
            let (stride, padding, dilation) = (pair("stride"), pair("padding"), pair("dilation"));
            let options = ConvOptions::new(stride, padding, dilation, call.count("groups"));
            flat(module::conv2d(x.at(0), x.at(1), Some(x.at(2)), options))
        }
        "conv3d" => {
            let options = ConvOptions::new([1; 3], [1; 3], [1; 3], 1);
            flat(module::conv3d(x.at(0), x.at(1), None, options))
        }
        "conv_transpose1d" => {
            let options = ConvTransposeOptions::new([2], [1], [1], [2], 1);
            flat(module::conv_transpose1d(x.at(0), x.at(1), None, options))
        }
        "conv_transpose2d" => {
            let y = module::conv_transpose2d(x.at(0), x.at(1), None, transposed([0, 0]));
            flat(y)
        }
        "conv_transpose2d_bias" => {
            let options = transposed(pair("output_padding"));
            flat(module::conv_transpose2d(
                x.at(0),
                x.at(1),
                Some(x.at(2)),
                options,
            ))
        }
        "conv_transpose3d" => {
            let options = ConvTransposeOptions::new([2, 1, 1], [1; 3], [1, 0, 0], [1; 3], 1);
            flat(module::conv_transpose3d(x.at(0), x.at(1), None, options))
        }
        "deform_conv2d" => {
            let options = DeformConvOptions::new([1, 1], [0, 0], [1, 1], 1, 1);
            let (offset, weight, mask) = (x.at(1), x.at(2), Some(x.at(3)));
            flat(module::deform_conv2d(
                x.at(0),
                offset,
                weight,
                mask,
                None,
                options,
            ))
        }
        _ => return None,
    })
}

fn pool(call: &Call, x: &Inputs) -> Option<Tensor<1>> {
    let (kernel, stride, padding) = (
        || call.pair("kernel"),
        || call.pair("stride"),
        || call.pair("padding"),
    );
    let maximum = || {
        let options = MaxPoolOptions::new(kernel());
        options.with_stride(stride()).with_padding(padding())
    };
    let average = || {
        let options = AvgPoolOptions::new(kernel());
        let options = options.with_stride(stride()).with_padding(padding());
        options.with_count_include_pad(!call.function.ends_with("exclude"))
    };
    let a = || x.at::<4>(0);
    Some(match call.function.as_str() {
        "max_pool2d" => flat(module::max_pool2d(a(), maximum())),
        "max_pool2d_ceil" => flat(module::max_pool2d(a(), maximum().with_ceil_mode(true))),
        "avg_pool2d" | "avg_pool2d_exclude" => flat(module::avg_pool2d(a(), average())),
        "avg_pool2d_ceil" | "avg_pool2d_ceil_exclude" => {
            flat(module::avg_pool2d(a(), average().with_ceil_mode(true)))
        }
        "max_pool2d_dilated" => {
            let options = MaxPoolOptions::new([2, 2]).with_dilation([2, 2]);
            flat(module::max_pool2d(a(), options.with_stride([2, 2])))
        }
        "max_pool1d" => {
            let options = MaxPoolOptions::new([2]).with_stride([2]);
            flat(module::max_pool1d(x.at(0), options))
        }
        "avg_pool1d" => {
            let options = AvgPoolOptions::new([2]).with_stride([2]);
            flat(module::avg_pool1d(x.at(0), options))
        }
        "adaptive_avg_pool2d" => flat(module::adaptive_avg_pool2d(a(), [2, 3])),
        "adaptive_avg_pool3d" => flat(module::adaptive_avg_pool3d(x.at(0), [2, 3, 2])),
        _ => return None,
    })
}

fn resized(call: &Call, x: &Inputs) -> Option<Tensor<1>> {
    if let Some(name) = call.function.strip_prefix("interpolate_") {
        let corners = name.ends_with("_corners");
        let mode = match name.trim_end_matches("_corners") {
            "nearest" => InterpolateMode::Nearest,
            "nearest_exact" => InterpolateMode::NearestExact,
            "bilinear" => InterpolateMode::Bilinear,
            "bicubic" => InterpolateMode::Bicubic,
            "lanczos" => InterpolateMode::Lanczos3,
            _ => return None,
        };
        let options = InterpolateOptions::new(mode).with_align_corners(corners);
        let options = options.with_output_size(call.pair("size"));
        return Some(flat(module::interpolate(x.at(0), options)));
    }
    let name = call.function.strip_prefix("grid_sample_")?;
    let padding = match name.split('_').nth(1) {
        Some("border") => GridSamplePaddingMode::Border,
        Some("reflection") => GridSamplePaddingMode::Reflection,
        _ => GridSamplePaddingMode::Zeros,
    };
    let mode = match name.split('_').next() {
        Some("nearest") => InterpolateMode::Nearest,
        Some("bilinear") => InterpolateMode::Bilinear,
        _ => InterpolateMode::Bicubic,
    };
    let options = GridSampleOptions::new(mode).with_padding_mode(padding);
    // The grid has shape [1, height, width, 2].
    Some(flat(x.at::<4>(0).grid_sample_2d(x.at(1), options)))
}

fn moved(function: &str, x: &Inputs) -> Option<Tensor<1>> {
    let a = || x.at::<4>(0);
    let pad = |mode| flat(a().pad((1, 2, 0, 1), mode));
    Some(match function {
        "pad_constant" => pad(PadMode::Constant(0.0)),
        "pad_reflect" => pad(PadMode::Reflect),
        "pad_replicate" => pad(PadMode::Edge),
        "pixel_shuffle" => flat(nn::PixelShuffleConfig::new(2).init().forward(a())),
        "affine_grid" => flat(affine_grid_2d(x.at(0), [1, 1, 3, 2])),
        "unfold" => {
            let options = UnfoldOptions::new([2, 2], [1, 1], [1, 2]);
            flat(module::unfold4d(a(), [2, 3], options))
        }
        "fold" => {
            let options = UnfoldOptions::new([1, 1], [0, 0], [1, 1]);
            flat(module::fold4d(x.at(0), [4, 4], [2, 2], options))
        }
        _ => return None,
    })
}
