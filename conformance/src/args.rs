//! The arguments of a case. Reads are recorded, so that an argument which nothing reads is an error.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::{Map, Value};
use wengert::autograd::ops::Reduction;
use wengert::tensor::{Axes, Extents, Padding, keep};

use crate::failure::{Failure, wrong};

/// A JSON object that records which members were read.
pub struct Args<'a> {
    object: &'a Map<String, Value>,
    read: RefCell<BTreeSet<String>>,
}

impl<'a> Args<'a> {
    pub fn new(object: &'a Map<String, Value>) -> Self {
        Self {
            object,
            read: RefCell::default(),
        }
    }

    /// The raw value; null counts as absent.
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        let value = self.object.get(name)?;
        self.read.borrow_mut().insert(name.to_owned());
        (!value.is_null()).then_some(value)
    }

    /// All arguments except these. They count as read: the caller must reject unknown ones.
    pub fn without(&self, names: &[&str]) -> Map<String, Value> {
        let others = self
            .object
            .iter()
            .filter(|(name, _)| !names.contains(&name.as_str()));
        let others: Map<_, _> = others
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        self.read.borrow_mut().extend(others.keys().cloned());
        others
    }

    /// Fails if an argument was given that nothing has read.
    pub fn all_read(&self) -> Result<(), Failure> {
        let read = self.read.borrow();
        let unknown: Vec<_> = self
            .object
            .keys()
            .filter(|name| !read.contains(*name))
            .collect();
        if unknown.is_empty() {
            Ok(())
        } else {
            wrong(format!("unknown arguments {unknown:?}"))
        }
    }

    fn typed<X>(
        &self,
        name: &str,
        what: &str,
        parse: impl Fn(&'a Value) -> Option<X>,
    ) -> Result<Option<X>, Failure> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        match parse(value) {
            Some(x) => Ok(Some(x)),
            None => wrong(format!("argument {name}: {value} is not {what}")),
        }
    }

    pub fn f64(&self, name: &str) -> Result<Option<f64>, Failure> {
        self.typed(name, "a number", number)
    }

    pub fn f64_or(&self, name: &str, default: f64) -> Result<f64, Failure> {
        Ok(self.f64(name)?.unwrap_or(default))
    }

    pub fn isize(&self, name: &str) -> Result<Option<isize>, Failure> {
        self.typed(name, "a whole number", whole)
    }

    pub fn isize_or(&self, name: &str, default: isize) -> Result<isize, Failure> {
        Ok(self.isize(name)?.unwrap_or(default))
    }

    pub fn usize(&self, name: &str) -> Result<Option<usize>, Failure> {
        self.typed(name, "a count", count)
    }

    pub fn usize_or(&self, name: &str, default: usize) -> Result<usize, Failure> {
        Ok(self.usize(name)?.unwrap_or(default))
    }

    pub fn bool_or(&self, name: &str, default: bool) -> Result<bool, Failure> {
        Ok(self
            .typed(name, "true or false", Value::as_bool)?
            .unwrap_or(default))
    }

    pub fn str(&self, name: &str) -> Result<Option<&'a str>, Failure> {
        self.typed(name, "a word", Value::as_str)
    }

    /// One number or a list of them.
    pub fn list<X>(
        &self,
        name: &str,
        one: fn(&Value) -> Option<X>,
    ) -> Result<Option<Vec<X>>, Failure> {
        self.typed(name, "a list of whole numbers", |value| match value {
            Value::Array(values) => values.iter().map(one).collect(),
            value => one(value).map(|x| vec![x]),
        })
    }

    pub fn isizes(&self, name: &str) -> Result<Option<Vec<isize>>, Failure> {
        self.list(name, whole)
    }

    pub fn usizes(&self, name: &str) -> Result<Option<Vec<usize>>, Failure> {
        self.list(name, count)
    }

    pub fn object(&self, name: &str) -> Result<Option<&'a Map<String, Value>>, Failure> {
        self.typed(name, "an object", Value::as_object)
    }

    /// The axes of a reduction, `dim` and `keepdim`.
    pub fn axes(&self) -> Result<Axes, Failure> {
        let axes: Axes = match self.isizes("dim")? {
            Some(axes) => axes.into(),
            None => (..).into(),
        };
        let kept = self.bool_or("keepdim", false)?;
        Ok(if kept { keep(axes) } else { axes })
    }

    pub fn extents(&self, name: &str) -> Result<Option<Extents>, Failure> {
        Ok(self.usizes(name)?.map(|extents| match extents[..] {
            [one] => one.into(),
            _ => extents.as_slice().into(),
        }))
    }

    /// `"same"`, `"valid"`, one number, one number per axis, or a pair per axis.
    pub fn padding(&self, name: &str) -> Result<Option<Padding>, Failure> {
        self.typed(name, "a padding", |value| match value {
            Value::String(word) => match word.as_str() {
                "same" => Some(Padding::Same),
                "valid" => Some(0.into()),
                _ => None,
            },
            Value::Array(values) if values.iter().any(Value::is_array) => {
                Some(pairs(value, count)?.as_slice().into())
            }
            Value::Array(values) => {
                let sides: Option<Vec<_>> = values
                    .iter()
                    .map(|side| count(side).map(|n| [n, n]))
                    .collect();
                Some(sides?.as_slice().into())
            }
            value => Some(count(value)?.into()),
        })
    }

    /// A pair for each axis.
    pub fn pairs<X: Copy>(
        &self,
        name: &str,
        one: fn(&Value) -> Option<X>,
    ) -> Result<Option<Vec<[X; 2]>>, Failure> {
        self.typed(name, "a list of pairs", |value| pairs(value, one))
    }

    pub fn reduction(&self) -> Result<Reduction, Failure> {
        match self.str("reduction")? {
            None | Some("mean") => Ok(Reduction::Mean),
            Some("sum") => Ok(Reduction::Sum),
            Some("none") => Ok(Reduction::None),
            Some("batchmean") => Ok(Reduction::BatchMean),
            Some(other) => wrong(format!("reduction {other:?}")),
        }
    }
}

/// A number, or the names of the infinities and NaN.
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::String(word) => match word.as_str() {
            "inf" => Some(f64::INFINITY),
            "-inf" => Some(f64::NEG_INFINITY),
            "nan" => Some(f64::NAN),
            _ => None,
        },
        value => value.as_f64(),
    }
}

pub fn whole(value: &Value) -> Option<isize> {
    let whole = value.as_i64().or_else(|| {
        let x = value.as_f64()?;
        (x.fract() == 0.0 && x.abs() < 9e15).then_some(x as i64)
    })?;
    isize::try_from(whole).ok()
}

pub fn count(value: &Value) -> Option<usize> {
    usize::try_from(whole(value)?).ok()
}

fn pairs<X: Copy>(value: &Value, one: fn(&Value) -> Option<X>) -> Option<Vec<[X; 2]>> {
    let pair = |value: &Value| match value.as_array()?.as_slice() {
        [before, behind] => Some([one(before)?, one(behind)?]),
        _ => None,
    };
    value.as_array()?.iter().map(pair).collect()
}
