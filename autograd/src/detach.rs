//! A value without its history.

use wengert_tensor::Real;

use crate::apply::record_rule;
use crate::call::Call;
use crate::op::Outputs;
use crate::reads::Reads;
use crate::rule::{Contributions, TapeRule};
use crate::tape::Tape;
use crate::var::Var;

impl<T: Real> Var<T> {
    /// The same value as an untracked variable: no gradient flows through it.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(3.0));
    /// // The second factor counts as a constant.
    /// let y = &x * x.detach();
    /// assert_eq!((y.item(), y.backward().wrt(&x).item()), (9.0, 3.0));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn detach(&self) -> Self {
        let value = self.tensor().clone();
        if self.tape().is_some_and(Tape::is_for_replay) {
            // A program computes the value anew in each run, so it is on the tape.
            return record_rule(Box::new(Detach), &[self], vec![value]).remove(0);
        }
        Self::constant(value)
    }
}

/// The op of a detached value in a program.
#[derive(Debug)]
struct Detach;

impl<T: Real> TapeRule<T> for Detach {
    fn name(&self) -> &'static str {
        "detach"
    }

    fn vjp(&self, _: &Call<T>, _: &mut Contributions<'_, T>) {}

    fn run(&self, inputs: &[&Var<T>]) -> Outputs<T> {
        inputs[0].tensor().clone().into()
    }

    fn declared_reads(&self) -> Reads {
        Reads::SHAPES
    }
}
