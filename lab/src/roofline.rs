//! The roofline chart (Williams, Waterman, Patterson 2009): performance over arithmetic intensity.

use std::error::Error;

use plotters::coord::Shift;
use plotters::prelude::{
    BLACK, ChartBuilder, Circle, Color, DrawingArea, IntoDrawingArea, IntoLogRange, LineSeries,
    Palette, Palette99, PathElement, RGBAColor, SVGBackend, SeriesLabelPosition, WHITE,
};

use crate::candidate::level_name;
use crate::machine::{Limits, Machine, of};
use crate::options::ElementType;
use crate::row::Row;

const WIDTH: u32 = 960;
const HEIGHT: u32 = 600;

/// A chart for an element type and a number of threads.
struct Panel<'a> {
    element: ElementType,
    limits: &'a Limits,
    rows: Vec<&'a Row>,
}

/// An SVG document, with a chart for each element type and number of threads of the rows, one below the other.
///
/// # Errors
/// If the chart cannot be drawn.
pub(crate) fn svg(machine: &Machine, rows: &[Row]) -> Result<String, String> {
    let panels = panels(machine, rows);
    let mut text = String::new();
    draw(&mut text, &panels).map_err(|error| format!("--roofline: {error}"))?;
    Ok(text)
}

fn panels<'a>(machine: &'a Machine, rows: &'a [Row]) -> Vec<Panel<'a>> {
    let mut panels = Vec::new();
    for limits in &machine.limits {
        for element in [ElementType::F32, ElementType::F64] {
            let is_shown =
                |row: &&Row| row.threads == limits.threads && row.number == element.name();
            let rows: Vec<_> = rows.iter().filter(is_shown).collect();
            if !rows.is_empty() {
                panels.push(Panel {
                    element,
                    limits,
                    rows,
                });
            }
        }
    }
    panels
}

fn draw(text: &mut String, panels: &[Panel<'_>]) -> Result<(), Box<dyn Error>> {
    let size = (WIDTH, HEIGHT * panels.len() as u32);
    let root = SVGBackend::with_string(text, size).into_drawing_area();
    root.fill(&WHITE).map_err(|error| error.to_string())?;
    for (panel, area) in panels.iter().zip(root.split_evenly((panels.len(), 1))) {
        panel.draw(&area)?;
    }
    root.present().map_err(|error| error.to_string())?;
    Ok(())
}

impl Panel<'_> {
    fn draw(&self, area: &DrawingArea<SVGBackend<'_>, Shift>) -> Result<(), Box<dyn Error>> {
        let xs = span(self.rows.iter().map(|row| row.intensity));
        let roofs = self.rows.iter().map(|row| row.attainable);
        let ys = span(self.rows.iter().map(|row| row.gflops).chain(roofs));
        let threads = self.limits.threads;
        let title = format!(
            "{}, {threads} thread{}, {:.1} GB/s from memory",
            self.element.name(),
            if threads == 1 { "" } else { "s" },
            self.limits.triad / 1e9
        );
        let text = |error: &dyn Error| error.to_string();
        let mut chart = ChartBuilder::on(area)
            .caption(title, ("sans-serif", 18))
            .margin(16)
            .x_label_area_size(48)
            .y_label_area_size(72)
            .build_cartesian_2d((xs[0]..xs[1]).log_scale(), (ys[0]..ys[1]).log_scale())
            .map_err(|error| text(&error))?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .x_desc("arithmetic intensity, flop/byte")
            .y_desc("GFLOP/s")
            .label_style(("sans-serif", 13))
            .draw()
            .map_err(|error| text(&error))?;
        for (index, peak) in self.limits.peaks.iter().enumerate() {
            let style = BLACK.mix(1.0 / (1.0 + index as f64)).stroke_width(2);
            let peak_gflops = of(peak, self.element) / 1e9;
            let roof = |x: f64| (x, peak_gflops.min(x * self.limits.triad / 1e9).max(ys[0]));
            let ridge = (1e9 * peak_gflops / self.limits.triad).clamp(xs[0], xs[1]);
            chart
                .draw_series(LineSeries::new([xs[0], ridge, xs[1]].map(roof), style))
                .map_err(|error| text(&error))?
                .label(format!(
                    "{}, {peak_gflops:.0} GFLOP/s",
                    level_name(peak.level)
                ))
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], style));
        }
        for (index, kernel) in self.kernels().into_iter().enumerate() {
            let color: RGBAColor = Palette99::pick(index).mix(0.8);
            let rows = self.rows.iter().filter(|row| row.label() == kernel);
            chart
                .draw_series(
                    rows.map(|row| Circle::new((row.intensity, row.gflops), 4, color.filled())),
                )
                .map_err(|error| text(&error))?
                .label(kernel)
                .legend(move |(x, y)| Circle::new((x + 8, y), 4, color.filled()));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerRight)
            .label_font(("sans-serif", 13))
            .background_style(WHITE.mix(0.85))
            .border_style(BLACK.mix(0.3))
            .draw()
            .map_err(|error| text(&error))?;
        Ok(())
    }

    fn kernels(&self) -> Vec<String> {
        let mut names = Vec::new();
        for name in self.rows.iter().map(|row| row.label()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

/// A range that holds all values, with some room on both sides.
fn span(values: impl Iterator<Item = f64>) -> [f64; 2] {
    let [low, high] = values
        .filter(|value| value.is_finite() && *value > 0.0)
        .fold([f64::MAX, f64::MIN_POSITIVE], |[low, high], value| {
            [low.min(value), high.max(value)]
        });
    if low > high {
        return [0.1, 10.0];
    }
    [low / 1.5, high * 1.5]
}
