//! Colours of lines and of numbers.

/// Twelve colours, dark enough for a white background. The first eight can be told apart with every kind of
/// colour blindness (M. Okabe, K. Ito, 2008, with a darker yellow).
const LINES: [&str; 12] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#9a8f00", "#333333",
    "#882255", "#7b4fc9", "#8b5a2b", "#c1121f",
];

/// The colour of a line and its dashes: the colours repeat with other dashes.
pub(crate) fn line(index: usize) -> (&'static str, &'static str) {
    const DASHES: [&str; 4] = ["", "7 4", "2 3", "9 3 2 3"];
    let round = index / LINES.len();
    (LINES[index % LINES.len()], DASHES[round % DASHES.len()])
}

/// The colour of a number that is not finite.
pub(crate) const EMPTY: [u8; 3] = [0xbb, 0xbb, 0xbb];

/// Points of the colour map viridis (S. van der Walt, N. Smith, 2015).
const VIRIDIS: [[u8; 3]; 9] = [
    [68, 1, 84],
    [71, 44, 122],
    [59, 81, 139],
    [44, 113, 142],
    [33, 144, 141],
    [39, 173, 129],
    [92, 200, 99],
    [170, 220, 50],
    [253, 231, 37],
];

/// Points of the diverging map `RdBu`, reversed (C. Brewer, 2002): blue, white, red.
const BLUE_WHITE_RED: [[u8; 3]; 9] = [
    [33, 102, 172],
    [67, 147, 195],
    [146, 197, 222],
    [209, 229, 240],
    [247, 247, 247],
    [253, 219, 199],
    [244, 165, 130],
    [214, 96, 77],
    [178, 24, 43],
];

/// How numbers become colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColorMap {
    /// From the smallest number (dark blue) to the largest (yellow).
    #[default]
    Viridis,
    /// From the smallest number (black) to the largest (white): images.
    Grey,
    /// Blue below 0, white at 0, red above; −a and a are equally strong: weights, gradients, differences.
    Signed,
}

impl ColorMap {
    /// The numbers that get the first and the last colour, for numbers in `[low, high]`.
    pub(crate) fn span(self, [low, high]: [f64; 2]) -> [f64; 2] {
        match self {
            Self::Signed => {
                let most = low.abs().max(high.abs());
                [-most, most]
            }
            _ => [low, high],
        }
    }

    /// The colour of a number in a span; [`EMPTY`] if it is not finite.
    pub(crate) fn color(self, value: f64, [low, high]: [f64; 2]) -> [u8; 3] {
        if !value.is_finite() {
            return EMPTY;
        }
        let part = if high > low {
            ((value - low) / (high - low)).clamp(0.0, 1.0)
        } else {
            0.5
        };
        match self {
            Self::Viridis => between(&VIRIDIS, part),
            Self::Signed => between(&BLUE_WHITE_RED, part),
            Self::Grey => [(255.0 * part).round() as u8; 3],
        }
    }
}

/// Linear interpolation in a list of colours.
fn between(points: &[[u8; 3]; 9], part: f64) -> [u8; 3] {
    let place = part * (points.len() - 1) as f64;
    let lower = (place as usize).min(points.len() - 2);
    std::array::from_fn(|channel| {
        let [from, to] = [lower, lower + 1].map(|point| f64::from(points[point][channel]));
        (from + (to - from) * (place - lower as f64)).round() as u8
    })
}

/// Black or white, whichever can be read on this colour.
pub(crate) fn ink_on([r, g, b]: [u8; 3]) -> &'static str {
    let light = 0.299 * f64::from(r) + 0.587 * f64::from(g) + 0.114 * f64::from(b);
    if light > 140.0 { "#1a1a1a" } else { "#ffffff" }
}

pub(crate) fn hex([r, g, b]: [u8; 3]) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// The smallest and the largest finite number; `None` without any.
pub(crate) fn extent(values: impl IntoIterator<Item = f64>) -> Option<[f64; 2]> {
    values
        .into_iter()
        .filter(|value| value.is_finite())
        .fold(None, |extent, value| {
            let [low, high] = extent.unwrap_or([value, value]);
            Some([value.min(low), value.max(high)])
        })
}
