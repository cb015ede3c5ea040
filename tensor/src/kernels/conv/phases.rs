//! The input gradient along one axis, phase by phase. The positions of a phase have the same remainder modulo
//! the stride.

use super::ConvGeometry;

/// Positions `first + stride · q`, `q < count`, and the taps that contribute to them.
#[derive(Clone, Debug)]
pub(super) struct AxisPhase {
    pub first: usize,
    pub count: usize,
    /// `[tap, distance]`: at position `q` the tap is multiplied by element `q + distance` of the padded source.
    pub taps: Vec<[usize; 2]>,
}

impl AxisPhase {
    /// Extent of a window: the largest distance plus 1.
    pub fn window(&self) -> usize {
        self.taps.iter().map(|[_, at]| at + 1).max().unwrap_or(1)
    }
}

/// The input gradient as correlations with the gradient of the output: the zeros before that gradient, and the
/// phases.
pub(super) fn of_input_gradient(geometry: &ConvGeometry, axis: usize) -> (usize, Vec<AxisPhase>) {
    // x[i] contributes to y[j] by tap k where s·j = i + p − d·k. With i = s·q + r that is
    // j = q + (r + p − d·k) / s, for the taps for which s divides the numerator.
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
    let phases = all.map(|r| AxisPhase {
        first: r as usize,
        count: ((extent - r + stride - 1) / stride) as usize,
        taps: kernel
            .clone()
            .filter_map(|k| Some([k, (distance(r, k)? + before) as usize]))
            .collect(),
    });
    (before as usize, phases.collect())
}
