//! One recorded call, as its translation reads and writes it.

use wengert_autograd::{Attribute, Attributes};
use wengert_tensor::{Slice, Tensor};

use crate::graph::Graph;
use crate::number::FileNumber;
use crate::program::{Extent, Operand, Operation, Value};
use crate::proto::AttributeProto;

/// A recorded call that is being translated: its operands and options, and the nodes of the file.
///
/// Values go by their names in the file.
pub struct Call<'a, 'g, T: FileNumber> {
    pub(crate) graph: &'a mut Graph<'g, T>,
    pub(crate) step: &'g Operation,
}

/// The result of a translation; an error tells what it does not support.
pub type Translated = Result<(), String>;

impl<'g, T: FileNumber> Call<'_, 'g, T> {
    /// The name of the op.
    #[must_use]
    pub fn op(&self) -> &'static str {
        self.step.place.op
    }

    /// The number of operands.
    #[must_use]
    pub fn operands(&self) -> usize {
        self.step.operands.len()
    }

    /// The shape of an operand.
    ///
    /// # Panics
    /// If the call has no such operand.
    #[must_use]
    pub fn shape(&self, operand: usize) -> &'g [Extent] {
        &self.step.operand_shapes[operand]
    }

    /// The rank of an operand.
    ///
    /// # Panics
    /// If the call has no such operand.
    #[must_use]
    pub fn rank(&self, operand: usize) -> usize {
        self.shape(operand).len()
    }

    /// The shape of a result.
    ///
    /// # Panics
    /// If the call has no such result.
    #[must_use]
    pub fn result_shape(&self, result: usize) -> &'g [Extent] {
        &self.step.results[result]
    }

    /// Whether anything reads a result.
    #[must_use]
    pub fn is_used(&self, result: usize) -> bool {
        self.graph
            .program
            .uses
            .contains_key(&(self.step.entry, result))
    }

    /// An operand.
    ///
    /// # Panics
    /// If the call has no such operand.
    #[must_use]
    pub fn input(&mut self, operand: usize) -> String {
        match self.step.operands[operand] {
            Operand::Value(value) => self.graph.value(value),
            Operand::Constant(number) => self.graph.constant(number, true),
        }
    }

    /// The operands for an operator of ONNX that broadcasts by itself: without broadcasts where the result has the same
    /// shape without them.
    #[must_use]
    pub fn broadcasting_inputs(&mut self) -> Vec<String> {
        let narrow: Vec<_> = (0..self.operands()).map(|i| self.narrow(i)).collect();
        let joint = narrow
            .iter()
            .try_fold(Vec::new(), |joint, (_, shape)| broadcast(&joint, shape));
        if joint.as_deref() != Some(self.result_shape(0)) {
            return (0..self.operands()).map(|i| self.input(i)).collect();
        }
        let names = narrow.into_iter().map(|(operand, _)| match operand {
            Operand::Value(value) => self.graph.value(value),
            Operand::Constant(number) => self.graph.constant(number, false),
        });
        names.collect()
    }

    /// An operand before it was broadcast, and its shape then.
    fn narrow(&self, operand: usize) -> (Operand, Vec<Extent>) {
        match self.step.operands[operand] {
            Operand::Value(value) => match self.made_by(value) {
                Some(step) if step.place.op == "broadcast_to" => {
                    (step.operands[0], step.operand_shapes[0].clone())
                }
                _ => (Operand::Value(value), self.shape(operand).to_vec()),
            },
            Operand::Constant(number) => {
                let stored = self.graph.program.constants[number].value.shape();
                let stored = stored.iter().map(|&n| Extent::Fixed(n)).collect();
                (Operand::Constant(number), stored)
            }
        }
    }

    /// The call that made a value; `None` for an input or what is stored.
    pub(crate) fn made_by(&self, value: Value) -> Option<&'g Operation> {
        let program = self.graph.program;
        let step = *program.by_entry.get(&value.0)?;
        Some(&program.steps[step])
    }

    /// The name of a value that is an input, a parameter, a buffer or a constant.
    pub(crate) fn leaf(&mut self, operand: Operand) -> Option<String> {
        match operand {
            Operand::Value(value) if self.made_by(value).is_none() => {
                self.graph.name(value).map(str::to_owned)
            }
            Operand::Value(_) => None,
            Operand::Constant(number) => Some(self.graph.constant(number, false)),
        }
    }

    /// An operand as it was before broadcasts and changes of the shape.
    pub(crate) fn origin(&self, mut operand: Operand) -> Operand {
        while let Operand::Value(value) = operand
            && let Some(step) = self.made_by(value)
            && matches!(step.place.op, "broadcast_to" | "reshape")
        {
            operand = step.operands[0];
        }
        operand
    }

    /// Adds a node with one result; its name.
    pub fn node(
        &mut self,
        op_type: &str,
        inputs: &[&str],
        attributes: impl Into<Vec<AttributeProto>>,
    ) -> String {
        self.graph.node(op_type, inputs, attributes.into())
    }

    /// Names a result of the call.
    pub fn set(&mut self, result: usize, name: String) {
        self.graph.set((self.step.entry, result), name);
    }

    /// Names the only result of the call.
    #[allow(clippy::unnecessary_wraps, reason = "ends a translation")]
    pub(crate) fn done(&mut self, name: String) -> Translated {
        self.set(0, name);
        Ok(())
    }

    /// A constant of rank 0.
    #[must_use]
    pub fn scalar(&mut self, value: f64) -> String {
        self.graph.tensor(&Tensor::scalar(T::of(value)))
    }

    /// A constant tensor.
    #[must_use]
    pub fn tensor(&mut self, value: &Tensor<T>) -> String {
        self.graph.tensor(value)
    }

    /// A constant vector of whole numbers.
    #[must_use]
    pub fn vector(&mut self, values: &[i64]) -> String {
        self.graph.vector(values)
    }

    /// An option of the op.
    ///
    /// # Errors
    /// If the op does not tell it.
    pub fn attribute(&self, name: &str) -> Result<&'g Attribute, String> {
        attribute(&self.step.attributes, name)
            .ok_or_else(|| format!("the operation does not tell its option `{name}`"))
    }

    /// An option that is a whole number.
    ///
    /// # Errors
    /// If the op does not tell it.
    pub fn integer(&self, name: &str) -> Result<i64, String> {
        match self.integers(name)? {
            [value] => Ok(*value),
            _ => Err(format!("its option `{name}` is no whole number")),
        }
    }

    pub(crate) fn integers(&self, name: &str) -> Result<&'g [i64], String> {
        match self.attribute(name)? {
            Attribute::Integers(values) => Ok(values),
            _ => Err(format!("its option `{name}` is no list of whole numbers")),
        }
    }

    /// An option that is a number.
    ///
    /// # Errors
    /// If the op does not tell it.
    pub fn number(&self, name: &str) -> Result<f64, String> {
        match self.attribute(name)? {
            Attribute::Number(value) => Ok(*value),
            _ => Err(format!("its option `{name}` is no number")),
        }
    }

    /// An option that is set or not.
    ///
    /// # Errors
    /// If the op does not tell it.
    pub fn flag(&self, name: &str) -> Result<bool, String> {
        match self.attribute(name)? {
            Attribute::Flag(value) => Ok(*value),
            _ => Err(format!("its option `{name}` is neither set nor not set")),
        }
    }

    pub(crate) fn mask(&self, name: &str) -> Result<&'g Tensor<bool>, String> {
        match self.attribute(name)? {
            Attribute::Mask(mask) => Ok(mask),
            _ => Err(format!("its option `{name}` is no mask")),
        }
    }

    pub(crate) fn indices(&self, name: &str) -> Result<&'g Tensor<i64>, String> {
        match self.attribute(name)? {
            Attribute::Indices(indices) => Ok(indices),
            _ => Err(format!("its option `{name}` is no tensor of indices")),
        }
    }

    pub(crate) fn numbers(&self, name: &str) -> Result<&'g Tensor<f64>, String> {
        match self.attribute(name)? {
            Attribute::Numbers(numbers) => Ok(numbers),
            _ => Err(format!("its option `{name}` is no tensor of numbers")),
        }
    }

    pub(crate) fn slices(&self, name: &str) -> Result<&'g [Slice], String> {
        match self.attribute(name)? {
            Attribute::Slices(slices) => Ok(slices),
            _ => Err(format!("its option `{name}` is no list of slices")),
        }
    }

    /// The axes of the option `axes` in ascending order, and whether they stay in the result.
    pub(crate) fn axes(&self) -> Result<(Vec<i64>, bool), String> {
        let Attribute::Axes(axes) = self.attribute("axes")? else {
            return Err("its option `axes` is no list of axes".to_owned());
        };
        // Only the rank counts.
        let shape = vec![1; self.rank(0)];
        let found = axes.resolve(self.op(), &shape).iter();
        Ok((found.map(|axis| axis as i64).collect(), axes.is_kept()))
    }

    /// The option `axis`, counted from the front.
    pub(crate) fn axis(&self) -> Result<usize, String> {
        let rank = self.rank(0) as i64;
        Ok(self.integer("axis")?.rem_euclid(rank.max(1)) as usize)
    }
}

/// An option by name.
pub(crate) fn attribute<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a Attribute> {
    let mut named = attributes.iter().filter(|(own, _)| *own == name);
    named.next().map(|(_, value)| value)
}

/// The joint shape of two shapes.
fn broadcast(a: &[Extent], b: &[Extent]) -> Option<Vec<Extent>> {
    let rank = a.len().max(b.len());
    let at = |shape: &[Extent], axis: usize| {
        let missing = rank - shape.len();
        axis.checked_sub(missing)
            .map_or(Extent::Fixed(1), |axis| shape[axis])
    };
    let joint = (0..rank).map(|axis| match (at(a, axis), at(b, axis)) {
        (a, b) if a == b => Some(a),
        (Extent::Fixed(1), other) | (other, Extent::Fixed(1)) => Some(other),
        _ => None,
    });
    joint.collect()
}
