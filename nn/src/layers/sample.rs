//! The layers that the tests run, as the file of each layer lists them.

use wengert_tensor::Dual;

use super::Sequential;
use crate::check::{Builders, Generator};

/// How a layer is made for one number type.
pub type Make<T> = fn(&mut Generator) -> Sequential<T>;

/// A layer and the shape of an input for it. The tests check its gradients, its state dict and its summary.
#[derive(Clone, Debug)]
pub struct LayerSample {
    /// The expression that makes the layer.
    pub layer: &'static str,
    /// The same for each number type.
    pub builders: Builders<Make<f64>, Make<Dual>, Make<f32>>,
    /// The shape of the input.
    pub input: Vec<usize>,
}

/// Defines `samples`, the layers of a file that the tests run: an expression that makes the layer from a generator, and
/// the shape of its input, as for [`check_model!`](crate::check_model).
///
/// Between them they use every option of the layers.
macro_rules! samples {
    ($(|$rng:ident| $layer:expr, $input:expr;)*) => {
        // Inline, so that only a crate that runs the samples compiles the layers for these number types.
        #[inline]
        pub(super) fn samples() -> Vec<$crate::layers::LayerSample> {
            vec![$(
                $crate::layers::LayerSample {
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
