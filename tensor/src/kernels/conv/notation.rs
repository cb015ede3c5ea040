//! A geometry as one line of text, like the descriptors of oneDNN's benchdnn.

use std::fmt::{self, Write};
use std::str::FromStr;

use super::{ConvGeometry, GeometryError};

/// The line of text that a [`ConvGeometry`] prints and parses.
///
/// Every token is a name and a number. Underscores between tokens are optional, the order is free. `mb`
/// images of `ic` channels and extents `id ih iw`; `oc` filters of extents `kd kh kw`;
/// stride `sd sh sw`, padding `pd ph pw` (`ph1+2`: 1 before, 2 after), dilation `dd dh dw` (1 is
/// a dense filter; benchdnn writes 0), groups `g`.
/// `ic`, `iw`, `oc` and `kw` are required; the others default to 1, padding to 0.
pub const GRAMMAR: &str = "a geometry is mb64_ic3id1ih28iw28_oc32_kd1kh5kw5_sd1sh1sw1_pd0ph2+1pw2_dd1dh1dw1_g1: \
     ic, iw, oc and kw are needed, padding defaults to 0, the rest to 1";

const AXES: [char; 3] = ['d', 'h', 'w'];

impl fmt::Display for ConvGeometry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let axes = self.first_axis()..3;
        let extents = |name: char, values: [usize; 3]| {
            axes.clone().fold(String::new(), |mut text, axis| {
                let _ = write!(text, "{name}{}{}", AXES[axis], values[axis]);
                text
            })
        };
        let mut line = format!(
            "mb{}_ic{}{}_oc{}_{}",
            self.batch,
            self.channels,
            extents('i', self.input),
            self.filters,
            extents('k', self.kernel)
        );
        if self.stride != [1; 3] {
            line += "_";
            line += &extents('s', self.stride);
        }
        if self.padding != [[0; 2]; 3] {
            line += "_";
            for axis in axes.clone() {
                let [before, after] = self.padding[axis];
                write!(line, "p{}{before}", AXES[axis])?;
                if before != after {
                    write!(line, "+{after}")?;
                }
            }
        }
        if self.dilation != [1; 3] {
            line += "_";
            line += &extents('d', self.dilation);
        }
        if self.groups != 1 {
            write!(line, "_g{}", self.groups)?;
        }
        f.pad(&line)
    }
}

impl ConvGeometry {
    /// The first spatial axis with extents other than 1; at most the width.
    fn first_axis(&self) -> usize {
        let unused = |axis: usize| {
            [self.input, self.kernel, self.stride, self.dilation]
                .iter()
                .all(|extents| extents[axis] == 1)
                && self.padding[axis] == [0; 2]
        };
        (0..2).find(|&axis| !unused(axis)).unwrap_or(2)
    }
}

impl FromStr for ConvGeometry {
    type Err = GeometryError;

    fn from_str(line: &str) -> Result<Self, GeometryError> {
        let tokens = tokens(line)?;
        let find = |name: &str| tokens.iter().find(|token| token.name == name);
        let or_one = |name: &str| find(name).map_or(1, |token| token.before);
        let needed = |name: &str| {
            let missing = || parse_error(name, "is missing");
            find(name).map(|token| token.before).ok_or_else(missing)
        };
        let extents =
            |name: char| AXES.map(|axis| or_one(String::from_iter([name, axis]).as_str()));
        let padding = AXES.map(|axis| {
            let token = find(String::from_iter(['p', axis]).as_str());
            token.map_or([0; 2], |token| [token.before, token.after])
        });
        needed("iw")?;
        needed("kw")?;
        Self {
            batch: or_one("mb"),
            channels: needed("ic")?,
            filters: needed("oc")?,
            groups: or_one("g"),
            input: extents('i'),
            kernel: extents('k'),
            stride: extents('s'),
            padding,
            dilation: extents('d'),
        }
        .validated()
    }
}

struct Token<'a> {
    name: &'a str,
    before: usize,
    after: usize,
}

const NAMES: [&str; 19] = [
    "mb", "ic", "id", "ih", "iw", "oc", "kd", "kh", "kw", "sd", "sh", "sw", "pd", "ph", "pw", "dd",
    "dh", "dw", "g",
];

fn parse_error(token: &str, why: &'static str) -> GeometryError {
    // A line of a file may have any length, a message should not.
    let token = token.chars().take(40).collect();
    GeometryError::Parse { token, why }
}

fn tokens(line: &str) -> Result<Vec<Token<'_>>, GeometryError> {
    let mut tokens: Vec<Token<'_>> = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() {
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic());
        let (name, tail) = rest.split_at(letters.unwrap_or(rest.len()));
        let digits = tail.find(|c: char| !c.is_ascii_digit() && c != '+');
        let (value, tail) = tail.split_at(digits.unwrap_or(tail.len()));
        let token = &rest[..name.len() + value.len()];
        if !NAMES.contains(&name) {
            return Err(parse_error(
                if token.is_empty() { rest } else { token },
                "is not a token",
            ));
        }
        if tokens.iter().any(|earlier| earlier.name == name) {
            return Err(parse_error(token, "is given twice"));
        }
        let number = |text: &str| {
            text.parse()
                .map_err(|_| parse_error(token, "has no number that fits"))
        };
        let (before, after) = match value.split_once('+') {
            Some(_) if !name.starts_with('p') => {
                return Err(parse_error(
                    token,
                    "takes one number, only padding takes two",
                ));
            }
            Some((before, after)) => (number(before)?, number(after)?),
            None => (number(value)?, number(value)?),
        };
        tokens.push(Token {
            name,
            before,
            after,
        });
        rest = tail.strip_prefix('_').unwrap_or(tail);
    }
    Ok(tokens)
}
