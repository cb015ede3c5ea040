//! [`Histogram`]: how values are distributed, as SVG.

use super::chart::{Area, LineChart, Series};
use super::colors::extent;

/// Named values for a [`Histogram`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distribution {
    /// The name in the legend.
    pub name: String,
    /// The values, in any order; those that are not finite are omitted.
    pub values: Vec<f64>,
}

/// Distributions of values over common bins, drawn over each other.
///
/// ```
/// use wengert::report::{Histogram, Distribution};
///
/// let histogram = Histogram {
///     title: "weights".into(),
///     x_label: "value".into(),
///     bins: 20,
///     sets: vec![Distribution { name: "layer 1".into(), values: vec![-0.3, 0.1, 0.2, 0.4] }],
///     ..Histogram::default()
/// };
/// assert!(histogram.to_svg().starts_with("<svg"));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// The title above the chart.
    pub title: String,
    /// The label of the horizontal axis.
    pub x_label: String,
    /// The number of bins of equal width.
    pub bins: usize,
    /// From the left end of the first bin to the right end of the last; values outside count in the nearest
    /// bin. `None`: the range of the values.
    pub range: Option<[f64; 2]>,
    /// The distributions, each in its own colour.
    pub sets: Vec<Distribution>,
}

impl Histogram {
    /// The histogram as an SVG document; the vertical axis is the fraction of a set's values in a bin.
    ///
    /// # Panics
    /// If there are no bins.
    #[must_use]
    #[track_caller]
    pub fn to_svg(&self) -> String {
        wengert_tensor::require!(self.bins > 0, "Histogram: bins = 0: must be at least 1");
        let all = self.sets.iter().flat_map(|set| set.values.iter().copied());
        let [low, high] = self.range.or_else(|| extent(all)).unwrap_or([0.0, 1.0]);
        // Equal values lie in the middle of a range of width 1.
        let [low, high] = if high > low {
            [low, high]
        } else {
            [low - 0.5, low + 0.5]
        };
        let chart = LineChart {
            title: self.title.clone(),
            x_label: self.x_label.clone(),
            y_label: "fraction of the values".into(),
            series: self
                .sets
                .iter()
                .map(|set| self.steps(set, [low, high]))
                .collect(),
            ..LineChart::default()
        };
        chart.draw(Area::Shaded)
    }

    /// The outline of the bars.
    fn steps(&self, set: &Distribution, [low, high]: [f64; 2]) -> Series {
        let mut counts = vec![0_usize; self.bins];
        for value in set.values.iter().filter(|value| value.is_finite()) {
            let part = (value - low) / (high - low);
            counts[((part * self.bins as f64) as usize).min(self.bins - 1)] += 1;
        }
        let total = counts.iter().sum::<usize>().max(1) as f64;
        let edge = |bin: usize| low + (high - low) * bin as f64 / self.bins as f64;
        let mut points = vec![(low, 0.0)];
        for (bin, &count) in counts.iter().enumerate() {
            let height = count as f64 / total;
            points.extend([(edge(bin), height), (edge(bin + 1), height)]);
        }
        points.push((high, 0.0));
        Series {
            name: set.name.clone(),
            points,
        }
    }
}
