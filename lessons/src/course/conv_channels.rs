//! A filter spans all input channels, and its results are summed over them.
//!
//! From 3 channels to 64: not 64 planes per input channel, but 64 planes, each a sum over three channels.

use wengert::prelude::*;
use wengert::report::{ColorMap, Plane, PlaneGrid};

use crate::data::image;
use crate::run::say;
use crate::{LessonError, Run};

pub(crate) fn run(run: &mut Run<'_>) -> Result<(), LessonError> {
    // Three handwritten digits as the three channels of one image.
    let digits = Split::digits().train;
    let channels: Vec<Tensor> = (0..3).map(|i| image(&digits, i)).collect();
    let x = Tensor::concat(&channels.iter().collect::<Vec<_>>(), 0).reshape([1, 3, 8, 8]);
    let layer: Conv2d = Conv2d::new(3, 64, 3, &mut rng(1)).padding(1).without_bias();
    let weight = layer.weight.value();

    let same = ConvOptions::default().padding(1);
    let whole = x.conv2d(weight, &same);
    say!(run, "image  {:?}   one image, 3 channels, 8 × 8", x.shape());
    say!(run, "weight {:?}  64 filters, each 3 channels deep, 3 × 3", weight.shape());
    say!(run, "result {:?}  one plane per filter, not per filter and channel\n", whole.shape());

    // The same by hand: each channel with its slice of the filters, then the sum.
    let part = |c: isize| x.slice(1, c..c + 1).conv2d(&weight.slice(1, c..c + 1), &same);
    let parts = [part(0), part(1), part(2)];
    let sum = &(&parts[0] + &parts[1]) + &parts[2];
    let difference = whole.zip(&sum, |a, b| (a - b).abs()).max(..).item();
    say!(run, "channel 0 + channel 1 + channel 2 differs from the whole by less than 1e-5: rounding");
    assert!(difference < 1e-5, "the result is the sum over the channels");
    let at = |y: &Tensor| y.get([0, 0, 3, 3]);
    say!(run, "for instance filter 0 at row 3, column 3:");
    say!(run, "  {:.3} + {:.3} + {:.3} = {:.3}\n", at(&parts[0]), at(&parts[1]), at(&parts[2]), at(&whole));

    let per_filter = 3 * 3 * 3;
    say!(run, "weights of one filter   3 channels · 3 · 3    = {per_filter:>6}");
    say!(run, "weights of all          64 filters · {per_filter}       = {:>6}", 64 * per_filter);
    say!(run, "biases                  one per filter        = {:>6}", 64);
    say!(run, "multiply-adds per pixel 64 · {per_filter}               = {:>6}", 64 * per_filter);
    say!(run, "multiply-adds in all    64 pixels · {}      = {:>6}", 64 * per_filter, 64 * 64 * per_filter);
    say!(run, "planes if channels were concatenated: 3 · 64  = {:>6}, but there are {}", 3 * 64, whole.size(1));
    assert_eq!(weight.len(), 64 * per_filter);

    // Filter 0: digits, the slices of the filter, what each gives, and the sum.
    let mut planes = Vec::new();
    for (c, (digit, part)) in channels.iter().zip(&parts).enumerate() {
        let filter = weight.select(0, 0).select(0, c as isize);
        planes.push(Plane::new(digit).caption(format!("channel {c}")));
        planes.push(Plane::text("∗"));
        planes.push(Plane::new(&filter).colors(ColorMap::Signed).zoom(2).caption("its weights"));
        planes.push(Plane::text("="));
        planes.push(Plane::new(&part.select(0, 0).select(0, 0)).colors(ColorMap::Signed).caption("its part"));
        planes.push(Plane::text(["+", "+", "="][c]));
    }
    planes.extend((0..4).map(|_| Plane::text("")));
    planes.push(Plane::new(&whole.select(0, 0).select(0, 0)).colors(ColorMap::Signed).caption("the sum"));
    let grid = PlaneGrid {
        title: "filter 0 of 64: three channels, one plane".into(),
        columns: 6,
        zoom: 10,
        planes,
        ..PlaneGrid::default()
    };
    run.picture(&grid.to_svg())?;
    run.remember("a filter is as deep as its input, and gives one plane: the sum over the channels.");
    Ok(())
}
