//! [`PlaneGrid`]: images, filters and feature maps side by side, as PNG or SVG.

use base64::Engine;
use wengert_tensor::{Number, Tensor, require};

use super::colors::{ColorMap, extent, hex};
use super::svg::{Anchor, INK, Svg, text_width, wrap};

const GAP: usize = 8;
const CAPTION: f64 = 12.0;
/// The colour of the line around a plane, so that a white plane can be seen.
const FRAME: [u8; 3] = [0x99; 3];

/// A cell of a [`PlaneGrid`]: an image, or a text such as `+`.
#[derive(Clone, Debug, PartialEq)]
pub struct Plane {
    caption: String,
    text: String,
    /// `[channels, height, width]`; 0 channels for a text.
    shape: [usize; 3],
    values: Vec<f64>,
    colors: Option<ColorMap>,
    zoom: usize,
}

/// Which numbers get the first and the last colour.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum PlaneRange {
    /// The smallest and the largest number of each plane.
    #[default]
    Each,
    /// The smallest and the largest number of all planes that share a colour map.
    Common,
    /// These two.
    Fixed(f64, f64),
}

/// Planes in rows, each number a square of one colour.
///
/// ```
/// use wengert::report::{ColorMap, Plane, PlaneGrid};
/// use wengert::tensor::Tensor;
///
/// let filters = Tensor::<f32>::linspace(-1.0, 1.0, 36).reshape([4, 3, 3]);
/// let grid = PlaneGrid {
///     title: "four filters".into(),
///     colors: ColorMap::Signed,
///     zoom: 12,
///     planes: (0..4).map(|i| Plane::new(&filters.select(0, i)).caption(format!("filter {i}"))).collect(),
///     ..PlaneGrid::default()
/// };
/// assert!(grid.to_svg().contains("filter 3"));
/// assert_eq!(grid.to_png()[1..4], *b"PNG");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct PlaneGrid {
    /// The title above the grid, in SVG.
    pub title: String,
    /// Planes per row.
    pub columns: usize,
    /// The side of the square that shows a number, in pixels.
    pub zoom: usize,
    /// How numbers become colours.
    pub colors: ColorMap,
    /// Which numbers get the first and the last colour.
    pub range: PlaneRange,
    /// Row by row.
    pub planes: Vec<Plane>,
}

impl Default for PlaneGrid {
    /// An empty grid of grey planes, 8 per row, 4 pixels per number, each plane in its own range.
    fn default() -> Self {
        Self {
            title: String::new(),
            columns: 8,
            zoom: 4,
            colors: ColorMap::Grey,
            range: PlaneRange::Each,
            planes: Vec::new(),
        }
    }
}

impl Plane {
    /// * `values`: `[height, width]`, or `[channels, height, width]` with 1 channel, or with 3 channels (red,
    ///   green, blue from 0 to 1, or in the grid's range)
    ///
    /// # Panics
    /// If the shape is another one.
    #[must_use]
    #[track_caller]
    pub fn new<T: Number>(values: &Tensor<T>) -> Self {
        let shape = match *values.shape() {
            [height, width] => [1, height, width],
            [channels @ (1 | 3), height, width] => [channels, height, width],
            ref shape => wengert_tensor::fail::fail(format_args!(
                "Plane: {shape:?}: must be [height, width] or [1 or 3 channels, height, width]"
            )),
        };
        Self {
            caption: String::new(),
            text: String::new(),
            shape,
            values: values.iter().map(Number::to_f64).collect(),
            colors: None,
            zoom: 1,
        }
    }

    /// A text in place of an image, such as `+`; only in SVG.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        let empty = Tensor::<f64>::zeros([0, 0]);
        Self {
            text: text.into(),
            ..Self::new(&empty)
        }
    }

    /// The text below the plane, in SVG.
    #[must_use]
    pub fn caption(mut self, caption: impl Into<String>) -> Self {
        self.caption = caption.into();
        self
    }

    /// A colour map of its own.
    #[must_use]
    pub fn colors(mut self, colors: ColorMap) -> Self {
        self.colors = Some(colors);
        self
    }

    /// Larger by this factor than other planes: a filter of 3×3 beside an image.
    ///
    /// # Panics
    /// If the factor is 0.
    #[must_use]
    #[track_caller]
    pub fn zoom(mut self, factor: usize) -> Self {
        require!(factor > 0, "Plane: zoom = 0: must be at least 1");
        self.zoom = factor;
        self
    }
}

impl Plane {
    /// A sign is large, a word is as large as a caption.
    fn text_size(&self) -> f64 {
        if self.text.chars().count() > 2 {
            CAPTION
        } else {
            24.0
        }
    }
}

/// An image of red, green and blue bytes.
struct Raster {
    width: usize,
    height: usize,
    bytes: Vec<u8>,
}

/// Where the planes lie, in pixels.
struct Places {
    /// The left end and the width of each column.
    columns: Vec<[usize; 2]>,
    /// The top end and the height of each row.
    rows: Vec<[usize; 2]>,
    width: usize,
    height: usize,
}

impl PlaneGrid {
    /// The grid as a PNG file, 8 bits per colour, without title and captions.
    ///
    /// # Panics
    /// If `columns` or `zoom` is 0.
    #[must_use]
    #[track_caller]
    pub fn to_png(&self) -> Vec<u8> {
        let places = self.places(|_, _| 0.0);
        let mut whole = Raster::new(places.width, places.height);
        for (index, plane) in self.planes.iter().enumerate() {
            let part = self.raster(plane);
            let [left, top] = places.corner(index, self.columns, &part);
            if !part.bytes.is_empty() {
                let mut frame = Raster::new(part.width + 2, part.height + 2);
                frame.bytes.fill(FRAME[0]);
                whole.paste(&frame, [left - 1, top - 1]);
            }
            whole.paste(&part, [left, top]);
        }
        whole.to_png()
    }

    /// The PNG as a `data:` address, for the `src` of an `img` element in a page.
    ///
    /// # Panics
    /// As [`to_png`](Self::to_png).
    #[must_use]
    #[track_caller]
    pub fn to_data_uri(&self) -> String {
        data_uri(&self.to_png())
    }

    /// The grid as an SVG document, with title and captions; the planes are PNGs inside it.
    ///
    /// # Panics
    /// As [`to_png`](Self::to_png).
    #[must_use]
    #[track_caller]
    pub fn to_svg(&self) -> String {
        let places = self.places(text_width);
        let whole = (places.width as f64).max(340.0);
        let title = wrap(&self.title, 17.0, whole - 8.0);
        let top = if title.is_empty() {
            0.0
        } else {
            18.0 + 21.0 * title.len() as f64
        };
        let line = if self.planes.iter().any(|plane| !plane.caption.is_empty()) {
            16.0
        } else {
            0.0
        };
        let height = top + places.height as f64 + line * places.rows.len() as f64;
        let mut svg = Svg::new(whole, height);
        svg.title(whole / 2.0, &title);
        let shift = (whole - places.width as f64) / 2.0;
        for (index, plane) in self.planes.iter().enumerate() {
            let [left, width] = places.columns[index % self.columns];
            let row = index / self.columns;
            let below = top + line * row as f64;
            let middle = shift + left as f64 + width as f64 / 2.0;
            if !plane.text.is_empty() {
                let [start, height] = places.rows[row];
                let size = plane.text_size();
                let y = below + start as f64 + height as f64 / 2.0 + size / 3.0;
                svg.text([middle, y], size, Anchor::Middle, INK, &plane.text);
            }
            let part = self.raster(plane);
            let [x, y] = places
                .corner(index, self.columns, &part)
                .map(|at| at as f64);
            let size = [part.width as f64, part.height as f64];
            if !part.bytes.is_empty() {
                let corner = [shift + x - 1.0, below + y - 1.0];
                svg.rectangle(corner, size.map(|side| side + 2.0), &hex(FRAME));
                svg.image([shift + x, below + y], size, &data_uri(&part.to_png()));
            }
            let [start, height] = places.rows[row];
            let y = below + (start + height) as f64 + 14.0;
            svg.text([middle, y], CAPTION, Anchor::Middle, INK, &plane.caption);
        }
        svg.finish()
    }

    #[track_caller]
    fn places(&self, text_width: impl Fn(&str, f64) -> f64) -> Places {
        require!(
            self.columns > 0,
            "PlaneGrid: columns = 0: must be at least 1"
        );
        require!(self.zoom > 0, "PlaneGrid: zoom = 0: must be at least 1");
        let columns = self.columns.min(self.planes.len());
        let mut widths = vec![0; columns];
        let mut heights = vec![0; self.planes.len().div_ceil(self.columns)];
        for (index, plane) in self.planes.iter().enumerate() {
            let [_, height, width] = plane.shape.map(|extent| extent * self.zoom * plane.zoom);
            let text =
                text_width(&plane.caption, CAPTION).max(text_width(&plane.text, plane.text_size()));
            let column = &mut widths[index % self.columns];
            *column = width.max(text.ceil() as usize).max(*column);
            let row = &mut heights[index / self.columns];
            *row = height.max(*row);
        }
        let (columns, width) = line_up(&widths);
        let (rows, height) = line_up(&heights);
        Places {
            columns,
            rows,
            width,
            height,
        }
    }

    /// A plane's numbers as colours, enlarged.
    fn raster(&self, plane: &Plane) -> Raster {
        let [channels, height, width] = plane.shape;
        let colors = plane.colors.unwrap_or(self.colors);
        let span = self.span(plane, colors);
        let zoom = self.zoom * plane.zoom;
        let mut raster = Raster::new(width * zoom, height * zoom);
        for (index, pixel) in raster.bytes.chunks_exact_mut(3).enumerate() {
            let (y, x) = (index / (width * zoom) / zoom, index % (width * zoom) / zoom);
            let at = |channel: usize| plane.values[(channel * height + y) * width + x];
            pixel.copy_from_slice(&if channels == 3 {
                [0, 1, 2].map(|channel| ColorMap::Grey.color(at(channel), span)[0])
            } else {
                colors.color(at(0), span)
            });
        }
        raster
    }

    fn span(&self, plane: &Plane, colors: ColorMap) -> [f64; 2] {
        let same = |other: &&Plane| other.colors.unwrap_or(self.colors) == colors;
        let range = match self.range {
            PlaneRange::Fixed(low, high) => return [low, high],
            // Colours are shown as they are if they can be.
            PlaneRange::Each if plane.shape[0] == 3 => {
                extent(plane.values.iter().copied().chain([0.0, 1.0]))
            }
            PlaneRange::Each => extent(plane.values.iter().copied()),
            PlaneRange::Common => {
                let planes = self.planes.iter().filter(same);
                extent(planes.flat_map(|plane| plane.values.iter().copied()))
            }
        };
        colors.span(range.unwrap_or_default())
    }
}

/// Starts and extents with a gap before, between and after, and the end of all.
fn line_up(extents: &[usize]) -> (Vec<[usize; 2]>, usize) {
    let mut end = GAP;
    let places = extents
        .iter()
        .map(|&extent| {
            let start = end;
            end += extent + GAP;
            [start, extent]
        })
        .collect();
    (places, end)
}

impl Places {
    /// The upper left corner of a plane in the middle of its cell.
    fn corner(&self, index: usize, columns: usize, plane: &Raster) -> [usize; 2] {
        let [left, width] = self.columns[index % columns];
        let [top, height] = self.rows[index / columns];
        [
            left + (width - plane.width) / 2,
            top + (height - plane.height) / 2,
        ]
    }
}

impl Raster {
    fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            bytes: vec![u8::MAX; 3 * width * height],
        }
    }

    fn paste(&mut self, part: &Self, [left, top]: [usize; 2]) {
        let rows = part.bytes.chunks_exact((3 * part.width).max(1));
        for (y, row) in rows.enumerate() {
            let start = 3 * ((top + y) * self.width + left);
            self.bytes[start..start + row.len()].copy_from_slice(row);
        }
    }

    fn to_png(&self) -> Vec<u8> {
        const IN_MEMORY: &str = "an image of valid size is written to memory";
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().expect(IN_MEMORY);
        writer.write_image_data(&self.bytes).expect(IN_MEMORY);
        writer.finish().expect(IN_MEMORY);
        file
    }
}

fn data_uri(png: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(png);
    format!("data:image/png;base64,{text}")
}
