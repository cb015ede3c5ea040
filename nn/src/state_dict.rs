//! The state of a model as tensors by name: to and from files, and from one model to another.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::{fmt, io};

use thiserror::Error;
use wengert_tensor::{Real, Tensor, require};

use crate::file;
use crate::parameters::{Parameters, ParametersExt, Slot, SlotMut};
use crate::pattern::path_matches;
use crate::safetensors::{self, FormatError};
use crate::values::Values;

/// Tensors by name, in order: what a model knows.
///
/// Names and layouts are `PyTorch`'s, so that files move both ways.
///
/// ```
/// use wengert_nn::{Linear, ParametersExt, StateDict};
///
/// let teacher: Linear<f32> = Linear::new(3, 2, &mut wengert_nn::rng(0));
/// let bytes = StateDict::of(&teacher).to_bytes();
///
/// let mut student: Linear<f64> = Linear::new(3, 2, &mut wengert_nn::rng(1));
/// StateDict::from_bytes(&bytes)?.load_into(&mut student)?;
/// assert_eq!(student.weight.value(), &teacher.weight.value().cast());
/// # Ok::<(), wengert_nn::StateError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StateDict {
    entries: Vec<(String, Values)>,
    places: HashMap<String, usize>,
    /// Text that travels with the tensors.
    pub metadata: BTreeMap<String, String>,
}

impl StateDict {
    /// Nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The parameters, buffers and counters of a model by path, in its order.
    #[must_use]
    pub fn of<T: Real>(model: &(impl Parameters<T> + ?Sized)) -> Self {
        let mut state = Self::new();
        model.each(|path, slot| {
            state.insert(
                path,
                match slot {
                    Slot::Param(param) => Values::of(param.value()),
                    Slot::Buffer(buffer) => Values::of(buffer.value()),
                    Slot::Counter(counter) => Values::I64(Tensor::scalar(counter.value())),
                },
            );
        });
        state
    }

    /// Puts a tensor under a name, in the place of one that had it or else at the end.
    ///
    /// # Panics
    /// If no tensor may have this name: one with control characters, of more than 1024 bytes, or
    /// `__metadata__`.
    #[track_caller]
    pub fn insert(&mut self, name: impl Into<String>, values: Values) {
        let name = name.into();
        require!(
            safetensors::is_name(&name),
            "state dict: {name:?}: no name for a tensor"
        );
        if let Some(&place) = self.places.get(&name) {
            self.entries[place].1 = values;
        } else {
            self.places.insert(name.clone(), self.entries.len());
            self.entries.push((name, values));
        }
    }

    /// The tensors whose name a pattern matches, see [`path_matches`], in order: `"layer4"`, or `"*.bias"`.
    ///
    /// ```
    /// use wengert_nn::{Lenience, Linear, Sequential, StateDict, sequential};
    ///
    /// let rng = &mut wengert_nn::rng(0);
    /// let trained: Sequential = sequential![Linear::new(4, 8, rng), Linear::new(8, 10, rng)];
    /// let mut other: Sequential = sequential![Linear::new(4, 8, rng), Linear::new(8, 3, rng)];
    /// // The first layer of another model alone.
    /// let lenience = Lenience { missing: true, ..Lenience::default() };
    /// StateDict::of(&trained).filter("0").load_into_with(&mut other, lenience)?;
    /// # Ok::<(), wengert_nn::StateError>(())
    /// ```
    #[must_use]
    pub fn filter(&self, pattern: &str) -> Self {
        let mut kept = Self {
            metadata: self.metadata.clone(),
            ..Self::default()
        };
        let matching = self.iter().filter(|(name, _)| path_matches(pattern, name));
        for (name, values) in matching {
            kept.insert(name, values.clone());
        }
        kept
    }

    /// Takes a tensor out; the order of the others stays.
    pub fn remove(&mut self, name: &str) -> Option<Values> {
        let place = self.places.remove(name)?;
        for other in self.places.values_mut() {
            *other -= usize::from(*other > place);
        }
        Some(self.entries.remove(place).1)
    }

    /// Gives every tensor the name that `new` makes of its old one, such as another prefix:
    /// `state.rename(|name| name.replace("module.", ""))`.
    ///
    /// # Panics
    /// If two tensors get the same name, or no tensor may have a name, as for [`insert`](Self::insert).
    #[track_caller]
    pub fn rename(&mut self, mut new: impl FnMut(&str) -> String) {
        let entries = std::mem::take(&mut self.entries);
        self.places.clear();
        for (old, values) in entries {
            let name = new(&old);
            require!(
                !self.places.contains_key(&name),
                "rename: {old:?}: another tensor has got the new name {name:?} too"
            );
            self.insert(name, values);
        }
    }

    /// The tensor of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Values> {
        self.places.get(name).map(|&place| &self.entries[place].1)
    }

    /// Every tensor with its name, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Values)> {
        self.entries
            .iter()
            .map(|(name, values)| (name.as_str(), values))
    }

    /// How many tensors there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Gives every tensor of a model its value from here; the element types may differ.
    ///
    /// # Errors
    /// If names are missing, unknown, or their shapes or types are others; the model is then as it
    /// was.
    pub fn load_into<T: Real>(
        &self,
        model: &mut (impl Parameters<T> + ?Sized),
    ) -> Result<(), StateError> {
        self.load_into_with(model, Lenience::default()).map(|_| ())
    }

    /// An error if [`load_into`](Self::load_into) would be one; the model stays as it is.
    ///
    /// # Errors
    /// If names are missing, unknown, or their shapes or types are others.
    pub fn check<T: Real>(&self, model: &(impl Parameters<T> + ?Sized)) -> Result<(), StateError> {
        let difference = self.difference(model);
        if Lenience::default().allows(&difference) {
            Ok(())
        } else {
            Err(StateError::Difference(difference))
        }
    }

    /// As [`load_into`](Self::load_into), with names that may be missing or unknown; returns
    /// those that were.
    ///
    /// # Errors
    /// If there is a difference that is not allowed; the model is then as it was.
    pub fn load_into_with<T: Real>(
        &self,
        model: &mut (impl Parameters<T> + ?Sized),
        lenience: Lenience,
    ) -> Result<Difference, StateError> {
        let difference = self.difference(model);
        if !lenience.allows(&difference) {
            return Err(StateError::Difference(difference));
        }
        model.each_mut(|path, slot| {
            let Some(values) = self.get(path) else { return };
            match slot {
                SlotMut::Param(param) => assign(param.value_mut(), values),
                SlotMut::Buffer(buffer) => assign(buffer.value_mut(), values),
                SlotMut::Counter(counter) => {
                    *counter.value_mut() = values.counter().unwrap_or_else(|| counter.value());
                }
            }
        });
        Ok(difference)
    }

    /// How this differs from a model.
    fn difference<T: Real>(&self, model: &(impl Parameters<T> + ?Sized)) -> Difference {
        let mut difference = Difference::default();
        let mut known = HashSet::new();
        model.each(|path, slot| {
            let Some(values) = self.get(path) else {
                difference.missing.push(path.to_owned());
                return;
            };
            known.insert(path.to_owned());
            let (expected, wanted, fits) = match slot {
                Slot::Param(param) => (param.shape(), "real", values.is_real()),
                Slot::Buffer(buffer) => (buffer.shape(), "real", values.is_real()),
                Slot::Counter(_) => (&[][..], "I64", values.counter().is_some()),
            };
            if expected != values.shape() || !fits {
                difference.misfits.push(Misfit {
                    name: path.to_owned(),
                    expected: expected.to_vec(),
                    found: values.shape().to_vec(),
                    wanted,
                    given: values.type_name(),
                });
            }
        });
        let unexpected = self
            .iter()
            .map(|(name, _)| name)
            .filter(|name| !known.contains(*name));
        difference.unexpected = unexpected.map(str::to_owned).collect();
        difference
    }

    /// The bytes of a safetensors file; the same state always gives the same bytes.
    ///
    /// # Panics
    /// If they do not fit in memory.
    #[must_use]
    #[track_caller]
    pub fn to_bytes(&self) -> Vec<u8> {
        safetensors::encode(self)
    }

    /// The tensors of a safetensors file's bytes. F16 and BF16 become F32; the format's other types, such as BOOL, I32
    /// and F8, are kept as they are, see [`RawValues`](crate::RawValues).
    ///
    /// A model that needs a tensor of another type, and a model that does not know it, are errors that name it.
    /// [`Lenience::unexpected`] ignores the second kind and returns the names:
    ///
    /// ```
    /// use wengert_nn::{Lenience, Linear, StateDict};
    ///
    /// # let mut model: Linear = Linear::new(1, 1, &mut wengert_nn::rng(0));
    /// # let data = [0.5_f32.to_le_bytes(), 2.0_f32.to_le_bytes()].concat();
    /// # let header = concat!(
    /// #     r#"{"weight":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]},"#,
    /// #     r#""bias":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},"#,
    /// #     r#""mask":{"dtype":"BOOL","shape":[3],"data_offsets":[8,11]}}"#
    /// # );
    /// # let bytes = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &data[..], &[1, 0, 1]].concat();
    /// // The tensors of a linear layer, and a mask of type BOOL.
    /// let state = StateDict::from_bytes(&bytes)?;
    /// let error = state.load_into(&mut model).unwrap_err();
    /// assert_eq!(error.to_string(), "the state does not fit the model: unexpected: mask");
    ///
    /// let lenience = Lenience { unexpected: true, ..Lenience::default() };
    /// let difference = state.load_into_with(&mut model, lenience)?;
    /// assert_eq!(difference.unexpected, ["mask"]);
    /// # Ok::<(), wengert_nn::StateError>(())
    /// ```
    ///
    /// # Errors
    /// If the bytes are not such a file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        safetensors::decode(bytes).map_err(|error| StateError::Format { path: None, error })
    }

    /// Writes a safetensors file: a reader, or whoever comes after a crash, finds the old file or
    /// the new one, never a part.
    ///
    /// # Errors
    /// If the file cannot be written; an old one is then still there.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), StateError> {
        let path = path.as_ref();
        file::write(path, &self.to_bytes()).map_err(|error| StateError::File {
            path: path.to_owned(),
            error,
        })
    }

    /// Reads a safetensors file; see [`from_bytes`](Self::from_bytes).
    ///
    /// # Errors
    /// If the file cannot be read, or is not a safetensors file.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, StateError> {
        let path = path.as_ref();
        let bytes = file::read(path).map_err(|error| StateError::File {
            path: path.to_owned(),
            error,
        })?;
        safetensors::decode(&bytes).map_err(|error| StateError::Format {
            path: Some(path.to_owned()),
            error,
        })
    }
}

fn assign<T: Real>(place: &mut Tensor<T>, values: &Values) {
    *place = values.real().expect("the difference has no misfits");
}

/// Which differences between a model and a state dict are let pass; none by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lenience {
    /// Tensors of the model that the state lacks keep their values.
    pub missing: bool,
    /// Tensors of the state that the model lacks are ignored.
    pub unexpected: bool,
}

impl Lenience {
    fn allows(self, difference: &Difference) -> bool {
        difference.misfits.is_empty()
            && (self.missing || difference.missing.is_empty())
            && (self.unexpected || difference.unexpected.is_empty())
    }
}

/// How a state dict differs from a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Names that the model has and the state lacks.
    pub missing: Vec<String>,
    /// Names that the state has and the model lacks.
    pub unexpected: Vec<String>,
    /// Tensors of another shape or type.
    pub misfits: Vec<Misfit>,
}

/// A tensor whose shape or type is not the model's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// Its name.
    pub name: String,
    /// The shape in the model.
    pub expected: Vec<usize>,
    /// The shape in the state.
    pub found: Vec<usize>,
    /// The type in the model: `real` or `I64`.
    pub wanted: &'static str,
    /// The type in the state.
    pub given: &'static str,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            expected,
            found,
            wanted,
            given,
        } = self;
        if expected == found {
            let conversion = if *wanted == "I64" { "long" } else { "float" };
            write!(
                f,
                "{name} is {given}, not {wanted} (convert it before it is saved, in PyTorch with `.{conversion}()`)"
            )
        } else {
            write!(f, "{name} is {found:?}, not {expected:?}")
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let misfits: Vec<_> = self.misfits.iter().map(Misfit::to_string).collect();
        let lists = [
            ("missing", &self.missing),
            ("unexpected", &self.unexpected),
            ("of another shape or type", &misfits),
        ];
        let lists = lists.into_iter().filter(|(_, names)| !names.is_empty());
        let lists: Vec<_> = lists
            .map(|(what, names)| format!("{what}: {}", names.join(", ")))
            .collect();
        f.write_str(if lists.is_empty() {
            "no difference"
        } else {
            ""
        })?;
        f.write_str(&lists.join("; "))
    }
}

/// Why a state could not be written, read or loaded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StateError {
    /// The file system says no.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The content is not that of a safetensors file.
    #[error("{}{error}", path.as_ref().map_or_else(String::new, |path| format!("{}: ", path.display())))]
    Format {
        /// The file, if it is one.
        path: Option<PathBuf>,
        /// Why.
        #[source]
        error: FormatError,
    },
    /// The state is not of this model.
    #[error("the state does not fit the model: {0}")]
    Difference(Difference),
}
