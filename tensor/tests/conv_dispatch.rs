//! Which kernel a convolution gets.

use wengert_tensor::Real;
use wengert_tensor::kernels::conv::{ConvGeometry, Direction, KernelChoice, dispatch, explain};
use wengert_tensor::kernels::simd::Level;

fn geometry() -> ConvGeometry {
    "mb2_ic4ih7iw9_oc6_kh3kw2_sh2sw1_ph1pw0+2_g2"
        .parse()
        .unwrap()
}

fn names<T: Real>() -> Vec<&'static str> {
    T::conv_kernels()
        .iter()
        .map(|kernel| kernel.name())
        .collect()
}

#[test]
fn the_plain_loops_come_last_and_support_everything() {
    assert_eq!(names::<f32>().last(), Some(&"direct"));
    assert_eq!(names::<f64>().last(), Some(&"direct"));
    let oracle = f64::conv_kernels().last().unwrap();
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
fn the_accurate_policy_takes_accurate_kernels_only() {
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
fn a_kernel_is_taken_by_its_name() {
    for name in names::<f64>() {
        match dispatch::<f64>(&geometry(), Direction::Forward, &name.into()) {
            Ok(kernel) => assert_eq!(kernel.name(), name),
            Err(error) => assert!(error.to_string().contains("cannot"), "{error}"),
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

#[test]
fn automatic_choice_follows_the_documented_table() {
    if !Level::best().fuses() {
        return; // everything is `im2col` there
    }
    let table = [
        // Eight tiles are enough, four are not.
        ("mb2_ic64ih7iw7_oc64_kh3kw3_ph1pw1", ["winograd4"; 3]),
        (
            "mb1_ic64ih7iw7_oc64_kh3kw3_ph1pw1",
            ["winograd2", "winograd2", "tiled"],
        ),
        ("mb2_ic32ih15iw15_oc32_kh4kw4_ph1pw1", ["winograd3of4"; 3]),
        ("mb2_ic32ih14iw14_oc32_kh5kw5_ph2pw2", ["winograd2of5"; 3]),
        (
            "mb1_ic3ih64iw64_oc64_kh7kw7_sh2sw2_ph3pw3",
            ["winograd_strided"; 3],
        ),
        ("mb1_ic1ih64iw64_oc64_kh7kw7_sh2sw2_ph3pw3", ["tiled"; 3]),
    ];
    for (line, expected) in table {
        let geometry = line.parse().unwrap();
        let chosen = Direction::ALL.map(|direction| {
            let kernel = dispatch::<f32>(&geometry, direction, &KernelChoice::Auto);
            kernel.unwrap().name()
        });
        assert_eq!(chosen, expected, "{line}");
    }
}
