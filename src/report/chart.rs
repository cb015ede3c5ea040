//! [`LineChart`]: a line chart as SVG.

use super::colors;
use super::svg::{Anchor, INK, Svg, text_width, wrap};

const GRID: &str = "#e6e6e6";
/// The width of the axes; the legend is added on the right.
const WIDTH: f64 = 500.0;
const HEIGHT: f64 = 330.0;
/// The least space on the left of the vertical axis, for its labels.
const LEFT: f64 = 76.0;
/// The space between the label of the vertical axis and those of its ticks, and between these and the axis.
const BESIDE: f64 = 8.0;
/// The size of the label of an axis, and of those of its ticks.
const LABEL: f64 = 13.0;
const TICK: f64 = 12.0;
/// Space for the labels of the horizontal axis.
const BELOW: f64 = 58.0;

/// The scale of an axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Linear.
    #[default]
    Linear,
    /// Logarithmic; numbers at or below 0 are omitted.
    Log,
}

/// A named line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// The name in the legend.
    pub name: String,
    /// `(x, y)` from left to right; a point that is not finite leaves a gap.
    pub points: Vec<(f64, f64)>,
}

/// A line chart with axes, grid and legend.
///
/// ```
/// use wengert::report::{LineChart, Scale, Series};
///
/// let chart = LineChart {
///     title: "loss".into(),
///     x_label: "step".into(),
///     y_scale: Scale::Log,
///     series: vec![Series { name: "train".into(), points: vec![(1.0, 2.3), (2.0, 0.4), (3.0, 0.05)] }],
///     ..LineChart::default()
/// };
/// assert!(chart.to_svg().starts_with("<svg"));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LineChart {
    /// The title above the chart.
    pub title: String,
    /// The label of the horizontal axis.
    pub x_label: String,
    /// The label of the vertical axis.
    pub y_label: String,
    /// The scale of the horizontal axis.
    pub x_scale: Scale,
    /// The scale of the vertical axis.
    pub y_scale: Scale,
    /// The lines, each in its own colour.
    pub series: Vec<Series>,
}

impl LineChart {
    /// The chart as an SVG document.
    #[must_use]
    pub fn to_svg(&self) -> String {
        self.draw(Area::Empty)
    }

    pub(crate) fn draw(&self, area: Area) -> String {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let names = self.series.iter().map(|series| &series.name);
        let legend = names.map(|name| text_width(name, 13.0)).fold(0.0, f64::max);
        let height = HEIGHT.max(20.0 * self.series.len() as f64);
        let mut y = Axis::new(self.y_scale, points().map(|p| p.1));
        let labels = y.ticks.iter().map(|&tick| text_width(&y.label(tick), TICK));
        let left = (20.0 + 2.0 * BESIDE + labels.fold(0.0, f64::max)).max(LEFT);
        let whole = left + WIDTH + 57.0 + legend;
        let title = wrap(&self.title, 17.0, whole - 16.0);
        let top = 30.0 + 21.0 * title.len() as f64;
        y.place = [top + height, top];
        let mut x = Axis::new(self.x_scale, points().map(|p| p.0));
        x.place = [left, left + WIDTH];
        let mut svg = Svg::new(whole, top + height + BELOW);
        svg.title(whole / 2.0, &title);
        self.draw_frame(&mut svg, &x, &y);
        for (index, series) in self.series.iter().enumerate() {
            let style = colors::line(index);
            draw_series(&mut svg, series, &x, &y, style, area);
            if series.name.is_empty() {
                continue;
            }
            let at = [left + WIDTH + 14.0, top + 8.0 + 20.0 * index as f64];
            svg.polyline(&[at, [at[0] + 20.0, at[1]]], style, 2.5);
            let at = [at[0] + 27.0, at[1] + 4.5];
            svg.text(at, 13.0, Anchor::Start, INK, &series.name);
        }
        svg.finish()
    }

    fn draw_frame(&self, svg: &mut Svg, x: &Axis, y: &Axis) {
        let ([left, end], [floor, top]) = (x.place, y.place);
        for tick in &x.ticks {
            let (at, label) = (x.place(*tick), x.label(*tick));
            svg.line([at, top], [at, floor], GRID, 1.0);
            svg.text([at, floor + 18.0], TICK, Anchor::Middle, INK, &label);
        }
        for tick in &y.ticks {
            let (at, label) = (y.place(*tick), y.label(*tick));
            svg.line([left, at], [end, at], GRID, 1.0);
            svg.text([left - BESIDE, at + 4.0], TICK, Anchor::End, INK, &label);
        }
        svg.line([left, floor], [end, floor], INK, 1.2);
        svg.line([left, floor], [left, top], INK, 1.2);
        let below = [f64::midpoint(left, end), floor + BELOW - 16.0];
        svg.text(below, LABEL, Anchor::Middle, INK, &self.x_label);
        svg.text_upwards([20.0, f64::midpoint(top, floor)], LABEL, INK, &self.y_label);
    }
}

/// What is drawn between a line and the horizontal axis.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Area {
    /// Nothing.
    Empty,
    /// A light shade of the line's colour, and no markers.
    Shaded,
}

fn draw_series(
    svg: &mut Svg,
    series: &Series,
    x: &Axis,
    y: &Axis,
    style: (&str, &str),
    area: Area,
) {
    let drawable = |&(px, py): &(f64, f64)| x.shows(px) && y.shows(py);
    for part in series.points.split(|point| !drawable(point)) {
        let places: Vec<[f64; 2]> = part.iter().map(|p| [x.place(p.0), y.place(p.1)]).collect();
        if area == Area::Shaded {
            svg.area(&places, y.place[0], style.0);
        }
        svg.polyline(&places, style, 2.0);
        // With more points, markers would hide the line.
        if series.points.len() <= 40 && area == Area::Empty {
            for &place in &places {
                svg.circle(place, 3.0, style.0);
            }
        }
    }
}

/// An axis: its scale, its range of values (of their logarithms), its range of pixels, and its ticks.
struct Axis {
    scale: Scale,
    span: [f64; 2],
    place: [f64; 2],
    ticks: Vec<f64>,
    /// Whether all values are whole numbers, such as epochs: no tick lies between two of them.
    is_whole: bool,
}

impl Axis {
    fn new(scale: Scale, values: impl Iterator<Item = f64>) -> Self {
        let mut axis = Self {
            scale,
            span: [f64::INFINITY, f64::NEG_INFINITY],
            place: [0.0, 1.0],
            ticks: Vec::new(),
            is_whole: true,
        };
        for value in values.filter(|&value| axis.scale.shows(value)) {
            let at = axis.scale.apply(value);
            axis.is_whole &= value.fract() == 0.0;
            axis.span = [axis.span[0].min(at), axis.span[1].max(at)];
        }
        let [low, high] = axis.span;
        if low > high {
            axis.span = [0.0, 1.0];
        } else if high - low <= 1e-12 * low.abs().max(high.abs()) {
            axis.span = [low - 0.5, high + 0.5];
        }
        axis.ticks = match scale {
            Scale::Linear => axis.linear_ticks(),
            Scale::Log => axis.log_ticks(),
        };
        axis
    }

    /// Widens the span to round numbers, five to ten of them.
    fn linear_ticks(&mut self) -> Vec<f64> {
        let mut step = round_step((self.span[1] - self.span[0]) / 6.0);
        if self.is_whole {
            step = step.max(1.0);
        }
        let (first, last) = ((self.span[0] / step).floor(), (self.span[1] / step).ceil());
        self.span = [first * step, last * step];
        (0..=(last - first) as usize)
            .map(|n| (first + n as f64) * step)
            .collect()
    }

    /// Widens the span to whole powers of ten, with a tick at each, at every second one …; a short span only to
    /// numbers that are 1, 2 or 5 times a power of ten, with a tick at each.
    fn log_ticks(&mut self) -> Vec<f64> {
        if self.span[1] - self.span[0] < 1.5 {
            return self.ticks_in_decades();
        }
        let (first, last) = (self.span[0].floor(), self.span[1].ceil());
        self.span = [first, last];
        let every = ((last - first) / 8.0).ceil().max(1.0);
        // Multiples of the step, so that 1 has a tick if it is in the range.
        let (first, last) = ((first / every).ceil(), (last / every).floor());
        (0..=(last - first) as usize)
            .map(|n| 10_f64.powf((first + n as f64) * every))
            .collect()
    }

    fn ticks_in_decades(&mut self) -> Vec<f64> {
        let [low, high] = self.span;
        let decades = low.floor() as i32..=high.ceil() as i32;
        let round =
            decades.flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(power)));
        let round: Vec<f64> = round.collect();
        let is_below = |&tick: &f64| tick.log10() <= low + 1e-9;
        let first = round.iter().rposition(is_below).unwrap_or(0);
        let is_above = |&tick: &f64| tick.log10() >= high - 1e-9;
        let last = round.iter().position(is_above).unwrap_or(round.len() - 1);
        self.span = [round[first].log10(), round[last].log10()];
        round[first..=last].to_vec()
    }

    fn shows(&self, value: f64) -> bool {
        self.scale.shows(value)
    }

    fn place(&self, value: f64) -> f64 {
        let part = (self.scale.apply(value) - self.span[0]) / (self.span[1] - self.span[0]);
        self.place[0] + part * (self.place[1] - self.place[0])
    }

    fn label(&self, tick: f64) -> String {
        match self.scale {
            Scale::Log => {
                let power = (tick.log10() + 1e-9).floor();
                let digit = (tick / 10_f64.powf(power)).round();
                let is_short = (-3.0..4.0).contains(&power);
                if digit != 1.0 && is_short {
                    format!("{tick:.*}", (-power).max(0.0) as usize)
                } else if digit != 1.0 {
                    format!("{digit}·{}", power_of_ten(power as i32))
                } else {
                    power_of_ten(power as i32)
                }
            }
            Scale::Linear => {
                let widest = self.span[0].abs().max(self.span[1].abs());
                let step = self.ticks.get(1).map_or(1.0, |next| next - self.ticks[0]);
                if widest >= 1e6 || step < 1e-4 {
                    format!("{tick:.1e}")
                } else {
                    let digits = (-step.log10() - 1e-9).ceil().max(0.0) as usize;
                    // Adding 0 turns a −0 into a 0.
                    format!("{:.digits$}", tick + 0.0)
                }
            }
        }
    }
}

impl Scale {
    fn shows(self, value: f64) -> bool {
        value.is_finite() && (self == Self::Linear || value > 0.0)
    }

    fn apply(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Log => value.log10(),
        }
    }
}

/// The smallest number at least `step` that is 1, 2 or 5 times a power of ten.
fn round_step(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|digit| digit * power)
        .find(|&round| round >= step * (1.0 - 1e-9))
        .unwrap_or(10.0 * power)
}

fn power_of_ten(exponent: i32) -> String {
    const RAISED: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    match exponent {
        0 => return "1".to_owned(),
        1 => return "10".to_owned(),
        _ => {}
    }
    let digits = exponent.abs().to_string();
    let digits = digits
        .bytes()
        .map(|digit| RAISED[usize::from(digit - b'0')]);
    let sign = if exponent < 0 { "⁻" } else { "" };
    format!("10{sign}{}", digits.collect::<String>())
}
