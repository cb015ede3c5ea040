//! The state of an optimizer as named tensors and numbers.

use std::collections::HashMap;
use std::sync::Arc;

use wengert_nn::{Parameters, ParametersExt, Slot};
use wengert_tensor::{Real, Tensor};

use crate::group::Group;
use crate::optimizer::{Entry, Optimizer};
use crate::rule::State;

/// Everything that an optimizer must know to go on with the same bits, beside its options.
///
/// Tensors are named `path/name`, such as `fc.weight/exp_avg`; numbers likewise, such as
/// `fc.weight/step`. The learning rate and the momentum of group `i` are `/i/lr` and `/i/momentum`.
#[derive(Clone, Debug, PartialEq)]
pub struct StateDict<T: Real = f32> {
    /// Named tensors.
    pub tensors: Vec<(String, Tensor<T>)>,
    /// Named numbers; whole ones up to 2⁵³ are exact.
    pub scalars: Vec<(String, f64)>,
}

/// Why a state dict does not fit an optimizer and its model.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The rule needs it.
    #[error("optimizer state: `{0}` is missing")]
    Missing(String),
    /// No parameter of the model, or no name of its rule.
    #[error("optimizer state: `{0}` belongs to nothing in this model and optimizer")]
    Unknown(String),
    /// It is there twice.
    #[error("optimizer state: `{0}` is there twice")]
    Twice(String),
    /// Not the parameter's shape.
    #[error("optimizer state: `{name}` is {found:?}, the model needs {expected:?}")]
    Shape {
        /// The tensor.
        name: String,
        /// The shape that the model needs.
        expected: Vec<usize>,
        /// The shape that was given.
        found: Vec<usize>,
    },
    /// Not a count.
    #[error("optimizer state: `{name}` is {value}, not a number of steps")]
    Count {
        /// The number.
        name: String,
        /// Its value.
        value: f64,
    },
}

impl<T: Real> Optimizer<T> {
    /// The state, to be loaded by an optimizer made with the same options.
    #[must_use]
    pub fn state_dict(&self) -> StateDict<T> {
        let mut tensors = Vec::new();
        let mut scalars = Vec::new();
        for (i, group) in self.groups.iter().enumerate() {
            scalars.push((format!("/{i}/lr"), group.lr));
            scalars.push((format!("/{i}/momentum"), group.momentum));
        }
        for entry in self.entries.iter().filter(|entry| entry.count > 0) {
            let name = |name| format!("{}/{name}", entry.path);
            scalars.push((name("step"), entry.count as f64));
            scalars.extend(entry.state.scalars.iter().map(|(n, x)| (name(n), *x)));
            tensors.extend(
                entry
                    .state
                    .tensors
                    .iter()
                    .map(|(n, x)| (name(n), x.clone())),
            );
        }
        StateDict { tensors, scalars }
    }

    /// Takes up the state of another optimizer for this model; in an error nothing changes.
    ///
    /// # Errors
    /// If a name is missing, unknown or there twice, or a shape or a count is wrong.
    pub fn load_state_dict(
        &mut self,
        model: &(impl Parameters<T> + ?Sized),
        dict: &StateDict<T>,
    ) -> Result<(), LoadError> {
        let mut source = Source::new(dict)?;
        let mut groups = self.groups.clone();
        for (i, group) in groups.iter_mut().enumerate() {
            group.lr = source.scalars.number(&format!("/{i}/lr"))?;
            group.momentum = source.scalars.number(&format!("/{i}/momentum"))?;
        }
        let mut entries = Vec::new();
        model.each(|path, slot| {
            if let Slot::Param(param) = slot {
                let group = self.group_of(path);
                entries.extend(source.entry(path, param.value(), group, &groups[group]));
            }
        });
        let entries = entries.into_iter().collect::<Result<Vec<_>, _>>()?;
        source.finish()?;
        self.groups = groups;
        self.replace_entries(entries);
        Ok(())
    }
}

/// What is left of a state dict.
pub(crate) struct Source<'a, T: Real> {
    tensors: HashMap<&'a str, &'a Tensor<T>>,
    scalars: Scalars<'a>,
}

/// What is left of the named numbers.
pub(crate) struct Scalars<'a>(HashMap<&'a str, f64>);

impl<'a> Scalars<'a> {
    pub(crate) fn new(dict: &'a [(String, f64)]) -> Result<Self, LoadError> {
        let mut scalars = HashMap::new();
        for (name, value) in dict {
            if scalars.insert(&**name, *value).is_some() {
                return Err(LoadError::Twice(name.clone()));
            }
        }
        Ok(Self(scalars))
    }

    pub(crate) fn optional(&mut self, name: &str) -> Option<f64> {
        self.0.remove(name)
    }

    pub(crate) fn number(&mut self, name: &str) -> Result<f64, LoadError> {
        let value = self.0.remove(name);
        value.ok_or_else(|| LoadError::Missing(name.to_owned()))
    }

    pub(crate) fn count(&mut self, name: &str) -> Result<u64, LoadError> {
        let value = self.number(name)?;
        if (0.0..=MOST_STEPS).contains(&value) && value.fract() == 0.0 {
            return Ok(value as u64);
        }
        let name = name.to_owned();
        Err(LoadError::Count { name, value })
    }

    /// Nothing may be left over.
    pub(crate) fn finish(self) -> Result<(), LoadError> {
        match self.0.into_keys().min() {
            Some(name) => Err(LoadError::Unknown(name.to_owned())),
            None => Ok(()),
        }
    }
}

impl<'a, T: Real> Source<'a, T> {
    pub(crate) fn new(dict: &'a StateDict<T>) -> Result<Self, LoadError> {
        let mut tensors = HashMap::new();
        for (name, tensor) in &dict.tensors {
            if tensors.insert(&**name, tensor).is_some() {
                return Err(LoadError::Twice(name.clone()));
            }
        }
        let scalars = Scalars::new(&dict.scalars)?;
        Ok(Self { tensors, scalars })
    }

    pub(crate) fn scalars(&mut self) -> &mut Scalars<'a> {
        &mut self.scalars
    }

    pub(crate) fn tensor(&mut self, name: String, shape: &[usize]) -> Result<Tensor<T>, LoadError> {
        let Some(tensor) = self.tensors.remove(&*name) else {
            return Err(LoadError::Missing(name));
        };
        if tensor.shape() == shape {
            return Ok(tensor.clone());
        }
        Err(LoadError::Shape {
            name,
            expected: shape.to_vec(),
            found: tensor.shape().to_vec(),
        })
    }

    /// The entry of a parameter; `None` if it was never updated.
    fn entry(
        &mut self,
        path: &str,
        param: &Tensor<T>,
        index: usize,
        group: &Group<T>,
    ) -> Option<Result<Entry<T>, LoadError>> {
        let name = format!("{path}/step");
        let value = self.scalars.optional(&name)?;
        if value < 1.0 || value.fract() != 0.0 || value > MOST_STEPS {
            return Some(Err(LoadError::Count { name, value }));
        }
        let count = value as u64;
        let fresh = group.rule.init(param, &group.step(count));
        let state = self.filled(path, fresh);
        Some(state.map(|state| Entry {
            path: Arc::from(path),
            group: index,
            count,
            state,
        }))
    }

    fn filled(&mut self, path: &str, mut state: State<T>) -> Result<State<T>, LoadError> {
        for (name, tensor) in &mut state.tensors {
            *tensor = self.tensor(format!("{path}/{name}"), tensor.shape())?;
        }
        for (name, value) in &mut state.scalars {
            *value = self.scalars.number(&format!("{path}/{name}"))?;
        }
        Ok(state)
    }

    /// Nothing may be left over.
    pub(crate) fn finish(self) -> Result<(), LoadError> {
        match self.tensors.into_keys().min() {
            Some(name) => Err(LoadError::Unknown(name.to_owned())),
            None => self.scalars.finish(),
        }
    }
}

/// Beyond 2⁵³ not every count is an `f64`.
const MOST_STEPS: f64 = 9_007_199_254_740_992.0;
