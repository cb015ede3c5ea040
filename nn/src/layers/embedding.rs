//! Rows of a table by number.

use rand::Rng;
use wengert_autograd::Var;
use wengert_tensor::{Real, Tensor, require};

use crate::param::Param;
use crate::parameters::Parameters;
use crate::pass::Pass;

/// A table with one row for each symbol.
///
/// * input: symbols `[..]`, whole numbers; so it is not a [`Module`](crate::Module)
/// * output: `[.., width]`
///
/// Parameter, as in `torch.nn.Embedding`: `weight` `[symbols, width]`.
#[derive(Clone, Debug)]
pub struct Embedding<T: Real = f32> {
    /// The rows.
    pub weight: Param<T>,
    padding: Option<usize>,
}

crate::fields!(Embedding { weight });

impl<T: Real> Embedding<T> {
    /// A table of standard normal rows.
    #[must_use]
    pub fn new(symbols: usize, width: usize, rng: &mut impl Rng) -> Self {
        Self {
            weight: Param::new(Tensor::normal([symbols, width], 0.0, 1.0, rng)),
            padding: None,
        }
    }

    /// The same table with a row for padding, which is 0 and is never trained.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    #[track_caller]
    pub fn padding(mut self, symbol: usize) -> Self {
        let symbols = self.weight.shape()[0];
        require!(
            symbol < symbols,
            "embedding: {:?}: row {symbol} for padding is outside the {symbols} rows",
            self.weight.shape()
        );
        let weight = self.weight.value_mut();
        let width = weight.size(1);
        weight.as_mut_slice()[symbol * width..(symbol + 1) * width].fill(T::zero());
        self.padding = Some(symbol);
        self
    }

    /// The rows of the table for `symbols`.
    ///
    /// # Panics
    /// If a symbol has no row.
    #[must_use]
    #[track_caller]
    pub fn call(&self, symbols: &Tensor<i64>, pass: &mut Pass<T>) -> Var<T> {
        let entered = pass.enter(self.layer_id());
        let y = pass.param(&self.weight).embedding(symbols, self.padding);
        pass.leave(entered, y)
    }
}

// Its forward call takes more than one value, or whole numbers; `nn/tests` has tests of its own for it.
samples! {}
