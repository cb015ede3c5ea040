//! Pictures of a report, as SVG.

use maud::{Markup, html};

use crate::autograd::check::{Derivative, Record, Verdict};
use crate::gradcheck::compare;

/// The most cells of a map.
const CELLS: usize = 4096;

/// The most pixels of a side of a cell, and of the whole map.
const SIDE: f64 = 22.0;
const WIDTH: f64 = 640.0;

/// The errors of a tensor's elements; `None` if it is too large or nothing was judged by element.
pub fn error_map(shape: &[usize], records: &[&Record]) -> Option<Markup> {
    let count: usize = shape.iter().product();
    if count == 0 || count > CELLS {
        return None;
    }
    let mut cells: Vec<Option<&Record>> = vec![None; count];
    let entries = [Derivative::First, Derivative::Jacobian, Derivative::Single];
    for record in records.iter().filter(|r| entries.contains(&r.derivative)) {
        if record.index.len() != shape.len() {
            continue;
        }
        let place = record
            .index
            .iter()
            .zip(shape)
            .fold(0, |sum, (i, n)| sum * n + i);
        let cell = cells.get_mut(place)?;
        if cell.is_none_or(|old| compare(record, old).is_gt()) {
            *cell = Some(record);
        }
    }
    cells
        .iter()
        .any(Option::is_some)
        .then(|| draw(shape, &cells))
}

fn draw(shape: &[usize], cells: &[Option<&Record>]) -> Markup {
    let (rows, columns) = match shape {
        [] => (1, 1),
        [n] => (1, *n),
        [.., rows, columns] => (*rows, *columns),
    };
    let tiles = cells.len() / (rows * columns);
    // The second axis of filters, their channels, runs to the right.
    let across = match shape {
        [_, channels, _, _] => *channels,
        _ => (tiles as f64 * rows as f64 / columns as f64).sqrt().ceil() as usize,
    }
    .clamp(1, tiles.max(1));
    let down = tiles.div_ceil(across);
    let gap = 0.5;
    let width = across as f64 * (columns as f64 + gap) - gap;
    let height = down as f64 * (rows as f64 + gap) - gap;
    let scale = SIDE.min(WIDTH / width);
    let view = format!("0 0 {width} {height}");
    html! {
        svg class="map" role="img" aria-label="error map" viewBox=(view)
            style=(format!("width:{:.0}px", width * scale)) {
            @for (i, record) in cells.iter().enumerate() {
                @let (tile, cell) = (i / (rows * columns), i % (rows * columns));
                @let x = (tile % across) as f64 * (columns as f64 + gap) + (cell % columns) as f64;
                @let y = (tile / across) as f64 * (rows as f64 + gap) + (cell / columns) as f64;
                rect x=(x) y=(y) width="0.92" height="0.92" fill=(colour(*record)) {
                    @if let Some(r) = record { title { (hint(r)) } }
                }
            }
        }
    }
}

fn hint(r: &Record) -> String {
    let bar = format!(
        "{:?}: {}, {:.6e}, error {:.1e} of its bar",
        r.index, r.verdict, r.analytic, r.error
    );
    if r.reason.is_empty() {
        bar
    } else {
        format!("{bar}: {}", r.reason)
    }
}

fn colour(record: Option<&Record>) -> String {
    let Some(record) = record else {
        return "var(--empty)".to_owned();
    };
    match record.verdict {
        Verdict::Pass => "var(--pass)".to_owned(),
        Verdict::Fail => {
            // From yellow at its bar to red at a million times that.
            let size = (record.error.log10() / 6.0).clamp(0.0, 1.0);
            let size = if record.error.is_nan() { 1.0 } else { size };
            format!(
                "hsl({:.0} 85% {:.0}%)",
                48.0 * (1.0 - size),
                52.0 - 8.0 * size
            )
        }
        Verdict::Kink => "var(--kink)".to_owned(),
        Verdict::NoiseLimited | Verdict::Unreachable | Verdict::NonFinite | Verdict::NotTaken => {
            "var(--unknown)".to_owned()
        }
    }
}

/// Width, height and margins of a chart.
const CHART: [f64; 2] = [360.0, 200.0];
const LEFT: f64 = 52.0;
const BOTTOM: f64 = 34.0;

/// The distance of the differences from reverse mode by step; `None` if there is nothing to draw.
pub fn steps(record: &Record) -> Option<Markup> {
    let visible = |x: f64| x.is_finite() && x > 0.0;
    let mut points: Vec<_> = record
        .steps
        .iter()
        .map(|s| (s.step, (s.value - record.analytic).abs()))
        .filter(|(h, _)| visible(*h))
        .collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let noise = record.noise.filter(|n| visible(*n));
    let noisy: Vec<_> = points
        .iter()
        .filter_map(|(h, _)| Some((*h, noise? / h)))
        .collect();
    points.retain(|(_, error)| visible(*error));
    let all = points.iter().chain(&noisy);
    let (low, high) = range(all.clone().map(|p| p.1))?;
    let (left, right) = range(all.map(|p| p.0))?;
    let x = |h: f64| LEFT + (CHART[0] - LEFT - 10.0) * share(h.log10(), left, right);
    let y = |e: f64| CHART[1] - BOTTOM - (CHART[1] - BOTTOM - 10.0) * share(e.log10(), low, high);
    let path = |points: &[(f64, f64)]| {
        let points = points
            .iter()
            .map(|(h, e)| format!("{:.1},{:.1}", x(*h), y(*e)));
        points.collect::<Vec<_>>().join(" ")
    };
    let base = CHART[1] - BOTTOM;
    Some(html! {
        svg class="chart" role="img" aria-label="differences by step" viewBox=(format!("0 0 {} {}", CHART[0], CHART[1])) {
            line class="axis" x1=(LEFT) y1=(base) x2=(CHART[0] - 10.0) y2=(base) {}
            line class="axis" x1=(LEFT) y1="10" x2=(LEFT) y2=(base) {}
            text x=(LEFT) y=(base + 14.0) { (power_of_ten(left)) }
            text x=(CHART[0] - 10.0) y=(base + 14.0) text-anchor="end" { (power_of_ten(right)) }
            text x=(f64::midpoint(LEFT, CHART[0])) y=(base + 28.0) text-anchor="middle" { "step" }
            text x=(LEFT - 4.0) y=(base) text-anchor="end" { (power_of_ten(low)) }
            text x=(LEFT - 4.0) y="18" text-anchor="end" { (power_of_ten(high)) }
            @if let Some(step) = record.step.filter(|h| visible(*h)) {
                line class="chosen" x1=(x(step)) y1="10" x2=(x(step)) y2=(base) {}
            }
            polyline class="noise" points=(path(&noisy)) {}
            polyline class="error" points=(path(&points)) {}
            @for (h, e) in &points { circle cx=(x(*h)) cy=(y(*e)) r="2.5" { title { (format!("step {h:.2e}: {e:.2e}")) } } }
        }
    })
}

/// The decimal logarithms of the least and the largest value, rounded outwards.
fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let logs = values.map(f64::log10);
    let bounds = logs.fold(None, |bounds: Option<(f64, f64)>, x| {
        Some(bounds.map_or((x, x), |(low, high)| (low.min(x), high.max(x))))
    });
    let (low, high) = bounds?;
    let (low, high) = (low.floor(), high.ceil());
    Some(if low == high {
        (low, high + 1.0)
    } else {
        (low, high)
    })
}

/// Where between two bounds, from 0 to 1. Outside them it is the nearer one.
fn share(x: f64, low: f64, high: f64) -> f64 {
    ((x - low) / (high - low)).clamp(0.0, 1.0)
}

fn power_of_ten(exponent: f64) -> String {
    // The sum is no negative zero.
    format!("1e{}", exponent + 0.0)
}
