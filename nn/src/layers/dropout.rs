//! Random omission.

use std::marker::PhantomData;

use rand::RngExt;
use wengert_autograd::Var;
use wengert_tensor::{Real, Tensor, require};

use crate::label::Label;
use crate::module::Module;
use crate::pass::Pass;
use crate::trace::LayerTrace;

/// In training, each element is 0 with probability `p` and else divided by `1 − p`, so that its
/// mean stays; in evaluation `y = x` (Srivastava et al. 2014).
///
/// What is dropped comes from the pass's generator, the same for every type of number.
#[derive(Clone, Debug)]
pub struct Dropout<T: Real = f32> {
    p: f64,
    label: Label,
    number: PhantomData<fn() -> T>,
}

crate::fields!(Dropout { label });

impl<T: Real> Dropout<T> {
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
        Self {
            p,
            label: Label::default(),
            number: PhantomData,
        }
    }

    /// The probability.
    #[must_use]
    pub const fn p(&self) -> f64 {
        self.p
    }
}

impl<T: Real> Module for Dropout<T> {
    type Element = T;

    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let _scope = self.label.enter();
        let y = if pass.is_training() && self.p > 0.0 {
            let rng = pass.rng();
            let kept = Tensor::from_fn(x.shape(), |_| rng.random::<f64>() >= self.p);
            x.dropout(&kept, self.p)
        } else {
            x.clone()
        };
        pass.trace(&self.label, "Dropout", x, &y, LayerTrace::pointwise());
        y
    }
}

macro_rules! channel_dropouts {
    ($($layer:ident, $axes:literal, $shape:literal;)*) => {$(
        /// In training, each channel of each example is 0 with probability `p` and else divided by
        /// `1 − p`; in evaluation `y = x` (Tompson et al. 2015).
        ///
        #[doc = concat!("* input and output: `", $shape, "`")]
        #[derive(Clone, Debug)]
        pub struct $layer<T: Real = f32> {
            p: f64,
            label: Label,
            number: PhantomData<fn() -> T>,
        }

        crate::fields!($layer { label });

        impl<T: Real> $layer<T> {
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
                Self { p, label: Label::default(), number: PhantomData }
            }
        }

        impl<T: Real> Module for $layer<T> {
            type Element = T;

            fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
                let _scope = self.label.enter();
                require!(
                    x.rank() == $axes + 2,
                    "dropout: {:?}: {} axes are needed", x.shape(), $axes + 2
                );
                let y = if pass.is_training() && self.p > 0.0 {
                    let mut channels = x.shape().to_vec();
                    channels[2..].fill(1);
                    let rng = pass.rng();
                    let kept = Tensor::from_fn(channels, |_| rng.random::<f64>() >= self.p);
                    x.dropout(&kept.broadcast_to(x.shape()), self.p)
                } else {
                    x.clone()
                };
                pass.trace(&self.label, stringify!($layer), x, &y, LayerTrace::pointwise());
                y
            }
        }
    )*};
}

channel_dropouts! {
    Dropout1d, 1, "[batch, channels, width]";
    Dropout2d, 2, "[batch, channels, height, width]";
    Dropout3d, 3, "[batch, channels, depth, height, width]";
}
