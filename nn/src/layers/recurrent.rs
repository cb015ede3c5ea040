//! Recurrent layers: plain, gated and long short-term memory.

use rand::{Rng, RngExt};
use wengert_autograd::Var;
use wengert_autograd::ops::{CellParams, RecurrentOptions, RnnActivation};
use wengert_tensor::{Real, Tensor, require};

use crate::module::Module;
use crate::param::Param;
use crate::parameters::{Parameters, Slot, SlotMut};
use crate::pass::Pass;
use crate::path::Path;

/// The parameters of every layer and direction, and how sequences run through them.
#[derive(Clone, Debug)]
struct Stack<T: Real> {
    cells: Vec<Cell<T>>,
    options: RecurrentOptions,
    dropout: f64,
}

/// One direction of one layer.
#[derive(Clone, Debug)]
struct Cell<T: Real> {
    suffix: String,
    weights: [Param<T>; 2],
    biases: Option<[Param<T>; 2]>,
}

const WEIGHTS: [&str; 2] = ["weight_ih", "weight_hh"];
const BIASES: [&str; 2] = ["bias_ih", "bias_hh"];

impl<T: Real> Parameters<T> for Stack<T> {
    fn walk<'a>(&'a self, path: &mut Path, visit: &mut dyn FnMut(&str, Slot<'a, T>)) {
        for cell in &self.cells {
            let biases = cell.biases.iter().flatten();
            let params = cell.weights.iter().chain(biases);
            for (name, param) in WEIGHTS.iter().chain(&BIASES).zip(params) {
                path.within(&format!("{name}_{}", cell.suffix), |path| {
                    param.walk(path, visit);
                });
            }
        }
    }

    fn walk_mut(&mut self, path: &mut Path, visit: &mut dyn FnMut(&str, SlotMut<'_, T>)) {
        for cell in &mut self.cells {
            let biases = cell.biases.iter_mut().flatten();
            let params = cell.weights.iter_mut().chain(biases);
            for (name, param) in WEIGHTS.iter().chain(&BIASES).zip(params) {
                path.within(&format!("{name}_{}", cell.suffix), |path| {
                    param.walk_mut(path, visit);
                });
            }
        }
    }
}

/// Which cells a layer is made of.
#[derive(Clone, Copy)]
enum Kind {
    Plain(RnnActivation),
    Gated,
    Long,
}

impl Kind {
    /// One layer: its states, and the last ones of each kind.
    // No closure: it would not know the caller's line.
    #[track_caller]
    fn layer<T: Real>(
        self,
        x: &Var<T>,
        params: &[CellParams<'_, T>],
        states: &[Var<T>],
        options: &RecurrentOptions,
    ) -> (Var<T>, Vec<Var<T>>) {
        let state = states.first();
        match self {
            Self::Plain(f) => {
                let (y, h) = x.rnn(params, state, f, options);
                (y, vec![h])
            }
            Self::Gated => {
                let (y, h) = x.gru(params, state, options);
                (y, vec![h])
            }
            Self::Long => {
                let (y, h, c) = x.lstm(params, state.zip(states.get(1)), options);
                (y, vec![h, c])
            }
        }
    }
}

/// The variables of a cell in a pass.
struct Tracked<T: Real> {
    weights: [Var<T>; 2],
    biases: Option<[Var<T>; 2]>,
}

impl<T: Real> Tracked<T> {
    fn params(&self) -> CellParams<'_, T> {
        let [ih, hh] = &self.weights;
        let params = CellParams::new(ih, hh);
        match &self.biases {
            Some([ih, hh]) => params.biases(ih, hh),
            None => params,
        }
    }
}

impl<T: Real> Stack<T> {
    #[track_caller]
    fn new(
        gates: usize,
        inputs: usize,
        width: usize,
        shape: &RecurrentShape,
        rng: &mut impl Rng,
    ) -> Self {
        require!(
            shape.layers > 0 && width > 0,
            "recurrent: {} layers of width {width}: there must be one at least",
            shape.layers
        );
        let bound = 1.0 / (width as f64).sqrt();
        let directions = if shape.bidirectional { 2 } else { 1 };
        let mut cells = Vec::new();
        for layer in 0..shape.layers {
            let inputs = if layer == 0 {
                inputs
            } else {
                directions * width
            };
            for direction in 0..directions {
                let reverse = if direction == 0 { "" } else { "_reverse" };
                let mut draw =
                    |shape: &[usize]| Param::new(Tensor::uniform(shape, -bound..bound, rng));
                let rows = gates * width;
                let weights = [draw(&[rows, inputs]), draw(&[rows, width])];
                cells.push(Cell {
                    suffix: format!("l{layer}{reverse}"),
                    weights,
                    biases: shape.bias.then(|| [draw(&[rows]), draw(&[rows])]),
                });
            }
        }
        Self {
            cells,
            options: RecurrentOptions {
                batch_first: shape.batch_first,
                bidirectional: shape.bidirectional,
            },
            dropout: shape.dropout,
        }
    }

    /// Runs layer after layer, with dropout between; the states of all layers, one below the other.
    #[track_caller]
    fn run(
        &self,
        x: &Var<T>,
        states: &[&Var<T>],
        pass: &mut Pass<T>,
        kind: Kind,
    ) -> (Var<T>, Vec<Var<T>>) {
        for state in states {
            require!(
                state.rank() > 0 && state.size(0) == self.cells.len(),
                "recurrent: {:?}: a state {:?}: {} of them are needed, one per layer and direction",
                x.shape(),
                state.shape(),
                self.cells.len()
            );
        }
        let directions = if self.options.bidirectional { 2 } else { 1 };
        let mut x = x.clone();
        let mut ends: Vec<Vec<Var<T>>> = Vec::new();
        for (number, cells) in self.cells.chunks(directions).enumerate() {
            if number > 0 && self.dropout > 0.0 && pass.is_training() {
                let rng = pass.rng();
                let kept = Tensor::from_fn(x.shape(), |_| rng.random::<f64>() >= self.dropout);
                x = x.dropout(&kept, self.dropout);
            }
            // No closures: they would hide the caller's line.
            let mut tracked = Vec::with_capacity(cells.len());
            for Cell {
                weights: [ih, hh],
                biases,
                ..
            } in cells
            {
                let weights = [pass.param(ih), pass.param(hh)];
                let biases = match biases {
                    Some([ih, hh]) => Some([pass.param(ih), pass.param(hh)]),
                    None => None,
                };
                tracked.push(Tracked { weights, biases });
            }
            let params: Vec<_> = tracked.iter().map(Tracked::params).collect();
            let at = (number * directions) as isize;
            let own: Vec<_> = states
                .iter()
                .map(|state| state.slice(0, at..at + directions as isize))
                .collect();
            let (y, end) = kind.layer(&x, &params, &own, &self.options);
            x = y;
            ends.push(end);
        }
        let kinds = ends[0].len();
        let joined = (0..kinds).map(|k| {
            let layers: Vec<_> = ends.iter().map(|end| &end[k]).collect();
            Var::concat(&layers, 0)
        });
        (x, joined.collect())
    }
}

/// How recurrent layers are built; the names are `PyTorch`'s.
#[derive(Clone, Copy, Debug, PartialEq)]
struct RecurrentShape {
    layers: usize,
    bias: bool,
    batch_first: bool,
    bidirectional: bool,
    dropout: f64,
}

macro_rules! recurrent {
    ($($(#[$doc:meta])* $layer:ident, $gates:literal;)*) => {$(
        $(#[$doc])*
        ///
        /// * input: `[steps, batch, inputs]`, or without the batch
        /// * output: the last layer's states `[steps, batch, directions·width]`
        ///
        /// Parameters of layer `k`, as in `PyTorch`: `weight_ih_lk`, `weight_hh_lk`, `bias_ih_lk`,
        /// `bias_hh_lk`; those of the backward direction end in `_reverse`. All start uniform in
        /// `±1/√width`.
        #[derive(Clone, Debug)]
        pub struct $layer<T: Real = f32> {
            stack: Stack<T>,
            #[allow(dead_code, reason = "only the plain layer has a choice")]
            nonlinearity: RnnActivation,
        }

        crate::fields!($layer { "" => stack });

        impl<T: Real> $layer<T> {
            /// One layer of a width.
            ///
            /// # Panics
            /// If the width is 0.
            #[must_use]
            #[track_caller]
            pub fn new(inputs: usize, width: usize, rng: &mut impl Rng) -> Self {
                Self::stacked(inputs, width, 1, rng)
            }

            /// Layers on top of each other.
            ///
            /// # Panics
            /// If there is no layer, or the width is 0.
            #[must_use]
            #[track_caller]
            pub fn stacked(inputs: usize, width: usize, layers: usize, rng: &mut impl Rng) -> Self {
                Self::of(inputs, width, layers, false, rng)
            }

            /// Layers that run in both directions.
            ///
            /// # Panics
            /// If there is no layer, or the width is 0.
            #[must_use]
            #[track_caller]
            pub fn bidirectional(inputs: usize, width: usize, layers: usize, rng: &mut impl Rng) -> Self {
                Self::of(inputs, width, layers, true, rng)
            }

            #[track_caller]
            fn of(inputs: usize, width: usize, layers: usize, both: bool, rng: &mut impl Rng) -> Self {
                let shape = RecurrentShape {
                    layers,
                    bias: true,
                    batch_first: false,
                    bidirectional: both,
                    dropout: 0.0,
                };
                Self {
                    stack: Stack::new($gates, inputs, width, &shape, rng),
                    nonlinearity: RnnActivation::default(),
                        }
            }

            /// The same for sequences `[batch, steps, inputs]`.
            #[must_use]
            pub fn batch_first(mut self) -> Self {
                self.stack.options.batch_first = true;
                self
            }

            /// The same without biases.
            #[must_use]
            pub fn without_bias(mut self) -> Self {
                for cell in &mut self.stack.cells {
                    cell.biases = None;
                }
                self
            }

            /// The same, dropping numbers with this probability between layers in training.
            ///
            /// # Panics
            /// If it is no probability below 1.
            #[must_use]
            #[track_caller]
            pub fn dropout(mut self, p: f64) -> Self {
                require!((0.0..1.0).contains(&p), "recurrent: {p} is no probability below 1");
                self.stack.dropout = p;
                self
            }
        }
    )*};
}

recurrent! {
    /// Plain recurrent layers, `h′ = tanh(W·x + b + U·h + c)` (Elman 1990); see [`Var::rnn`].
    Rnn, 1;

    /// Gated recurrent layers (Cho et al. 2014); see [`Var::gru`].
    Gru, 3;

    /// Layers of long short-term memory (Hochreiter & Schmidhuber 1997); see [`Var::lstm`].
    Lstm, 4;
}

impl<T: Real> Rnn<T> {
    /// The same with another function than the hyperbolic tangent.
    #[must_use]
    pub fn nonlinearity(mut self, f: RnnActivation) -> Self {
        self.nonlinearity = f;
        self
    }

    /// The states of the last layer, and the last states `[layers·directions, batch, width]`, from
    /// given ones or from 0.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[must_use]
    #[track_caller]
    pub fn run(&self, x: &Var<T>, state: Option<&Var<T>>, pass: &mut Pass<T>) -> (Var<T>, Var<T>) {
        let entered = pass.enter(self.layer_id());
        let states: Vec<_> = state.into_iter().collect();
        let kind = Kind::Plain(self.nonlinearity);
        let (y, mut ends) = self.stack.run(x, &states, pass, kind);
        pass.leave(entered, (y, ends.remove(0)))
    }
}

impl<T: Real> Gru<T> {
    /// The states of the last layer, and the last states `[layers·directions, batch, width]`, from
    /// given ones or from 0.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[must_use]
    #[track_caller]
    pub fn run(&self, x: &Var<T>, state: Option<&Var<T>>, pass: &mut Pass<T>) -> (Var<T>, Var<T>) {
        let entered = pass.enter(self.layer_id());
        let states: Vec<_> = state.into_iter().collect();
        let (y, mut ends) = self.stack.run(x, &states, pass, Kind::Gated);
        pass.leave(entered, (y, ends.remove(0)))
    }
}

impl<T: Real> Lstm<T> {
    /// The states of the last layer, and the last states and memories
    /// `[layers·directions, batch, width]`, from given ones or from 0.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[must_use]
    #[track_caller]
    pub fn run(
        &self,
        x: &Var<T>,
        state: Option<(&Var<T>, &Var<T>)>,
        pass: &mut Pass<T>,
    ) -> (Var<T>, Var<T>, Var<T>) {
        let entered = pass.enter(self.layer_id());
        let states: Vec<_> = state.into_iter().flat_map(|(h, c)| [h, c]).collect();
        let (y, mut ends) = self.stack.run(x, &states, pass, Kind::Long);
        let memory = ends.remove(1);
        pass.leave(entered, (y, ends.remove(0), memory))
    }
}

macro_rules! module {
    ($($layer:ident)*) => {$(
        impl<T: Real> Module<T> for $layer<T> {
            fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
                self.run(x, None, pass).0
            }
        }
    )*};
}

module! { Rnn Gru Lstm }

samples! {
    |rng| Lstm::bidirectional(3, 2, 2, rng), [3, 2, 3];
    |rng| Gru::stacked(3, 2, 2, rng).batch_first().dropout(0.5), [2, 3, 3];
    |rng| Rnn::new(3, 2, rng).without_bias(), [2, 3];
}
