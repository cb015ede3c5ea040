//! Export of models as ONNX files.
//!
//! A model is run twice in evaluation mode, with other inputs and another batch, and what the tape has recorded becomes the
//! file: so every model can be exported that computes by operations of `Var`, your own ones included. Parameters and
//! buffers have the names of the state dict, which are those of `PyTorch`.
//!
//! ```
//! use wengert_nn::{Conv2d, Flatten, Linear, Relu, Sequential, sequential};
//! use wengert_onnx::Export;
//!
//! let rng = &mut wengert_nn::rng(0);
//! let model: Sequential = sequential![
//!     Conv2d::new(1, 4, 3, rng),
//!     Relu,
//!     Flatten,
//!     Linear::new(4 * 6 * 6, 10, rng),
//! ];
//! let file = Export::new().model(&model, [1, 1, 8, 8])?;
//! let graph = file.proto().graph.as_ref().expect("a graph");
//! let operators: Vec<_> = graph.node.iter().filter_map(|node| node.op_type.as_deref()).collect();
//! assert_eq!(operators, ["Conv", "Relu", "Reshape", "Gemm", "Identity"]);
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("model.onnx");
//! file.write(&path)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The batch
//! The first axis of each input is the batch. In the file it may have any extent, unless [`BatchExtent::Fixed`] is asked for.
//! Shapes that contain the batch are computed in the file.
//!
//! # What cannot be exported
//! * A value that a model computes from its input by other means than operations of `Var`, such as `x.value()`, a mask of a
//!   comparison or the places of `argmax`: the file would hold it as a constant. The two runs differ there, which is an
//!   error that names the call.
//! * An operation without a translation: an error that names the operation, the line that called it and the layer. The
//!   table is in `docs/onnx.md` of the repository; [`Export::op`] adds a translation.
#![forbid(unsafe_code)]

mod call;
mod error;
mod graph;
mod number;
mod program;
pub mod proto;
mod translate;

pub use call::{Call, Translated};
pub use error::{CallSite, ExportError};
pub use graph::{integer, integers, number, word};
pub use number::FileNumber;
pub use program::Extent;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use prost::Message;
use wengert_autograd::Var;
use wengert_nn::{Module, Parameters, Pass, trace};
use wengert_tensor::Tensor;

use graph::Graph;
use program::{Operation, Pair, Program};
use proto::{ModelProto, OperatorSetIdProto};

/// The version of the operators in a file.
pub const OPSET: i64 = 17;
/// The version of the format, which belongs to [`OPSET`].
const IR_VERSION: i64 = 8;

/// The extent of the first axis of the inputs in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BatchExtent {
    /// Any.
    #[default]
    Dynamic,
    /// That of the inputs that the export is given.
    Fixed,
}

type Translation<'a, T> = Box<dyn Fn(&mut Call<'_, '_, T>) -> Translated + 'a>;

/// Options of an export.
pub struct Export<'a, T: FileNumber = f32> {
    batch: BatchExtent,
    name: String,
    translations: HashMap<&'static str, Translation<'a, T>>,
}

impl<T: FileNumber> Default for Export<'_, T> {
    fn default() -> Self {
        Self {
            batch: BatchExtent::default(),
            name: "model".to_owned(),
            translations: HashMap::new(),
        }
    }
}

impl<T: FileNumber> fmt::Debug for Export<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Export")
            .field("batch", &self.batch)
            .field("name", &self.name)
            .field("translations", &self.translations.keys())
            .finish()
    }
}

impl<'a, T: FileNumber> Export<'a, T> {
    /// The usual options: any batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Which batch the file takes.
    #[must_use]
    pub fn batch(mut self, batch: BatchExtent) -> Self {
        self.batch = batch;
        self
    }

    /// The name of the graph in the file.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// A translation of an operation by [name](wengert_autograd::Op::name), your own or another one than ours.
    ///
    /// ```
    /// use wengert_autograd::{Call, Contributions, Draw, Inputs, Op, Outputs, Sample, Var};
    /// use wengert_nn::{Module, Pass, fields};
    /// use wengert_onnx::Export;
    /// use wengert_tensor::Real;
    ///
    /// #[derive(Clone, Debug)]
    /// struct Cube;
    ///
    /// impl Op for Cube {
    ///     fn forward<T: Real>(&self, x: &Inputs<T>) -> Outputs<T> { x[0].map(|x| x * x * x).into() }
    ///     fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<T>) {
    ///         let x = call.input(0);
    ///         out.input(0, |g| g * (x * x * 3.0));
    ///     }
    ///     fn sample(draw: &mut Draw) -> Sample<Self> { Sample::new(Cube, [draw.any()]) }
    /// }
    ///
    /// struct Cubes;
    /// fields!(Cubes);
    /// impl<T: Real> Module<T> for Cubes {
    ///     fn forward(&self, x: &Var<T>, _: &mut Pass<T>) -> Var<T> { Var::apply(Cube, [x]) }
    /// }
    ///
    /// let error = Export::<f32>::new().model(&Cubes, [1, 3]).expect_err("a file has no such operation");
    /// assert!(error.to_string().starts_with("`Cube` ("));
    /// let file = Export::<f32>::new()
    ///     .op("Cube", |call| {
    ///         let (x, three) = (call.input(0), call.scalar(3.0));
    ///         let y = call.node("Pow", &[&x, &three], []);
    ///         call.set(0, y);
    ///         Ok(())
    ///     })
    ///     .model(&Cubes, [1, 3])?;
    /// # Ok::<(), wengert_onnx::ExportError>(())
    /// ```
    #[must_use]
    pub fn op(
        mut self,
        name: &'static str,
        translation: impl Fn(&mut Call<'_, '_, T>) -> Translated + 'a,
    ) -> Self {
        self.translations.insert(name, Box::new(translation));
        self
    }

    /// Exports a model of one input of this shape, the batch included. Its inputs in the two runs are normal numbers.
    ///
    /// # Errors
    /// If a part of the model cannot be written in ONNX, see [`ExportError`].
    ///
    /// # Panics
    /// If the model cannot run on this shape.
    #[track_caller]
    pub fn model<M>(&self, model: &M, shape: impl AsRef<[usize]>) -> Result<Onnx, ExportError>
    where
        M: Module<T> + ?Sized,
    {
        let shape = shape.as_ref();
        let input = Tensor::normal(shape, 0.0, 1.0, &mut wengert_nn::rng(0));
        self.function(model, &[input], |x, pass| vec![model.call(&x[0], pass)])
    }

    /// Exports a computation of several inputs and results, as [`trace`] runs it.
    ///
    /// The inputs are examples: the second run gets each of them with its elements in the reverse order, and, if the batch
    /// is [dynamic](BatchExtent::Dynamic), its first image once more.
    ///
    /// ```
    /// use wengert_nn::{Bilinear, rng};
    /// use wengert_onnx::Export;
    /// use wengert_tensor::Tensor;
    ///
    /// let rng = &mut rng(0);
    /// let model: Bilinear = Bilinear::new(3, 4, 2, rng);
    /// let inputs = [Tensor::normal([1, 3], 0.0, 1.0, rng), Tensor::normal([1, 4], 0.0, 1.0, rng)];
    /// let file = Export::new().function(&model, &inputs, |x, pass| vec![model.call(&x[0], &x[1], pass)])?;
    /// let graph = file.proto().graph.as_ref().expect("a graph");
    /// assert_eq!((graph.input.len(), graph.output.len()), (2, 1));
    /// # Ok::<(), wengert_onnx::ExportError>(())
    /// ```
    ///
    /// # Errors
    /// If a part of the computation cannot be written in ONNX, see [`ExportError`].
    ///
    /// # Panics
    /// As `compute` does.
    #[track_caller]
    pub fn function<M>(
        &self,
        model: &M,
        inputs: &[Tensor<T>],
        compute: impl Fn(&[Var<T>], &mut Pass<T>) -> Vec<Var<T>>,
    ) -> Result<Onnx, ExportError>
    where
        M: Parameters<T> + ?Sized,
    {
        for (number, input) in inputs.iter().enumerate() {
            let shape = input.shape().to_vec();
            if shape.first().is_none_or(|&batch| batch == 0) {
                return Err(ExportError::Input { number, shape });
            }
        }
        let grow = usize::from(self.batch == BatchExtent::Dynamic);
        // At least two images: one would broadcast against everything.
        let first: Vec<_> = inputs.iter().map(|x| grown(x, grow)).collect();
        let second: Vec<_> = first.iter().map(|x| grown(&reversed(x), grow)).collect();
        let batch = |inputs: &[Tensor<T>]| inputs.first().map_or(1, |x| x.shape()[0]);
        let traces = [
            trace(model, &first, &compute),
            trace(model, &second, &compute),
        ];
        let pair = Pair {
            traces: [&traces[0], &traces[1]],
            inputs: [&first, &second],
            batches: [batch(&first), batch(&second)],
        };
        self.write_program(&pair.program()?)
    }

    fn write_program(&self, program: &Program<T>) -> Result<Onnx, ExportError> {
        let mut graph = Graph::new(program);
        for step in &program.steps {
            let place = || step.place.clone();
            match self.translate(&mut graph, step) {
                Some(Ok(())) => {}
                Some(Err(reason)) => {
                    let place = place();
                    return Err(ExportError::Unsupported { place, reason });
                }
                None => return Err(ExportError::NoTranslation { place: place() }),
            }
        }
        let model = ModelProto {
            ir_version: Some(IR_VERSION),
            producer_name: Some("wengert".to_owned()),
            producer_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            doc_string: None,
            graph: Some(graph.finish(&self.name)),
            opset_import: vec![OperatorSetIdProto {
                domain: Some(String::new()),
                version: Some(OPSET),
            }],
        };
        let bytes = model.encoded_len();
        if bytes > i32::MAX as usize {
            return Err(ExportError::TooLarge { bytes });
        }
        Ok(Onnx { model })
    }

    /// Writes the nodes of a call; `None` if it has no translation.
    fn translate<'g>(&self, graph: &mut Graph<'g, T>, step: &'g Operation) -> Option<Translated> {
        let layer = step.place.layer.as_deref().unwrap_or_default();
        layer.clone_into(&mut graph.layer);
        let mut call = Call {
            graph: &mut *graph,
            step,
        };
        let translated = match self.translations.get(step.place.op) {
            Some(own) => own(&mut call),
            None if translate::add_bias(&mut call) => Ok(()),
            None => translate::translate(&mut call)?,
        };
        let is_missing = |&k: &usize| {
            let value = (step.entry, k);
            let is_broadcast = step.place.op == "broadcast_to";
            graph.program.uses.contains_key(&value) && !graph.has(value) && !is_broadcast
        };
        Some(
            match (translated, (0..step.results.len()).find(is_missing)) {
                (Ok(()), Some(k)) => Err(format!("its translation does not name result {k}")),
                (translated, _) => translated,
            },
        )
    }
}

/// The images, and the first one once more if there is to be one more.
fn grown<T: FileNumber>(x: &Tensor<T>, more: usize) -> Tensor<T> {
    match more {
        0 => x.clone(),
        _ => Tensor::concat(&[x, &x.slice(0, ..1)], 0),
    }
}

/// The elements in the reverse order.
fn reversed<T: FileNumber>(x: &Tensor<T>) -> Tensor<T> {
    let mut values = x.to_vec();
    values.reverse();
    Tensor::from_vec(values, x.shape())
}

/// A model in the format of ONNX.
#[derive(Clone, Debug, PartialEq)]
pub struct Onnx {
    model: ModelProto,
}

impl Onnx {
    /// The messages of the file.
    #[must_use]
    pub const fn proto(&self) -> &ModelProto {
        &self.model
    }

    /// The length of the file in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.model.encoded_len()
    }

    /// The content of the file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.model.encode_to_vec()
    }

    /// Writes the file, atomically, see [`wengert_nn::file::write`].
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), ExportError> {
        let path = path.as_ref();
        wengert_nn::file::write(path, &self.to_bytes()).map_err(|source| ExportError::Write {
            path: path.to_owned(),
            source,
        })
    }
}

/// The code of the README, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
