//! Which kernel the dispatch selects.

use proptest::prelude::*;
use wengert_tensor::kernels::conv::{
    ConvGeometry, Direction, KernelChoice, dispatch, explain, kernels,
};
use wengert_tensor::kernels::simd::Level;
use wengert_tensor::{ConvOptions, Dual, Real, Tensor};

fn geometry() -> ConvGeometry {
    "mb2_ic4ih7iw9_oc6_kh3kw2_sh2sw1_ph1pw0+2_g2"
        .parse()
        .unwrap()
}

fn names<T: Real>() -> Vec<&'static str> {
    kernels::<T>().iter().map(|kernel| kernel.name()).collect()
}

#[test]
fn the_plain_loops_come_last_and_support_everything() {
    assert_eq!(names::<f32>().last(), Some(&"direct"));
    assert_eq!(names::<f64>().last(), Some(&"direct"));
    let oracle = kernels::<f64>().last().unwrap();
    assert_eq!(oracle.supports(&geometry()), Ok(()));
}

#[test]
fn kernel_names_are_unique() {
    let mut sorted = names::<f32>();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), names::<f32>().len());
}

#[test]
fn the_accurate_policy_selects_accurate_kernels_only() {
    for line in [
        "mb4_ic32ih32iw32_oc32_kh3kw3_ph1pw1",
        "mb1_ic3ih64iw64_oc64_kh7kw7_sh2sw2_ph3pw3",
    ] {
        for direction in Direction::ALL {
            let geometry = line.parse().unwrap();
            let kernel = dispatch::<f32>(&geometry, direction, &KernelChoice::Accurate).unwrap();
            assert!(kernel.is_accurate(), "{}", kernel.name());
        }
    }
}

#[test]
fn a_kernel_is_selected_by_its_name() {
    for name in names::<f64>() {
        match dispatch::<f64>(&geometry(), Direction::Forward, &name.into()) {
            Ok(kernel) => assert_eq!(kernel.name(), name),
            Err(error) => assert!(error.to_string().contains("does not support"), "{error}"),
        }
    }
    let unknown = dispatch::<f64>(&geometry(), Direction::Forward, &"magic".into());
    let message = unknown.err().expect("there is no magic").to_string();
    assert!(
        message.starts_with("no kernel is named \"magic\"; there are ")
            && message.ends_with("direct"),
        "{message}"
    );
}

#[test]
fn the_explanation_ends_each_direction_with_a_kernel() {
    let text = explain::<f32>(&geometry());
    for direction in Direction::ALL {
        let chosen = dispatch::<f32>(&geometry(), direction, &KernelChoice::Auto).unwrap();
        let line = format!("{direction}: {}, ", chosen.name());
        assert!(text.contains(&line), "{text}");
    }
}

/// The table of the documentation of `kernels::conv`.
const TABLE: &str = include_str!("../../src/kernels/conv/dispatch.md");

/// The cells of each row.
fn rows() -> impl Iterator<Item = Vec<&'static str>> {
    let rows = TABLE.lines().skip(2);
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect())
}

fn directions(cell: &str) -> Vec<Direction> {
    let is_named = |d: &Direction| cell == "all" || cell.split(", ").any(|n| n == d.to_string());
    Direction::ALL.into_iter().filter(is_named).collect()
}

/// The geometries in backquotes.
fn geometries(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

fn check_row<T: Real>(row: &[&str]) {
    let [kernel, number_types, named, _, examples, others] = *row else {
        panic!("a row has six cells: {row:?}");
    };
    let kernel = kernel.trim_matches('`');
    let directions = directions(named);
    assert!(!directions.is_empty(), "{named}");
    let chosen = |line: &str, direction| {
        let geometry = line.parse().unwrap();
        let kernel = dispatch::<T>(&geometry, direction, &KernelChoice::Auto);
        kernel.unwrap().name()
    };
    for direction in directions {
        for line in geometries(examples) {
            assert_eq!(
                chosen(line, direction),
                kernel,
                "{line} {direction} {number_types}"
            );
        }
        for line in geometries(others) {
            assert_ne!(
                chosen(line, direction),
                kernel,
                "{line} {direction} {number_types}"
            );
        }
    }
}

#[test]
fn every_row_of_the_documented_table_holds_at_its_limits() {
    if !Level::best().fuses() {
        return; // every type has the last row's kernel
    }
    let mut kernels = Vec::new();
    for row in rows() {
        for number_type in row[1].split(' ') {
            match number_type {
                "f32" => check_row::<f32>(&row),
                "f64" => check_row::<f64>(&row),
                "other" => check_row::<Dual<f64>>(&row),
                _ => panic!("{number_type} is no number type of the table"),
            }
        }
        kernels.push(row[0].trim_matches('`'));
    }
    for name in names::<f32>() {
        assert!(
            name == "direct" || kernels.contains(&name),
            "{name} has no row in the table"
        );
    }
}

/// One axis of few pixels under a dilation or a stride of up to 2²⁰, with padding in proportion, or under a stride that
/// is larger than the image, with the least padding.
fn extreme_axis() -> impl Strategy<Value = [usize; 5]> {
    let numbers = (1..4_usize, 1..4_usize, 0..21_u32, 0..3);
    numbers.prop_map(|(input, kernel, log, kind)| {
        let far = 1 << log;
        let dilated = kind == 0;
        let (stride, dilation) = if dilated { (1, far) } else { (far, 1) };
        // At least one window fits, and few more do.
        let window = dilation * (kernel - 1) + 1;
        let padding = match kind {
            0 => window.div_ceil(2),
            1 => far.max(window),
            _ => window.saturating_sub(input),
        };
        [input, kernel, stride, padding, dilation]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn scratch_is_bounded_by_operands_and_result_whatever_the_padding(
        [h, w] in [extreme_axis(), extreme_axis()],
        (batch, channels) in (1..3_usize, 1..20_usize),
        depthwise in any::<bool>(),
    ) {
        let groups = if depthwise { channels } else { 1 };
        let geometry = ConvGeometry::new(
            [batch, channels, 1, h[0], w[0]],
            [channels, channels / groups, 1, h[1], w[1]],
            [1, h[2], w[2]],
            [0, h[3], w[3]].map(|padding| [padding; 2]),
            [1, h[4], w[4]],
            groups,
        );
        let geometry = geometry.unwrap();
        let operands = geometry.x_len() + geometry.w_len() + geometry.y_len();
        // Wide rows of a few pixels each are computed many at a time.
        let most = 4 * (64 * operands + 64 * 1024 * channels);
        for direction in Direction::ALL {
            let kernel = dispatch::<f32>(&geometry, direction, &KernelChoice::Auto).unwrap();
            let bytes = kernel.workspace(&geometry);
            prop_assert!(bytes <= most, "{} {geometry}: {bytes} > {most}", kernel.name());
        }
    }
}

#[test]
fn a_stride_that_is_larger_than_the_image_needs_no_memory_of_its_own() {
    let x = Tensor::<f32>::from_fn([1, 2, 4, 4], |i| (i[1] * 16 + i[2] * 4 + i[3]) as f32);
    let w = Tensor::<f32>::full([2, 1, 2, 2], 1.0);
    for stride in [4, 1 << 20, (1 << 31) - 1] {
        let options = ConvOptions::default().stride(stride).groups(2);
        assert_eq!(
            x.conv2d(&w, &options).to_vec(),
            [10.0, 74.0],
            "stride {stride}"
        );
    }
}

#[test]
fn a_dilation_of_a_million_needs_no_memory_of_its_own() {
    let far = 1 << 20;
    let x = Tensor::<f32>::full([1, 1, 1, 1], 3.0);
    let w = Tensor::<f32>::full([1, 1, 2, 2], 2.0);
    let options = ConvOptions::default().dilation(far).padding(far / 2);
    // Both taps of each axis miss the only pixel.
    assert_eq!(x.conv2d(&w, &options).to_vec(), [0.0]);
    // Here the first taps hit it.
    let options = ConvOptions::default().dilation(far).padding([[0, far]; 2]);
    assert_eq!(x.conv2d(&w, &options).to_vec(), [6.0]);
}
