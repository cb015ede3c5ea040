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
    // j = q + (r + p − d·k) / s, for the one r for which s divides the numerator.
    let stride = geometry.stride[axis] as isize;
    let extent = geometry.input[axis] as isize;
    let padding = geometry.padding[axis][0] as isize;
    let mut phases: Vec<_> = (0..stride.min(extent))
        .map(|r| AxisPhase {
            first: r as usize,
            count: ((extent - r + stride - 1) / stride) as usize,
            taps: Vec::new(),
        })
        .collect();
    let meets = |k: usize| {
        let numerator = padding - (k * geometry.dilation[axis]) as isize;
        let r = (-numerator).rem_euclid(stride);
        (r < extent).then_some([r, (numerator + r) / stride])
    };
    let kernel = 0..geometry.kernel[axis];
    let lowest = kernel.clone().filter_map(meets).map(|[_, at]| at).min();
    let before = lowest.map_or(0, |lowest| (-lowest).max(0));
    for k in kernel {
        if let Some([r, at]) = meets(k) {
            phases[r as usize].taps.push([k, (at + before) as usize]);
        }
    }
    (before as usize, phases)
}
