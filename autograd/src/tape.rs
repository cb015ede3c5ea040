//! The Wengert list: what was computed, in order (R. E. Wengert, 1964).

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wengert_tensor::{Layout, Real, Tensor, require};

use crate::few::{Few, Single};
use crate::op::{Inputs, Op, Outputs, Rule};
use crate::var::{Node, Var};

/// A list of recorded operations; `clone` is another handle to the same list.
///
/// A tape belongs to one thread. Tensors and models cross threads freely, each thread with a tape
/// of its own:
///
/// ```compile_fail
/// let tape = wengert_autograd::Tape::<f32>::new();
/// std::thread::spawn(move || tape.len());
/// ```
#[derive(Debug)]
pub struct Tape<T: Real = f32>(Rc<List<T>>);

#[derive(Debug)]
struct List<T: Real> {
    /// Process-unique, so that gradients can name their tape without holding it.
    id: u64,
    entries: RefCell<Entries<T>>,
    /// How often the list was consumed, so that a variable knows whether its entry is still there.
    generation: Cell<u32>,
    consumed: Cell<Option<&'static Location<'static>>>,
}

/// The entries in order; one is missing while its rule runs.
pub(crate) type Entries<T> = Vec<Option<Entry<T>>>;

/// One recorded operation: its rule, what the rule may read, and where the operands came from.
#[derive(Debug)]
pub(crate) struct Entry<T: Real> {
    /// `None` for a leaf.
    pub(crate) rule: Option<Box<dyn Rule<T>>>,
    pub(crate) inputs: Few<Input<T>>,
    pub(crate) outputs: Single<Saved<T>>,
    pub(crate) location: &'static Location<'static>,
}

// A long tape is written once and read once, and should stay in the cache in between.
const _: () = assert!(size_of::<Option<Entry<f32>>>() <= 128);

impl<T: Real> Entry<T> {
    /// What is known of the operands and results, without the rule.
    pub(crate) fn unruled(&self) -> Self {
        Self {
            rule: None,
            inputs: self.inputs.clone(),
            outputs: self.outputs.clone(),
            location: self.location,
        }
    }
}

/// An operand of an entry.
#[derive(Clone, Debug)]
pub(crate) struct Input<T: Real> {
    pub(crate) value: Saved<T>,
    source: Option<Source>,
}

/// The entry and the output that made a tracked operand.
#[derive(Clone, Copy, Debug)]
struct Source {
    entry: u32,
    output: u32,
}

impl<T: Real> Input<T> {
    #[inline]
    fn new(value: Saved<T>, node: Option<&Node<T>>) -> Self {
        let source = node.map(|node| Source {
            entry: node.entry,
            output: node.output,
        });
        Self { value, source }
    }

    /// Entry and output that made it, if it is tracked.
    pub(crate) fn source(&self) -> Option<(usize, usize)> {
        self.source
            .map(|Source { entry, output }| (entry as usize, output as usize))
    }
}

/// A tensor as an entry keeps it.
#[derive(Clone, Debug)]
pub(crate) enum Saved<T: Real> {
    Kept(Tensor<T>),
    /// The rule has declared that it does not read this one.
    Shape(Arc<Layout>),
}

impl<T: Real> Saved<T> {
    #[inline]
    fn new(tensor: &Tensor<T>, keep: bool) -> Self {
        if keep {
            Self::Kept(tensor.clone())
        } else {
            Self::Shape(tensor.shared_layout())
        }
    }

    /// The tensor; where it was dropped, NaN of its shape, so that a wrong declaration shows.
    pub(crate) fn tensor(&self) -> Tensor<T> {
        match self {
            Self::Kept(tensor) => tensor.clone(),
            Self::Shape(layout) => Tensor::scalar(T::poison()).broadcast_to(layout.shape()),
        }
    }

    /// The shape.
    pub(crate) fn shape(&self) -> &[usize] {
        match self {
            Self::Kept(tensor) => tensor.shape(),
            Self::Shape(layout) => layout.shape(),
        }
    }
}

impl<T: Real> Clone for Tape<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T: Real> Default for Tape<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Real> Tape<T> {
    /// An empty tape.
    #[must_use]
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(Rc::new(List {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            entries: RefCell::new(Vec::new()),
            generation: Cell::new(0),
            consumed: Cell::new(None),
        }))
    }

    /// A tracked variable with this value: gradients flow to it.
    #[must_use]
    #[track_caller]
    pub fn leaf(&self, value: Tensor<T>) -> Var<T> {
        let location = Location::caller();
        let entry = self.push(Entry {
            rule: None,
            inputs: Few::new(),
            outputs: Single::one(Saved::new(&value, false)),
            location,
        });
        let node = self.node(entry);
        Var::with_node(value, Some(node))
    }

    /// How many entries the tape holds, leaves included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.entries.borrow().len()
    }

    /// Whether nothing is recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of the tensors that entries keep for their rules; memory that several share counts
    /// once.
    ///
    /// Parameters that a rule reads are among them.
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        let entries = self.0.entries.borrow();
        let mut seen = HashSet::new();
        let mut sum = 0;
        for entry in entries.iter().flatten() {
            let inputs = entry.inputs.iter().map(|input| &input.value);
            for saved in inputs.chain(entry.outputs.iter()) {
                if let Saved::Kept(tensor) = saved {
                    let (bytes, place) = tensor.memory();
                    sum += if seen.insert(place) { bytes } else { 0 };
                }
            }
        }
        sum
    }

    /// Whether two handles are of one list.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn id(&self) -> u64 {
        self.0.id
    }

    pub(crate) fn generation(&self) -> u32 {
        self.0.generation.get()
    }

    pub(crate) fn consumed(&self) -> Option<&'static Location<'static>> {
        self.0.consumed.get()
    }

    /// Forgets every entry; variables recorded so far become plain values.
    pub(crate) fn consume(&self, at: &'static Location<'static>) -> Entries<T> {
        self.0.generation.set(self.0.generation.get() + 1);
        self.0.consumed.set(Some(at));
        self.0.entries.take()
    }

    /// Adds an entry and tells its number.
    #[inline(always)]
    fn push(&self, entry: Entry<T>) -> u32 {
        let mut entries = self.0.entries.borrow_mut();
        if entries.capacity() == 0 {
            *entries = spare();
        }
        let index = entries.len();
        entries.push(Some(entry));
        u32::try_from(index).expect("four billion entries exceed any memory")
    }

    /// The first output of an entry.
    fn node(&self, entry: u32) -> Node<T> {
        Node {
            tape: self.clone(),
            generation: self.generation(),
            entry,
            output: 0,
        }
    }

    /// Takes an entry out while its rule runs: a rule may record, so nothing may stay borrowed.
    pub(crate) fn lift(&self, entry: usize) -> Entry<T> {
        self.0.entries.borrow_mut()[entry]
            .take()
            .expect("an entry is lifted by one sweep at a time")
    }

    pub(crate) fn lower(&self, index: usize, entry: Entry<T>) {
        self.0.entries.borrow_mut()[index] = Some(entry);
    }

    /// The name and the number of inputs of every op recorded since entry `from`.
    pub(crate) fn rules(&self, from: usize) -> Vec<(&'static str, usize)> {
        self.0.entries.borrow()[from..]
            .iter()
            .flatten()
            .filter_map(|entry| Some((entry.rule.as_ref()?.name(), entry.inputs.len())))
            .collect()
    }

    /// Puts another rule in the place of the first one of a name recorded since entry `from`.
    pub(crate) fn replace_rule(
        &self,
        from: usize,
        name: &str,
        with: impl FnOnce(Box<dyn Rule<T>>) -> Box<dyn Rule<T>>,
    ) {
        let mut entries = self.0.entries.borrow_mut();
        let mut rules = entries[from..].iter_mut().flatten().map(|e| &mut e.rule);
        let found = rules.find(|rule| rule.as_ref().is_some_and(|rule| rule.name() == name));
        if let Some(rule) = found {
            *rule = rule.take().map(with);
        }
    }

    /// Calls `f` on an entry that is in place.
    pub(crate) fn peek<R>(&self, entry: usize, f: impl FnOnce(&Entry<T>) -> R) -> R {
        f(self.0.entries.borrow()[entry]
            .as_ref()
            .expect("only a running rule's entry is lifted"))
    }
}

impl<T: Real> Drop for List<T> {
    fn drop(&mut self) {
        recycle(self.entries.take());
    }
}

thread_local! {
    /// The memory of a list that is done with, one for each type of number: every training step
    /// writes a tape, and fresh memory costs more than what is written there.
    static SPARE: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

/// The memory of a longer list is returned: 9 MB.
const LONGEST_SPARE: usize = 1 << 16;

fn spare<T: Real>() -> Entries<T> {
    // A thread that ends keeps none.
    let taken = SPARE.try_with(|spare| {
        let mut spare = spare.borrow_mut();
        let mut lists = spare.iter_mut().filter_map(|list| list.downcast_mut());
        lists.next().map(std::mem::take)
    });
    taken.ok().flatten().unwrap_or_default()
}

/// Keeps the memory of a list for the next tape.
pub(crate) fn recycle<T: Real>(mut entries: Entries<T>) {
    entries.clear();
    if !(1..=LONGEST_SPARE).contains(&entries.capacity()) {
        return;
    }
    // A tape that dies with its thread finds no place any more.
    let _ = SPARE.try_with(|spare| {
        let mut spare = spare.borrow_mut();
        match spare
            .iter_mut()
            .find_map(|list| list.downcast_mut::<Entries<T>>())
        {
            Some(list) if list.capacity() >= entries.capacity() => {}
            Some(list) => *list = entries,
            None => spare.push(Box::new(entries)),
        }
    });
}

/// The outputs of an op, and the place on a tape of the first one if they are tracked.
pub(crate) struct Recorded<T: Real> {
    outputs: Single<Tensor<T>>,
    node: Option<Node<T>>,
}

impl<T: Real> Recorded<T> {
    /// The only output.
    #[inline]
    pub(crate) fn only(self) -> Option<Var<T>> {
        let value = self.outputs.only()?;
        Some(Var::with_node(value, self.node))
    }

    pub(crate) fn len(&self) -> usize {
        self.outputs.len()
    }

    /// The outputs in order.
    pub(crate) fn into_iter(self) -> impl Iterator<Item = Var<T>> {
        let node = self.node;
        self.outputs.into_iter().enumerate().map(move |(k, y)| {
            let output = k as u32;
            let node = node.clone().map(|node| Node { output, ..node });
            Var::with_node(y, node)
        })
    }
}

/// Runs an op and records it if any operand is tracked.
#[track_caller]
pub(crate) fn record<T: Real, O: Op>(op: O, inputs: &[&Var<T>]) -> Recorded<T> {
    let outputs = op.forward(&Inputs(inputs));
    let node = common_tape(op.name(), inputs).map(|tape| {
        let reads = [&(|i| op.reads_input(i)) as &Asks<'_>, &|k| {
            op.reads_output(k)
        }];
        let kept = kept(inputs, &outputs, reads);
        file(tape, Box::new(op), kept, Location::caller())
    });
    let outputs = outputs.0;
    Recorded { outputs, node }
}

/// Whether a rule reads an operand, or a result, of this number.
type Asks<'a> = dyn Fn(usize) -> bool + 'a;

/// What an entry keeps of a call; compiled for each type of number, and not for each op as well.
#[inline(never)]
fn kept<T: Real>(
    inputs: &[&Var<T>],
    outputs: &Outputs<T>,
    [reads_input, reads_output]: [&Asks<'_>; 2],
) -> (Few<Input<T>>, Single<Saved<T>>) {
    let operands = Few::of(inputs.len(), |i| {
        let x = inputs[i];
        Input::new(Saved::new(x.value(), reads_input(i)), x.node())
    });
    (
        operands,
        outputs.0.each(|k, y| Saved::new(y, reads_output(k))),
    )
}

/// Puts a call on a tape; compiled as [`kept`] is.
#[inline(never)]
fn file<T: Real>(
    tape: &Tape<T>,
    rule: Box<dyn Rule<T>>,
    (inputs, outputs): (Few<Input<T>>, Single<Saved<T>>),
    location: &'static Location<'static>,
) -> Node<T> {
    let entry = tape.push(Entry {
        rule: Some(rule),
        inputs,
        outputs,
        location,
    });
    tape.node(entry)
}

/// As [`record`], of a first operand that is used up: an op whose rule does not read it may write over
/// it.
#[track_caller]
pub(crate) fn record_owned_with<T: Real, O: Op>(
    op: O,
    x: Var<T>,
    others: &[&Var<T>],
) -> Recorded<T> {
    let inputs = [&[&x], others].concat();
    let tape = common_tape(op.name(), &inputs).cloned();
    // Read now, before the first is used up.
    let operands = tape.map(|tape| {
        let operands = Few::of(inputs.len(), |i| {
            let saved = Saved::new(inputs[i].value(), op.reads_input(i));
            Input::new(saved, inputs[i].node())
        });
        (tape, operands)
    });
    let outputs = op.forward_owned(x.into_value(), &Inputs(others));
    let node = operands.map(|(tape, operands)| {
        let results = outputs.0.each(|k, y| Saved::new(y, op.reads_output(k)));
        file(&tape, Box::new(op), (operands, results), Location::caller())
    });
    let outputs = outputs.0;
    Recorded { outputs, node }
}

/// The same with no other operand.
#[track_caller]
pub(crate) fn record_owned<T: Real, O: Op>(op: O, x: Var<T>) -> Recorded<T> {
    let (value, node) = x.into_parts();
    let Some(node) = node else {
        let outputs = op.forward_owned(value, &Inputs(&[])).0;
        return Recorded { outputs, node };
    };
    node.require_alive(format_args!("{}: operand 0", op.name()));
    let operand = Input::new(Saved::new(&value, op.reads_input(0)), Some(&node));
    let outputs = op.forward_owned(value, &Inputs(&[]));
    // All in one function: what is handed on through memory would be waited for.
    let entry = node.tape.push(Entry {
        inputs: Few::one(operand),
        outputs: outputs.0.each(|k, y| Saved::new(y, op.reads_output(k))),
        rule: Some(Box::new(op)),
        location: Location::caller(),
    });
    Recorded {
        outputs: outputs.0,
        node: Some(Node {
            entry,
            output: 0,
            ..node
        }),
    }
}

/// The tape of the tracked operands, all of which must be alive on one tape.
#[track_caller]
fn common_tape<'a, T: Real>(op: &str, inputs: &[&'a Var<T>]) -> Option<&'a Tape<T>> {
    let mut tape: Option<&Tape<T>> = None;
    for (i, node) in inputs
        .iter()
        .enumerate()
        .filter_map(|(i, x)| Some((i, x.node()?)))
    {
        node.require_alive(format_args!("{op}: operand {i}"));
        require!(
            tape.is_none_or(|tape| tape.is(&node.tape)),
            "{op}: operand {i}: belongs to another tape than an operand before it"
        );
        tape = Some(&node.tape);
    }
    tape
}
