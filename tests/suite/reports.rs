//! Tables, pictures and fingerprints.

use wengert::report::{
    ColorMap, Confusion, Distribution, Fingerprint, HeatMap, Histogram, LineChart, Plane,
    PlaneGrid, PlaneRange, Scale, Series, beside, shades,
};
use wengert::tensor::Tensor;

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
    let (parts, legend) = (2, 1);
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
    assert_eq!(svg.matches("<polyline").count(), parts + legend);
    let svg = chart(
        vec![(0.0, 1.0), (1.0, 10.0), (2.0, 0.0), (3.0, 1.0)],
        Scale::Log,
    );
    assert_eq!(svg.matches("<polyline").count(), parts + legend);
}

#[test]
fn a_heat_map_has_a_cell_per_value() {
    let map = |values: Vec<f64>, columns| {
        HeatMap {
            title: "map".into(),
            columns,
            values,
            ..HeatMap::default()
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

/// The attribute `name` of the first element that contains `mark`.
fn attribute(svg: &str, mark: &str, name: &str) -> f64 {
    let line = svg
        .lines()
        .find(|line| line.contains(mark))
        .expect("the element");
    let value = line
        .split(&format!(" {name}=\""))
        .nth(1)
        .expect("the attribute");
    value
        .split('"')
        .next()
        .and_then(|value| value.parse().ok())
        .expect("a number")
}

/// The texts of a picture with this size of letters.
fn texts(svg: &str, size: &str) -> Vec<String> {
    let lines = svg
        .lines()
        .filter(|line| line.contains(&format!("font-size=\"{size}\"")));
    let inner = lines.filter_map(|line| line.split('>').nth(1)?.split('<').next());
    inner.map(str::to_owned).collect()
}

#[test]
fn epochs_have_no_tick_between_them() {
    let svg = chart(vec![(1.0, 0.5), (2.0, 0.25), (3.0, 0.3)], Scale::Linear);
    let ticks = texts(&svg, "12");
    assert_eq!(ticks[..3], ["1", "2", "3"], "{ticks:?}");
}

#[test]
fn a_logarithmic_axis_of_less_than_two_decades_has_ticks_in_them() {
    for (low, high, expected) in [
        (1.2, 2.3, vec!["1", "2", "5"]),
        (0.03, 0.4, vec!["0.02", "0.05", "10⁻¹", "0.2", "0.5"]),
        (2.5e-6, 4e-6, vec!["2·10⁻⁶", "5·10⁻⁶"]),
    ] {
        let svg = chart(vec![(0.0, low), (1.0, high)], Scale::Log);
        let ticks = texts(&svg, "12");
        assert_eq!(ticks[2..], expected, "{low} to {high}");
    }
}

#[test]
fn the_label_of_the_vertical_axis_is_beside_those_of_its_ticks() {
    let wide = LineChart {
        y_label: "learning rate".into(),
        series: vec![Series {
            name: String::new(),
            points: vec![(1.0, 1e-9), (2.0, 2.123e-5)],
        }],
        ..LineChart::default()
    };
    let svg = wide.to_svg();
    let right = attribute(&svg, "2.0e-5<", "x");
    let left = right - 12.0 * 0.6 * "2.0e-5".len() as f64;
    let label = svg
        .lines()
        .find(|line| line.contains("learning rate<"))
        .expect("the label");
    let label: f64 = label
        .split(&['(', ' '][..])
        .nth(2)
        .expect("x")
        .parse()
        .expect("a number");
    assert!(label + 3.0 < left, "{label} and {left}");
}

#[test]
fn titles_and_legends_fit_into_the_picture() {
    let long = "the training loss of fourteen learning rates on the handwritten digits, each with momentum";
    let series = (0..14).map(|k| Series {
        name: format!("{long} {k}"),
        points: vec![(0.0, 1.0), (1.0, 2.0)],
    });
    let chart = LineChart {
        title: long.into(),
        series: series.collect(),
        ..LineChart::default()
    };
    let svg = chart.to_svg();
    let width = attribute(&svg, "<svg", "width");
    let at = attribute(&svg, "momentum 13<", "x");
    // Helvetica's letters are half as wide as high on average.
    let legend = 13.0 * 0.5 * (long.len() + 3) as f64;
    assert!(at + legend < width, "{at} + {legend} in {width}");
    let narrow = LineChart {
        title: format!("{long} and no legend"),
        ..LineChart::default()
    }
    .to_svg();
    let titles = narrow
        .lines()
        .filter(|line| line.contains("font-size=\"17\""))
        .count();
    assert!(titles > 1, "a long title has several lines");
    let colors: std::collections::HashSet<_> = svg
        .lines()
        .filter(|line| line.starts_with("<polyline"))
        .filter_map(|line| line.split("stroke=").nth(1))
        .collect();
    assert!(colors.len() >= 14, "14 lines look different: {colors:?}");
}

#[test]
fn a_signed_map_is_white_at_zero_and_equally_strong_on_both_sides() {
    let map = HeatMap {
        columns: 4,
        values: vec![-1.0, 0.0, 1.0, 4.0],
        colors: ColorMap::Signed,
        digits: Some(1),
        row_labels: vec!["a & b".into()],
        ..HeatMap::default()
    };
    let svg = map.to_svg();
    let fills: Vec<_> = svg
        .lines()
        .filter(|line| line.contains("width=\"80.00\""))
        .collect();
    assert_eq!(fills.len(), 4);
    assert!(fills[1].contains("#f7f7f7"), "{}", fills[1]);
    assert!(fills[3].contains("#b2182b"), "{}", fills[3]);
    assert!(
        !svg.lines()
            .any(|line| line.contains("width=\"80.00\"") && line.contains("#2166ac"))
    );
    assert!(svg.contains(">-1.0<") && svg.contains(">4.0<") && svg.contains("a &amp; b"));
}

#[test]
#[should_panic(expected = "2 labels for 1 rows")]
fn labels_that_do_not_match_the_rows_of_a_heat_map_are_rejected() {
    let labels = vec![String::new(); 2];
    let map = HeatMap {
        columns: 1,
        values: vec![0.0],
        row_labels: labels,
        ..HeatMap::default()
    };
    let _ = map.to_svg();
}

#[test]
fn a_histogram_is_well_formed_whatever_its_values() {
    for values in [
        vec![],
        vec![3.0; 5],
        vec![f64::NAN, 1.0],
        vec![-1.0, 0.0, 0.5, 9.0],
    ] {
        let sets = vec![Distribution {
            name: "set".into(),
            values,
        }];
        let svg = Histogram {
            bins: 4,
            sets,
            ..Histogram::default()
        }
        .to_svg();
        assert!(
            svg.starts_with("<svg ") && !svg.contains("NaN") && !svg.contains("inf"),
            "{svg}"
        );
    }
}

/// The pixels of a PNG file: width and `[height, width, 3]`.
fn decode(png: &[u8]) -> (usize, Vec<u8>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png))
        .read_info()
        .expect("a PNG");
    let mut pixels = vec![0; reader.output_buffer_size().expect("it fits into memory")];
    let info = reader.next_frame(&mut pixels).expect("an image");
    assert_eq!(info.color_type, png::ColorType::Rgb);
    (info.width as usize, pixels)
}

#[test]
fn a_grid_of_planes_shows_each_number_as_a_square() {
    let plane = |values: Vec<f32>, shape: &[usize]| Plane::new(&Tensor::from_vec(values, shape));
    let grid = PlaneGrid {
        columns: 2,
        zoom: 2,
        planes: vec![
            plane(vec![0.0, 1.0], &[1, 2]),
            plane(vec![-1.0, 2.0], &[1, 2]).colors(ColorMap::Signed),
            plane(vec![1.0, 0.0, 0.5], &[3, 1, 1]).zoom(2),
            plane(vec![f32::NAN], &[1, 1]),
        ],
        ..PlaneGrid::default()
    };
    let (width, pixels) = decode(&grid.to_png());
    assert_eq!(width, 8 + 4 + 8 + 4 + 8);
    assert_eq!(pixels.len(), 3 * width * (8 + 2 + 8 + 4 + 8));
    let at =
        |y: usize, x: usize| <[u8; 3]>::try_from(&pixels[3 * (y * width + x)..][..3]).expect("3");
    assert_eq!(
        [at(8, 8), at(9, 9), at(8, 10), at(9, 11)],
        [[0; 3], [0; 3], [255; 3], [255; 3]]
    );
    assert_eq!(at(8, 22), [178, 24, 43], "the largest is red");
    assert!(at(8, 20)[2] > at(8, 20)[0], "a number below 0 is blue");
    assert_eq!(
        at(18, 8),
        [255, 0, 128],
        "three channels are red, green and blue"
    );
    assert_eq!(at(19, 21), [0xbb; 3], "not a number is grey");
    assert_eq!([at(0, 0), at(6, 7)], [[255; 3]; 2]);
    assert_eq!(
        [at(7, 7), at(10, 12)],
        [[0x99; 3]; 2],
        "a line around each plane"
    );
}

#[test]
fn planes_share_a_range_if_asked_to() {
    let plane = |value: f64| Plane::new(&Tensor::from_vec(vec![0.0, value], [1, 2]));
    let grid = |range| PlaneGrid {
        zoom: 1,
        range,
        planes: vec![plane(0.5), plane(1.0)],
        ..PlaneGrid::default()
    };
    let second = |range| decode(&grid(range).to_png()).1[3 * (8 * 28 + 9)];
    assert_eq!(second(PlaneRange::Each), 255);
    assert_eq!(second(PlaneRange::Common), 128);
    assert_eq!(second(PlaneRange::Fixed(0.0, 5.0)), 26);
}

#[test]
fn a_grid_without_planes_is_a_picture_too() {
    let grid = PlaneGrid {
        planes: vec![Plane::text("+")],
        ..PlaneGrid::default()
    };
    assert!(grid.to_svg().contains(">+<"));
    for grid in [PlaneGrid::default(), grid] {
        let _ = decode(&grid.to_png());
        assert!(grid.to_svg().starts_with("<svg"));
        assert!(grid.to_data_uri().starts_with("data:image/png;base64,"));
    }
}

#[test]
fn ticks_at_whole_numbers_have_no_decimals() {
    let points = (1..=6)
        .map(|x| (f64::from(x), f64::from(x) / 10.0))
        .collect();
    let svg = chart(points, Scale::Linear);
    assert!(svg.contains(">6<") && !svg.contains(">6.0<"), "{svg}");
    assert!(svg.contains(">0.6<") && !svg.contains(">0.60<"), "{svg}");
}
