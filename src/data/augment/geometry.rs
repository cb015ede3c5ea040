//! [`Planes`]: an image whose pixels are moved, all channels alike.

use wengert_tensor::Tensor;

use super::super::random::RandomStream;

/// The largest ratio by which a crop stretches its sides against each other.
const STRETCH: f64 = 4.0 / 3.0;

/// The channels of an image, one after the other.
pub(super) struct Planes<'a> {
    pub(super) values: &'a mut [f64],
    height: usize,
    width: usize,
}

impl<'a> Planes<'a> {
    /// * `image`: `[channels, height, width]`, not empty
    pub(super) fn of(image: &'a mut Tensor<f64>) -> Self {
        let (height, width) = (image.shape()[1], image.shape()[2]);
        Self {
            values: image.as_mut_slice(),
            height,
            width,
        }
    }

    /// Each channel by itself.
    fn each(&mut self) -> impl Iterator<Item = &mut [f64]> {
        self.values.chunks_exact_mut(self.height * self.width)
    }

    /// `y[i][j] = x[i][width − 1 − j]`
    pub(super) fn flip(&mut self) {
        self.values
            .chunks_exact_mut(self.width)
            .for_each(<[f64]>::reverse);
    }

    /// `y[i][j] = x[i − down][j − right]`, 0 outside.
    pub(super) fn shift(&mut self, down: isize, right: isize) {
        let (height, width) = (self.height, self.width);
        for plane in self.each() {
            let from = plane.to_vec();
            for (i, row) in plane.chunks_exact_mut(width).enumerate() {
                let source = i.checked_add_signed(-down).filter(|&i| i < height);
                for (j, x) in row.iter_mut().enumerate() {
                    let column = j.checked_add_signed(-right).filter(|&j| j < width);
                    *x = match (source, column) {
                        (Some(i), Some(j)) => from[i * width + j],
                        _ => 0.0,
                    };
                }
            }
        }
    }

    /// Rotates counterclockwise about the centre: a pixel at distance `(v, u)` below and right of it gets the
    /// value at `(v·cos + u·sin, u·cos − v·sin)`.
    pub(super) fn rotate(&mut self, degrees: f64) {
        let (sin, cos) = degrees.to_radians().sin_cos();
        let [y, x] = [self.height, self.width].map(|extent| (extent as f64 - 1.0) / 2.0);
        self.resample(|i, j| {
            let (v, u) = (i - y, j - x);
            (y + v * cos + u * sin, x + u * cos - v * sin)
        });
    }

    /// Resizes a random rectangle with at least the share `1 − largest` of the area to the whole image.
    pub(super) fn crop(&mut self, largest: f64, random: &mut RandomStream) {
        let area = 1.0 - largest * random.unit();
        let stretch = random
            .between(-STRETCH.ln() / 2.0, STRETCH.ln() / 2.0)
            .exp();
        // A side that would be longer than the image is as long as it.
        let [tall, wide] = [stretch, 1.0 / stretch].map(|factor| (area.sqrt() * factor).min(1.0));
        let [height, width] = [self.height, self.width].map(|extent| extent as f64);
        let top = random.unit() * (1.0 - tall) * height;
        let left = random.unit() * (1.0 - wide) * width;
        // Pixel i covers i to i + 1, and its centre is at i + ½. Pixels at the edge continue it.
        let place = |i: f64, start: f64, share: f64, extent: f64| {
            (start + (i + 0.5) * share - 0.5).clamp(0.0, extent - 1.0)
        };
        self.resample(|i, j| (place(i, top, tall, height), place(j, left, wide, width)));
    }

    /// A black square of this side around a random pixel.
    pub(super) fn cut_out(&mut self, side: usize, random: &mut RandomStream) {
        let [rows, columns] = [self.height, self.width].map(|extent| {
            let start = random.below(extent) as isize - (side / 2) as isize;
            let end = start.saturating_add_unsigned(side).min(extent as isize);
            start.max(0) as usize..end.max(0) as usize
        });
        let width = self.width;
        for plane in self.each() {
            for row in plane
                .chunks_exact_mut(width)
                .take(rows.end)
                .skip(rows.start)
            {
                row[columns.clone()].fill(0.0);
            }
        }
    }

    /// Gives every pixel the value at another place, by bilinear interpolation; black outside the image.
    fn resample(&mut self, place: impl Fn(f64, f64) -> (f64, f64)) {
        let (height, width) = (self.height, self.width);
        for plane in self.each() {
            let from = plane.to_vec();
            let at = |i: f64, j: f64| {
                let inside = i >= 0.0 && j >= 0.0 && i < height as f64 && j < width as f64;
                if inside {
                    from[i as usize * width + j as usize]
                } else {
                    0.0
                }
            };
            for (i, row) in plane.chunks_exact_mut(width).enumerate() {
                for (j, x) in row.iter_mut().enumerate() {
                    let (v, u) = place(i as f64, j as f64);
                    let (top, left) = (v.floor(), u.floor());
                    let (below, right) = (v - top, u - left);
                    // A share of 0 is left out, so that whole shifts are exact.
                    let blend = |a: f64, b: f64, share: f64| {
                        if share == 0.0 { a } else { a + share * (b - a) }
                    };
                    let row = |i: f64| blend(at(i, left), at(i, left + 1.0), right);
                    *x = blend(row(top), row(top + 1.0), below);
                }
            }
        }
    }
}
