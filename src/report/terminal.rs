//! Grey images as text.

use std::fmt::Write;

/// Dark to light on a terminal with a dark background.
const SHADES: [char; 5] = [' ', '░', '▒', '▓', '█'];

/// A grey image as lines of block characters, two per pixel so that pixels look square.
///
/// * `pixels`: `[height, width]`, row-major, from 0 (dark) to 1 (light), clamped; NaN is `?`
///
/// ```
/// assert_eq!(wengert::report::shades(&[0.0, 0.5, 0.75, 1.0], 2), "  ▒▒\n▓▓██\n");
/// ```
///
/// # Panics
/// If the pixels do not fill whole rows.
#[must_use]
#[track_caller]
pub fn shades(pixels: &[f64], width: usize) -> String {
    wengert_tensor::require!(
        width > 0 && pixels.len().is_multiple_of(width),
        "shades: {} pixels do not fill rows of {width}",
        pixels.len()
    );
    let mut text = String::new();
    for row in pixels.chunks_exact(width) {
        for &pixel in row {
            let shade = if pixel.is_nan() {
                '?'
            } else {
                SHADES[(pixel.clamp(0.0, 1.0) * (SHADES.len() - 1) as f64).round() as usize]
            };
            text.extend([shade, shade]);
        }
        text.push('\n');
    }
    text
}

/// Blocks of text side by side, separated by two spaces, aligned at the top.
///
/// ```
/// assert_eq!(wengert::report::beside(&["a\nbc\n", "d\n"]), "a   d\nbc\n");
/// ```
#[must_use]
pub fn beside(blocks: &[impl AsRef<str>]) -> String {
    let blocks: Vec<Vec<&str>> = blocks
        .iter()
        .map(|block| block.as_ref().lines().collect())
        .collect();
    let width = |block: &[&str]| block.iter().map(|line| line.chars().count()).max();
    let widths: Vec<usize> = blocks
        .iter()
        .map(|block| width(block).unwrap_or(0))
        .collect();
    let height = blocks.iter().map(Vec::len).max().unwrap_or(0);
    let mut text = String::new();
    for y in 0..height {
        let mut line = String::new();
        for (block, width) in blocks.iter().zip(&widths) {
            let part = block.get(y).copied().unwrap_or("");
            write!(line, "{part:<width$}  ").expect("writing to a String cannot fail");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
