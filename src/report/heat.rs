//! [`HeatMap`]: a matrix as coloured cells, as SVG.

use super::svg::{Anchor, Svg};

const INK: &str = "#333333";
const EMPTY: &str = "#bbbbbb";
const LARGEST: f64 = 480.0;
/// Margins of the cells: left, top, right, bottom.
const MARGIN: [f64; 4] = [24.0, 52.0, 92.0, 24.0];
/// Steps of the colour bar.
const STEPS: usize = 64;

/// Points of the colour map viridis (S. van der Walt, N. Smith, 2015).
const VIRIDIS: [[f64; 3]; 9] = [
    [68.0, 1.0, 84.0],
    [71.0, 44.0, 122.0],
    [59.0, 81.0, 139.0],
    [44.0, 113.0, 142.0],
    [33.0, 144.0, 141.0],
    [39.0, 173.0, 129.0],
    [92.0, 200.0, 99.0],
    [170.0, 220.0, 50.0],
    [253.0, 231.0, 37.0],
];

/// A matrix as coloured cells with a colour bar; a value that is not finite is grey.
///
/// ```
/// use wengert::report::HeatMap;
///
/// let map = HeatMap { title: "field".into(), columns: 2, values: vec![0.0, 1.0, 2.0, 3.0] };
/// assert!(map.to_svg().starts_with("<svg"));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeatMap {
    /// The title above the map.
    pub title: String,
    /// Cells per row.
    pub columns: usize,
    /// `[rows, columns]`, row-major.
    pub values: Vec<f64>,
}

impl HeatMap {
    /// The map as an SVG document.
    ///
    /// # Panics
    /// If the values do not fill whole rows.
    #[must_use]
    #[track_caller]
    pub fn to_svg(&self) -> String {
        wengert_tensor::require!(
            self.columns > 0 && self.values.len().is_multiple_of(self.columns),
            "HeatMap: {} values do not fill rows of {}",
            self.values.len(),
            self.columns
        );
        let rows = self.values.len() / self.columns;
        let cell = LARGEST / self.columns.max(rows) as f64;
        let (width, height) = (cell * self.columns as f64, cell * rows as f64);
        let [left, top, right, bottom] = MARGIN;
        let mut svg = Svg::new(left + width + right, top + height + bottom);
        let middle = left + width / 2.0;
        svg.text([middle, top - 20.0], 17.0, Anchor::Middle, INK, &self.title);

        let finite = || {
            self.values
                .iter()
                .copied()
                .filter(|value| value.is_finite())
        };
        let (low, high) = finite()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            });
        let part = |value: f64| {
            if high > low {
                (value - low) / (high - low)
            } else {
                0.5
            }
        };
        for (index, &value) in self.values.iter().enumerate() {
            let (row, column) = (index / self.columns, index % self.columns);
            let corner = [left + cell * column as f64, top + cell * row as f64];
            let color = if value.is_finite() {
                color(part(value))
            } else {
                EMPTY.to_owned()
            };
            svg.rectangle(corner, [cell, cell], &color);
        }
        if low <= high {
            draw_bar(&mut svg, [left + width + 20.0, top], height, [low, high]);
        }
        svg.finish()
    }
}

fn draw_bar(svg: &mut Svg, [x, y]: [f64; 2], height: f64, [low, high]: [f64; 2]) {
    let step = height / STEPS as f64;
    for n in 0..STEPS {
        let part = (STEPS - 1 - n) as f64 / (STEPS - 1) as f64;
        svg.rectangle([x, y + step * n as f64], [14.0, step], &color(part));
    }
    for (at, value) in [(y + 10.0, high), (y + height, low)] {
        svg.text([x + 20.0, at], 12.0, Anchor::Start, INK, &number(value));
    }
}

/// The colour of a number from 0 to 1.
fn color(part: f64) -> String {
    let place = part.clamp(0.0, 1.0) * (VIRIDIS.len() - 1) as f64;
    let lower = (place as usize).min(VIRIDIS.len() - 2);
    let [r, g, b] = std::array::from_fn(|channel| {
        let [from, to] = [VIRIDIS[lower][channel], VIRIDIS[lower + 1][channel]];
        (from + (to - from) * (place - lower as f64)).round() as u8
    });
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn number(value: f64) -> String {
    if value == 0.0 || (1e-3..1e5).contains(&value.abs()) {
        format!("{value:.3}")
    } else {
        format!("{value:.1e}")
    }
}
