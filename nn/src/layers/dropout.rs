//! Random omission.

use rand::RngExt;
use wengert_autograd::Var;
use wengert_tensor::{Real, Tensor, require};

use crate::module::Module;
use crate::pass::Pass;

/// In training, each element is 0 with probability `p` and else divided by `1 − p`, so that its
/// mean stays; in evaluation `y = x` (Srivastava et al. 2014).
///
/// What is dropped comes from the pass's generator, the same for every type of number.
#[derive(Clone, Debug)]
pub struct Dropout {
    p: f64,
}

crate::fields!(Dropout);

impl Dropout {
    /// A layer that drops with probability `p`.
    ///
    /// # Panics
    /// If `p` is not in `0..=1`.
    #[must_use]
    #[track_caller]
    pub fn new(p: f64) -> Self {
        require!(
            (0.0..=1.0).contains(&p),
            "dropout: {p} is not a probability"
        );
        Self { p }
    }

    /// The probability.
    #[must_use]
    pub const fn p(&self) -> f64 {
        self.p
    }
}

impl<T: Real> Module<T> for Dropout {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        drop_units(x, x.shape(), self.p, pass)
    }
}

/// In training, `x` with units dropped: one decision for each element of a `shape` that broadcasts to
/// `x`.
#[track_caller]
pub(super) fn drop_units<T: Real>(
    x: &Var<T>,
    shape: &[usize],
    p: f64,
    pass: &mut Pass<T>,
) -> Var<T> {
    if !pass.is_training() || p == 0.0 {
        return x.clone();
    }
    let rng = pass.rng();
    let kept = Tensor::from_fn(shape, |_| rng.random::<f64>() >= p);
    x.dropout(&kept.broadcast_to(x.shape()), p)
}

macro_rules! channel_dropouts {
    ($($layer:ident, $axes:literal, $shape:literal;)*) => {$(
        /// In training, each channel of each example is 0 with probability `p` and else divided by
        /// `1 − p`; in evaluation `y = x` (Tompson et al. 2015).
        ///
        #[doc = concat!("* input and output: `", $shape, "`")]
        #[derive(Clone, Debug)]
        pub struct $layer {
            p: f64,
        }

        crate::fields!($layer);

        impl $layer {
            /// A layer that drops with probability `p`.
            ///
            /// # Panics
            /// If `p` is not in `0..=1`.
            #[must_use]
            #[track_caller]
            pub fn new(p: f64) -> Self {
                require!(
                    (0.0..=1.0).contains(&p),
                    "dropout: {p} is not a probability"
                );
                Self { p }
            }
        }

        impl<T: Real> Module<T> for $layer {
            fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
                require!(
                    x.rank() == $axes + 2,
                    "dropout: {:?}: {} axes are needed", x.shape(), $axes + 2
                );
                let mut channels = x.shape().to_vec();
                channels[2..].fill(1);
                drop_units(x, &channels, self.p, pass)
            }
        }
    )*};
}

channel_dropouts! {
    Dropout1d, 1, "[batch, channels, width]";
    Dropout2d, 2, "[batch, channels, height, width]";
    Dropout3d, 3, "[batch, channels, depth, height, width]";
}

samples! {
    |_rng| Dropout::new(0.5), [4, 5];
    |_rng| Dropout1d::new(0.5), [2, 4, 3];
    |_rng| Dropout2d::new(0.5), [2, 4, 3, 2];
    |_rng| Dropout3d::new(0.5), [2, 4, 1, 3, 2];
}
