//! The manifest of a fixture directory, and the tensors of a case.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde_json::{Map, Value};
use wengert::nn::{StateDict, Values};
use wengert::tensor::{Real, Tensor};

use crate::compare::Tolerance;
use crate::failure::{Failure, needed, wrong};

/// The keys that a case may have. Any other is a failure, because it would be ignored.
const KEYS: [&str; 19] = [
    "args",
    "at_kink",
    "atol",
    "atol_after",
    "case",
    "cotangents",
    "data_file",
    "differentiable",
    "dtype",
    "expect",
    "extra",
    "file",
    "float32_deviation",
    "inputs",
    "note",
    "op",
    "outputs",
    "rtol",
    "second_order",
];

/// One line of the manifest.
pub struct Case {
    pub op: String,
    pub name: String,
    /// `f32`, `f64`, or nothing where only `expect` is stored.
    pub dtype: Option<String>,
    pub args: Map<String, Value>,
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
    pub differentiable: Vec<String>,
    pub cotangents: Vec<String>,
    /// `full`, `jvp`, or nothing.
    pub second_order: Option<String>,
    pub at_kink: bool,
    pub types: BTreeMap<String, String>,
    rtol: f64,
    atol: f64,
    pub atol_after: Option<f64>,
    pub expect: Option<Map<String, Value>>,
    file: Option<String>,
    state_file: Option<String>,
    data_file: Option<String>,
    unknown: Vec<String>,
}

/// A directory of fixtures; each file is read once.
pub struct Fixtures {
    directory: PathBuf,
    files: RefCell<BTreeMap<String, Rc<StateDict>>>,
    pub cases: Vec<Case>,
}

impl Fixtures {
    /// Reads the manifest.
    pub fn open(directory: &Path) -> Result<Self, String> {
        let path = directory.join("manifest.json");
        let text = std::fs::read_to_string(&path).map_err(|error| {
            format!(
                "{}: {error}; name the directory of a manifest.json",
                path.display()
            )
        })?;
        let manifest: Value =
            serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        if manifest.get("format").and_then(Value::as_u64) != Some(1) {
            return Err(format!("{}: only format 1 is known", path.display()));
        }
        let cases = manifest
            .get("cases")
            .and_then(Value::as_array)
            .ok_or_else(|| format!("{}: there is no list of cases", path.display()))?;
        let cases = cases
            .iter()
            .enumerate()
            .map(|(number, case)| {
                Case::parse(case).ok_or_else(|| {
                    format!(
                        "{}: case {number} is not understood: {case}",
                        path.display()
                    )
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            directory: directory.to_owned(),
            files: RefCell::default(),
            cases,
        })
    }

    fn file(&self, name: &str) -> Result<Rc<StateDict>, Failure> {
        if let Some(file) = self.files.borrow().get(name) {
            return Ok(file.clone());
        }
        let file = StateDict::load(self.directory.join(name));
        let file = Rc::new(file.map_err(|error| Failure::Wrong(error.to_string()))?);
        self.files
            .borrow_mut()
            .insert(name.to_owned(), file.clone());
        Ok(file)
    }

    /// The tensors of a case.
    pub fn stored<'a>(&self, case: &'a Case) -> Result<Stored<'a>, Failure> {
        if !case.unknown.is_empty() {
            return wrong(format!("unknown keys {:?} in the manifest", case.unknown));
        }
        let open = |name: &Option<String>| name.as_ref().map(|name| self.file(name)).transpose();
        Ok(Stored {
            case,
            read: RefCell::default(),
            file: open(&case.file)?,
            state: open(&case.state_file)?,
            data: open(&case.data_file)?,
        })
    }
}

impl Case {
    /// How far the numbers of the case may differ.
    pub fn tolerance(&self) -> Tolerance {
        Tolerance {
            rtol: self.rtol,
            atol: self.atol,
        }
    }

    fn parse(value: &Value) -> Option<Self> {
        let object = value.as_object()?;
        let text = |key: &str| object.get(key).and_then(Value::as_str).map(str::to_owned);
        let words = |key: &str| -> Option<Vec<String>> {
            let Some(list) = object.get(key) else {
                return Some(Vec::new());
            };
            list.as_array()?
                .iter()
                .map(|word| word.as_str().map(str::to_owned))
                .collect()
        };
        let types = match object.get("types") {
            None => BTreeMap::new(),
            Some(types) => types
                .as_object()?
                .iter()
                .map(|(name, kind)| Some((name.clone(), kind.as_str()?.to_owned())))
                .collect::<Option<_>>()?,
        };
        let known = |key: &str| KEYS.contains(&key) || key == "state_file" || key == "types";
        let number = |key: &str| object.get(key).and_then(Value::as_f64);
        Some(Self {
            op: text("op")?,
            name: text("case")?,
            dtype: text("dtype"),
            args: object.get("args")?.as_object()?.clone(),
            inputs: words("inputs")?,
            outputs: words("outputs")?,
            differentiable: words("differentiable")?,
            cotangents: words("cotangents")?,
            second_order: text("second_order"),
            at_kink: object
                .get("at_kink")
                .and_then(Value::as_bool)
                .unwrap_or(false),
            types,
            rtol: number("rtol").unwrap_or(0.0),
            atol: number("atol").unwrap_or(0.0),
            atol_after: number("atol_after"),
            expect: object.get("expect").and_then(Value::as_object).cloned(),
            file: text("file"),
            state_file: text("state_file"),
            data_file: text("data_file"),
            unknown: object.keys().filter(|key| !known(key)).cloned().collect(),
        })
    }
}

/// The tensors stored for a case.
pub struct Stored<'a> {
    case: &'a Case,
    read: RefCell<BTreeSet<String>>,
    file: Option<Rc<StateDict>>,
    state: Option<Rc<StateDict>>,
    data: Option<Rc<StateDict>>,
}

impl Stored<'_> {
    /// The tensor `<case>/<kind>/<name>`.
    pub fn find(&self, kind: &str, name: &str) -> Option<&Values> {
        let path = format!("{}/{kind}/{name}", self.case.name);
        let found = self.file.as_ref()?.get(&path)?;
        self.read.borrow_mut().insert(path);
        Some(found)
    }

    /// Fails if a tensor is stored for the case that was never read.
    pub fn all_read(&self) -> Result<(), Failure> {
        let prefix = format!("{}/", self.case.name);
        let read = self.read.borrow();
        let stored = self.file.iter().flat_map(|file| file.iter());
        let unread: Vec<_> = stored
            .filter_map(|(name, _)| name.strip_prefix(&prefix).filter(|_| !read.contains(name)))
            .collect();
        if unread.is_empty() {
            Ok(())
        } else {
            wrong(format!("stored, but never looked at: {unread:?}"))
        }
    }

    pub fn get(&self, kind: &str, name: &str) -> Result<&Values, Failure> {
        needed(
            self.find(kind, name),
            format!("stored tensor {kind}/{name}"),
        )
    }

    pub fn real<T: Real>(&self, kind: &str, name: &str) -> Result<Tensor<T>, Failure> {
        let values = self.get(kind, name)?;
        needed(values.real(), format!("real tensor {kind}/{name}"))
    }

    /// The names stored under a kind.
    pub fn names(&self, kind: &str) -> Vec<String> {
        let prefix = format!("{}/{kind}/", self.case.name);
        let Some(file) = &self.file else {
            return Vec::new();
        };
        file.iter()
            .filter_map(|(name, _)| name.strip_prefix(&prefix).map(str::to_owned))
            .collect()
    }

    /// The complete state dict that a model starts from.
    pub fn state(&self) -> Result<&StateDict, Failure> {
        needed(self.state.as_deref(), "state_file")
    }

    /// The data that a model is trained on.
    pub fn data(&self) -> Result<&StateDict, Failure> {
        needed(self.data.as_deref(), "data_file")
    }
}
