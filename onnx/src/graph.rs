//! The graph of a file under construction.

use std::collections::{HashMap, HashSet};

use wengert_nn::TracedLeaf;
use wengert_tensor::Tensor;

use crate::number::{FileNumber, bytes, data_type};
use crate::program::{Extent, Operand, Program, Value};
use crate::proto::{
    AttributeProto, AttributeType, DataType, DimensionProto, DimensionValue, GraphProto, NodeProto,
    TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
};

/// An attribute that is a whole number.
#[must_use]
pub fn integer(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        i: Some(value),
        ..named(name, AttributeType::Int)
    }
}

/// An attribute that is a list of whole numbers.
#[must_use]
pub fn integers(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        ints: values.to_vec(),
        ..named(name, AttributeType::Ints)
    }
}

/// An attribute that is a real number.
#[must_use]
pub fn number(name: &str, value: f64) -> AttributeProto {
    AttributeProto {
        f: Some(value as f32),
        ..named(name, AttributeType::Float)
    }
}

/// An attribute that is a word.
#[must_use]
pub fn word(name: &str, value: &str) -> AttributeProto {
    AttributeProto {
        s: Some(value.as_bytes().to_vec()),
        ..named(name, AttributeType::String)
    }
}

fn named(name: &str, kind: AttributeType) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        r#type: Some(kind as i32),
        ..AttributeProto::default()
    }
}

/// Nodes, constants, and the names of the values so far.
pub(crate) struct Graph<'a, T: FileNumber> {
    pub(crate) program: &'a Program<T>,
    pub(crate) nodes: Vec<NodeProto>,
    initializers: Vec<TensorProto>,
    /// The names of values that have one.
    names: HashMap<Value, String>,
    /// The names of constants of the program: as they are stored, and of their whole shape.
    constants: HashMap<(usize, bool), String>,
    /// The names of constants that translations made, by bytes, type and shape.
    made: HashMap<(Vec<u8>, i32, Vec<i64>), String>,
    taken: HashSet<String>,
    /// The batch, as a vector of one number.
    batch: Option<String>,
    /// The layer that the next nodes belong to.
    pub(crate) layer: String,
    input_names: Vec<String>,
}

impl<'a, T: FileNumber> Graph<'a, T> {
    pub(crate) fn new(program: &'a Program<T>) -> Self {
        let mut graph = Self {
            program,
            nodes: Vec::new(),
            initializers: Vec::new(),
            names: HashMap::new(),
            constants: HashMap::new(),
            made: HashMap::new(),
            taken: HashSet::new(),
            batch: None,
            layer: String::new(),
            input_names: Vec::new(),
        };
        // Parameters first: they keep their names.
        for (entry, leaf) in &program.leaves {
            if let TracedLeaf::Stored { path, value } = leaf {
                let name = graph.fresh(path);
                graph.store(&name, value);
                graph.names.insert((*entry, 0), name);
            }
        }
        let count = program.inputs.len();
        for i in 0..count {
            let name = if count == 1 {
                "input".to_owned()
            } else {
                format!("input_{i}")
            };
            let name = graph.fresh(&name);
            graph.input_names.push(name);
        }
        for (entry, leaf) in &program.leaves {
            if let TracedLeaf::Input(i) = leaf {
                let name = graph.input_names[*i].clone();
                graph.names.insert((*entry, 0), name);
            }
        }
        graph
    }

    /// A name that nothing has yet: this one, or with a number behind it.
    fn fresh(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let mut number = 1;
        while name.is_empty() || !self.taken.insert(name.clone()) {
            number += 1;
            name = format!("{wanted}_{number}");
        }
        name
    }

    fn store(&mut self, name: &str, value: &Tensor<T>) {
        let dims = value.shape().iter().map(|&n| n as i64).collect();
        self.store_bytes(name, bytes(value), data_type::<T>(), dims);
    }

    fn store_bytes(&mut self, name: &str, raw: Vec<u8>, kind: DataType, dims: Vec<i64>) {
        self.initializers.push(TensorProto {
            dims,
            data_type: Some(kind as i32),
            name: Some(name.to_owned()),
            raw_data: Some(raw),
        });
    }

    /// A node with some results; their names.
    pub(crate) fn nodes(
        &mut self,
        op_type: &str,
        inputs: &[&str],
        attributes: Vec<AttributeProto>,
        results: usize,
    ) -> Vec<String> {
        let wanted = if self.layer.is_empty() {
            op_type.to_owned()
        } else {
            format!("{}/{op_type}", self.layer)
        };
        let name = self.fresh(&wanted);
        let output: Vec<_> = (0..results)
            .map(|k| match k {
                0 => name.clone(),
                _ => self.fresh(&format!("{name}:{k}")),
            })
            .collect();
        self.nodes.push(NodeProto {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: output.clone(),
            name: Some(name),
            op_type: Some(op_type.to_owned()),
            attribute: attributes,
        });
        output
    }

    /// A node with one result; its name.
    pub(crate) fn node(
        &mut self,
        op_type: &str,
        inputs: &[&str],
        attributes: Vec<AttributeProto>,
    ) -> String {
        self.nodes(op_type, inputs, attributes, 1).remove(0)
    }

    pub(crate) fn set(&mut self, value: Value, name: String) {
        self.names.insert(value, name);
    }

    /// Whether a value has a name.
    pub(crate) fn has(&self, value: Value) -> bool {
        self.names.contains_key(&value)
    }

    pub(crate) fn name(&self, value: Value) -> Option<&str> {
        self.names.get(&value).map(String::as_str)
    }

    /// A value; a broadcast is written down when it is first needed.
    pub(crate) fn value(&mut self, value: Value) -> String {
        if let Some(name) = self.names.get(&value) {
            return name.clone();
        }
        let program = self.program;
        let broadcast = &program.steps[program.by_entry[&value.0]];
        let narrow = match broadcast.operands[0] {
            Operand::Value(value) => self.value(value),
            Operand::Constant(number) => self.constant(number, true),
        };
        let shape = self.shape(&broadcast.results[0]);
        let name = self.node("Expand", &[&narrow, &shape], Vec::new());
        self.names.insert(value, name.clone());
        name
    }

    /// A constant of the program; as it is stored if `whole` is not set: extents that grow with the batch are 1 there.
    pub(crate) fn constant(&mut self, number: usize, whole: bool) -> String {
        if let Some(name) = self.constants.get(&(number, whole)) {
            return name.clone();
        }
        let constant = &self.program.constants[number];
        let grows = |extent: &Extent| matches!(extent, Extent::Batch(_));
        let name = if whole && constant.shape.iter().any(grows) {
            let narrow = self.constant(number, false);
            let shape = self.shape(&constant.shape);
            self.node("Expand", &[&narrow, &shape], Vec::new())
        } else {
            self.tensor(&constant.value)
        };
        self.constants.insert((number, whole), name.clone());
        name
    }

    /// A constant tensor; the same one for the same numbers.
    pub(crate) fn tensor(&mut self, value: &Tensor<T>) -> String {
        let dims = value.shape().iter().map(|&n| n as i64).collect();
        self.constant_bytes(bytes(value), data_type::<T>(), dims)
    }

    fn constant_bytes(&mut self, raw: Vec<u8>, kind: DataType, dims: Vec<i64>) -> String {
        let key = (raw, kind as i32, dims);
        if let Some(name) = self.made.get(&key) {
            return name.clone();
        }
        let name = self.fresh("constant");
        self.store_bytes(&name, key.0.clone(), kind, key.2.clone());
        self.made.insert(key, name.clone());
        name
    }

    /// A constant mask.
    pub(crate) fn mask(&mut self, mask: &Tensor<bool>) -> String {
        let raw = mask.iter().map(u8::from).collect();
        let dims = mask.shape().iter().map(|&n| n as i64).collect();
        self.constant_bytes(raw, DataType::Bool, dims)
    }

    /// Constant whole numbers.
    pub(crate) fn indices(&mut self, values: &Tensor<i64>) -> String {
        let raw = values.iter().flat_map(i64::to_le_bytes).collect();
        let dims = values.shape().iter().map(|&n| n as i64).collect();
        self.constant_bytes(raw, DataType::Int64, dims)
    }

    /// A constant vector of whole numbers.
    pub(crate) fn vector(&mut self, values: &[i64]) -> String {
        self.indices(&Tensor::from_slice(values, [values.len()]))
    }

    /// A shape as a vector of whole numbers, computed from the batch where it grows with it.
    pub(crate) fn shape(&mut self, shape: &[Extent]) -> String {
        let fixed = |extent: &Extent| match extent {
            Extent::Fixed(n) => Some(*n as i64),
            Extent::Batch(_) => None,
        };
        if let Some(extents) = shape.iter().map(fixed).collect::<Option<Vec<_>>>() {
            return self.vector(&extents);
        }
        let mut parts = Vec::new();
        for extent in shape {
            parts.push(match *extent {
                Extent::Fixed(n) => self.vector(&[n as i64]),
                Extent::Batch(times) => self.batches(times),
            });
        }
        if let [only] = &parts[..] {
            return only.clone();
        }
        let parts: Vec<_> = parts.iter().map(String::as_str).collect();
        self.node("Concat", &parts, vec![integer("axis", 0)])
    }

    /// This many times the batch, as a vector of one number.
    fn batches(&mut self, times: usize) -> String {
        let batch = if let Some(batch) = &self.batch {
            batch.clone()
        } else {
            let input = self.input_names[0].clone();
            let attributes = vec![integer("start", 0), integer("end", 1)];
            let batch = self.node("Shape", &[&input], attributes);
            self.batch = Some(batch.clone());
            batch
        };
        if times == 1 {
            return batch;
        }
        let times = self.vector(&[times as i64]);
        self.node("Mul", &[&batch, &times], Vec::new())
    }

    /// `x` in another shape.
    pub(crate) fn reshape(&mut self, x: &str, shape: &[Extent]) -> String {
        let grow = |extent: &&Extent| matches!(extent, Extent::Batch(_));
        let empty = shape.contains(&Extent::Fixed(0));
        let target = if shape.iter().filter(grow).count() == 1 && !empty {
            // The one extent that is not known follows from the number of elements.
            let extents = shape.iter().map(|extent| match extent {
                Extent::Fixed(n) => *n as i64,
                Extent::Batch(_) => -1,
            });
            self.vector(&extents.collect::<Vec<_>>())
        } else {
            self.shape(shape)
        };
        let attributes = if empty {
            vec![integer("allowzero", 1)]
        } else {
            Vec::new()
        };
        self.node("Reshape", &[x, &target], attributes)
    }

    /// The file's graph: what the outputs need, and no more.
    pub(crate) fn finish(mut self, name: &str) -> GraphProto {
        let mut outputs = Vec::new();
        let count = self.program.outputs.len();
        for (k, (operand, shape)) in self.program.outputs.iter().enumerate() {
            let made = match *operand {
                Operand::Value(value) => self.value(value),
                Operand::Constant(number) => self.constant(number, true),
            };
            let wanted = if count == 1 {
                "output".to_owned()
            } else {
                format!("output_{k}")
            };
            let (output, name) = (self.fresh(&wanted), self.fresh("Identity"));
            outputs.push(value_info::<T>(&output, shape));
            // A node of its own: one value may be two outputs, or an input.
            self.nodes.push(NodeProto {
                input: vec![made],
                output: vec![output],
                name: Some(name),
                op_type: Some("Identity".to_owned()),
                attribute: Vec::new(),
            });
        }
        let mut needed: HashSet<String> = outputs.iter().filter_map(|y| y.name.clone()).collect();
        let mut kept = Vec::new();
        for node in self.nodes.into_iter().rev() {
            if node.output.iter().any(|output| needed.contains(output)) {
                needed.extend(node.input.iter().cloned());
                kept.push(node);
            }
        }
        kept.reverse();
        let is_needed = |x: &TensorProto| x.name.as_ref().is_some_and(|name| needed.contains(name));
        self.initializers.retain(is_needed);
        let inputs = self.input_names.iter().zip(&self.program.inputs);
        GraphProto {
            node: kept,
            name: Some(name.to_owned()),
            initializer: self.initializers,
            input: inputs
                .map(|(name, shape)| value_info::<T>(name, shape))
                .collect(),
            output: outputs,
        }
    }
}

/// The name, the type and the shape of an input or an output.
fn value_info<T: FileNumber>(name: &str, shape: &[Extent]) -> ValueInfoProto {
    let dim = shape.iter().map(|extent| DimensionProto {
        value: Some(match *extent {
            Extent::Fixed(n) => DimensionValue::DimValue(n as i64),
            Extent::Batch(1) => DimensionValue::DimParam("batch".to_owned()),
            Extent::Batch(times) => DimensionValue::DimParam(format!("batch_times_{times}")),
        }),
    });
    let tensor_type = TensorTypeProto {
        elem_type: Some(data_type::<T>() as i32),
        shape: Some(TensorShapeProto { dim: dim.collect() }),
    };
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto {
            tensor_type: Some(tensor_type),
        }),
    }
}
