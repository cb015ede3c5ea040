//! What all recurrent cells share: parameters, options, and the loop over layers and steps.

use crate::ops::prelude::*;

/// The parameters of a recurrent cell: one direction of one layer.
#[derive(Clone, Copy, Debug)]
pub struct CellParams<'a, T: Real = f32> {
    /// `[gates·width, inputs]`
    pub weight_ih: &'a Var<T>,
    /// `[gates·width, width]`
    pub weight_hh: &'a Var<T>,
    /// `[gates·width]`
    pub bias_ih: Option<&'a Var<T>>,
    /// `[gates·width]`
    pub bias_hh: Option<&'a Var<T>>,
}

impl<'a, T: Real> CellParams<'a, T> {
    /// Weights without biases.
    #[must_use]
    pub fn new(weight_ih: &'a Var<T>, weight_hh: &'a Var<T>) -> Self {
        Self {
            weight_ih,
            weight_hh,
            bias_ih: None,
            bias_hh: None,
        }
    }

    /// With biases.
    #[must_use]
    pub fn biases(self, bias_ih: &'a Var<T>, bias_hh: &'a Var<T>) -> Self {
        Self {
            bias_ih: Some(bias_ih),
            bias_hh: Some(bias_hh),
            ..self
        }
    }

    pub(in crate::ops) fn width(&self) -> usize {
        self.weight_hh.shape().last().copied().unwrap_or(0)
    }

    #[track_caller]
    pub(in crate::ops) fn check(&self, op: &str, gates: usize, x: &Var<T>, h: &Var<T>) {
        let width = self.width();
        let (x, h) = (x.shape(), h.shape());
        let [inputs, states] = [self.weight_ih, self.weight_hh].map(Var::shape);
        require!(
            width > 0
                && inputs.len() == 2
                && inputs[0] == gates * width
                && states == [gates * width, width],
            "{op}: {x:?}: weights {inputs:?} and {states:?}: [{gates}·width, inputs] and \
             [{gates}·width, width] are needed"
        );
        let (features, batch) = x
            .split_last()
            .map_or((0, x), |(last, batch)| (*last, batch));
        require!(
            features == inputs[1] && !x.is_empty(),
            "{op}: {x:?}: the input has {features} features, the weights are made for {} and a width of {width}",
            inputs[1]
        );
        let needed = [batch, &[width]].concat();
        require!(
            h == needed,
            "{op}: {x:?}: the hidden state is {h:?}, {needed:?} is needed: the batch of the input and the width"
        );
        for bias in [self.bias_ih, self.bias_hh].into_iter().flatten() {
            require!(
                bias.shape() == [gates * width],
                "{op}: {x:?}: a bias is {:?}, {:?} is needed, a number for each row of the weights",
                bias.shape(),
                [gates * width]
            );
        }
    }

    /// `weight_ih·x + bias_ih`
    pub(in crate::ops) fn input_sums(&self, x: &Var<T>) -> Var<T> {
        x.linear(self.weight_ih, self.bias_ih)
    }

    /// `weight_hh·h + bias_hh`
    pub(in crate::ops) fn hidden_sums(&self, h: &Var<T>) -> Var<T> {
        h.linear(self.weight_hh, self.bias_hh)
    }
}

/// The layout of sequences, and the directions of recurrent layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecurrentOptions {
    /// Whether sequences are `[batch, steps, inputs]`; by default they are `[steps, batch, inputs]`.
    pub batch_first: bool,
    /// Whether every layer has a second cell, which runs from the last step to the first; not by
    /// default. The results of both are concatenated along the last axis.
    pub bidirectional: bool,
}

/// A kind of cell.
pub(in crate::ops) trait Cell<T: Real> {
    /// All steps: takes the cell's parameters, the sequence `[steps, batch, inputs]` and the first states; returns the
    /// outputs of every step and the last states.
    ///
    /// A method and no closure, which would hide the caller's line.
    #[track_caller]
    fn run(
        &self,
        params: &CellParams<'_, T>,
        x: &Var<T>,
        states: Vec<Var<T>>,
    ) -> (Var<T>, Vec<Var<T>>);
}

/// Equal parts of the last axis.
pub(in crate::ops) fn parts<T: Real, const N: usize>(x: &Var<T>) -> [Var<T>; N] {
    let width = x.size(-1) / N;
    let parts = x.split(-1, [width; N]);
    parts.try_into().expect("as many parts as extents")
}

impl<T: Real> Var<T> {
    /// Runs a sequence through layers of cells. A cell has `gates` blocks of `width` rows in its
    /// weights, and `states` states, of which the first is its output.
    ///
    /// Returns the outputs of the last layer at every step, and each state of all cells after the last
    /// step.
    #[track_caller]
    pub(in crate::ops) fn sequence(
        &self,
        op: &str,
        [gates, states]: [usize; 2],
        layers: &[CellParams<'_, T>],
        state: Option<Vec<&Self>>,
        options: &RecurrentOptions,
        cell: &impl Cell<T>,
    ) -> (Self, Vec<Self>) {
        if self.rank() == 2 {
            let state: Option<Vec<Self>> =
                state.map(|state| state.into_iter().map(|s| s.unsqueeze(1)).collect());
            let state = state.as_ref().map(|state| state.iter().collect());
            let options = RecurrentOptions {
                batch_first: false,
                ..*options
            };
            let whole = self.unsqueeze(1);
            let (y, last) = whole.sequence(op, [gates, states], layers, state, &options, cell);
            return (y.squeeze(1), last.iter().map(|s| s.squeeze(1)).collect());
        }
        require!(
            self.rank() == 3,
            "{op}: {:?}: [steps, batch, inputs] is needed, or that without the batch",
            self.shape()
        );
        let directions = if options.bidirectional { 2 } else { 1 };
        require!(
            !layers.is_empty() && layers.len().is_multiple_of(directions),
            "{op}: parameters of {} cells for {directions} directions",
            layers.len()
        );
        let transposed_if_batch_first = |x: &Self| {
            if options.batch_first {
                x.transpose(0, 1)
            } else {
                x.clone()
            }
        };
        let mut x = transposed_if_batch_first(self);
        let (steps, batch) = (x.size(0), x.size(1));
        require!(steps > 0, "{op}: {:?}: there is no step", self.shape());
        let mut last = vec![Vec::new(); states];
        for (layer, cells) in layers.chunks(directions).enumerate() {
            let mut by_direction = Vec::new();
            for (direction, params) in cells.iter().enumerate() {
                let (number, width) = (layer * directions + direction, params.width());
                let mut first = vec![Self::full([batch, width], 0.0); states];
                for (first, state) in first.iter_mut().zip(state.iter().flatten()) {
                    require!(
                        state.shape() == [layers.len(), batch, width],
                        "{op}: {:?}: a state is {:?}, [{}, {batch}, {width}] is needed",
                        self.shape(),
                        state.shape(),
                        layers.len()
                    );
                    *first = state.select(0, number as isize);
                }
                params.check(op, gates, &x.select(0, 0), &first[0]);
                let (outputs, states) = if direction == 0 {
                    cell.run(params, &x, first)
                } else {
                    let (outputs, states) = cell.run(params, &x.flip(0), first);
                    (outputs.flip(0), states)
                };
                by_direction.push(outputs);
                for (kind, state) in last.iter_mut().zip(states) {
                    kind.push(state);
                }
            }
            x = Self::concat(&by_direction.iter().collect::<Vec<_>>(), -1);
        }
        let last = last
            .iter()
            .map(|kind| Self::stack(&kind.iter().collect::<Vec<_>>(), 0));
        (transposed_if_batch_first(&x), last.collect())
    }
}

/// Options, a sequence, a state, and the parameters of two cells, which are two layers or two directions.
pub(in crate::ops) fn draw_layers(
    draw: &mut Draw,
    gates: usize,
) -> (RecurrentOptions, Tensor<f64>, Tensor<f64>, Vec<Tensor<f64>>) {
    let (steps, batch) = (draw.within(1, 3), draw.within(1, 2));
    let (inputs, width) = (draw.within(1, 2), draw.within(1, 2));
    let options = RecurrentOptions {
        batch_first: draw.once_in(2),
        bidirectional: draw.once_in(2),
    };
    let alone = draw.once_in(4);
    let mut x = if options.batch_first {
        vec![batch, steps, inputs]
    } else {
        vec![steps, batch, inputs]
    };
    let mut state = vec![2, batch, width];
    if alone {
        x = vec![steps, inputs];
        state.remove(1);
    }
    let second = if options.bidirectional { inputs } else { width };
    let rows = gates * width;
    let params = [inputs, second]
        .into_iter()
        .flat_map(|inputs| [vec![rows, inputs], vec![rows, width], vec![rows]])
        .map(|shape| draw.normal(shape))
        .collect();
    (options, draw.normal(x), draw.normal(state), params)
}

/// Operands of a recurrent cell: input, state, both weights and both biases.
pub(in crate::ops) fn draw_cell(draw: &mut Draw, gates: usize) -> [Tensor<f64>; 6] {
    let (batch, inputs, width) = (draw.within(1, 3), draw.within(1, 3), draw.within(1, 3));
    let rows = gates * width;
    let shapes = [
        vec![batch, inputs],
        vec![batch, width],
        vec![rows, inputs],
        vec![rows, width],
        vec![rows],
        vec![rows],
    ];
    shapes.map(|shape| draw.normal(shape))
}
