//! The input gradient along one axis, residue by residue of the position modulo the stride.

use super::ConvGeometry;

/// Positions `first + stride · q`, `q < count`, and what meets them.
#[derive(Clone, Debug)]
pub(super) struct Residue {
    pub first: usize,
    pub count: usize,
    /// Taps, and how far from `q` each meets the source with the zeros before it.
    pub taps: Vec<[usize; 2]>,
}

impl Residue {
    /// Positions of the source from the one at `q` to the last that meets a tap.
    pub fn window(&self) -> usize {
        self.taps.iter().map(|[_, at]| at + 1).max().unwrap_or(1)
    }
}

/// The input gradient as sums over the gradient by the output: how many zeros lie before that, and
/// the residues.
pub(super) fn of_input(geometry: &ConvGeometry, axis: usize) -> (usize, Vec<Residue>) {
    // x[i] meets tap k of y[j] where s·j = i + p − d·k. With i = s·q + r that is
    // j = q + (r + p − d·k) / s, for those taps for which s divides.
    let stride = geometry.stride[axis] as isize;
    let extent = geometry.input[axis] as isize;
    let padding = geometry.padding[axis][0] as isize;
    let distance = |r: isize, k: usize| {
        let distance = r + padding - (k * geometry.dilation[axis]) as isize;
        (distance.rem_euclid(stride) == 0).then_some(distance.div_euclid(stride))
    };
    let all = 0..stride.min(extent);
    let kernel = 0..geometry.kernel[axis];
    let met = all
        .clone()
        .flat_map(|r| kernel.clone().filter_map(move |k| distance(r, k)));
    let before = met.min().map_or(0, |lowest| (-lowest).max(0));
    let residues = all.map(|r| Residue {
        first: r as usize,
        count: ((extent - r + stride - 1) / stride) as usize,
        taps: kernel
            .clone()
            .filter_map(|k| Some([k, (distance(r, k)? + before) as usize]))
            .collect(),
    });
    (before as usize, residues.collect())
}
