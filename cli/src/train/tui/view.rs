//! What the screen shows.

use std::collections::BTreeMap;
use std::time::Instant;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style};
use ratatui::symbols::Marker;
use ratatui::text::Line;
use ratatui::widgets::{
    Axis, Block, Chart, Dataset, Gauge, GraphType, LegendPosition, Paragraph, Row as Cells, Table,
};

use super::curve::BoundedCurve;
use crate::run::{LayerRow, Row};
use crate::train::display::Running;

/// What the screen shows.
pub struct View {
    title: String,
    start: Instant,
    /// Steps of the whole run, and those done.
    steps: u64,
    done: u64,
    epochs: u64,
    epoch: u64,
    images_per_second: f64,
    lr: f64,
    loss: BoundedCurve,
    accuracy: BoundedCurve,
    validation_loss: BoundedCurve,
    validation_accuracy: BoundedCurve,
    layers: Vec<LayerRow>,
    pub stopping: bool,
}

impl View {
    pub fn new(title: &str, steps: u64, epochs: u64) -> Self {
        Self {
            title: title.to_owned(),
            start: Instant::now(),
            steps,
            done: 0,
            epochs,
            epoch: 0,
            images_per_second: 0.0,
            lr: 0.0,
            loss: BoundedCurve::default(),
            accuracy: BoundedCurve::default(),
            validation_loss: BoundedCurve::default(),
            validation_accuracy: BoundedCurve::default(),
            layers: Vec::new(),
            stopping: false,
        }
    }

    /// The numbers after a batch of an epoch, counted from 1.
    pub fn step(&mut self, epoch: u64, lr: f64, now: Running) {
        let x = now.position as f64 / self.steps as f64 * self.epochs as f64;
        self.done = now.position;
        self.epoch = epoch;
        self.lr = lr;
        self.images_per_second = now.images_per_second;
        self.loss.push(x, now.loss);
        self.accuracy.push(x, 100.0 * now.accuracy);
    }

    /// The numbers after an epoch.
    pub fn epoch(&mut self, row: &Row) {
        let x = row.epoch as f64;
        if let Some(loss) = row.validation_loss {
            self.validation_loss.push(x, loss);
        }
        if let Some(accuracy) = row.validation_accuracy {
            self.validation_accuracy.push(x, 100.0 * accuracy);
        }
        self.layers.clone_from(&row.layers);
    }

    /// The norms of the gradients of the parameters in this batch, by path; the layers are those of the last epoch,
    /// once there is one.
    pub fn gradients<'a>(&mut self, norms: impl Iterator<Item = (&'a str, f64)>) {
        let mut squares: BTreeMap<&str, f64> = BTreeMap::new();
        for (path, norm) in norms {
            let layer = path.rsplit_once('.').map_or("", |(layer, _)| layer);
            *squares.entry(layer).or_default() += norm * norm;
        }
        if self.layers.is_empty() {
            let layers = squares.keys().map(|path| LayerRow {
                path: (*path).to_owned(),
                ..LayerRow::default()
            });
            self.layers = layers.collect();
        }
        for layer in &mut self.layers {
            if let Some(square) = squares.get(layer.path.as_str()) {
                layer.gradient = square.sqrt();
            }
        }
    }

    pub fn draw(&self, frame: &mut Frame<'_>) {
        let rows = Layout::vertical([
            Constraint::Length(3),
            Constraint::Length(1),
            Constraint::Min(8),
            Constraint::Length((self.layers.len() as u16 + 3).min(14)),
            Constraint::Length(1),
        ]);
        let [gauge, numbers, curves, layers, help] = rows.areas(frame.area());
        self.draw_progress(frame, gauge, numbers);
        let [left, right] = Layout::horizontal([Constraint::Fill(1); 2]).areas(curves);
        // A loss falls and an accuracy rises: the legends are where the curves are not.
        self.draw_curve(
            frame,
            left,
            "loss",
            LegendPosition::TopRight,
            &self.loss,
            &self.validation_loss,
        );
        self.draw_curve(
            frame,
            right,
            "accuracy in %",
            LegendPosition::BottomRight,
            &self.accuracy,
            &self.validation_accuracy,
        );
        self.draw_layers(frame, layers);
        let text = if self.stopping {
            "finishing the step and writing a checkpoint …"
        } else {
            "q or Ctrl-C: finish the step, write a checkpoint and stop"
        };
        frame.render_widget(Paragraph::new(text).style(Style::new().dim()), help);
    }

    fn draw_progress(&self, frame: &mut Frame<'_>, gauge: Rect, numbers: Rect) {
        let part = (self.done as f64 / self.steps.max(1) as f64).clamp(0.0, 1.0);
        let bar = Gauge::default()
            .block(Block::bordered().title(format!(" {} ", self.title)))
            .gauge_style(Style::new().fg(Color::Cyan))
            .ratio(part)
            .label(format!(
                "epoch {}/{}, {:.0} %",
                self.epoch,
                self.epochs,
                100.0 * part
            ));
        frame.render_widget(bar, gauge);
        let seconds = self.start.elapsed().as_secs_f64();
        let left = if part > 0.0 {
            seconds / part - seconds
        } else {
            0.0
        };
        let text = format!(
            "loss {:.4}  accuracy {:.1} %  {:.0} images/s  lr {:.2e}  {seconds:.0} s, {left:.0} s left",
            self.loss.last().unwrap_or(f64::NAN),
            self.accuracy.last().unwrap_or(f64::NAN),
            self.images_per_second,
            self.lr
        );
        frame.render_widget(Line::from(text), numbers);
    }

    fn draw_curve(
        &self,
        frame: &mut Frame<'_>,
        area: Rect,
        title: &str,
        legend: LegendPosition,
        training: &BoundedCurve,
        validation: &BoundedCurve,
    ) {
        let points = || {
            training
                .points
                .iter()
                .chain(&validation.points)
                .map(|point| point.1)
        };
        let low = points().fold(f64::INFINITY, f64::min);
        let high = points().fold(f64::NEG_INFINITY, f64::max);
        let [low, high] = if high > low { [low, high] } else { [0.0, 1.0] };
        let line = |curve, color| {
            Dataset::default()
                .marker(Marker::Braille)
                .graph_type(GraphType::Line)
                .style(Style::new().fg(color))
                .data(curve)
        };
        let mut lines = vec![line(&training.points[..], Color::Cyan)];
        // One curve needs no legend.
        if !validation.points.is_empty() {
            lines[0] = lines[0].clone().name("training");
            lines.push(line(&validation.points[..], Color::Yellow).name("validation"));
        }
        let chart = Chart::new(lines)
            .block(Block::bordered().title(format!(" {title} ")))
            .x_axis(
                Axis::default()
                    .bounds([0.0, self.epochs as f64])
                    .labels(["0".to_owned(), format!("{} epochs", self.epochs)]),
            )
            .y_axis(
                Axis::default()
                    .bounds([low, high])
                    .labels([format!("{low:.2}"), format!("{high:.2}")]),
            );
        let half = Constraint::Ratio(1, 2);
        let chart = chart
            .legend_position(Some(legend))
            .hidden_legend_constraints((half, half));
        frame.render_widget(chart, area);
    }

    fn draw_layers(&self, frame: &mut Frame<'_>, area: Rect) {
        let most = self
            .layers
            .iter()
            .map(|layer| layer.gradient)
            .fold(0.0, f64::max);
        let rows = self.layers.iter().map(|layer| {
            let length = if most > 0.0 {
                (20.0 * layer.gradient / most).round() as usize
            } else {
                0
            };
            let dead = layer
                .dead
                .map_or_else(|| "–".to_owned(), |share| format!("{:.1} %", 100.0 * share));
            Cells::new([
                layer.path.clone(),
                format!("{:.3e}", layer.gradient),
                "█".repeat(length),
                dead,
            ])
        });
        let widths = [
            Constraint::Fill(2),
            Constraint::Length(10),
            Constraint::Fill(2),
            Constraint::Length(8),
        ];
        let table = Table::new(rows, widths)
            .header(Cells::new(["layer", "gradient", "", "dead"]).style(Style::new().bold()))
            .block(Block::bordered().title(" gradient norm and dead units of each layer "));
        frame.render_widget(table, area);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    /// The lines of a terminal of this size.
    fn drawn(view: &View, columns: u16, rows: u16) -> Vec<String> {
        let mut terminal =
            Terminal::new(TestBackend::new(columns, rows)).expect("memory never fails");
        terminal
            .draw(|frame| view.draw(frame))
            .expect("memory never fails");
        let buffer = terminal.backend().buffer();
        let cells = buffer.content().chunks(usize::from(columns));
        cells
            .map(|line| line.iter().map(ratatui::buffer::Cell::symbol).collect())
            .collect()
    }

    fn contains(lines: &[String], part: &str) -> bool {
        lines.iter().any(|line| line.contains(part))
    }

    /// 300 of 1000 steps of 10 epochs, with three layers.
    fn in_the_middle() -> View {
        let mut view = View::new("runs/digits", 1000, 10);
        for position in 1..=300 {
            let now = Running {
                position,
                loss: 300.0 / position as f64,
                accuracy: 0.9,
                images_per_second: 12_345.4,
            };
            view.step(3, 0.0015, now);
        }
        view.gradients(
            [
                ("conv1.weight", 3.0),
                ("conv1.bias", 4.0),
                ("fc.weight", 0.5),
            ]
            .into_iter(),
        );
        view
    }

    #[test]
    fn eighty_columns_hold_every_number_curve_and_layer() {
        let lines = drawn(&in_the_middle(), 80, 24);
        for part in [
            "runs/digits",
            "epoch 3/10, 30 %",
            "loss 1.0000  accuracy 90.0 %  12345 images/s  lr 1.50e-3",
            "s left",
            " loss ",
            " accuracy in % ",
            "10 epochs",
            "gradient norm and dead units of each layer",
            "q or Ctrl-C",
        ] {
            assert!(contains(&lines, part), "{part}: {lines:#?}");
        }
        // 5 = √(3² + 4²), and the longest bar.
        let bar = |layer: &str| {
            let line = lines.iter().find(|line| line.contains(layer));
            let line = line.unwrap_or_else(|| panic!("{layer}: {lines:#?}"));
            line.chars().filter(|&c| c == '█').count()
        };
        assert!(contains(&lines, "5.000e0") && contains(&lines, "5.000e-1"));
        assert_eq!(bar("conv1"), 10 * bar("fc "));
        let dots = |line: &String| line.chars().any(|c| ('⠁'..='⣿').contains(&c));
        assert!(lines.iter().filter(|line| dots(line)).count() > 2);
    }

    #[test]
    fn an_epoch_shows_validation_and_dead_units() {
        let mut view = in_the_middle();
        let layers = vec![LayerRow {
            path: "conv1".to_owned(),
            gradient: 1.0,
            dead: Some(0.125),
            ..LayerRow::default()
        }];
        view.epoch(&Row {
            epoch: 3,
            validation_loss: Some(0.5),
            validation_accuracy: Some(0.875),
            layers,
            ..Row::default()
        });
        let lines = drawn(&view, 100, 30);
        assert!(contains(&lines, "12.5 %"), "{lines:#?}");
        assert!(contains(&lines, "validation"), "{lines:#?}");
        // The axis of the accuracy reaches from the validation's value to the training's.
        assert!(
            contains(&lines, "87.50") && contains(&lines, "90.00"),
            "{lines:#?}"
        );
    }

    #[test]
    fn a_request_to_stop_is_shown_and_no_size_of_the_terminal_is_an_error() {
        let mut view = in_the_middle();
        view.stopping = true;
        assert!(contains(&drawn(&view, 80, 24), "finishing the step"));
        for (columns, rows) in [(1, 1), (3, 40), (200, 2), (20, 10)] {
            assert_eq!(drawn(&view, columns, rows).len(), usize::from(rows));
        }
        // Before the first step there is neither a number nor a layer.
        let lines = drawn(&View::new("new", 0, 0), 80, 24);
        assert!(contains(&lines, "epoch 0/0, 0 %"), "{lines:#?}");
    }
}
