//! Formatting of tensors, as in `NumPy`.

use std::fmt::{self, Write};

use crate::{Element, Tensor};

/// Tensors with more elements than this are abbreviated.
const MAX_ELEMENTS: usize = 1000;
/// How many indices are shown at both ends of an abbreviated axis.
const EDGE_ITEMS: usize = 3;
/// Lines are broken before they exceed this many characters.
const LINE_WIDTH: usize = 100;
/// The most digits after the decimal point if no precision is given.
const MAX_DIGITS: usize = 4;

impl<T: Element> fmt::Display for Tensor<T> {
    /// Rows of aligned columns, with one pair of brackets per axis.
    ///
    /// Floats have as many digits after the decimal point as the longest needs, at most 4; exactly `p` with
    /// `{:.p}`. If the largest magnitude is 10⁸ or more, or the smallest nonzero one is below 10⁻⁴, all are
    /// written with exponents. Above 1000 elements only the first and last three indices of each axis are
    /// shown.
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

/// The part of a tensor that is shown, as text.
struct Table {
    /// For each axis the indices that are shown, with `None` for an ellipsis.
    indices: Vec<Vec<Option<usize>>>,
    /// The elements at those indices in row-major order, padded to one width.
    texts: Vec<String>,
    /// The number of elements per line.
    per_line: usize,
}

impl Table {
    fn new<T: Element>(x: &Tensor<T>, precision: Option<usize>) -> Self {
        let shown = |&extent: &usize| {
            if x.len() <= MAX_ELEMENTS || extent <= 2 * EDGE_ITEMS {
                return (0..extent).map(Some).collect();
            }
            let ends = [0..EDGE_ITEMS, extent - EDGE_ITEMS..extent];
            let [head, tail] = ends.map(|end| end.map(Some));
            head.chain([None]).chain(tail).collect()
        };
        let indices: Vec<Vec<Option<usize>>> = x.shape().iter().map(shown).collect();
        let mut values = Vec::new();
        collect(x, &indices, &mut Vec::new(), &mut values);
        let mut texts = T::texts(&values, precision);
        let width = align(&mut texts);
        let per_line = LINE_WIDTH.saturating_sub(2 * x.rank()) / (width + 1);
        Self {
            indices,
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
        let Some(indices) = self.indices.get(axis) else {
            return f.write_str(texts.next().expect("one text for each index"));
        };
        let below = self.indices.len() - axis - 1;
        f.write_char('[')?;
        for (i, index) in indices.iter().enumerate() {
            if i > 0 && below == 0 && i % self.per_line != 0 {
                f.write_char(' ')?;
            } else if i > 0 {
                // Blocks of rank r are separated by r − 1 blank lines.
                let breaks = below.max(1);
                write!(f, "{:\n<breaks$}{:axis$} ", "", "")?;
            }
            match index {
                Some(_) => self.write(f, axis + 1, texts)?,
                None => f.write_str("...")?,
            }
        }
        f.write_char(']')
    }
}

/// Appends the elements at the given indices of each axis to `values`, in row-major order.
fn collect<T: Element>(
    x: &Tensor<T>,
    shown: &[Vec<Option<usize>>],
    index: &mut Vec<usize>,
    values: &mut Vec<T>,
) {
    let Some(axis) = shown.get(index.len()) else {
        values.push(x.get(&*index));
        return;
    };
    for i in axis.iter().flatten() {
        index.push(*i);
        collect(x, shown, index, values);
        index.pop();
    }
}

/// Pads all texts with leading spaces to the width of the widest, which is returned.
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

/// Floats formatted alike: all with the same number of digits, and with exponents all or none.
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
        let needed = finite().map(|&x| digits_after_point(&plain(x))).max();
        needed.unwrap_or(0).clamp(1, MAX_DIGITS)
    });
    let text = |&x: &T| match (x.into().is_finite(), with_exponents) {
        (false, _) => x.to_string(),
        (true, false) => format!("{x:.digits$}"),
        (true, true) => format!("{x:.digits$e}"),
    };
    values.iter().map(text).collect()
}

fn digits_after_point(number: &str) -> usize {
    let fraction = number.split_once('.').map_or("", |(_, fraction)| fraction);
    fraction.bytes().take_while(u8::is_ascii_digit).count()
}

/// Dual numbers formatted as `value+tangentε`, with values and tangents aligned.
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
