//! The geometry of a convolution: validation, derived sizes, and its notation as text.

use proptest::prelude::*;
use wengert_tensor::kernels::conv::{ConvGeometry, GeometryError};

fn message(line: &str) -> String {
    line.parse::<ConvGeometry>()
        .expect_err("the line is wrong")
        .to_string()
}

#[test]
fn extents_follow_the_formula_of_the_documentation() {
    let geometry: ConvGeometry = "mb2_ic4id5ih9iw10_oc6_kd1kh3kw2_sd2sh3sw1_ph2+1pw0+3_dh2dw4_g2"
        .parse()
        .unwrap();
    // depth (5 − 1)/2 + 1, height (12 − 5)/3 + 1, width (13 − 5)/1 + 1
    assert_eq!(geometry.output(), [3, 3, 9]);
    assert_eq!(geometry.x_len(), 2 * 4 * 5 * 9 * 10);
    assert_eq!(geometry.w_len(), 6 * 2 * 3 * 2);
    assert_eq!(geometry.y_len(), 2 * 6 * 3 * 3 * 9);
    assert_eq!(geometry.flops(), 2 * (2 * 6 * 3 * 3 * 9) * (2 * 3 * 2));
}

#[test]
fn errors_have_the_numbers() {
    assert_eq!(
        message("ic3ih5iw4_oc2_kh2kw3_ph1pw1_dh4dw3"),
        "window 7 (kernel 3, dilation 3) exceeds the padded width 6 (4 + 1 + 1)"
    );
    assert_eq!(message("ic3iw4_oc2_kw0"), "kernel 0 along the width");
    assert_eq!(message("ic3iw4_oc2_kw1_sw0"), "stride 0 along the width");
    assert_eq!(message("ic3iw4_oc2_kw1_dd0"), "dilation 0 along the depth");
    assert_eq!(
        message("ic4iw4_oc6_kw1_g3"),
        "3 groups do not divide 4 channels and 6 filters"
    );
    assert_eq!(message("ic4iw4_oc6_kw1_g0"), "0 groups");
    let filters_of_three = ConvGeometry::new(
        [1, 4, 1, 8, 8],
        [5, 3, 1, 3, 3],
        [1; 3],
        [[0; 2]; 3],
        [1; 3],
        1,
    );
    assert_eq!(
        filters_of_three.unwrap_err().to_string(),
        "4 channels, filters made for 3"
    );
}

#[test]
fn huge_sizes_are_errors_and_never_overflow() {
    let max = usize::MAX;
    let lines = [
        format!("mb{max}_ic{max}iw{max}_oc{max}_kw{max}"),
        format!("ic1iw{max}_oc1_kw1_pw{max}"),
        format!("ic1iw1_oc1_kw{max}_dw{max}"),
        format!("ic1iw1_oc1_kw3_dw{}", max / 2 + 1),
        "mb0_ic2147483647ih2147483647iw2147483647_oc1_kw1".to_string(),
        "mb2147483647_ic2147483647iw2147483647_oc1_kw1".to_string(),
        "mb1_ic1ih1000000000iw1_oc1_kh1kw1_pw1000000000".to_string(),
        "mb1000000_ic1000000iw1_oc1000000_kw1000000_pw1000000".to_string(),
    ];
    for line in lines {
        let error = line.parse::<ConvGeometry>().unwrap_err();
        let known = matches!(
            error,
            GeometryError::Extent { .. }
                | GeometryError::Array { .. }
                | GeometryError::Work
                | GeometryError::Window { .. }
        );
        assert!(known, "{line}: {error:?}");
    }
}

#[test]
fn an_empty_batch_is_a_geometry() {
    let geometry: ConvGeometry = "mb0_ic3ih8iw8_oc4_kh3kw3".parse().unwrap();
    assert_eq!((geometry.x_len(), geometry.y_len()), (0, 0));
    assert_eq!(geometry.multiply_adds(), 0);
}

#[test]
fn a_line_that_is_not_a_geometry_names_the_token() {
    for (line, token) in [
        ("mb2_ic3ih4iw4_oc2_kh3", "\"kw\": is missing"),
        ("", "\"iw\": is missing"),
        ("mb2_ic3iw4_oc2_kw3_xx7", "\"xx7\": is not a token"),
        ("mb2_ic3iw4_oc2_kw3_mb3", "\"mb3\": is given twice"),
        ("ic3iw4_oc2_kw3_pw", "\"pw\": has no number"),
        ("ic3iw4_oc2_kw3_pw1+", "\"pw1+\": has no number"),
        ("ic3iw4_oc2_kw3_pw1+2+3", "\"pw1+2+3\": has no number"),
        ("ic3iw4_oc2_kw3_sw1+2", "\"sw1+2\": takes one number"),
        ("ic99999999999999999999iw4_oc2_kw3", "has no number"),
        ("ic3__iw4_oc2_kw3", "\"_iw4_oc2_kw3\": is not a token"),
        ("ic3 iw4", "\" iw4\": is not a token"),
        ("é", "\"é\": is not a token"),
    ] {
        let message = message(line);
        assert!(message.contains(token), "{line}: {message}");
        assert!(message.contains("a geometry is mb64_"), "{message}");
    }
}

#[test]
fn defaults_are_omitted_from_the_notation() {
    for line in [
        "mb1_ic3iw9_oc4_kw3",
        "mb1_ic3ih9iw9_oc4_kh3kw3",
        "mb1_ic3id9ih1iw9_oc4_kd1kh1kw3_pd1ph0pw0+2",
        "mb1_ic4ih1iw9_oc4_kh1kw3_ph1pw0_g2",
    ] {
        assert_eq!(line.parse::<ConvGeometry>().unwrap().to_string(), line);
    }
}

fn axis() -> impl Strategy<Value = [usize; 6]> {
    (
        1..9_usize,
        1..4_usize,
        1..4_usize,
        0..4_usize,
        0..4_usize,
        1..4_usize,
    )
        .prop_map(|(input, kernel, stride, before, behind, dilation)| {
            [input, kernel, stride, before, behind, dilation]
        })
}

proptest! {
    #[test]
    fn every_geometry_parses_from_the_line_it_prints(
        batch in 0..5_usize,
        groups in 1..4_usize,
        per_group in (0..4_usize, 1..4_usize),
        axes in [axis(), axis(), axis()],
    ) {
        let field = |i: usize| axes.map(|axis| axis[i]);
        let geometry = ConvGeometry {
            batch,
            channels: groups * per_group.0,
            filters: groups * per_group.1,
            groups,
            input: field(0),
            kernel: field(1),
            stride: field(2),
            padding: axes.map(|axis| [axis[3], axis[4]]),
            dilation: field(5),
        };
        if let Ok(geometry) = geometry.validated() {
            prop_assert_eq!(geometry.to_string().parse::<ConvGeometry>().unwrap(), geometry);
        }
    }

    #[test]
    fn no_line_makes_the_parser_panic(line in "[a-z0-9_+]{0,60}") {
        let _ = line.parse::<ConvGeometry>();
    }
}
