//! The state of an optimizer as named tensors and numbers.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use wengert_nn::{Parameters, ParametersExt, Slot};
use wengert_tensor::{Real, Tensor};

use crate::group::Group;
use crate::optimizer::{Optimizer, ParamState};
use crate::rule_options::Range;
use crate::rule_state::RuleState;

/// Everything that an optimizer needs to continue with the same bits.
///
/// Tensors are named `path/name`, such as `fc.weight/exp_avg`; numbers likewise, such as
/// `fc.weight/step`. The learning rate and the momentum of group `i` are `/i/lr` and `/i/momentum`.
#[derive(Clone, Debug, PartialEq)]
pub struct OptimizerState<T: Real = f32> {
    /// Named tensors.
    pub tensors: Vec<(String, Tensor<T>)>,
    /// Named numbers; whole ones up to 2⁵³ are exact.
    pub scalars: Vec<(String, f64)>,
    /// The options that the optimizer was made with, for comparison when the state is loaded: the rule
    /// and the pattern of group `i` are `/i/rule` and `/i/pattern`, an option is `/i/eps`. Empty: nothing
    /// is compared.
    pub options: Vec<(String, String)>,
}

/// An option whose values in a state and in the optimizer that loads it differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionDifference {
    /// The option, such as `/0/eps`.
    pub name: String,
    /// The value in the state; `None` if it is missing.
    pub saved: Option<String>,
    /// The value in the optimizer; `None` if it has no such option.
    pub current: Option<String>,
}

impl fmt::Display for OptionDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "missing".to_owned());
        let (saved, current) = (shown(&self.saved), shown(&self.current));
        write!(f, "`{}` is {saved} in the state, {current} here", self.name)
    }
}

/// Why a state does not fit an optimizer and its model.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The optimizer was made with other options than the one that saved the state.
    #[error(
        "optimizer state: {}; make the optimizer with the options of the state, or clear its field \
         `options` to keep those of this optimizer",
        .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    )]
    Options(Vec<OptionDifference>),
    /// The rule needs it.
    #[error("optimizer state: `{0}` is missing")]
    Missing(String),
    /// No parameter of the model has that path, or its rule no state of that name.
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
    /// Not a number of steps.
    #[error("optimizer state: `{name}` is {value}, not a number of steps")]
    Count {
        /// The number.
        name: String,
        /// Its value.
        value: f64,
    },
    /// A learning rate or momentum that no optimizer can have.
    #[error("optimizer state: `{name}` is {value}, it must be a finite number, at least 0")]
    Rate {
        /// The number.
        name: String,
        /// Its value.
        value: f64,
    },
}

impl<T: Real> Optimizer<T> {
    /// The state, to be loaded by an optimizer made with the same options.
    #[must_use]
    pub fn state_dict(&self) -> OptimizerState<T> {
        let mut tensors = Vec::new();
        let mut scalars = Vec::new();
        for (i, group) in self.groups.iter().enumerate() {
            scalars.push((format!("/{i}/lr"), group.lr));
            scalars.push((format!("/{i}/momentum"), group.momentum));
        }
        for param in self.params.iter().filter(|param| param.count > 0) {
            let name = |name| format!("{}/{name}", param.path);
            let state = &param.state;
            scalars.push((name("step"), param.count as f64));
            scalars.extend(state.scalars.iter().map(|(n, x)| (name(n), *x)));
            tensors.extend(state.tensors.iter().map(|(n, x)| (name(n), x.clone())));
        }
        OptimizerState {
            tensors,
            scalars,
            options: self.options(),
        }
    }

    fn options(&self) -> Vec<(String, String)> {
        let mut options = Vec::new();
        for (i, group) in self.groups.iter().enumerate() {
            options.push((format!("/{i}/pattern"), group.pattern.clone()));
            options.push((format!("/{i}/rule"), group.options.rule().to_owned()));
            let fixed = group.options.fixed().into_iter();
            options.extend(fixed.map(|(name, value)| (format!("/{i}/{name}"), value)));
        }
        options
    }

    /// Replaces the state by that of another optimizer for this model; after an error nothing has
    /// changed.
    ///
    /// Learning rates and momenta come from the state, since schedules change them; set them afterwards
    /// to continue with others. All other options must be equal, so that a state never meets other
    /// options unnoticed; a state whose `options` are cleared is not compared.
    ///
    /// # Errors
    /// If an option differs, a name is missing, unknown or there twice, or a shape, a count or a learning
    /// rate is wrong.
    pub fn load_state_dict(
        &mut self,
        model: &(impl Parameters<T> + ?Sized),
        dict: &OptimizerState<T>,
    ) -> Result<(), LoadError> {
        compare_options(&dict.options, &self.options())?;
        let mut source = Source::new(dict)?;
        let mut groups = self.groups.clone();
        for (i, group) in groups.iter_mut().enumerate() {
            group.lr = source.scalars.rate(&format!("/{i}/lr"))?;
            group.momentum = source.scalars.rate(&format!("/{i}/momentum"))?;
        }
        let mut params = Vec::new();
        model.each(|path, slot| {
            if let Slot::Param(param) = slot {
                let group = self.group_of(path);
                params.extend(source.param(path, param.value(), group, &groups[group]));
            }
        });
        let params = params.into_iter().collect::<Result<Vec<_>, _>>()?;
        source.finish()?;
        self.groups = groups;
        self.replace_state(params);
        Ok(())
    }
}

/// An error if two lists of options differ; a state without options is not compared.
pub(crate) fn compare_options(
    saved: &[(String, String)],
    current: &[(String, String)],
) -> Result<(), LoadError> {
    if saved.is_empty() {
        return Ok(());
    }
    let value = |options: &[(String, String)], name: &str| {
        let found = options.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone())
    };
    let mut names: Vec<&String> = current.iter().map(|(name, _)| name).collect();
    let added = saved.iter().map(|(name, _)| name);
    names.extend(added.filter(|name| value(current, name).is_none()));
    let differences: Vec<_> = names
        .into_iter()
        .map(|name| OptionDifference {
            name: name.clone(),
            saved: value(saved, name),
            current: value(current, name),
        })
        .filter(|difference| difference.saved != difference.current)
        .collect();
    if differences.is_empty() {
        Ok(())
    } else {
        Err(LoadError::Options(differences))
    }
}

/// The names of a state that have not been read yet.
pub(crate) struct Source<'a, T: Real> {
    tensors: HashMap<&'a str, &'a Tensor<T>>,
    scalars: Scalars<'a>,
}

/// The numbers that have not been read yet.
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

    /// A learning rate or a momentum.
    pub(crate) fn rate(&mut self, name: &str) -> Result<f64, LoadError> {
        let value = self.number(name)?;
        if Range::NonNegative.contains(value) {
            return Ok(value);
        }
        let name = name.to_owned();
        Err(LoadError::Rate { name, value })
    }

    pub(crate) fn count(&mut self, name: &str) -> Result<u64, LoadError> {
        let value = self.number(name)?;
        if (0.0..=MOST_STEPS).contains(&value) && value.fract() == 0.0 {
            return Ok(value as u64);
        }
        let name = name.to_owned();
        Err(LoadError::Count { name, value })
    }

    /// An error if a name was not read.
    pub(crate) fn finish(self) -> Result<(), LoadError> {
        match self.0.into_keys().min() {
            Some(name) => Err(LoadError::Unknown(name.to_owned())),
            None => Ok(()),
        }
    }
}

impl<'a, T: Real> Source<'a, T> {
    pub(crate) fn new(dict: &'a OptimizerState<T>) -> Result<Self, LoadError> {
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

    /// The state of a parameter; `None` if it was never updated.
    fn param(
        &mut self,
        path: &str,
        param: &Tensor<T>,
        index: usize,
        group: &Group<T>,
    ) -> Option<Result<ParamState<T>, LoadError>> {
        let name = format!("{path}/step");
        let value = self.scalars.optional(&name)?;
        if value < 1.0 || value.fract() != 0.0 || value > MOST_STEPS {
            return Some(Err(LoadError::Count { name, value }));
        }
        let count = value as u64;
        let initial = group.rule.init(param, &group.step(count));
        let state = self.filled(path, initial);
        Some(state.map(|state| ParamState {
            path: Arc::from(path),
            group: index,
            count,
            state,
        }))
    }

    fn filled(&mut self, path: &str, mut state: RuleState<T>) -> Result<RuleState<T>, LoadError> {
        for (name, tensor) in &mut state.tensors {
            *tensor = self.tensor(format!("{path}/{name}"), tensor.shape())?;
        }
        for (name, value) in &mut state.scalars {
            *value = self.scalars.number(&format!("{path}/{name}"))?;
        }
        Ok(state)
    }

    /// An error if a name was not read.
    pub(crate) fn finish(self) -> Result<(), LoadError> {
        match self.tensors.into_keys().min() {
            Some(name) => Err(LoadError::Unknown(name.to_owned())),
            None => self.scalars.finish(),
        }
    }
}

/// Above 2⁵³ an `f64` cannot represent every count.
const MOST_STEPS: f64 = 9_007_199_254_740_992.0;
