//! A filter spans all input channels, and its results are summed over them.
//!
//!     cargo run --release --example conv_channels
//!
//! From 3 channels to 64: not 64 planes per input channel, but 64 planes, each a sum over three channels.

use wengert::prelude::*;
use wengert::report::HeatMap;

fn main() -> std::io::Result<()> {
    // Three handwritten digits as the three channels of one image.
    let digits = Dataset::digits().train;
    let pixels: Vec<f32> =
        [0, 1, 2].iter().flat_map(|&i| digits.image(i)).map(|&p| f32::from(p) / 16.0).collect();
    let image = Tensor::from_vec(pixels, [1, 3, 8, 8]);
    let rng = &mut rng(1);
    let layer: Conv2d = Conv2d::new(3, 64, 3, rng).padding(1).without_bias();
    let weight = layer.weight.value();

    let whole = image.conv2d(weight, &ConvOptions::default().padding(1));
    println!("image  {:?}  one image, 3 channels, 8 × 8", image.shape());
    println!("weight {:?} 64 filters, each 3 channels deep, 3 × 3", weight.shape());
    println!("result {:?} one plane per filter, not per filter and channel\n", whole.shape());

    // The same by hand: each channel with its slice of the filters, then the sum.
    let parts: Vec<Tensor> = (0..3)
        .map(|c| {
            let (plane, slice) = (image.slice(1, c..c + 1), weight.slice(1, c..c + 1));
            plane.conv2d(&slice, &ConvOptions::default().padding(1))
        })
        .collect();
    let sum = &(&parts[0] + &parts[1]) + &parts[2];
    let difference = whole.zip(&sum, |a, b| (a - b).abs()).max(..).item();
    println!(
        "channel 0 + channel 1 + channel 2 differs from the whole by {difference:.1e}: rounding\n"
    );
    assert!(difference < 1e-5, "the result is the sum over the channels");

    let per_filter = 3 * 3 * 3;
    println!("weights of one filter   3 channels × 3 × 3    = {per_filter:>6}");
    println!("weights of all          64 filters × {per_filter}       = {:>6}", 64 * per_filter);
    println!("biases                  one per filter        = {:>6}", 64);
    println!("multiply-adds per pixel 64 × {per_filter}               = {:>6}", 64 * per_filter);
    println!(
        "multiply-adds in all    64 pixels × {}      = {:>6}",
        64 * per_filter,
        64 * 64 * per_filter
    );
    assert_eq!(weight.len(), 64 * per_filter);

    // Filter 0: its three parts, and their sum.
    let gap = f64::NAN;
    let planes: Vec<&Tensor> = parts.iter().chain([&sum]).collect();
    let mut values = Vec::new();
    for row in 0..8 {
        for (i, plane) in planes.iter().enumerate() {
            values.extend((0..8).map(|column| f64::from(plane.get([0, 0, row, column]))));
            values.extend((i < 3).then_some(gap));
        }
    }
    let map = HeatMap {
        title: "filter 0 on channel 0, 1, 2, and their sum".into(),
        columns: 4 * 8 + 3,
        values,
        ..HeatMap::default()
    };
    std::fs::create_dir_all("out")?;
    std::fs::write("out/conv_channels.svg", map.to_svg())?;
    println!("\npicture: out/conv_channels.svg");
    Ok(())
}
