//! The SVG elements that the charts use.

use std::fmt::Write;

/// The colour of texts and axes.
pub(crate) const INK: &str = "#333333";

/// An SVG document; coordinates are pixels from the upper left corner.
pub(crate) struct Svg {
    body: String,
    width: f64,
    height: f64,
}

/// The horizontal alignment of a text at its point.
#[derive(Clone, Copy)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

impl Anchor {
    fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

impl Svg {
    pub(crate) fn new(width: f64, height: f64) -> Self {
        Self {
            body: String::new(),
            width,
            height,
        }
    }

    /// An element by its name and attributes, without contents.
    fn element(&mut self, text: std::fmt::Arguments<'_>) {
        writeln!(self.body, "<{text}/>").expect("writing to a String cannot fail");
    }

    /// The lines of a title, centred at `x`, from the top.
    pub(crate) fn title(&mut self, x: f64, lines: &[String]) {
        for (index, line) in lines.iter().enumerate() {
            let y = 30.0 + 21.0 * index as f64;
            self.text([x, y], 17.0, Anchor::Middle, INK, line);
        }
    }

    /// A PNG, not smoothed.
    pub(crate) fn image(&mut self, [x, y]: [f64; 2], [width, height]: [f64; 2], uri: &str) {
        self.element(format_args!(
            r#"image x="{x:.2}" y="{y:.2}" width="{width:.2}" height="{height:.2}" image-rendering="pixelated" href="{uri}""#
        ));
    }

    /// The area between a line and the horizontal axis at `floor`.
    pub(crate) fn area(&mut self, points: &[[f64; 2]], floor: f64, color: &str) {
        let (Some(first), Some(last)) = (points.first(), points.last()) else {
            return;
        };
        let mut list = format!("{:.2},{floor:.2} ", first[0]);
        for [x, y] in points {
            write!(list, "{x:.2},{y:.2} ").expect("writing to a String cannot fail");
        }
        write!(list, "{:.2},{floor:.2}", last[0]).expect("writing to a String cannot fail");
        self.element(format_args!(
            r#"polygon points="{list}" fill="{color}" fill-opacity="0.15""#
        ));
    }

    pub(crate) fn line(&mut self, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2], color: &str, width: f64) {
        self.element(format_args!(
            r#"line x1="{x1:.2}" y1="{y1:.2}" x2="{x2:.2}" y2="{y2:.2}" stroke="{color}" stroke-width="{width}""#
        ));
    }

    /// * `dashes`: lengths of dashes and gaps, empty for a solid line
    pub(crate) fn polyline(
        &mut self,
        points: &[[f64; 2]],
        (color, dashes): (&str, &str),
        width: f64,
    ) {
        let mut list = String::new();
        for [x, y] in points {
            write!(list, "{x:.2},{y:.2} ").expect("writing to a String cannot fail");
        }
        let list = list.trim_end();
        let dashes = if dashes.is_empty() {
            String::new()
        } else {
            format!(r#" stroke-dasharray="{dashes}""#)
        };
        self.element(format_args!(
            r#"polyline points="{list}" fill="none" stroke="{color}" stroke-width="{width}" stroke-linejoin="round"{dashes}"#
        ));
    }

    pub(crate) fn circle(&mut self, [x, y]: [f64; 2], radius: f64, color: &str) {
        self.element(format_args!(
            r#"circle cx="{x:.2}" cy="{y:.2}" r="{radius}" fill="{color}""#
        ));
    }

    /// A rectangle without antialiasing, so that there are no gaps between neighbours.
    pub(crate) fn rectangle(&mut self, [x, y]: [f64; 2], [width, height]: [f64; 2], fill: &str) {
        self.element(format_args!(
            r#"rect x="{x:.2}" y="{y:.2}" width="{width:.2}" height="{height:.2}" fill="{fill}" shape-rendering="crispEdges""#
        ));
    }

    pub(crate) fn text(
        &mut self,
        [x, y]: [f64; 2],
        size: f64,
        anchor: Anchor,
        color: &str,
        text: &str,
    ) {
        let (anchor, text) = (anchor.name(), escape(text));
        writeln!(
            self.body,
            r#"<text x="{x:.2}" y="{y:.2}" font-size="{size}" text-anchor="{anchor}" fill="{color}">{text}</text>"#
        )
        .expect("writing to a String cannot fail");
    }

    /// A text rotated to read upwards, centred at its point.
    pub(crate) fn text_upwards(&mut self, [x, y]: [f64; 2], size: f64, color: &str, text: &str) {
        let text = escape(text);
        writeln!(
            self.body,
            r#"<text transform="translate({x:.2} {y:.2}) rotate(-90)" font-size="{size}" text-anchor="middle" fill="{color}">{text}</text>"#
        )
        .expect("writing to a String cannot fail");
    }

    /// The document, on white.
    pub(crate) fn finish(self) -> String {
        let Self {
            body,
            width,
            height,
        } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"Helvetica, Arial, sans-serif\">\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n{body}</svg>\n"
        )
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// The estimated width of a text in Helvetica or Arial, a little too large rather than too small.
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    let width = |letter: char| match letter {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '|' | '!' | '\'' => 0.3,
        'f' | 't' | 'r' | ' ' | '(' | ')' | '-' | '/' | '1' => 0.42,
        'm' | 'w' | 'M' | 'W' | '%' | '→' | '−' => 0.9,
        letter if letter.is_uppercase() => 0.72,
        _ => 0.58,
    };
    size * text.chars().map(width).sum::<f64>()
}

/// Words in lines that are at most `widest` wide, except for a word that is wider.
pub(crate) fn wrap(text: &str, size: f64, widest: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if text_width(line, size) + text_width(word, size) + size <= widest => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
