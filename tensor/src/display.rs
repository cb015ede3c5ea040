//! Tensors as text, in the manner of `NumPy`.

use std::fmt::{self, Write};

use crate::{Element, Tensor};

/// Tensors with more elements than this show only the ends of their axes.
const MOST: usize = 1000;
/// How many places each end of an axis shows then.
const EDGE: usize = 3;
/// Rows are broken before they exceed this many characters.
const LINE: usize = 100;
/// Digits behind the point, at most, if the caller asks for no number of them.
const DIGITS: usize = 4;

impl<T: Element> fmt::Display for Tensor<T> {
    /// Rows of aligned columns, in one pair of brackets for each axis.
    ///
    /// Floats show as many digits behind the point as tell them apart, at most 4; or exactly `p`
    /// with `{:.p}`. If the largest is 10⁸ or more, or the smallest but 0 below 10⁻⁴, all are
    /// written with exponents. Beyond 1000 elements, each axis shows three places at either end.
    ///
    /// ```
    /// use wengert_tensor::Tensor;
    ///
    /// let x = Tensor::from_vec(vec![1.0, -2.5, 3.0, 10.0, 0.0, 4.25], [2, 3]);
    /// assert_eq!(x.to_string(), "[[ 1.00 -2.50  3.00]\n [10.00  0.00  4.25]]");
    /// assert_eq!(format!("{x:.0}"), "[[ 1 -2  3]\n [10  0  4]]");
    /// ```
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return match self.rank() {
                1 => f.write_str("[]"),
                _ => write!(f, "[] of shape {:?}", self.shape()),
            };
        }
        let table = Table::new(self, f.precision());
        table.write(f, 0, &mut table.texts.iter())
    }
}

/// What is shown of a tensor.
struct Table {
    /// For each axis the places, and where some are left out.
    places: Vec<Vec<Option<usize>>>,
    /// The elements at those places in row-major order, all of one width.
    texts: Vec<String>,
    /// How many elements fit on a line.
    per_line: usize,
}

impl Table {
    fn new<T: Element>(x: &Tensor<T>, precision: Option<usize>) -> Self {
        let shown = |&extent: &usize| {
            if x.len() <= MOST || extent <= 2 * EDGE {
                return (0..extent).map(Some).collect();
            }
            let ends = [0..EDGE, extent - EDGE..extent];
            let [head, tail] = ends.map(|end| end.map(Some));
            head.chain([None]).chain(tail).collect()
        };
        let places: Vec<Vec<Option<usize>>> = x.shape().iter().map(shown).collect();
        let mut values = Vec::new();
        collect(x, &places, &mut Vec::new(), &mut values);
        let mut texts = T::texts(&values, precision);
        let width = align(&mut texts);
        let per_line = LINE.saturating_sub(2 * x.rank()) / (width + 1);
        Self {
            places,
            texts,
            per_line: per_line.max(1),
        }
    }

    fn write(
        &self,
        f: &mut fmt::Formatter<'_>,
        axis: usize,
        texts: &mut std::slice::Iter<'_, String>,
    ) -> fmt::Result {
        let Some(places) = self.places.get(axis) else {
            return f.write_str(texts.next().expect("one text for each place"));
        };
        let below = self.places.len() - axis - 1;
        f.write_char('[')?;
        for (i, place) in places.iter().enumerate() {
            if i > 0 && below == 0 && i % self.per_line != 0 {
                f.write_char(' ')?;
            } else if i > 0 {
                // One blank line more for each axis between these blocks and the rows.
                let breaks = below.max(1);
                write!(f, "{:\n<breaks$}{:axis$} ", "", "")?;
            }
            match place {
                Some(_) => self.write(f, axis + 1, texts)?,
                None => f.write_str("...")?,
            }
        }
        f.write_char(']')
    }
}

/// The elements at the given places, in row-major order.
fn collect<T: Element>(
    x: &Tensor<T>,
    places: &[Vec<Option<usize>>],
    index: &mut Vec<usize>,
    values: &mut Vec<T>,
) {
    let Some(axis) = places.get(index.len()) else {
        values.push(x.get(&*index));
        return;
    };
    for place in axis.iter().flatten() {
        index.push(*place);
        collect(x, places, index, values);
        index.pop();
    }
}

/// Blanks in front, so that all texts are as wide as the widest; returns the width.
fn align(texts: &mut [String]) -> usize {
    let width = texts
        .iter()
        .map(|text| text.chars().count())
        .max()
        .unwrap_or(0);
    for text in texts {
        *text = format!("{text:>width$}");
    }
    width
}

/// Floats as text, alike enough to stand in columns.
pub(crate) fn float_texts<T>(values: &[T], precision: Option<usize>) -> Vec<String>
where
    T: Copy + Into<f64> + fmt::Display + fmt::LowerExp,
{
    let finite = || values.iter().filter(|&&x| x.into().is_finite());
    let sizes = || finite().map(|&x| x.into().abs()).filter(|&x| x > 0.0);
    let with_exponents = sizes().any(|x| !(1e-4..1e8).contains(&x));
    let plain = |x: T| {
        if with_exponents {
            format!("{x:e}")
        } else {
            x.to_string()
        }
    };
    let digits = precision.unwrap_or_else(|| {
        let needed = finite().map(|&x| digits_behind_point(&plain(x))).max();
        needed.unwrap_or(0).clamp(1, DIGITS)
    });
    let text = |&x: &T| match (x.into().is_finite(), with_exponents) {
        (false, _) => x.to_string(),
        (true, false) => format!("{x:.digits$}"),
        (true, true) => format!("{x:.digits$e}"),
    };
    values.iter().map(text).collect()
}

fn digits_behind_point(number: &str) -> usize {
    let behind = number.split_once('.').map_or("", |(_, behind)| behind);
    behind.bytes().take_while(u8::is_ascii_digit).count()
}

/// Dual numbers as text: aligned values and aligned tangents.
pub(crate) fn dual_texts<T: Element>(
    values: &[T],
    tangents: &[T],
    precision: Option<usize>,
) -> Vec<String> {
    let mut values = T::texts(values, precision);
    let mut tangents = T::texts(tangents, precision);
    for tangent in &mut tangents {
        if !tangent.starts_with('-') {
            tangent.insert(0, '+');
        }
    }
    align(&mut values);
    align(&mut tangents);
    let pairs = values.iter().zip(&tangents);
    pairs
        .map(|(value, tangent)| format!("{value}{tangent}ε"))
        .collect()
}
