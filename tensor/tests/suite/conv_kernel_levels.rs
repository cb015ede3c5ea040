//! Every vectorised convolution kernel at every level of this processor, whichever is the best.

use wengert_tensor::Real;
use wengert_tensor::kernels::conv::{ConvGeometry, ConvKernel};
use wengert_tensor::parallel;
use wengert_tensor::testing::geometries;
use wengert_tensor::testing::variants::{self, Variant};

/// Corners of the geometry list and further geometries.
fn corners_and(more: &[&str]) -> Vec<ConvGeometry> {
    let corners = geometries::corners()
        .into_iter()
        .map(|corner| corner.geometry);
    corners
        .chain(more.iter().map(|line| parsed(line)))
        .collect()
}

fn parsed(line: &str) -> ConvGeometry {
    line.parse().unwrap()
}

/// How many of the geometries each kernel supports; it must compute those right.
fn conforming(variants: &[Variant], geometries: &[ConvGeometry]) -> Vec<usize> {
    let mut counts = vec![0; variants.len()];
    for geometry in geometries {
        let mut supporting = Vec::new();
        for (variant, count) in variants.iter().zip(&mut counts) {
            if variant.supports(geometry) {
                supporting.push(variant);
                *count += 1;
            }
        }
        if variants::conformance(&supporting, geometry).is_err() {
            // The error names the kernel, not the level.
            for variant in supporting {
                variants::conformance(&[variant], geometry)
                    .unwrap_or_else(|error| panic!("{variant:?}: {error}"));
            }
            panic!("{geometry}: the kernels conform one by one and not together");
        }
    }
    counts
}

#[test]
fn every_winograd_form_computes_every_corner_of_its_filters_at_every_level() {
    let variants = variants::winograd();
    let supported = conforming(&variants, &corners_and(&[]));
    assert!(
        supported.iter().all(|&count| count >= 3),
        "corners with the filters of {variants:?}: {supported:?}"
    );
}

/// Large enough for several tasks of strips or of blocks of channels, of one image or of several.
const PARTITIONED: [&str; 10] = [
    // More than 8 · 192 tiles of either side.
    "mb3_ic2ih97iw99_oc3_kh3kw3_ph1pw1",
    "mb1_ic2ih90iw89_oc3_kh5kw5_ph2pw2",
    "mb5_ic3ih20iw18_oc35_kh3kw3_ph1pw1",
    "mb1_ic34ih27iw28_oc210_kh3kw3_ph1pw1",
    "mb2_ic40ih13iw14_oc100_kh5kw5_ph2pw2",
    "mb3_ic5ih40iw41_oc20_kh4kw4_ph2pw1",
    // Few tiles and many channels: filters are transformed before their use, some at a time, and so are
    // the sums of the weight gradient.
    "mb1_ic150ih7iw6_oc147_kh3kw3_ph1pw1",
    "mb3_ic131ih13iw10_oc190_kh3kw3_ph1pw1",
    "mb2_ic130ih9iw10_oc161_kh4kw4_ph1pw2",
    // Too many tiles to keep their products until all filters are used.
    "mb1_ic140ih34iw31_oc290_kh3kw3_ph1pw1",
];

#[test]
fn strips_and_groups_of_images_of_winograd_kernels_add_up() {
    conforming(&best(variants::winograd()), &PARTITIONED.map(parsed));
}

/// The variants at the best level, which are the first of each form.
fn best(variants: Vec<Variant>) -> Vec<Variant> {
    let level = wengert_tensor::kernels::simd::Level::best().name();
    let mut best = variants;
    best.retain(|variant| variant.name.ends_with(&format!(" at {level}")));
    best
}

/// All three directions, one after another.
fn results<T: Real>(kernel: &dyn ConvKernel<T>, geometry: &ConvGeometry) -> Vec<T> {
    let number = |i: usize| T::of((i * 7919 % 1009) as f64 / 500.0 - 1.0);
    let x: Vec<T> = (0..geometry.x_len()).map(number).collect();
    let w: Vec<T> = (0..geometry.w_len()).map(number).collect();
    let mut y = vec![T::zero(); geometry.y_len()];
    kernel.forward(geometry, &x, &w, &mut y);
    let [mut dx, mut dw] = [vec![T::zero(); x.len()], vec![T::zero(); w.len()]];
    kernel.input_gradient(geometry, &w, &y, &mut dx);
    kernel.weight_gradient(geometry, &x, &y, &mut dw);
    [y, dx, dw].concat()
}

#[test]
fn any_number_of_threads_makes_the_same_bits_in_winograd_kernels() {
    for geometry in PARTITIONED.map(parsed) {
        for variant in best(variants::winograd()) {
            if !variant.supports(&geometry) {
                continue;
            }
            let single = || results(&*variant.f32, &geometry);
            let double = || results(&*variant.f64, &geometry);
            let one = parallel::with_threads(1, || (single(), double()));
            for threads in [2, 3] {
                let shared = parallel::with_threads(threads, || (single(), double()));
                assert!(one.0 == shared.0, "{variant:?}, {geometry}, f32");
                assert!(one.1 == shared.1, "{variant:?}, {geometry}, f64");
            }
            // Cut as for many threads.
            let (many, _) = parallel::trace::record(16, || (single(), double()));
            assert!(one == many, "{variant:?}, {geometry}");
        }
    }
}

#[test]
fn stems_of_any_padding_are_computed_at_every_level() {
    let geometries = corners_and(&[
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
    ]);
    let supported = conforming(&variants::strided_winograd(), &geometries);
    assert!(supported.iter().all(|&count| count >= 8), "{supported:?}");
}

#[test]
fn every_option_of_depthwise_convolution_is_computed_at_every_level() {
    let geometries = [
        "mb2_ic5ih7iw9_oc5_kh3kw3_ph1pw1_g5",
        "mb2_ic2ih5iw4_oc2_kh3kw3_ph1pw1_g2",
        "mb1_ic3ih20iw37_oc3_kh3kw3_sh2sw2_ph1pw1_g3",
        "mb1_ic3ih9iw38_oc3_kh3kw3_sh1sw2_ph0+1pw2+0_g3",
        "mb2_ic4ih11iw40_oc4_kh5kw2_sh1sw3_ph2_g4",
        "mb1_ic2ih12iw70_oc2_kh3kw3_ph2pw2_dh2dw2_g2",
        "mb1_ic2ih6iw30_oc2_kh3kw3_ph4pw3_g2",
        "mb3_ic2ih4iw4_oc2_kh1kw1_sh3sw5_g2",
        "mb2_ic3ih14iw14_oc3_kh5kw5_ph2pw2_g3",
        "mb1_ic3ih28iw30_oc3_kh5kw5_sh2sw2_ph2pw2_g3",
        "mb1_ic2ih15iw33_oc2_kh5kw5_sh2sw2_ph1+2pw0+3_g2",
        "mb2_ic3ih7iw7_oc3_kh3kw3_sh2sw2_ph1pw1_g3",
        "mb1_ic2ih18iw50_oc2_kh3kw3_sh2sw2_ph0+1pw0+1_g2",
        "mb1_ic1ih61iw300_oc1_kh3kw3_ph1pw1_g1",
        "mb1_ic1ih61iw200_oc1_kh3kw3_sh2sw2_ph1pw1_g1",
        "mb1_ic2ih20iw21_oc2_kh3kw3_ph2pw1_dh2dw1_g2",
        "mb1_ic2ih20iw21_oc2_kh3kw3_sh2sw1_ph1pw1_g2",
        "mb1_ic2ih20iw37_oc2_kh7kw7_ph3pw3_g2",
        "mb1_ic2ih9iw8_oc2_kh3kw3_sh2sw2_ph5pw6_g2",
        "mb1_ic2ih1iw1_oc2_kh3kw3_sh2sw2_ph1pw1_g2",
        "mb0_ic2ih5iw5_oc2_kh3kw3_ph1pw1_g2",
    ]
    .map(parsed);
    let supported = conforming(&variants::depthwise(), &geometries);
    assert!(
        supported.iter().all(|&count| count == geometries.len()),
        "{supported:?}"
    );
}

#[test]
fn both_kinds_of_lanes_of_direct_convolution_compute_every_corner_at_every_level() {
    let geometries = corners_and(&[
        // Wide enough for several column blocks, the last of another width.
        "mb1_ic2ih3iw150_oc3_kh3kw3_ph1pw2",
        "mb1_ic2ih3iw193_oc7_kh3kw5_sh2sw2_ph1pw1",
        "mb1_ic3ih2iw131_oc18_kh2kw3_ph1pw0_dh1dw3",
        // Sums long enough to skip rows of padding: of one image, of several, of volumes, with
        // strides and dilation, with rows of the filter that lie in padding everywhere.
        "mb1_ic70ih5iw4_oc20_kh3kw3_ph1pw1",
        "mb2_ic67ih5iw9_oc35_kh3kw3_ph1pw1",
        "mb1_ic82id3ih4iw3_oc9_kd3kh3kw2_pd1ph1",
        "mb1_ic150ih7iw6_oc19_kh3kw3_sh2sw2_ph2pw1_dh2dw1",
        "mb2_ic100ih2iw3_oc85_kh5kw3_ph2pw1",
        "mb1_ic160ih5iw4_oc160_kh3kw3_ph1pw1_g2",
        // Rows of several passes, of one that ends within a vector; filters in several tasks.
        "mb3_ic1ih37iw71_oc9_kh5kw3_ph2pw1",
        "mb2_ic2ih70iw67_oc37_kh3kw7_sh3sw2_ph2pw3_dh2dw1",
        "mb2_ic4ih5iw1100_oc6_kh2kw3_sh2sw1_pw1_g2",
        // Few pixels and many weights, whose gradients are completed part by part.
        "mb1_ic160ih5iw4_oc272_kh3kw3_ph1pw1",
        "mb3_ic280ih4iw3_oc260_kh3kw2_ph1pw1_g2",
        // Images too large for the second-level cache, computed band by band.
        "mb1_ic64ih61iw77_oc3_kh3kw3_ph1pw1",
        "mb2_ic90ih60iw131_oc8_kh5kw3_sh2sw1_ph2pw1_g2",
        "mb1_ic2ih150iw130_oc100_kh3kw2_sh2sw2_ph1pw1",
    ]);
    let supported = conforming(&variants::tiled(), &geometries);
    assert!(
        supported.iter().all(|&count| count == geometries.len()),
        "{supported:?}"
    );
}

#[test]
fn rows_of_any_width_are_divided_into_column_blocks_that_hold_a_vector() {
    // Widths at which a last column block was narrower than a vector: the phases of an input gradient at a stride, the
    // second of which is one pixel narrower; rows for which no multiple of a vector divides evenly; audio.
    let mut lines = vec![
        "mb1_ic2ih3iw799_oc2_kh3kw3_sh1sw2_ph1pw1".to_string(),
        "mb1_ic1ih2iw3151_oc2_kh1kw3_ph0pw1".to_string(),
        "mb1_ic1iw44100_oc2_kw3_pw1".to_string(),
    ];
    // Every last block that there is.
    lines.extend((1000..1066).map(|width| format!("mb1_ic1ih2iw{width}_oc2_kh1kw2_sh1sw2")));
    lines.extend((520..586).map(|width| format!("mb1_ic1ih2iw{width}_oc2_kh1kw3_ph0pw1")));
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let geometries: Vec<_> = lines.iter().map(|line| parsed(line)).collect();
    let variants = variants::tiled();
    let supported = conforming(&variants, &geometries);
    assert!(supported.iter().all(|&count| count == geometries.len()));
    let geometries = [
        "mb1_ic2ih3iw3151_oc2_kh3kw3_ph1pw1_g2",
        "mb1_ic2iw44100_oc2_kw5_sw2_pw2_g2",
    ]
    .map(parsed);
    let supported = conforming(&variants::depthwise(), &geometries);
    assert!(supported.iter().all(|&count| count > 0));
}

#[test]
fn rows_of_any_width_are_divided_into_winograd_tiles() {
    // Every rest of a vector of tiles in short rows, some in long ones, and audio.
    let mut lines = Vec::new();
    let filters = [(3, 1), (5, 1), (4, 1), (5, 2), (7, 2)];
    let short = (5..38).flat_map(|width| filters.map(|filter| (width, filter)));
    let long = (1000..1017).zip(filters.into_iter().cycle());
    for (width, (kernel, stride)) in short.chain(long) {
        let padding = kernel / 2;
        lines.push(format!(
            "mb1_ic1ih3iw{width}_oc1_kh{kernel}kw{kernel}_sh{stride}sw{stride}_ph{padding}pw{padding}"
        ));
    }
    lines.push("mb1_ic1ih3iw44100_oc2_kh3kw3_ph1pw1".to_string());
    lines.push("mb1_ic1ih3iw44100_oc1_kh5kw5_sh2sw2_ph2pw2".to_string());
    let geometries: Vec<_> = lines.iter().map(|line| parsed(line)).collect();
    for variants in [variants::winograd(), variants::strided_winograd()] {
        let supported = conforming(&variants, &geometries);
        assert!(supported.iter().all(|&count| count > 0), "{supported:?}");
    }
}
