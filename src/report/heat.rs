//! [`HeatMap`]: a matrix as coloured cells, as SVG.

use super::colors::{ColorMap, extent, hex, ink_on};
use super::svg::{Anchor, INK, Svg, text_width, wrap};

/// The longer side of the map in pixels.
const LARGEST: f64 = 480.0;
/// Space beside the cells without labels.
const MARGIN: f64 = 24.0;
/// Space on the right for the colour bar.
const BAR: f64 = 92.0;
/// Steps of the colour bar.
const STEPS: usize = 64;
const LABEL: f64 = 12.0;

/// A matrix as coloured cells with a colour bar; a value that is not finite is grey.
///
/// ```
/// use wengert::report::{ColorMap, HeatMap};
///
/// let map = HeatMap {
///     title: "weights".into(),
///     columns: 2,
///     values: vec![0.0, 1.0, -2.0, 3.0],
///     colors: ColorMap::Signed,
///     digits: Some(1),
///     ..HeatMap::default()
/// };
/// assert!(map.to_svg().contains("-2.0"));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeatMap {
    /// The title above the map.
    pub title: String,
    /// Cells per row.
    pub columns: usize,
    /// `[rows, columns]`, row-major.
    pub values: Vec<f64>,
    /// How values become colours.
    pub colors: ColorMap,
    /// Writes each value into its cell, with this many decimals.
    pub digits: Option<usize>,
    /// The labels on the left, one per row; none if empty.
    pub row_labels: Vec<String>,
    /// The labels below, one per column; none if empty.
    pub column_labels: Vec<String>,
}

impl HeatMap {
    /// The map as an SVG document.
    ///
    /// # Panics
    /// If the values do not fill whole rows, or the labels are neither none nor one per row or column.
    #[must_use]
    #[track_caller]
    pub fn to_svg(&self) -> String {
        let rows = self.rows();
        let cell = (LARGEST / self.columns.max(rows).max(1) as f64).min(80.0);
        let (width, height) = (cell * self.columns as f64, cell * rows as f64);
        let widest = self.row_labels.iter().map(|label| text_width(label, LABEL));
        let left = MARGIN + widest.fold(0.0, f64::max);
        let whole = left + width.max(160.0) + BAR;
        let title = wrap(&self.title, 17.0, whole - 16.0);
        let top = 30.0 + 21.0 * title.len() as f64;
        let below = if self.column_labels.is_empty() {
            0.0
        } else {
            18.0
        };
        let mut svg = Svg::new(whole, top + height.max(40.0) + MARGIN + below);
        svg.title(whole / 2.0, &title);
        let range = extent(self.values.iter().copied());
        let span = self.colors.span(range.unwrap_or_default());
        for (index, &value) in self.values.iter().enumerate() {
            let (row, column) = (index / self.columns, index % self.columns);
            let corner = [left + cell * column as f64, top + cell * row as f64];
            let color = self.colors.color(value, span);
            svg.rectangle(corner, [cell, cell], &hex(color));
            if let Some(digits) = self.digits.filter(|_| value.is_finite()) {
                let text = format!("{value:.digits$}");
                let size = (0.9 * cell / text_width(&text, 1.0)).min(14.0);
                let middle = [corner[0] + cell / 2.0, corner[1] + cell / 2.0 + 0.35 * size];
                svg.text(middle, size, Anchor::Middle, ink_on(color), &text);
            }
        }
        for (row, label) in self.row_labels.iter().enumerate() {
            let at = [left - 6.0, top + cell * (row as f64 + 0.5) + 4.0];
            svg.text(at, LABEL, Anchor::End, INK, label);
        }
        for (column, label) in self.column_labels.iter().enumerate() {
            let at = [left + cell * (column as f64 + 0.5), top + height + 16.0];
            svg.text(at, LABEL, Anchor::Middle, INK, label);
        }
        if range.is_some() {
            let corner = [left + width + 20.0, top];
            draw_bar(&mut svg, corner, height.max(40.0), self.colors, span);
        }
        svg.finish()
    }

    #[track_caller]
    fn rows(&self) -> usize {
        wengert_tensor::require!(
            self.columns > 0 && self.values.len().is_multiple_of(self.columns),
            "HeatMap: {} values do not fill rows of {}",
            self.values.len(),
            self.columns
        );
        let rows = self.values.len() / self.columns;
        for (labels, count, what) in [
            (&self.row_labels, rows, "rows"),
            (&self.column_labels, self.columns, "columns"),
        ] {
            wengert_tensor::require!(
                labels.is_empty() || labels.len() == count,
                "HeatMap: {} labels for {count} {what}",
                labels.len()
            );
        }
        rows
    }
}

fn draw_bar(svg: &mut Svg, [x, y]: [f64; 2], height: f64, colors: ColorMap, span: [f64; 2]) {
    let step = height / STEPS as f64;
    let [low, high] = span;
    for n in 0..STEPS {
        let part = (STEPS - 1 - n) as f64 / (STEPS - 1) as f64;
        let color = hex(colors.color(low + part * (high - low), span));
        svg.rectangle([x, y + step * n as f64], [14.0, step], &color);
    }
    for (at, value) in [(y + 10.0, high), (y + height, low)] {
        svg.text([x + 20.0, at], LABEL, Anchor::Start, INK, &number(value));
    }
}

fn number(value: f64) -> String {
    if value == 0.0 || (1e-3..1e5).contains(&value.abs()) {
        format!("{value:.3}")
    } else {
        format!("{value:.1e}")
    }
}
