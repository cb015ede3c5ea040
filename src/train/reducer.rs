//! [`Reducer`]: gradients and changes of buffers in buckets, which are added up over all processes.

use std::sync::Arc;

use wengert_nn::{BufferChanges, Gradients, IdSet, Parameters, ParametersExt, Slot};
use wengert_tensor::{Real, Tensor};

use super::shards::ShardSum;
use crate::distributed::{Communicator, NumberType, ReducePlan, Running};

/// The tensors of a model in buckets, whose memory is used again in each step.
///
/// Parameters are in the reverse order of the model, since the backward pass finishes the last ones first; buffers follow.
/// A bucket is sent as soon as it is full and those before it are sent, while earlier layers are still being
/// differentiated.
pub(super) struct Reducer {
    plan: Arc<ReducePlan>,
    numbers: NumberType,
    /// The number of sums that this process gives.
    nodes: usize,
    places: Vec<Place>,
    /// The place of each parameter by its number in the model; `None` for a frozen one.
    of_parameter: Vec<Option<usize>>,
    buckets: Vec<Bucket>,
    /// The first bucket that is not sent.
    next: usize,
}

/// Where a tensor is.
struct Place {
    kind: Kind,
    /// The number of the parameter or the buffer in the order of the model.
    number: usize,
    path: String,
    shape: Vec<usize>,
    bucket: usize,
    start: usize,
    bytes: usize,
    /// Whether the last sum of this step is written.
    is_written: bool,
    /// Whether a sum of this step has it.
    is_present: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Parameter,
    Buffer,
}

/// Tensors that are sent together: first all of the first node's sum, then all of the second one's.
struct Bucket {
    bytes: usize,
    places: usize,
    /// The number of tensors that are not written.
    missing: usize,
    memory: Memory,
}

enum Memory {
    Here(Vec<u8>),
    Sent(Running),
}

impl Reducer {
    pub(super) fn new<T: Real>(
        model: &(impl Parameters<T> + ?Sized),
        communicator: &Communicator,
        shards: usize,
        numbers: NumberType,
    ) -> Self {
        let plan = ReducePlan::new(shards, communicator.size(), numbers);
        let (mut parameters, mut buffers) = (Vec::new(), Vec::new());
        let mut of_parameter = Vec::new();
        let mut seen = IdSet::default();
        let place = |kind, number, path: &str, shape: &[usize]| Place {
            kind,
            number,
            path: path.to_owned(),
            bytes: shape.iter().product::<usize>() * numbers.bytes(),
            shape: shape.to_vec(),
            bucket: 0,
            start: 0,
            is_written: false,
            is_present: false,
        };
        model.each(|path, slot| match slot {
            Slot::Param(param) if seen.insert(param.id()) => {
                let number = of_parameter.len();
                of_parameter.push(None);
                if !param.is_frozen() {
                    parameters.push(place(Kind::Parameter, number, path, param.shape()));
                }
            }
            Slot::Buffer(buffer) if seen.insert(buffer.id()) => {
                buffers.push(place(Kind::Buffer, buffers.len(), path, buffer.shape()));
            }
            _ => {}
        });
        let mut places: Vec<Place> = parameters.into_iter().rev().chain(buffers).collect();
        let nodes = plan.sums(communicator.rank());
        let buckets = fill_buckets(&mut places, communicator.options().bucket_bytes, nodes);
        for (index, place) in places.iter().enumerate() {
            if place.kind == Kind::Parameter {
                of_parameter[place.number] = Some(index);
            }
        }
        Self {
            plan: Arc::new(plan),
            numbers,
            nodes,
            places,
            of_parameter,
            buckets,
            next: 0,
        }
    }

    /// Begins a step with the sums of all nodes of this process but the last one.
    pub(super) fn begin<'a, T: Real>(
        &mut self,
        sums: impl IntoIterator<Item = Option<&'a ShardSum<T>>>,
    ) {
        self.next = 0;
        for bucket in &mut self.buckets {
            bucket.missing = bucket.places;
        }
        for place in &mut self.places {
            (place.is_written, place.is_present) = (false, false);
        }
        let mut sums = sums.into_iter();
        for node in 0..self.nodes - 1 {
            let sum = sums.next().flatten();
            for index in 0..self.places.len() {
                let tensor = sum.and_then(|sum| self.places[index].tensor(sum));
                self.write(node, index, tensor);
            }
        }
    }

    /// Takes the gradient of a parameter in the last node's sum, and sends what is full.
    pub(super) fn put<T: Real>(
        &mut self,
        communicator: &Communicator,
        parameter: usize,
        gradient: &Tensor<T>,
    ) {
        if let Some(&Some(index)) = self.of_parameter.get(parameter) {
            self.write_last(index, Some(gradient));
            self.send_full(communicator);
        }
    }

    /// Writes the tensors of the last node's sum that [`put_last`](Self::put_last) has not written, and sends the buckets that
    /// were not sent yet.
    ///
    /// * `sums`: the parts of this sum from right to left; a tensor that was [put](Self::put) is not read
    pub(super) fn end<T: Real>(&mut self, communicator: &Communicator, sums: &[ShardSum<T>]) {
        for index in 0..self.places.len() {
            let place = &self.places[index];
            if place.is_written {
                continue;
            }
            let tensors = sums.iter().filter_map(|sum| place.tensor(sum).cloned());
            let total = tensors.reduce(|right, mut left| {
                left.add_assign(&right);
                left
            });
            self.write_last(index, total.as_ref());
        }
        self.send_full(communicator);
    }

    fn write_last<T: Real>(&mut self, index: usize, tensor: Option<&Tensor<T>>) {
        let bucket = self.places[index].bucket;
        if !std::mem::replace(&mut self.places[index].is_written, true) {
            self.buckets[bucket].missing -= 1;
        }
        self.write(self.nodes - 1, index, tensor);
    }

    fn write<T: Real>(&mut self, node: usize, index: usize, tensor: Option<&Tensor<T>>) {
        let place = &mut self.places[index];
        place.is_present |= tensor.is_some();
        let bucket = &mut self.buckets[place.bucket];
        let Memory::Here(memory) = &mut bucket.memory else {
            return;
        };
        let bytes = &mut memory[node * bucket.bytes + place.start..][..place.bytes];
        match tensor {
            Some(tensor) => self.numbers.write(tensor, bytes),
            None => self.numbers.fill_neutral(bytes),
        }
    }

    /// Sends buckets in their order, which is the same on every process.
    fn send_full(&mut self, communicator: &Communicator) {
        while let Some(bucket) = self.buckets.get_mut(self.next)
            && bucket.missing == 0
        {
            if let Memory::Here(memory) = &mut bucket.memory {
                let memory = std::mem::take(memory);
                bucket.memory = Memory::Sent(communicator.reduce(&self.plan, memory));
            }
            self.next += 1;
        }
    }

    /// For each tensor, whether a sum of this process contains it; a parameter without a gradient is in none.
    pub(super) fn present(&self) -> Vec<bool> {
        self.places.iter().map(|place| place.is_present).collect()
    }

    /// Waits for the sums over all shards, and multiplies them by `factor`. The second result is whether all gradients are
    /// finite.
    ///
    /// * `present`: for each place, whether any process has it
    /// * `increments`: those of the counters
    pub(super) fn finish<T: Real>(
        &mut self,
        communicator: &Communicator,
        model: &(impl Parameters<T> + ?Sized),
        present: &[bool],
        increments: Vec<i64>,
        factor: f64,
    ) -> (ShardSum<T>, bool) {
        for bucket in &mut self.buckets {
            let memory = std::mem::replace(&mut bucket.memory, Memory::Here(Vec::new()));
            bucket.memory = Memory::Here(match memory {
                Memory::Sent(running) => communicator.finish(running),
                Memory::Here(memory) => memory,
            });
        }
        let (parameters, buffers): (Vec<_>, Vec<_>) = self
            .places
            .iter()
            .zip(present)
            .partition(|(place, _)| place.kind == Kind::Parameter);
        // In the order of the model from here on.
        let mut parameters = parameters.into_iter().rev().peekable();
        let mut is_finite = true;
        let gradients = Gradients::from_tensors(model, |path| {
            let (place, is_present) = parameters.next_if(|(place, _)| place.path == path)?;
            let (gradient, has_finite) = is_present.then(|| self.read(place, factor)).flatten()?;
            is_finite &= has_finite;
            Some(gradient)
        });
        let differences = buffers.into_iter().map(|(place, is_present)| {
            let (difference, _) = is_present.then(|| self.read(place, factor)).flatten()?;
            Some(difference)
        });
        let sum = ShardSum {
            gradients,
            changes: BufferChanges::new(differences.collect(), increments),
        };
        (sum, is_finite)
    }

    fn read<T: Real>(&self, place: &Place, factor: f64) -> Option<(Tensor<T>, bool)> {
        let Memory::Here(memory) = &self.buckets[place.bucket].memory else {
            return None;
        };
        let bytes = &memory[place.start..place.start + place.bytes];
        self.numbers.read_scaled(bytes, &place.shape, factor)
    }
}

/// Gives each tensor a place in a bucket of at most `most` bytes, or in one of its own.
fn fill_buckets(places: &mut [Place], most: usize, nodes: usize) -> Vec<Bucket> {
    let mut buckets: Vec<Bucket> = Vec::new();
    for place in places {
        let is_full = |bucket: &Bucket| bucket.bytes > 0 && bucket.bytes + place.bytes > most;
        if buckets.last().is_none_or(is_full) {
            buckets.push(Bucket {
                bytes: 0,
                places: 0,
                missing: 0,
                memory: Memory::Here(Vec::new()),
            });
        }
        place.bucket = buckets.len() - 1;
        let bucket = &mut buckets[place.bucket];
        place.start = bucket.bytes;
        bucket.bytes += place.bytes;
        bucket.places += 1;
    }
    for bucket in &mut buckets {
        bucket.memory = Memory::Here(vec![0; bucket.bytes * nodes]);
    }
    buckets
}

impl Place {
    /// The tensor of a sum that belongs here.
    fn tensor<'a, T: Real>(&self, sum: &'a ShardSum<T>) -> Option<&'a Tensor<T>> {
        match self.kind {
            Kind::Parameter => sum.gradients.entry(self.number).1,
            Kind::Buffer => sum.changes.differences().get(self.number)?.as_ref(),
        }
    }
}
