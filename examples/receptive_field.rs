//! Two stacked 3×3 convolutions have the receptive field of one 5×5, with 18 weights per channel pair instead of 25.
//!
//!     cargo run --release --example receptive_field
//!
//! The field is computed from the geometry, and measured: the pixels whose gradient is not zero.

use wengert::prelude::*;
use wengert::report::HeatMap;

const CHANNELS: usize = 8;
const SIDE: usize = 11;

/// `|∂y/∂x|` of the middle pixel of every output plane, summed over channels: `[SIDE, SIDE]`.
fn field(layers: &[Conv2d]) -> Tensor {
    let mut pass = Pass::eval(layers);
    let tape = Tape::new();
    let x = tape.leaf(Tensor::ones([1, CHANNELS, SIDE, SIDE]));
    let y = layers.iter().fold(x.clone(), |x, layer| layer.call(&x, &mut pass));
    let middle = (SIDE / 2) as isize;
    let gradients = y.select(-1, middle).select(-1, middle).sum(..).backward();
    gradients.wrt(&x).abs().sum([0, 1])
}

/// Extents of the smallest rectangle that contains every nonzero element.
fn extent(field: &Tensor) -> (usize, usize) {
    let touched = |axis: isize| {
        let lines = field.sum(axis).to_vec();
        let first = lines.iter().position(|&v| v != 0.0).unwrap_or(0);
        let last = lines.iter().rposition(|&v| v != 0.0).map_or(0, |last| last + 1);
        last - first
    };
    (touched(1), touched(0))
}

fn main() -> std::io::Result<()> {
    let conv = |kernel: usize, rng: &mut _| -> Conv2d {
        Conv2d::new(CHANNELS, CHANNELS, kernel, rng).padding(kernel / 2).without_bias()
    };
    let rng = &mut rng(0);
    let stacks = [("two stacked 3×3", vec![3, 3]), ("one 5×5", vec![5])];
    let mut values = vec![Vec::new(); 2];
    println!(
        "{:<18}{:>12}{:>12}{:>26}{:>12}",
        "", "analytic", "measured", "weights per channel pair", "weights"
    );
    for (place, (name, kernels)) in stacks.iter().enumerate() {
        // Each layer of step 1 adds its kernel less one.
        let analytic = 1 + kernels.iter().map(|k| k - 1).sum::<usize>();
        let layers: Vec<_> = kernels.iter().map(|&k| conv(k, rng)).collect();
        let (height, width) = extent(&field(&layers));
        let weights: usize = layers.iter().map(|layer| layer.weight.value().len()).sum();
        println!(
            "{name:<18}{:>12}{:>12}{:>26}{weights:>12}",
            format!("{analytic} × {analytic}"),
            format!("{height} × {width}"),
            weights / (CHANNELS * CHANNELS),
        );
        assert_eq!((height, width), (analytic, analytic), "the measured field is the analytic one");
        // The shape of the field, over many random layers.
        let rounds = 200;
        let mut sum = Tensor::<f32>::zeros([SIDE, SIDE]);
        for _ in 0..rounds {
            let layers: Vec<_> = kernels.iter().map(|&k| conv(k, rng)).collect();
            let one = field(&layers);
            let peak = one.max(..).item();
            sum.add_assign(&(&one / f64::from(peak * rounds as f32)));
        }
        values[place] = sum.to_vec();
    }
    println!("\nThe stack also has a nonlinearity more, and looks harder at the middle:");
    println!("a middle pixel is reached along 9 paths, a corner along 1.");

    let mut rows = Vec::new();
    for row in 0..SIDE {
        let line = |v: &Vec<f32>| {
            v[row * SIDE..(row + 1) * SIDE].iter().map(|&v| f64::from(v)).collect::<Vec<_>>()
        };
        rows.extend(line(&values[0]));
        rows.push(f64::NAN);
        rows.extend(line(&values[1]));
    }
    let map = HeatMap {
        title: "mean |∂y/∂x|: two stacked 3×3 (left), one 5×5 (right)".into(),
        columns: 2 * SIDE + 1,
        values: rows,
        ..HeatMap::default()
    };
    std::fs::create_dir_all("out")?;
    std::fs::write("out/receptive_field.svg", map.to_svg())?;
    println!("\npicture: out/receptive_field.svg");
    Ok(())
}
