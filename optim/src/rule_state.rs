//! What a rule keeps for one parameter from step to step.

use wengert_tensor::{Real, Tensor, fail};

/// What a rule keeps for one parameter: named tensors of its shape and named numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleState<T: Real> {
    pub(crate) tensors: Vec<(&'static str, Tensor<T>)>,
    pub(crate) scalars: Vec<(&'static str, f64)>,
}

impl<T: Real> Default for RuleState<T> {
    fn default() -> Self {
        Self {
            tensors: Vec::new(),
            scalars: Vec::new(),
        }
    }
}

impl<T: Real> RuleState<T> {
    /// Tensors of zeros, of a parameter's shape.
    #[must_use]
    pub fn zeros<const N: usize>(names: [&'static str; N], param: &Tensor<T>) -> Self {
        Self::default().with_tensors(names, param, 0.0)
    }

    /// The same with more tensors of a parameter's shape, filled with a number.
    #[must_use]
    pub fn with_tensors<const N: usize>(
        mut self,
        names: [&'static str; N],
        param: &Tensor<T>,
        value: f64,
    ) -> Self {
        let tensors = names.map(|name| (name, Tensor::full(param.shape(), T::of(value))));
        self.tensors.extend(tensors);
        self
    }

    /// The same with one more number.
    #[must_use]
    pub fn with_scalar(mut self, name: &'static str, value: f64) -> Self {
        self.scalars.push((name, value));
        self
    }

    /// Whether there is a tensor of that name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.tensors.iter().any(|(known, _)| *known == name)
    }

    /// Tensors by name.
    ///
    /// # Panics
    /// If there is none of a name, or a name is given twice.
    #[must_use]
    #[track_caller]
    pub fn tensors_mut<const N: usize>(&mut self, names: [&str; N]) -> [&mut Tensor<T>; N] {
        let mut found = [const { None }; N];
        for (known, tensor) in &mut self.tensors {
            if let Some(place) = names.iter().position(|name| name == known) {
                found[place] = Some(tensor);
            }
        }
        if let Some(missing) = found.iter().position(Option::is_none) {
            fail::fail(format_args!(
                "rule state: there is no tensor `{}`, or it is asked for twice; `Rule::init` makes \
                 the tensors",
                names[missing]
            ));
        }
        found.map(|tensor| tensor.expect("every name was found"))
    }

    /// A number by name.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    #[track_caller]
    pub fn scalar_mut(&mut self, name: &str) -> &mut f64 {
        let found = self.scalars.iter_mut().find(|(known, _)| *known == name);
        match found {
            Some((_, value)) => value,
            None => fail::fail(format_args!(
                "rule state: there is no number `{name}`; `Rule::init` makes the numbers"
            )),
        }
    }
}
