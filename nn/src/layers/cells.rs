//! One step of a recurrent layer.

use rand::Rng;
use wengert_autograd::Var;
use wengert_autograd::ops::{CellParams, RnnActivation};
use wengert_tensor::{Real, Tensor, require};

use crate::init::default_bound;
use crate::param::Param;
use crate::parameters::Parameters;
use crate::pass::Pass;

macro_rules! cells {
    ($($(#[$doc:meta])* $cell:ident, $kind:literal, $gates:literal { $($(#[$option_doc:meta])* $option:ident: $type:ty)? };)*) => {$(
        $(#[$doc])*
        ///
        /// * input: `[.., inputs]`, states `[.., width]`, 0 if none is given; an input and a state, so it
        ///   is not a [`Module`](crate::Module)
        ///
        #[doc = concat!("Parameters, as in `PyTorch`, of ", $gates, "·width rows: `weight_ih` and `weight_hh`, of as")]
        /// many columns as inputs and as the width; `bias_ih`, `bias_hh`. All start uniform in
        /// `±1/√width`.
        #[derive(Clone, Debug)]
        pub struct $cell<T: Real = f32> {
            /// What the input is multiplied by.
            pub weight_ih: Param<T>,
            /// What the state is multiplied by.
            pub weight_hh: Param<T>,
            /// Added to the input's part.
            pub bias_ih: Option<Param<T>>,
            /// Added to the state's part.
            pub bias_hh: Option<Param<T>>,
            $($(#[$option_doc])* pub $option: $type,)?
                }

        crate::fields!($cell { weight_ih, weight_hh, bias_ih, bias_hh });

        impl<T: Real> $cell<T> {
            /// A cell of a width.
            ///
            /// # Panics
            /// If the width is 0.
            #[must_use]
            #[track_caller]
            pub fn new(inputs: usize, width: usize, rng: &mut impl Rng) -> Self {
                require!(width > 0, concat!($kind, ": a cell of width 0"));
                let bound = default_bound(width);
                let rows = $gates * width;
                let mut draw =
                    |shape: &[usize]| Param::new(Tensor::uniform(shape, -bound..bound, rng));
                Self {
                    weight_ih: draw(&[rows, inputs]),
                    weight_hh: draw(&[rows, width]),
                    bias_ih: Some(draw(&[rows])),
                    bias_hh: Some(draw(&[rows])),
                    $($option: <$type>::default(),)?
                        }
            }

            /// The same without biases.
            #[must_use]
            pub fn without_bias(mut self) -> Self {
                (self.bias_ih, self.bias_hh) = (None, None);
                self
            }

            /// A state of zeros for an input.
            fn rest(&self, x: &Var<T>) -> Var<T> {
                let mut shape = x.shape().to_vec();
                if let Some(last) = shape.last_mut() {
                    *last = self.weight_hh.shape()[1];
                }
                Var::full(shape, 0.0)
            }

            #[track_caller]
            fn variables(&self, pass: &mut Pass<T>) -> Variables<T> {
                let biases = [
                    pass.optional_param(self.bias_ih.as_ref()),
                    pass.optional_param(self.bias_hh.as_ref()),
                ];
                let weights = [pass.param(&self.weight_ih), pass.param(&self.weight_hh)];
                Variables { weights, biases }
            }
        }
    )*};
}

/// The parameters of a cell in a pass.
struct Variables<T: Real> {
    weights: [Var<T>; 2],
    biases: [Option<Var<T>>; 2],
}

impl<T: Real> Variables<T> {
    fn params(&self) -> CellParams<'_, T> {
        let [weight_ih, weight_hh] = &self.weights;
        let [bias_ih, bias_hh] = self.biases.each_ref().map(Option::as_ref);
        CellParams {
            weight_ih,
            weight_hh,
            bias_ih,
            bias_hh,
        }
    }
}

cells! {
    /// A plain cell, `h′ = tanh(W·x + b + U·h + c)` (Elman 1990); see [`Var::rnn_cell`].
    RnnCell, "RNNCell", 1 {
        /// What is done to the sum; the hyperbolic tangent by default.
        nonlinearity: RnnActivation
    };

    /// A gated recurrent unit (Cho et al. 2014); see [`Var::gru_cell`].
    GruCell, "GRUCell", 3 {};

    /// A long short-term memory (Hochreiter & Schmidhuber 1997); see [`Var::lstm_cell`].
    LstmCell, "LSTMCell", 4 {};
}

impl<T: Real> RnnCell<T> {
    /// The same with another function than the hyperbolic tangent.
    #[must_use]
    pub fn nonlinearity(mut self, f: RnnActivation) -> Self {
        self.nonlinearity = f;
        self
    }

    /// The next state.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[must_use]
    #[track_caller]
    pub fn step(&self, x: &Var<T>, state: Option<&Var<T>>, pass: &mut Pass<T>) -> Var<T> {
        let h = state.map_or_else(|| self.rest(x), Var::clone);
        let entered = pass.enter(self.layer_id());
        let variables = self.variables(pass);
        let h = x.rnn_cell(&h, &variables.params(), self.nonlinearity);
        pass.leave(entered, h)
    }
}

impl<T: Real> GruCell<T> {
    /// The next state.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[must_use]
    #[track_caller]
    pub fn step(&self, x: &Var<T>, state: Option<&Var<T>>, pass: &mut Pass<T>) -> Var<T> {
        let h = state.map_or_else(|| self.rest(x), Var::clone);
        let entered = pass.enter(self.layer_id());
        let variables = self.variables(pass);
        let h = x.gru_cell(&h, &variables.params());
        pass.leave(entered, h)
    }
}

impl<T: Real> LstmCell<T> {
    /// The next state and memory.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[must_use]
    #[track_caller]
    pub fn step(
        &self,
        x: &Var<T>,
        state: Option<(&Var<T>, &Var<T>)>,
        pass: &mut Pass<T>,
    ) -> (Var<T>, Var<T>) {
        let (h, c) = state.map_or_else(
            || (self.rest(x), self.rest(x)),
            |(h, c)| (h.clone(), c.clone()),
        );
        let entered = pass.enter(self.layer_id());
        let variables = self.variables(pass);
        let (h, c) = x.lstm_cell(&h, &c, &variables.params());
        pass.leave(entered, (h, c))
    }
}

// Its forward call takes more than one value, or whole numbers; `nn/tests` has tests of its own for it.
samples! {}
