//! Pictures and texts of reports at their corners: nothing to draw, sizes that do not fit, long texts.

use wengert::report::{HeatMap, LineChart, Plane, PlaneGrid, Series, shades};
use wengert::tensor::Tensor;
use wengert::tensor::testing::panics::assert_refused;
use wengert::train::EpochRecord;

fn count(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

#[test]
fn an_epoch_is_one_line_of_numbers_without_those_that_are_missing() {
    let record = EpochRecord {
        epoch: 2,
        update: 30,
        values: [
            ("loss", 0.1203),
            ("f1", f64::NAN),
            ("top5", 0.0),
            ("lr", 1234.5),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec(),
    };
    assert_eq!(
        record.to_string(),
        "epoch 3: loss 0.1203, top5 0.00000000, lr 1234"
    );
}

#[test]
fn a_heat_map_has_whole_rows_and_writes_small_and_large_numbers_with_exponents() {
    let map = |columns, values: &[f64]| HeatMap {
        columns,
        values: values.to_vec(),
        ..HeatMap::default()
    };
    for (columns, values) in [(0, &[1.0][..]), (2, &[1.0, 2.0, 3.0])] {
        let expected = format!(
            "HeatMap: {} values do not fill rows of {columns}",
            values.len()
        );
        assert_refused(&expected, || drop(map(columns, values).to_svg()));
    }
    let svg = map(2, &[0.0, 5e-4]).to_svg();
    assert!(svg.contains("5.0e-4") && svg.contains("0.000"), "{svg}");
    let svg = map(2, &[0.5, 2e5]).to_svg();
    assert!(svg.contains("2.0e5") && svg.contains("0.500"), "{svg}");
}

#[test]
fn a_heat_map_writes_digits_where_there_is_a_number_and_gives_capitals_more_room() {
    let map = |label: &str| HeatMap {
        columns: 3,
        values: vec![1.0, f64::NAN, 2.5],
        digits: Some(2),
        row_labels: vec![label.to_owned()],
        ..HeatMap::default()
    };
    let svg = map("abc").to_svg();
    assert!(svg.contains(">1.00<") && svg.contains(">2.50<"), "{svg}");
    assert_eq!((count(&svg, ">NaN<"), count(&svg, "NaN")), (0, 0), "{svg}");
    let width = |label| {
        let svg = map(label).to_svg();
        let (_, text) = svg.split_once("width=\"").expect("a width");
        let (number, _) = text.split_once('"').expect("a quote");
        number.parse::<f64>().expect("a number")
    };
    assert!(width("NNNNN") > width("nnnnn"));
}

#[test]
fn planes_have_captions_texts_and_a_size() {
    let plane = || Plane::new(&Tensor::from_vec(vec![0.0, 1.0], [1, 2]));
    let grid = |planes| PlaneGrid {
        columns: 2,
        planes,
        ..PlaneGrid::default()
    };
    let none = PlaneGrid {
        zoom: 0,
        ..grid(vec![plane()])
    };
    assert_refused("PlaneGrid: zoom = 0: must be at least 1", || {
        drop(none.to_svg());
    });
    // A caption needs a line, below each row.
    let height = |svg: &str| {
        let from = svg.find("height=\"").expect("a height") + 8;
        let text = &svg[from..];
        text[..text.find('"').expect("a quote")]
            .parse::<f64>()
            .expect("a number")
    };
    let bare = grid(vec![plane()]).to_svg();
    let captioned = grid(vec![plane().caption("edges")]).to_svg();
    assert!(captioned.contains("edges"));
    assert!(height(&captioned) > height(&bare), "{bare}\n{captioned}");
    // A sign is large, a word is not.
    let [sign, word] = ["+", "sum"].map(|text| grid(vec![plane(), Plane::text(text)]).to_svg());
    assert!(
        sign.contains(">+<") && sign.contains("font-size=\"24"),
        "{sign}"
    );
    assert!(
        word.contains(">sum<") && !word.contains("font-size=\"24"),
        "{word}"
    );
}

#[test]
fn shades_need_whole_rows() {
    for (pixels, width) in [(&[0.5][..], 0), (&[0.5, 1.0, 0.0], 2)] {
        let expected = format!(
            "shades: {} pixels do not fill rows of {width}",
            pixels.len()
        );
        assert_refused(&expected, || drop(shades(pixels, width)));
    }
    assert_eq!(shades(&[f64::NAN, 1.0], 2), "??██\n");
}

#[test]
fn a_line_has_markers_if_its_points_are_few_and_gaps_where_there_is_no_number() {
    let chart = |points: Vec<(f64, f64)>| {
        let series = vec![Series {
            name: "loss".to_owned(),
            points,
        }];
        let chart = LineChart {
            series,
            ..LineChart::default()
        };
        chart.to_svg()
    };
    let line = |count: u32| (0..count).map(|i| (f64::from(i), f64::from(i % 3)));
    let [few, many] = [40, 41].map(|n| chart(line(n).collect()));
    assert_eq!((count(&few, "<circle"), count(&many, "<circle")), (40, 0));
    let mut broken: Vec<_> = line(9).collect();
    broken[4].1 = f64::NAN;
    let broken = chart(broken);
    assert_eq!(count(&broken, "<circle"), 8);
    let whole = chart(line(9).collect());
    assert_eq!(count(&broken, "<polyline"), count(&whole, "<polyline") + 1);
    // A place without an x is a gap as well.
    let mut broken: Vec<_> = line(9).collect();
    broken[4].0 = f64::NAN;
    assert_eq!(count(&chart(broken), "<circle"), 8);
}
