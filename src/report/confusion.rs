//! [`Confusion`]: which class was taken for which.

use std::fmt;

use wengert_tensor::require;

/// A confusion matrix: how often an image of one class (row) was taken for another (column).
///
/// ```
/// use wengert::report::Confusion;
///
/// let mut confusion = Confusion::new(["cat", "dog"]);
/// confusion.add_all(&[0, 0, 1, 1], &[0, 1, 1, 1]);
/// assert_eq!(confusion.count(0, 1), 1);
/// assert_eq!(confusion.accuracy(), 0.75);
/// println!("{confusion}");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    classes: Vec<String>,
    counts: Vec<usize>,
}

impl Confusion {
    /// An empty matrix of classes with names.
    #[must_use]
    pub fn new(classes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let classes: Vec<String> = classes.into_iter().map(Into::into).collect();
        let counts = vec![0; classes.len() * classes.len()];
        Self { classes, counts }
    }

    /// Counts one image.
    ///
    /// # Panics
    /// If a class does not exist.
    #[track_caller]
    pub fn add(&mut self, truth: usize, predicted: usize) {
        let index = self.index(truth, predicted);
        self.counts[index] += 1;
    }

    /// Counts a batch of images.
    ///
    /// # Panics
    /// If the lengths differ or a class does not exist.
    #[track_caller]
    pub fn add_all(&mut self, truth: &[i64], predicted: &[i64]) {
        require!(
            truth.len() == predicted.len(),
            "confusion: {} labels and {} predictions",
            truth.len(),
            predicted.len()
        );
        for (&truth, &predicted) in truth.iter().zip(predicted) {
            // A negative number becomes a class that does not exist.
            self.add(truth as usize, predicted as usize);
        }
    }

    /// How often images of class `truth` were taken for `predicted`.
    ///
    /// # Panics
    /// If a class does not exist.
    #[must_use]
    #[track_caller]
    pub fn count(&self, truth: usize, predicted: usize) -> usize {
        self.counts[self.index(truth, predicted)]
    }

    /// How many images were counted.
    #[must_use]
    pub fn total(&self) -> usize {
        self.counts.iter().sum()
    }

    /// How many were taken for what they are.
    #[must_use]
    pub fn correct(&self) -> usize {
        self.counts.iter().step_by(self.classes.len() + 1).sum()
    }

    /// The part that was taken for what it is, 0 to 1; NaN of nothing.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        self.correct() as f64 / self.total() as f64
    }

    /// The part of a class's images that was found; NaN if there were none.
    ///
    /// # Panics
    /// If there is no such class.
    #[must_use]
    #[track_caller]
    pub fn recall(&self, class: usize) -> f64 {
        let hits = self.count(class, class);
        let n = self.classes.len();
        hits as f64
            / self.counts[class * n..(class + 1) * n]
                .iter()
                .sum::<usize>() as f64
    }

    /// The part of what was taken for a class that belongs to it; NaN if nothing was.
    ///
    /// # Panics
    /// If there is no such class.
    #[must_use]
    #[track_caller]
    pub fn precision(&self, class: usize) -> f64 {
        let hits = self.count(class, class);
        let column = self.counts[class..].iter().step_by(self.classes.len());
        hits as f64 / column.sum::<usize>() as f64
    }

    #[track_caller]
    fn index(&self, truth: usize, predicted: usize) -> usize {
        let n = self.classes.len();
        require!(
            truth < n && predicted < n,
            "confusion: class {truth} taken for {predicted}: there are {n} classes"
        );
        truth * n + predicted
    }
}

impl fmt::Display for Confusion {
    /// A table: rows are the truth, columns the prediction, a dot stands for 0.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.classes.len();
        let names = self.classes.iter().map(|name| name.chars().count());
        let margin = names.max().unwrap_or(0);
        let digits = self
            .counts
            .iter()
            .max()
            .map_or(1, |count| count.to_string().len());
        // Columns bear the class's name if that is as short as the numbers, otherwise its number.
        let by_name = margin <= digits.max(2);
        let heading = |class: usize| {
            if by_name {
                self.classes[class].clone()
            } else {
                class.to_string()
            }
        };
        let column = (0..n).map(|class| heading(class).chars().count()).max();
        let width = column.unwrap_or(0).max(digits) + 1;

        let side = |class: usize| {
            if by_name {
                self.classes[class].clone()
            } else {
                format!("{class} {}", self.classes[class])
            }
        };
        let margin = (0..n).map(|class| side(class).chars().count()).max();
        let margin = margin.unwrap_or(0);
        write!(f, "{:margin$} │", "")?;
        for class in 0..n {
            write!(f, "{:>width$}", heading(class))?;
        }
        writeln!(f, "   found")?;
        writeln!(f, "{}─┼{}", "─".repeat(margin), "─".repeat(n * width + 8))?;
        for class in 0..n {
            write!(f, "{:margin$} │", side(class))?;
            for predicted in 0..n {
                match self.count(class, predicted) {
                    0 => write!(f, "{:>width$}", "·")?,
                    count => write!(f, "{count:>width$}")?,
                }
            }
            let recall = 100.0 * self.recall(class);
            if recall.is_nan() {
                writeln!(f, "       –")?;
            } else {
                writeln!(f, " {recall:>5.1} %")?;
            }
        }
        Ok(())
    }
}
