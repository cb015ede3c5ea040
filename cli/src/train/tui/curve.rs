//! A curve of a number of points that is limited, however long the training is.

/// The most points of a curve; more than a terminal has columns.
const POINTS: usize = 1024;

/// A curve of at most [`POINTS`] points: when it is full, every second one goes.
#[derive(Default)]
pub struct BoundedCurve {
    pub points: Vec<(f64, f64)>,
    every: u64,
    seen: u64,
}

impl BoundedCurve {
    pub fn push(&mut self, x: f64, y: f64) {
        self.every = self.every.max(1);
        if self.seen.is_multiple_of(self.every) && y.is_finite() {
            self.points.push((x, y));
        }
        self.seen += 1;
        if self.points.len() == POINTS {
            let mut keep = false;
            self.points.retain(|_| {
                keep = !keep;
                keep
            });
            self.every *= 2;
        }
    }

    pub fn last(&self) -> Option<f64> {
        self.points.last().map(|point| point.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_curve_keeps_its_ends_and_its_order_in_few_points() {
        let mut curve = BoundedCurve::default();
        for x in 0..100_000 {
            curve.push(f64::from(x), -f64::from(x));
        }
        curve.push(100_000.0, f64::NAN);
        assert!((POINTS / 2 - 1..POINTS).contains(&curve.points.len()));
        assert!(curve.points.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(curve.points.iter().all(|&(x, y)| y == -x));
        assert!(curve.points[0].0 < 1000.0 && curve.last() < Some(-99_000.0));
    }
}
