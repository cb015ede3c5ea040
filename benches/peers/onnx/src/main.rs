//! Writes ONNX files with inputs and the results that are expected: every model of the zoo, and every function of the
//! table of operations that can be exported.
//!
//!     peer-onnx DIRECTORY [PART_OF_A_NAME [PIXELS]]
//!
//! Photographs have 224 × 224 pixels unless another number is given, which `vit_b_16` does not take.
//!
//! `compare.py` runs them with ONNX Runtime. For each case there are `NAME.onnx`, the raw numbers of its inputs and of its
//! results in f32 (`NAME.in0`, `NAME.out0` …), those of the same computation in f64 (`NAME.exact0` …), and a line of
//! `cases.txt` with the shapes.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use wengert::autograd::ops::table;
use wengert::autograd::{Draw, LARGEST};
use wengert::nn::models::*;
use wengert::nn::{Layer, SlotMut, StateDict, fields};
use wengert::prelude::*;
use wengert_onnx::{BatchExtent, Export, Onnx};

/// The batch of models: other than those of the two runs of an export.
const BATCH: usize = 4;
/// Samples of each function.
const DRAWS: u64 = 8;

struct Writer {
    directory: PathBuf,
    list: String,
    only: String,
}

impl Writer {
    fn is_wanted(&self, name: &str) -> bool {
        name.contains(&self.only)
    }

    fn write(
        &mut self,
        name: &str,
        file: &Onnx,
        inputs: &[Tensor],
        results: &[Tensor],
        exact: &[Tensor<f64>],
    ) -> Result<(), Box<dyn Error>> {
        file.write(self.path(name, "onnx"))?;
        let raw = |x: &Tensor| x.iter().flat_map(f32::to_le_bytes).collect::<Vec<_>>();
        write!(self.list, "{name}")?;
        for (what, tensors) in [("in", inputs), ("out", results)] {
            for (i, tensor) in tensors.iter().enumerate() {
                fs::write(self.path(name, &format!("{what}{i}")), raw(tensor))?;
                let shape: Vec<_> = tensor.shape().iter().map(ToString::to_string).collect();
                write!(self.list, " {what}:{}", shape.join("x"))?;
            }
        }
        for (i, tensor) in exact.iter().enumerate() {
            let raw: Vec<_> = tensor.iter().flat_map(f64::to_le_bytes).collect();
            fs::write(self.path(name, &format!("exact{i}")), raw)?;
        }
        writeln!(self.list)?;
        Ok(())
    }

    fn path(&self, name: &str, extension: &str) -> PathBuf {
        self.directory.join(format!("{name}.{extension}"))
    }
}

/// A vector, or all zeros, as the last layer of a vision transformer is at first.
fn is_plain<T: Real>(x: &Tensor<T>) -> bool {
    x.rank() == 1 || x.iter().all(|x| x == T::zero())
}

/// Running statistics, scales and biases other than 0 and 1.
fn disturb<T: Real>(model: &mut dyn Layer<T>) {
    let rng = &mut rng(1);
    model.each_mut(|path, slot| {
        let value = match slot {
            SlotMut::Param(param) if is_plain(param.value()) => param.value_mut(),
            SlotMut::Buffer(buffer) => buffer.value_mut(),
            SlotMut::Param(_) | SlotMut::Counter(_) => return,
        };
        let low = if value.rank() > 1 {
            -0.5
        } else if path.ends_with("var") || path.ends_with("weight") {
            0.5
        } else {
            -0.2
        };
        let shape = value.shape().to_vec();
        *value = Tensor::uniform(shape, low..low + 1.0, rng);
    });
}

fn output<T: Real>(model: &dyn Layer<T>, x: &Tensor<T>) -> Tensor<T> {
    let mut pass = Pass::eval(model);
    model.call(&pass.input(x.clone()), &mut pass).into_value()
}

fn build<T: Real>(name: &str, pixels: usize) -> (Box<dyn Layer<T>>, [usize; 3]) {
    let rng = &mut rng(0);
    // The positions that a vision transformer learns are for one size.
    let pixels = if name == "vit_b_16" { 224 } else { pixels };
    let photograph = [3, pixels, pixels];
    let model: Box<dyn Layer<T>> = match name {
        "lenet" => {
            return (
                Box::new(LeNet::new(&LeNetOptions::default(), rng)),
                [1, 28, 28],
            );
        }
        "digits" => {
            return (
                Box::new(DigitsCnn::new(&DigitsOptions::default(), rng)),
                [1, 8, 8],
            );
        }
        "resnet20" => {
            return (
                Box::new(CifarResNet::new(&CifarResNetOptions::default(), rng)),
                [3, 32, 32],
            );
        }
        "vit_small" => {
            return (
                Box::new(VisionTransformer::new(&VitOptions::small(), rng)),
                [3, 32, 32],
            );
        }
        name => match torchvision(name, 1000, rng) {
            Some(model) => Box::new(model),
            None => panic!("no model {name}"),
        },
    };
    (model, photograph)
}

/// Models for small images; those of torchvision come after them.
const SMALL: [&str; 4] = ["lenet", "digits", "resnet20", "vit_small"];

fn model(name: &str, pixels: usize, writer: &mut Writer) -> Result<(), Box<dyn Error>> {
    let (mut model, image) = build::<f32>(name, pixels);
    disturb(&mut *model);
    let shape = |batch: usize| [&[batch], &image[..]].concat();
    let file = Export::new().name(name).model(&*model, shape(1))?;
    let x: Tensor = Tensor::normal(shape(BATCH), 0.0, 1.0, &mut rng(7));
    let result = output(&*model, &x);
    let (mut exact, _) = build::<f64>(name, pixels);
    StateDict::of(&*model).load_into(&mut *exact)?;
    drop(model);
    let exact = output(&*exact, &x.cast::<f64>());
    writer.write(name, &file, &[x], &[result], &[exact])
}

/// A model without parameters.
struct Nothing;
fields!(Nothing);

/// How many files a function has.
fn function(
    info: &wengert::autograd::ops::OpInfo,
    number: usize,
    writer: &mut Writer,
) -> Result<usize, Box<dyn Error>> {
    let mut written = 0;
    for seed in 0..DRAWS {
        let case = info.draw(&mut Draw::new(seed, seed as usize % (LARGEST + 1)));
        if case.inputs.iter().any(|x| x.rank() == 0 || x.is_empty()) {
            continue;
        }
        let inputs: Vec<Tensor> = case.inputs.iter().map(|x| x.cast::<f32>()).collect();
        let constants: Vec<_> = inputs.iter().cloned().map(Var::constant).collect();
        let Some(results) = case.function.f32(&constants) else {
            continue;
        };
        let rounded: Vec<_> = inputs
            .iter()
            .map(|x| Var::constant(x.cast::<f64>()))
            .collect();
        let exact: Vec<_> = case
            .function
            .f64(&rounded)
            .into_iter()
            .map(Var::into_value)
            .collect();
        let results: Vec<_> = results.into_iter().map(Var::into_value).collect();
        let export = Export::<f32>::new().batch(BatchExtent::Fixed);
        let of_f32 = |x: &[Var], _: &mut Pass| case.function.f32(x).unwrap_or_default();
        let Ok(file) = export.function(&Nothing, &inputs, of_f32) else {
            continue;
        };
        let name = info.name().replace([' ', '/'], "_");
        writer.write(
            &format!("op_{name}_{number}_{seed}"),
            &file,
            &inputs,
            &results,
            &exact,
        )?;
        written += 1;
    }
    Ok(written)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let Some(directory) = arguments.first() else {
        return Err("peer-onnx DIRECTORY [PART_OF_A_NAME [PIXELS]]".into());
    };
    fs::create_dir_all(directory)?;
    let mut writer = Writer {
        directory: Path::new(directory).to_owned(),
        list: String::new(),
        only: arguments.get(1).cloned().unwrap_or_default(),
    };
    let pixels = arguments.get(2).map_or(Ok(224), |text| text.parse())?;
    for name in SMALL.iter().chain(TORCHVISION) {
        if writer.is_wanted(name) {
            model(name, pixels, &mut writer)?;
        }
    }
    for (number, info) in table().enumerate() {
        if writer.is_wanted(&format!("op_{}", info.name())) {
            function(info, number, &mut writer)?;
        }
    }
    fs::write(writer.directory.join("cases.txt"), writer.list)?;
    Ok(())
}
