//! The layers that the tests run, as the file of each layer lists them.

/// Defines `samples`, the layers of a file that the tests run: an expression that makes the layer from a generator, and
/// the shape of its input, as for [`check_model!`](crate::check_model).
///
/// Between them they use every option of the layers.
macro_rules! samples {
    ($(|$rng:ident| $layer:expr, $input:expr;)*) => {
        // Inline, so that only a crate that runs the samples compiles the layers for these number types.
        #[cfg(feature = "check")]
        #[inline]
        pub(super) fn samples() -> Vec<$crate::check::LayerSample> {
            vec![$(
                $crate::check::LayerSample {
                    layer: stringify!($layer),
                    builders: $crate::check::Builders {
                        f64: |$rng| $crate::sequential![$layer],
                        dual: |$rng| $crate::sequential![$layer],
                        f32: |$rng| $crate::sequential![$layer],
                    },
                    input: Vec::from($input),
                }
            ),*]
        }
    };
}
