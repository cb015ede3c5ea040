//! One call of an op: its arguments and inputs by name, and its outputs.

use std::collections::BTreeMap;

use wengert::autograd::Var;
use wengert::tensor::{Real, Tensor};

use crate::args::Args;
use crate::failure::{Failure, needed, wrong};

/// An input or an output.
#[derive(Clone, Debug)]
pub enum Slot<T: Real> {
    /// Real numbers, possibly tracked.
    Var(Var<T>),
    /// Integers.
    Whole(Tensor<i64>),
    /// Booleans.
    Truth(Tensor<bool>),
}

impl<T: Real> From<Var<T>> for Slot<T> {
    fn from(x: Var<T>) -> Self {
        Self::Var(x)
    }
}

impl<T: Real> From<Tensor<T>> for Slot<T> {
    fn from(x: Tensor<T>) -> Self {
        Self::Var(Var::constant(x))
    }
}

/// What an op returns, by name.
pub type Outputs<T> = Vec<(String, Slot<T>)>;

/// One output, which the fixtures call `y`.
#[expect(clippy::unnecessary_wraps, reason = "the last expression of a handler")]
pub fn y<T: Real>(x: impl Into<Slot<T>>) -> Result<Outputs<T>, Failure> {
    Ok(vec![("y".to_owned(), x.into())])
}

/// Several named outputs.
#[expect(clippy::unnecessary_wraps, reason = "the last expression of a handler")]
pub fn named<T: Real, const N: usize>(
    outputs: [(&str, Slot<T>); N],
) -> Result<Outputs<T>, Failure> {
    Ok(outputs.map(|(name, slot)| (name.to_owned(), slot)).into())
}

/// The op's name, arguments and inputs.
pub struct Call<'a, T: Real> {
    pub op: &'a str,
    pub args: &'a Args<'a>,
    /// In the manifest's order.
    pub order: &'a [String],
    pub inputs: BTreeMap<&'a str, Slot<T>>,
}

impl<T: Real> Call<'_, T> {
    pub fn has(&self, name: &str) -> bool {
        self.inputs.contains_key(name)
    }

    /// A real input, if it is given.
    pub fn try_var(&self, name: &str) -> Result<Option<&Var<T>>, Failure> {
        match self.inputs.get(name) {
            None => Ok(None),
            Some(Slot::Var(x)) => Ok(Some(x)),
            Some(_) => wrong(format!("input {name} has no real numbers")),
        }
    }

    pub fn var(&self, name: &str) -> Result<&Var<T>, Failure> {
        needed(self.try_var(name)?, format!("input {name}"))
    }

    pub fn x(&self) -> Result<&Var<T>, Failure> {
        self.var("x")
    }

    /// Every real input in order.
    pub fn vars(&self) -> Result<Vec<&Var<T>>, Failure> {
        self.order.iter().map(|name| self.var(name)).collect()
    }

    pub fn whole(&self, name: &str) -> Result<&Tensor<i64>, Failure> {
        match self.inputs.get(name) {
            Some(Slot::Whole(x)) => Ok(x),
            _ => wrong(format!("there is no input {name} of whole numbers")),
        }
    }

    /// A boolean input, if it is given.
    pub fn try_truth(&self, name: &str) -> Result<Option<&Tensor<bool>>, Failure> {
        match self.inputs.get(name) {
            None => Ok(None),
            Some(Slot::Truth(x)) => Ok(Some(x)),
            Some(_) => wrong(format!("input {name} has no truths")),
        }
    }

    pub fn truth(&self, name: &str) -> Result<&Tensor<bool>, Failure> {
        needed(self.try_truth(name)?, format!("input {name}"))
    }

    /// A constant of an op, such as the weights of classes, if it is given.
    pub fn try_constant(&self, name: &str) -> Result<Option<Tensor<f64>>, Failure> {
        Ok(self.try_var(name)?.map(|x| x.value().cast()))
    }

    /// A target of 1 and −1, whatever type it is stored in.
    pub fn signs(&self, name: &str) -> Result<Tensor<i64>, Failure> {
        match self.inputs.get(name) {
            Some(Slot::Whole(x)) => Ok(x.clone()),
            Some(Slot::Var(x)) => Ok(x.value().cast()),
            _ => wrong(format!("there is no input {name}")),
        }
    }
}
