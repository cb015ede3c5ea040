//! Every built-in convolution kernel against its definition.

use proptest::prelude::*;
use wengert_tensor::kernels::conv::{ConvGeometry, ConvKernel, Depthwise, Direct, kernels};
use wengert_tensor::testing::conformance::{
    ConformanceError, Failure, conformance, conformance_f32, conformance_f64, conformance_of_all,
};
use wengert_tensor::testing::geometries;
use wengert_tensor::{Dual, Real, parallel};

/// Operands that are small integers: sums are exact in any order.
fn integers<T: Real>(length: usize, seed: usize) -> Vec<T> {
    let value = |i: usize| ((i * 7919 + seed * 104_729) % 31 % 7) as f64 - 3.0;
    (0..length).map(|i| T::of(value(i))).collect()
}

fn uniform<T: Real>(length: usize, seed: usize) -> Vec<T> {
    let value = |i: usize| ((i * 7919 + seed * 104_729) % 2003) as f64 / 1001.0 - 1.0;
    (0..length).map(|i| T::of(value(i))).collect()
}

/// `y`, `dx` and `dw` by the definition, one loop for each index of the sum.
fn naive<T: Real>(g: &ConvGeometry, x: &[T], w: &[T], dy: &[T]) -> [Vec<f64>; 3] {
    let [od, oh, ow] = g.output();
    let [id, ih, iw] = g.input;
    let [kd, kh, kw] = g.kernel;
    let (in_group, out_group) = (g.channels / g.groups, g.filters / g.groups);
    let mut y = vec![0.0; g.batch * g.filters * od * oh * ow];
    let mut dx = vec![0.0; g.batch * g.channels * id * ih * iw];
    let mut dw = vec![0.0; g.filters * in_group * kd * kh * kw];
    let at = |axis: usize, i: usize, k: usize| {
        (i * g.stride[axis] + k * g.dilation[axis]) as isize - g.padding[axis][0] as isize
    };
    for n in 0..g.batch {
        for o in 0..g.filters {
            for c in 0..in_group {
                let channel = o / out_group * in_group + c;
                for z in 0..od {
                    for i in 0..oh {
                        for j in 0..ow {
                            for r in 0..kd {
                                for k in 0..kh {
                                    for l in 0..kw {
                                        let (sz, sy, sx) = (at(0, z, r), at(1, i, k), at(2, j, l));
                                        if sz < 0
                                            || sy < 0
                                            || sx < 0
                                            || sz >= id as isize
                                            || sy >= ih as isize
                                            || sx >= iw as isize
                                        {
                                            continue;
                                        }
                                        let (sz, sy, sx) = (sz as usize, sy as usize, sx as usize);
                                        let p = (((n * g.channels + channel) * id + sz) * ih + sy)
                                            * iw
                                            + sx;
                                        let q = (((o * in_group + c) * kd + r) * kh + k) * kw + l;
                                        let s = (((n * g.filters + o) * od + z) * oh + i) * ow + j;
                                        y[s] += x[p].to_f64() * w[q].to_f64();
                                        dx[p] += w[q].to_f64() * dy[s].to_f64();
                                        dw[q] += x[p].to_f64() * dy[s].to_f64();
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    [y, dx, dw]
}

/// `y`, `dx` and `dw` of a kernel, each into a poisoned buffer.
fn all_directions<T: Real>(
    kernel: &dyn ConvKernel<T>,
    g: &ConvGeometry,
    x: &[T],
    w: &[T],
    dy: &[T],
) -> [Vec<T>; 3] {
    let [mut y, mut dx, mut dw] =
        [g.y_len(), g.x_len(), g.w_len()].map(|length| vec![T::poison(); length]);
    kernel.forward(g, x, w, &mut y);
    kernel.input_gradient(g, w, dy, &mut dx);
    kernel.weight_gradient(g, x, dy, &mut dw);
    [y, dx, dw]
}

fn kernels_for<T: Real>(g: &ConvGeometry) -> Vec<&'static dyn ConvKernel<T>> {
    let all = kernels::<T>().iter().copied();
    all.filter(|kernel| kernel.supports(g).is_ok()).collect()
}

/// The conformance test of several kernels, for `f32` and `f64` as the crate has compiled and optimised it.
trait Conformance: Real {
    const CONFORMANCE: Test<Self>;
}

type Test<T> = fn(&[&dyn ConvKernel<T>], &ConvGeometry) -> Result<(), ConformanceError>;

impl Conformance for f32 {
    const CONFORMANCE: Test<f32> = conformance_f32;
}

impl Conformance for f64 {
    const CONFORMANCE: Test<f64> = conformance_f64;
}

impl Conformance for Dual<f64> {
    const CONFORMANCE: Test<Self> = conformance_of_all;
}

fn every_kernel_conforms<T: Conformance>(g: &ConvGeometry) {
    T::CONFORMANCE(&kernels_for::<T>(g), g).unwrap_or_else(|error| panic!("{error}"));
}

fn matches_the_naive_loops<T: Real>(g: &ConvGeometry) {
    let (x, w, dy) = (
        integers::<T>(g.x_len(), 1),
        integers::<T>(g.w_len(), 2),
        integers::<T>(g.y_len(), 3),
    );
    let expected = naive(g, &x, &w, &dy);
    for kernel in kernels_for::<T>(g) {
        if !kernel.is_accurate() {
            continue;
        }
        let found = all_directions(kernel, g, &x, &w, &dy);
        for (found, expected) in found.iter().zip(&expected) {
            let found: Vec<f64> = found.iter().map(|v| v.to_f64()).collect();
            assert_eq!(&found, expected, "{} on {g}", kernel.name());
        }
    }
}

#[test]
fn the_corner_list_has_at_least_fifteen_distinct_geometries() {
    let mut lines: Vec<String> = geometries::corners()
        .iter()
        .map(|named| named.geometry.to_string())
        .collect();
    lines.sort();
    lines.dedup();
    assert_eq!(lines.len(), geometries::corners().len());
    assert!(lines.len() >= 15);
}

#[test]
fn every_list_parses_and_its_names_are_unique() {
    for list in geometries::NAMES {
        let mut names: Vec<_> = geometries::by_name(list)
            .unwrap()
            .iter()
            .map(|named| named.name)
            .collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "{list}");
        assert!(count > 0, "{list}");
    }
    assert!(geometries::by_name("alexnet").is_none());
    assert_eq!(geometries::peers().len(), 19);
}

#[test]
fn all_kernels_conform_on_the_corners_in_f32() {
    for named in geometries::corners() {
        every_kernel_conforms::<f32>(&named.geometry);
    }
}

#[test]
fn all_kernels_conform_on_the_corners_in_f64() {
    for named in geometries::corners() {
        every_kernel_conforms::<f64>(&named.geometry);
    }
}

#[test]
fn all_kernels_conform_on_the_corners_in_dual_numbers() {
    for named in geometries::corners() {
        every_kernel_conforms::<Dual<f64>>(&named.geometry);
    }
}

#[test]
fn all_kernels_conform_on_the_layers_of_small_networks() {
    for list in [
        geometries::lenet(),
        geometries::fashion(),
        geometries::resnet20(),
    ] {
        for named in list {
            every_kernel_conforms::<f32>(&named.geometry.with_batch(1));
        }
    }
}

#[test]
fn accurate_kernels_equal_naive_loops_exactly_on_the_corners() {
    for named in geometries::corners() {
        matches_the_naive_loops::<f32>(&named.geometry);
        matches_the_naive_loops::<f64>(&named.geometry);
    }
}

#[test]
fn a_single_tap_moves_one_pixel_to_where_the_formula_says() {
    // y[i] = x[2·i + 3·k − 1] · w[k] with only w[1] = 1: y = x[2], x[4], x[6].
    let g: ConvGeometry = "ic1iw8_oc1_kw2_sw2_pw1+0_dw3".parse().unwrap();
    let x: Vec<f64> = (0..8).map(f64::from).collect();
    for kernel in kernels_for::<f64>(&g) {
        let mut y = vec![f64::NAN; g.y_len()];
        kernel.forward(&g, &x, &[0.0, 1.0], &mut y);
        assert_eq!(y, [2.0, 4.0, 6.0], "{}", kernel.name());
    }
}

#[test]
fn empty_batches_channels_and_filters_are_computed_by_the_portable_kernels() {
    for line in [
        "mb0_ic3ih5iw5_oc4_kh3kw3",
        "mb2_ic0ih5iw5_oc4_kh3kw3",
        "mb2_ic3ih5iw5_oc0_kh3kw3",
        "mb2_ic0ih5iw5_oc0_kh1kw1_g3",
    ] {
        let g: ConvGeometry = line.parse().unwrap();
        conformance_of_all(kernels::<Dual<f64>>(), &g).unwrap();
    }
}

/// `⟨conv(x, w), dy⟩ = ⟨x, dx⟩ = ⟨w, dw⟩`: the gradients are the adjoints of the forward pass.
fn the_three_faces_are_one_form<T: Real>(g: &ConvGeometry, tolerance: f64) {
    let (x, w, dy) = (
        uniform::<T>(g.x_len(), 4),
        uniform::<T>(g.w_len(), 5),
        uniform::<T>(g.y_len(), 6),
    );
    let inner = |a: &[T], b: &[T]| -> (f64, f64) {
        let terms = a.iter().zip(b).map(|(a, b)| a.to_f64() * b.to_f64());
        terms.fold((0.0, 0.0), |(sum, size), t| (sum + t, size + t.abs()))
    };
    for kernel in kernels_for::<T>(g) {
        let [y, dx, dw] = all_directions(kernel, g, &x, &w, &dy);
        let (form, size) = inner(&y, &dy);
        for (face, _) in [inner(&x, &dx), inner(&w, &dw)] {
            assert!(
                (face - form).abs() <= tolerance * (1.0 + size),
                "{} on {g}: {face} and {form}",
                kernel.name()
            );
        }
    }
}

#[test]
fn gradients_are_adjoint_to_the_forward_pass_on_the_corners() {
    for named in geometries::corners() {
        the_three_faces_are_one_form::<f64>(&named.geometry, 1e-13);
        the_three_faces_are_one_form::<f32>(&named.geometry, 1e-5);
    }
}

#[test]
fn an_infinite_pixel_of_a_depthwise_image_affects_only_the_windows_that_contain_it() {
    // Widths that are no multiple of the vector length; filters of width 3 and 5 have specialised loops, of
    // width 2 not.
    for line in [
        "mb1_ic3ih7iw13_oc3_kh3kw3_ph1pw1_g3",
        "mb1_ic3ih9iw21_oc3_kh5kw5_ph2pw2_g3",
        "mb1_ic3ih9iw21_oc3_kh3kw3_sh2sw2_ph1pw1_g3",
        "mb1_ic3ih6iw11_oc3_kh2kw2_g3",
    ] {
        let g: ConvGeometry = line.parse().unwrap();
        let mut x = uniform::<f32>(g.x_len(), 7);
        let dy = uniform::<f32>(g.y_len(), 9);
        let row = g.input[2];
        for at in [row - 1, 2 * row + 1] {
            x[at] = f32::INFINITY;
        }
        let mut expected = vec![0.0; g.w_len()];
        Direct.weight_gradient(&g, &x, &dy, &mut expected);
        let kind = |w: &[f32]| w.iter().map(|w| w.is_finite()).collect::<Vec<_>>();
        assert!(
            kind(&expected).contains(&true),
            "{line}: other channels are finite"
        );
        let mut found = vec![0.0; g.w_len()];
        Depthwise::BEST.weight_gradient(&g, &x, &dy, &mut found);
        assert_eq!(kind(&found), kind(&expected), "{line}");
    }
}

#[test]
fn results_have_the_same_bits_for_any_number_of_threads() {
    let lines = [
        "mb9_ic16ih32iw31_oc18_kh3kw3_ph1pw1",
        "mb17_ic4ih14iw14_oc6_kh5kw5_ph2pw2_g2",
        "mb6_ic17ih20iw19_oc18_kh5kw5_ph2pw2",
        "mb1_ic24ih28iw28_oc24_kh3kw3_ph1pw1_g24",
        "mb2_ic24ih28iw29_oc24_kh3kw3_sh2sw2_ph1pw1_g24",
        "mb3_ic16ih19iw20_oc32_kh3kw3_sh2sw2_ph1pw1",
        "mb5_ic32ih16iw16_oc40_kh1kw1",
        // Few blocks of channels: more for many threads, or spans of rows, or blocks of columns of a product.
        "mb1_ic40ih15iw14_oc70_kh3kw3_sh2sw2_ph1pw1",
        "mb1_ic70ih7iw7_oc90_kh1kw1",
        "mb1_ic80ih17iw16_oc200_kh1kw1",
    ];
    for line in lines {
        let g: ConvGeometry = line.parse().unwrap();
        let (x, w, dy) = (
            uniform::<f32>(g.x_len(), 7),
            uniform::<f32>(g.w_len(), 8),
            uniform::<f32>(g.y_len(), 9),
        );
        for kernel in kernels_for::<f32>(&g) {
            let run = || {
                all_directions(kernel, &g, &x, &w, &dy)
                    .map(|values| values.iter().map(|v| v.to_bits()).collect::<Vec<u32>>())
            };
            let alone = parallel::with_threads(1, run);
            for threads in [2, 3] {
                let shared = parallel::with_threads(threads, run);
                assert_eq!(alone, shared, "{} on {g}", kernel.name());
            }
            // Cut as for many threads.
            let (many, _) = parallel::trace::record(16, run);
            assert_eq!(alone, many, "{} on {g}", kernel.name());
        }
    }
}

fn axis() -> impl Strategy<Value = [usize; 6]> {
    // So small that some extents are equal and some differ: transposed indices show only if they differ.
    let extents = prop::sample::select(vec![1_usize, 2, 3, 5, 7, 8, 9, 17]);
    (
        extents,
        1..5_usize,
        1..4_usize,
        0..3_usize,
        0..3_usize,
        1..3_usize,
    )
        .prop_map(|(input, kernel, stride, before, behind, dilation)| {
            [input, kernel, stride, before, behind, dilation]
        })
}

fn geometries() -> impl Strategy<Value = ConvGeometry> {
    let counts = (1..4_usize, 1..4_usize, 1..10_usize, 1..10_usize);
    // The depth is 1 in most cases, because the fast kernels are two-dimensional.
    let depth = prop_oneof![4 => Just([1, 1, 1, 0, 0, 1]), 1 => axis()];
    (counts, [axis().boxed(), axis().boxed()], depth).prop_filter_map(
        "the window exceeds the image",
        |((batch, groups, channels, filters), [height, width], depth)| {
            let axes = [depth, height, width];
            let field = |i: usize| axes.map(|axis| axis[i]);
            let geometry = ConvGeometry {
                batch,
                channels: groups * channels,
                filters: groups * filters,
                groups,
                input: field(0),
                kernel: field(1),
                stride: field(2),
                padding: axes.map(|axis| [axis[3], axis[4]]),
                dilation: field(5),
            };
            geometry.validated().ok()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn all_kernels_conform_on_drawn_geometries(geometry in geometries()) {
        prop_assert_eq!(conformance_f32(&kernels_for(&geometry), &geometry), Ok(()));
        prop_assert_eq!(conformance_f64(&kernels_for(&geometry), &geometry), Ok(()));
        matches_the_naive_loops::<f32>(&geometry);
    }

    #[test]
    fn gradients_are_adjoint_on_drawn_geometries(geometry in geometries()) {
        the_three_faces_are_one_form::<f64>(&geometry, 1e-12);
    }
}

/// The plain loops with one deliberate mistake.
struct Mistaken(fn(&ConvGeometry, [&mut [f64]; 3]));

impl ConvKernel<f64> for Mistaken {
    fn name(&self) -> &'static str {
        "mistaken"
    }
    fn supports(&self, g: &ConvGeometry) -> Result<(), &'static str> {
        if g.groups == 1 { Ok(()) } else { Err("groups") }
    }
    fn forward(&self, g: &ConvGeometry, x: &[f64], w: &[f64], y: &mut [f64]) {
        let stale = y.to_vec();
        Direct.forward(g, x, w, y);
        (self.0)(g, [y, &mut [], &mut stale.clone()]);
    }
    fn input_gradient(&self, g: &ConvGeometry, w: &[f64], dy: &[f64], dx: &mut [f64]) {
        Direct.input_gradient(g, w, dy, dx);
        (self.0)(g, [&mut [], dx, &mut []]);
    }
    fn weight_gradient(&self, g: &ConvGeometry, x: &[f64], dy: &[f64], dw: &mut [f64]) {
        Direct.weight_gradient(g, x, dy, dw);
    }
    fn workspace(&self, _: &ConvGeometry) -> usize {
        0
    }
}

#[test]
fn the_conformance_test_rejects_wrong_kernels() {
    let g: ConvGeometry = "mb2_ic2ih6iw7_oc3_kh3kw3_ph1pw1".parse().unwrap();
    assert_eq!(conformance(&Mistaken(|_, _| ()), &g), Ok(()));
    let failure = |mistake| conformance(&Mistaken(mistake), &g).unwrap_err().failure;
    let unwritten = failure(|_, [y, _, stale]| {
        if let (Some(last), Some(stale)) = (y.last_mut(), stale.last()) {
            *last = *stale;
        }
    });
    assert!(matches!(unwritten, Failure::Wrong { found, .. } if found.is_nan()));
    let rounded = failure(|_, [y, ..]| {
        for value in y {
            *value = f64::from(*value as f32);
        }
    });
    assert!(matches!(rounded, Failure::Wrong { .. }));
    let swapped = failure(|_, [_, dx, _]| {
        if dx.len() > 1 {
            dx.swap(0, 1);
        }
    });
    assert!(matches!(swapped, Failure::Wrong { .. }));
    // One element of 25,600, which is not among those that are compared with the definition.
    let large = "mb1_ic16ih40iw40_oc16_kh3kw3_ph1pw1".parse().unwrap();
    let one = Mistaken(|_, [y, ..]| {
        if let Some(y) = y.get_mut(1) {
            *y += 1.0;
        }
    });
    let unseen = conformance(&one, &large).unwrap_err().failure;
    assert!(matches!(unseen, Failure::NotAdjoint { .. }), "{unseen:?}");
    let grouped = "mb2_ic2ih6iw7_oc2_kh3kw3_g2".parse().unwrap();
    let refused = conformance(&Mistaken(|_, _| ()), &grouped).unwrap_err();
    assert_eq!(refused.failure, Failure::Unsupported("groups"));
}

#[test]
#[should_panic(expected = "conv: mb1_ic1iw3_oc1_kw2: y has 3 elements, not 2")]
fn a_slice_of_the_wrong_length_panics() {
    let g: ConvGeometry = "ic1iw3_oc1_kw2".parse().unwrap();
    Direct.forward(&g, &[0.0_f32; 3], &[0.0; 2], &mut [0.0; 3]);
}
