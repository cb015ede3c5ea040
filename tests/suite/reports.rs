//! Tables, pictures and fingerprints.

use wengert::report::{Confusion, Fingerprint, HeatMap, LineChart, Scale, Series, beside, shades};

#[test]
fn a_confusion_matrix_counts_and_prints_what_was_taken_for_what() {
    let mut confusion = Confusion::new(["0", "1", "2"]);
    confusion.add_all(&[0, 0, 0, 1, 1, 2], &[0, 0, 1, 1, 1, 0]);
    assert_eq!((confusion.total(), confusion.correct()), (6, 4));
    assert_eq!(confusion.recall(0), 2.0 / 3.0);
    assert_eq!(confusion.precision(0), 2.0 / 3.0);
    assert_eq!(confusion.precision(1), 2.0 / 3.0);
    assert!(confusion.precision(2).is_nan());
    let table = [
        "  │ 0 1 2  recall",
        "──┼──────────────",
        "0 │ 2 1 ·  66.7 %",
        "1 │ · 2 · 100.0 %",
        "2 │ 1 · ·   0.0 %",
    ];
    assert_eq!(confusion.to_string().lines().collect::<Vec<_>>(), table);
}

#[test]
fn long_names_stand_beside_the_table_and_numbers_above_it() {
    let mut confusion = Confusion::new(["T-shirt/top", "Ankle boot"]);
    for _ in 0..1000 {
        confusion.add(0, 0);
    }
    confusion.add(0, 1);
    let table = confusion.to_string();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines[0], "              │    0    1  recall");
    assert_eq!(lines[2], "0 T-shirt/top │ 1000    1  99.9 %");
    assert_eq!(lines[3], "1 Ankle boot  │    ·    ·       –");
    let width = lines[0].chars().count();
    assert!(
        lines[1..].iter().all(|line| line.chars().count() == width),
        "{table}"
    );
}

#[test]
#[should_panic(expected = "there are 2 classes")]
fn a_class_that_does_not_exist_is_not_counted() {
    Confusion::new(["a", "b"]).add_all(&[0], &[-1]);
}

#[test]
fn pictures_in_the_terminal_are_cut_off_at_black_and_white() {
    assert_eq!(shades(&[-3.0, 0.25, 9.0, f64::NAN], 4), "  ░░██??\n");
    let (first, second) = (shades(&[1.0; 4], 2), shades(&[1.0, 0.0], 1));
    assert_eq!(beside(&[first, second]), "████  ██\n████\n");
}

#[test]
fn a_fingerprint_is_that_of_fnv_1a_and_of_bits() {
    // The published test vectors of 64-bit FNV-1a.
    for (text, hash) in [
        ("", 0xcbf2_9ce4_8422_2325_u64),
        ("a", 0xaf63_dc4c_8601_ec8c),
        ("foobar", 0x8594_4171_f739_67e8),
    ] {
        let mut fingerprint = Fingerprint::new();
        fingerprint.bytes(text.as_bytes());
        assert_eq!(fingerprint.value(), hash);
    }
    let of = |name: &str, shape: &[usize], values: &[f32]| {
        let mut fingerprint = Fingerprint::new();
        fingerprint.add(name, shape, values);
        fingerprint
    };
    let reference = of("w", &[2], &[0.0, 1.0]);
    assert_eq!(of("w", &[2], &[0.0, 1.0]), reference);
    for other in [
        of("v", &[2], &[0.0, 1.0]),
        of("w", &[2, 1], &[0.0, 1.0]),
        of("w", &[2], &[-0.0, 1.0]),
        of("w", &[2], &[0.0, 1.0 + f32::EPSILON]),
        of("w", &[2], &[1.0, 0.0]),
    ] {
        assert_ne!(other, reference);
    }
    let mut double = Fingerprint::new();
    double.add("w", &[2], &[0.0_f64, 1.0]);
    assert_eq!(double, reference);
}

fn chart(points: Vec<(f64, f64)>, y_scale: Scale) -> String {
    let chart = LineChart {
        title: "a < b & c".into(),
        y_scale,
        series: vec![Series {
            name: "line".into(),
            points,
        }],
        ..LineChart::default()
    };
    chart.to_svg()
}

#[test]
fn a_chart_is_well_formed_whatever_its_points() {
    for points in [
        vec![],
        vec![(0.0, 0.0)],
        vec![(1.0, 5.0), (2.0, 5.0)],
        vec![(0.0, f64::NAN), (1.0, f64::INFINITY), (2.0, -1.0)],
        vec![(0.0, 1e300), (1.0, -1e300)],
        vec![(1e-9, 1e-30), (2e-9, 1e30)],
    ] {
        for scale in [Scale::Linear, Scale::Log] {
            let svg = chart(points.clone(), scale);
            assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
            assert!(
                !svg.contains("NaN") && !svg.contains("inf"),
                "{points:?}: {svg}"
            );
            assert!(svg.contains("a &lt; b &amp; c"));
            assert!(svg.len() < 20_000, "{points:?} makes {} bytes", svg.len());
        }
    }
}

#[test]
fn a_gap_in_the_numbers_is_a_gap_in_the_line() {
    let svg = chart(
        vec![
            (0.0, 1.0),
            (1.0, 2.0),
            (2.0, f64::NAN),
            (3.0, 1.0),
            (4.0, 0.0),
        ],
        Scale::Linear,
    );
    assert_eq!(svg.matches("<polyline").count(), 2);
    let svg = chart(
        vec![(0.0, 1.0), (1.0, 10.0), (2.0, 0.0), (3.0, 1.0)],
        Scale::Log,
    );
    assert_eq!(svg.matches("<polyline").count(), 2);
}

#[test]
fn a_heat_map_has_a_cell_per_value() {
    let map = |values: Vec<f64>, columns| {
        HeatMap {
            title: "map".into(),
            columns,
            values,
        }
        .to_svg()
    };
    let bar = 64;
    let background = 1;
    assert_eq!(
        map(vec![0.0, 1.0, 2.0, f64::NAN, 4.0, 5.0], 3)
            .matches("<rect")
            .count(),
        6 + bar + background
    );
    assert!(map(vec![0.0, f64::NAN], 2).contains("#bbbbbb"));
    for values in [vec![], vec![1.0; 4], vec![f64::NAN; 4]] {
        assert!(!map(values, 2).contains("NaN"));
    }
}
