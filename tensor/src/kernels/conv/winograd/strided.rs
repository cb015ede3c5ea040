//! Winograd's filtering at stride 2.
//!
//! Rows and columns are split by residue: `x[2j + r]` is pixel `j` of a channel of its own. What was a
//! convolution of `K × K` taps at stride 2 is one of half as many along each axis at stride 1, over four times the
//! channels, some of whose taps are zero.

use super::products::{Planes, Problem};
use super::{Form, against, along, sides, tiles};
use crate::kernels::conv::{ConvGeometry, ConvKernel, Direction};
use crate::kernels::simd::deinterleave;
use crate::kernels::simd::{Float, Level};
use crate::memory::scratch;
use crate::parallel;

/// Filters of 7 × 7 or 5 × 5 taps at stride 2 with a third of the multiplications, by `F(3 × 3, 4 × 4)` or
/// `F(4 × 4, 3 × 3)` and with the rounding error of these.
#[derive(Clone, Copy, Debug)]
pub struct StridedWinograd {
    level: Option<Level>,
}

/// Residues of a pixel.
const RESIDUES: usize = 4;

/// Fewer tiles are not worth the copies of the filters and their transforms.
const LEAST: usize = 48;

/// A convolution at stride 2 as one at stride 1.
struct Split {
    form: Form,
    /// The images by residue: channels `[channel][row's residue][column's residue]`.
    geometry: ConvGeometry,
    /// `taps[k]` is the residue that tap `k` meets, and the tap it becomes; rows, then columns.
    taps: [Vec<[usize; 2]>; 2],
}

impl Split {
    fn new(geometry: &ConvGeometry) -> Self {
        let form = form(geometry);
        let [_, side] = form.sides();
        let mut split = geometry.clone();
        split.channels *= RESIDUES;
        split.kernel = [1, side, side];
        split.stride = [1; 3];
        let out = geometry.output();
        let taps = [1, 2].map(|axis| {
            let padding = geometry.padding[axis][0];
            // y[i] meets x[2i + k − p], which is pixel i + q of residue r where k − p = 2q + r.
            let before = padding.div_ceil(2);
            let extent = geometry.input[axis].div_ceil(2);
            split.input[axis] = extent;
            // As much as the last window needs. It may need less than there is: see [`result`].
            let after = (out[axis] + side - 1).saturating_sub(before + extent);
            split.padding[axis] = [before, after];
            (0..geometry.kernel[axis])
                .map(|k| {
                    let place = k + 2 * before - padding;
                    [place % 2, place / 2]
                })
                .collect()
        });
        Self {
            form,
            geometry: split,
            taps,
        }
    }

    /// Pixels of a plane of the split images, and of a row.
    fn plane(&self) -> [usize; 2] {
        let [_, height, width] = self.geometry.input;
        [height * width, width]
    }

    /// The images, split.
    fn images<T: Float>(&self, level: Level, geometry: &ConvGeometry, x: &[T]) -> Vec<T> {
        let [_, height, width] = geometry.input;
        let [plane, row] = self.plane();
        let mut split = scratch::stale::<T>(geometry.batch * geometry.channels * RESIDUES * plane);
        let work = split.len();
        parallel::for_chunks_mut(&mut split, RESIDUES * plane, work, |image, split| {
            if height % 2 + width % 2 > 0 {
                split.fill(T::zero());
            }
            let rows = x[image * height * width..].chunks_exact(width).take(height);
            for (y, from) in rows.enumerate() {
                let to = &mut split[y % 2 * 2 * plane + y / 2 * row..];
                deinterleave::split(level, from, 0, 2, to, plane);
            }
        });
        split
    }

    /// The gradient of the images from that of the split ones.
    fn join<T: Float>(&self, geometry: &ConvGeometry, split: &[T], dx: &mut [T]) {
        let [_, height, width] = geometry.input;
        let [plane, row] = self.plane();
        let work = dx.len();
        parallel::for_chunks_mut(dx, height * width, work, |image, dx| {
            let split = &split[image * RESIDUES * plane..][..RESIDUES * plane];
            for (y, to) in dx.chunks_exact_mut(width).enumerate() {
                let from = &split[y % 2 * 2 * plane + y / 2 * row..];
                deinterleave::join(from, plane, 0, 2, to);
            }
        });
    }

    /// `f(split filters, filters)` for each tap and its place in the split ones; the filters' taps in order.
    fn for_taps(&self, mut f: impl FnMut(usize, usize)) {
        let [_, side] = self.form.sides();
        let [rows, columns] = &self.taps;
        for (k, [row_residue, row]) in rows.iter().enumerate() {
            for (l, [residue, column]) in columns.iter().enumerate() {
                let plane = row_residue * 2 + residue;
                f((plane * side + row) * side + column, k * columns.len() + l);
            }
        }
    }

    /// Numbers of one pair of channels: taps of the split filters, and of the filters.
    fn pair(&self) -> [usize; 2] {
        let [_, side] = self.form.sides();
        let [rows, columns] = &self.taps;
        [RESIDUES * side * side, rows.len() * columns.len()]
    }

    /// The filters, split.
    fn filters<T: Float>(&self, w: &[T]) -> Vec<T> {
        let [to, from] = self.pair();
        let mut split = scratch::stale::<T>(w.len() / from * to);
        split.fill(T::zero());
        for (split, w) in split.chunks_exact_mut(to).zip(w.chunks_exact(from)) {
            self.for_taps(|to, from| split[to] = w[from]);
        }
        split
    }

    /// The gradient of the filters from that of the split ones.
    fn collect<T: Float>(&self, split: &[T], dw: &mut [T]) {
        let [from, to] = self.pair();
        for (split, dw) in split.chunks_exact(from).zip(dw.chunks_exact_mut(to)) {
            self.for_taps(|from, to| dw[to] = split[from]);
        }
    }
}

/// What half the taps of a supported geometry are filtered by.
fn form(geometry: &ConvGeometry) -> Form {
    match geometry.kernel {
        [1, 7, 7] => Form::ThreeOfFour,
        _ => Form::Four,
    }
}

/// The images on the side of the result, which end where those at stride 2 do.
fn result(geometry: &ConvGeometry) -> Planes {
    let [_, result] = sides(geometry);
    result
}

impl StridedWinograd {
    /// At the best level of the machine.
    pub const BEST: Self = Self { level: None };

    /// At a given level.
    #[must_use]
    pub const fn at(level: Level) -> Self {
        Self { level: Some(level) }
    }

    fn level(self) -> Level {
        self.level.unwrap_or_else(Level::best)
    }
}

#[allow(private_bounds)] // `Float` is f32 and f64 and nothing else
impl<T: Float> ConvKernel<T> for StridedWinograd {
    fn name(&self) -> &'static str {
        "winograd_strided"
    }

    fn supports(&self, geometry: &ConvGeometry) -> Result<(), &'static str> {
        if !matches!(geometry.kernel, [1, 7, 7] | [1, 5, 5]) {
            return Err("filters are not 7 × 7 or 5 × 5");
        }
        if geometry.stride[1..] != [2; 2] || geometry.dilation[1..] != [1; 2] {
            return Err("stride is not 2, or dilation not 1");
        }
        if geometry.groups != 1 {
            return Err("there are groups");
        }
        if geometry.input[0] != 1 || geometry.padding[0] != [0; 2] {
            return Err("images have depth");
        }
        Ok(())
    }

    fn suits(&self, geometry: &ConvGeometry, _: Direction) -> Result<(), &'static str> {
        if !self.level().fuses() {
            return Err("this machine has no fused multiply-add");
        }
        if size_of::<T>() == size_of::<f64>() {
            return Err("double precision is asked for when its digits count");
        }
        if geometry.channels < 3 || geometry.filters < 2 * T::LANES {
            return Err("few channels: the transforms cost what they save");
        }
        let [side, _] = form(geometry).sides();
        if tiles(geometry, Direction::Forward, side) < LEAST {
            return Err("fewer than 48 tiles");
        }
        Ok(())
    }

    fn is_accurate(&self) -> bool {
        false
    }

    fn forward(&self, geometry: &ConvGeometry, x: &[T], w: &[T], y: &mut [T]) {
        geometry.check_lengths(x.len(), w.len(), y.len());
        if y.is_empty() || x.is_empty() {
            return y.fill(T::zero());
        }
        let split = Split::new(geometry);
        let images = split.images(self.level(), geometry, x);
        let filters = split.filters(w);
        let problem = Problem {
            to: result(geometry),
            ..along(self.level(), &split.geometry)
        };
        split.form.correlate(&problem, &images, &filters, y);
        scratch::recycle(images);
        scratch::recycle(filters);
    }

    fn input_gradient(&self, geometry: &ConvGeometry, w: &[T], dy: &[T], dx: &mut [T]) {
        geometry.check_lengths(dx.len(), w.len(), dy.len());
        if dx.is_empty() || dy.is_empty() {
            return dx.fill(T::zero());
        }
        let split = Split::new(geometry);
        let filters = split.filters(w);
        let mut images = scratch::stale::<T>(split.geometry.x_len());
        let problem = Problem {
            from: result(geometry),
            ..against(self.level(), &split.geometry)
        };
        split.form.correlate(&problem, dy, &filters, &mut images);
        split.join(geometry, &images, dx);
        scratch::recycle(images);
        scratch::recycle(filters);
    }

    fn weight_gradient(&self, geometry: &ConvGeometry, x: &[T], dy: &[T], dw: &mut [T]) {
        geometry.check_lengths(x.len(), dw.len(), dy.len());
        if dw.is_empty() || dy.is_empty() || x.is_empty() {
            return dw.fill(T::zero());
        }
        let split = Split::new(geometry);
        let images = split.images(self.level(), geometry, x);
        let mut sums = scratch::stale::<T>(split.geometry.w_len());
        let problem = Problem {
            to: result(geometry),
            ..along(self.level(), &split.geometry)
        };
        split.form.weights(&problem, &images, dy, &mut sums);
        split.collect(&sums, dw);
        scratch::recycle(images);
        scratch::recycle(sums);
    }

    fn workspace(&self, geometry: &ConvGeometry) -> usize {
        let split = Split::new(geometry);
        let Split { form, geometry, .. } = &split;
        let transforms = form.workspace(geometry.channels, geometry.filters);
        (transforms + geometry.x_len() + geometry.w_len()) * size_of::<T>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::conformance::conformance;
    use crate::testing::geometries;

    #[test]
    fn stems_of_any_padding_are_served_at_every_level() {
        let more = [
            "mb2_ic3ih31iw34_oc20_kh7kw7_sh2sw2_ph2pw3",
            "mb1_ic5ih16iw9_oc17_kh7kw7_sh2sw2_ph0+1pw1+4",
            "mb2_ic17ih14iw11_oc33_kh5kw5_sh2sw2_ph2pw2",
            "mb1_ic2ih9iw8_oc3_kh5kw5_sh2sw2_ph3+0pw0+2",
            "mb1_ic2ih7iw5_oc3_kh5kw5_sh2sw2",
            "mb2_ic1ih1iw2_oc2_kh7kw7_sh2sw2_ph6pw5",
            // Rows below and columns right of the last window.
            "mb1_ic3ih12iw10_oc4_kh7kw7_sh2sw2_ph0pw1",
            // Many strips, several images.
            "mb3_ic3ih70iw67_oc18_kh7kw7_sh2sw2_ph3pw3",
        ];
        let more = more.iter().map(|line| line.parse().unwrap());
        let corners = geometries::corners()
            .into_iter()
            .map(|corner| corner.geometry);
        for geometry in corners.chain(more) {
            for level in Level::all() {
                let kernel = StridedWinograd::at(level);
                if ConvKernel::<f32>::supports(&kernel, &geometry).is_err() {
                    continue;
                }
                conformance::<f32>(&kernel, &geometry)
                    .and_then(|()| conformance::<f64>(&kernel, &geometry))
                    .unwrap_or_else(|error| panic!("{level:?}: {error}"));
            }
        }
    }
}
