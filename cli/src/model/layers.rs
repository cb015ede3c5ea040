//! A network as a list of layers in a TOML file.
//!
//! ```toml
//! [[layer]]
//! type = "conv2d"
//! filters = 32
//! kernel = 3
//! padding = 1
//!
//! [[layer]]
//! type = "relu"
//!
//! [[layer]]
//! type = "flatten"
//!
//! [[layer]]
//! type = "linear"     # without `outputs`: as many as there are classes
//! ```
//!
//! Channels and features of an input are not written: they are what the layers before return.

use std::path::{Path, PathBuf};

use toml::Table;
use wengert::nn::{
    AdaptiveAvgPool2d, AvgPool2d, Dropout2d, Elu, Gelu, GlobalAvgPool, GroupNorm, Hardswish, Layer,
    LayerNorm, LeakyRelu, Mish, Prelu, Relu6, Sigmoid, Silu, Softplus, Tanh,
};
use wengert::prelude::*;

use super::fields::Fields;
use super::{Problem, panic_message};
use crate::suggest::nearest;

/// The types of layers, as files name them.
const TYPES: [&str; 25] = [
    "conv2d",
    "linear",
    "flatten",
    "batch-norm",
    "group-norm",
    "layer-norm",
    "max-pool",
    "avg-pool",
    "adaptive-avg-pool",
    "global-avg-pool",
    "dropout",
    "dropout2d",
    "relu",
    "leaky-relu",
    "relu6",
    "prelu",
    "elu",
    "gelu",
    "silu",
    "mish",
    "hardswish",
    "softplus",
    "sigmoid",
    "tanh",
    "identity",
];

/// The layers of a file.
#[derive(Clone, Debug)]
pub struct LayerList {
    file: PathBuf,
    layers: Vec<Table>,
}

impl LayerList {
    /// Reads a file; its layers are checked when the network is built.
    pub fn read(file: &Path) -> Result<Self, String> {
        let name = file.display();
        let text = std::fs::read_to_string(file).map_err(|error| format!("{name}: {error}"))?;
        Self::parse(file, &text)
    }

    /// As [`read`](Self::read), from the content of the file.
    pub fn parse(file: &Path, text: &str) -> Result<Self, String> {
        let name = file.display();
        let table = crate::toml_file::parse(file, text)?;
        let mut fields = Fields::new(table, name.to_string());
        let layers = fields.tables("layer")?;
        fields.finish()?;
        let layers = layers
            .filter(|layers| !layers.is_empty())
            .ok_or_else(|| format!("{name}: there is no [[layer]] in it"))?;
        Ok(Self {
            file: file.to_owned(),
            layers,
        })
    }

    pub fn file(&self) -> &Path {
        &self.file
    }

    pub fn len(&self) -> usize {
        self.layers.len()
    }

    /// The network, for any number type.
    pub fn build<T: Real>(
        &self,
        problem: Problem,
        rng: &mut ChaCha8Rng,
    ) -> Result<Sequential<T>, String> {
        let [channels, height, width] = problem.image;
        let input = [1, channels, height, width];
        let mut shape = input.to_vec();
        let mut model = Sequential::new();
        for (index, table) in self.layers.iter().enumerate() {
            let place = format!("{}: layer {index}", self.file.display());
            let mut fields = Fields::new(table.clone(), place.clone());
            let name = fields.text("name")?.unwrap_or_else(|| index.to_string());
            if name.is_empty() || name.contains('.') || model.iter().any(|(n, _)| n == name) {
                return Err(format!(
                    "{place}: name = {name:?}: a name of its own without dots is needed"
                ));
            }
            let kind = fields
                .text("type")?
                .ok_or_else(|| format!("{place}: type is missing, such as type = \"conv2d\""))?;
            if !TYPES.contains(&kind.as_str()) {
                return Err(format!(
                    "{place}: there is no type {kind:?}{}; the types are {}",
                    nearest(&kind, TYPES),
                    TYPES.join(", ")
                ));
            }
            let place = format!("{place} ({kind})");
            fields.set_place(place.clone());
            let next = Next {
                name,
                kind,
                input: &shape,
                classes: problem.classes,
                rng,
            };
            // Where a kernel does not fit and the like, the library says what is wrong.
            let explain = |message| format!("{place}: {message}");
            model = panic_message(|| next.push_to(model, &mut fields)).map_err(explain)??;
            fields.finish()?;
            shape = panic_message(|| summary(&model, input))
                .map_err(explain)?
                .output_shape;
        }
        Ok(model)
    }
}

/// A layer to be made.
struct Next<'a> {
    name: String,
    kind: String,
    /// The shape of its input: `[1, channels, height, width]` or `[1, features]`.
    input: &'a [usize],
    classes: usize,
    rng: &'a mut ChaCha8Rng,
}

impl Next<'_> {
    fn push_to<T: Real>(
        mut self,
        model: Sequential<T>,
        fields: &mut Fields,
    ) -> Result<Sequential<T>, String> {
        match self.kind.as_str() {
            "conv2d" => {
                let layer = self.conv2d(fields)?;
                Ok(self.add(model, layer))
            }
            "linear" => {
                let layer = self.linear(fields)?;
                Ok(self.add(model, layer))
            }
            "batch-norm" | "group-norm" | "layer-norm" => self.norm(model, fields),
            "max-pool" | "avg-pool" | "adaptive-avg-pool" | "global-avg-pool" => {
                self.pool(model, fields)
            }
            "dropout" | "dropout2d" => self.dropout(model, fields),
            _ => self.plain(model, fields),
        }
    }

    fn add<T: Real>(self, model: Sequential<T>, layer: impl Layer<T> + 'static) -> Sequential<T> {
        model.push_named(self.name, layer)
    }

    fn images(&self, fields: &Fields) -> Result<usize, String> {
        match self.input {
            [_, channels, _, _] => Ok(*channels),
            other => Err(format!(
                "{}: the layers before return {other:?}, and images of [batch, channels, height, width] are \
                 needed",
                fields.place()
            )),
        }
    }

    fn conv2d<T: Real>(&mut self, fields: &mut Fields) -> Result<Conv2d<T>, String> {
        let channels = self.images(fields)?;
        let filters = fields.needed_count("filters", 1)?;
        let kernel = fields.needed_count("kernel", 1)?;
        let groups = fields.count("groups", 1)?.unwrap_or(1);
        let conv = Conv2d::grouped(channels, filters, kernel, groups, self.rng)
            .stride(fields.count("stride", 1)?.unwrap_or(1))
            .padding(fields.count("padding", 0)?.unwrap_or(0))
            .dilation(fields.count("dilation", 1)?.unwrap_or(1));
        let has_bias = fields.switch("bias")?.unwrap_or(true);
        Ok(if has_bias { conv } else { conv.without_bias() })
    }

    fn linear<T: Real>(&mut self, fields: &mut Fields) -> Result<Linear<T>, String> {
        let [_, features] = *self.input else {
            return Err(format!(
                "{}: the layers before return {:?}, and [batch, features] is needed; put a layer of type \
                 \"flatten\" or \"global-avg-pool\" before",
                fields.place(),
                self.input
            ));
        };
        let outputs = fields.count("outputs", 1)?.unwrap_or(self.classes);
        let linear = Linear::new(features, outputs, self.rng);
        let has_bias = fields.switch("bias")?.unwrap_or(true);
        Ok(if has_bias {
            linear
        } else {
            linear.without_bias()
        })
    }

    fn norm<T: Real>(
        self,
        model: Sequential<T>,
        fields: &mut Fields,
    ) -> Result<Sequential<T>, String> {
        if self.kind == "layer-norm" {
            let layer = LayerNorm::new(&self.input[1..]);
            return Ok(self.add(model, layer));
        }
        if self.kind == "group-norm" {
            let channels = self.images(fields)?;
            let groups = fields.needed_count("groups", 1)?;
            return Ok(self.add(model, GroupNorm::new(groups, channels)));
        }
        let layer = BatchNorm2d::new(self.images(fields)?);
        Ok(self.add(model, layer))
    }

    fn pool<T: Real>(
        self,
        model: Sequential<T>,
        fields: &mut Fields,
    ) -> Result<Sequential<T>, String> {
        self.images(fields)?;
        if self.kind == "global-avg-pool" {
            return Ok(self.add(model, GlobalAvgPool));
        }
        if self.kind == "adaptive-avg-pool" {
            let size = fields.needed_count("size", 1)?;
            return Ok(self.add(model, AdaptiveAvgPool2d::new(size)));
        }
        let size = fields.needed_count("size", 1)?;
        let stride = fields.count("stride", 1)?.unwrap_or(size);
        let padding = fields.count("padding", 0)?.unwrap_or(0);
        if self.kind == "avg-pool" {
            let layer = AvgPool2d::new(size).stride(stride).padding(padding);
            return Ok(self.add(model, layer));
        }
        let layer = MaxPool2d::new(size).stride(stride).padding(padding);
        Ok(self.add(model, layer))
    }

    fn dropout<T: Real>(
        self,
        model: Sequential<T>,
        fields: &mut Fields,
    ) -> Result<Sequential<T>, String> {
        let p = fields.number("p")?.unwrap_or(0.5);
        Ok(if self.kind == "dropout" {
            self.add(model, Dropout::new(p))
        } else {
            self.add(model, Dropout2d::new(p))
        })
    }

    /// Layers without an option, or with one number.
    fn plain<T: Real>(
        self,
        model: Sequential<T>,
        fields: &mut Fields,
    ) -> Result<Sequential<T>, String> {
        Ok(match self.kind.as_str() {
            "flatten" => self.add(model, Flatten),
            "relu" => self.add(model, Relu),
            "leaky-relu" => {
                let slope = fields.number("slope")?;
                self.add(model, slope.map_or_else(LeakyRelu::default, LeakyRelu::new))
            }
            "elu" => {
                let alpha = fields.number("alpha")?;
                self.add(model, alpha.map_or_else(Elu::default, Elu::new))
            }
            "relu6" => self.add(model, Relu6),
            "prelu" => self.add(model, Prelu::new(1)),
            "gelu" => self.add(model, Gelu),
            "silu" => self.add(model, Silu),
            "mish" => self.add(model, Mish),
            "hardswish" => self.add(model, Hardswish),
            "softplus" => self.add(model, Softplus::default()),
            "sigmoid" => self.add(model, Sigmoid),
            "tanh" => self.add(model, Tanh),
            _ => self.add(model, wengert::nn::Identity),
        })
    }
}
