//! The Wengert list: what was computed, in order (R. E. Wengert, 1964).

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wengert_tensor::{Layout, Real, Tensor, fail::fail};

use crate::inline_vec::InlineVec;
use crate::outline::Outlined;
use crate::rule::TapeRule;
use crate::var::Var;
use crate::watch::{NonFiniteOp, Watch};

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
    /// Unique in the process, so that gradients can refer to their tape without keeping it alive.
    id: u64,
    entries: RefCell<Entries<T>>,
    /// How often the list was consumed. A variable of an earlier generation has no entry any more.
    generation: Cell<u32>,
    consumed: Cell<Option<&'static Location<'static>>>,
    /// What else happens to each op; nothing on a plain tape.
    observer: Option<Observer>,
}

/// What happens to each op of a tape beside running and recording it.
#[derive(Debug)]
pub(crate) enum Observer {
    /// It is described, and not run if it is expensive.
    Outline(RefCell<Vec<Outlined>>),
    /// Its values are searched for NaN and infinities.
    Watch(Watch),
    /// Every value is kept, so that an entry can be run again; and the path of the layer that made an entry.
    KeepAll(RefCell<BTreeMap<usize, Arc<str>>>),
    /// Every value is kept for a program.
    Replay(ReplayNotes),
}

/// What a program must know of a recording besides its entries.
#[derive(Debug, Default)]
pub(crate) struct ReplayNotes {
    /// Where the recorded program first looked at a value.
    pub(crate) read: Cell<Option<&'static Location<'static>>>,
    /// The entries whose cotangent was not contiguous.
    pub(crate) strided: RefCell<BTreeSet<usize>>,
}

/// The entries in order; one is missing while its rule runs.
pub(crate) type Entries<T> = Vec<Option<Entry<T>>>;

/// One recorded operation: its rule, what the rule may read, and where the operands came from.
#[derive(Debug)]
pub(crate) struct Entry<T: Real> {
    /// `None` for a leaf.
    pub(crate) rule: Option<Box<dyn TapeRule<T>>>,
    pub(crate) inputs: InlineVec<Input<T>>,
    pub(crate) outputs: InlineVec<Kept<T>, 1>,
    pub(crate) location: &'static Location<'static>,
}

// Small entries let a long tape stay in the cache between the forward and the backward pass.
const _: () = assert!(size_of::<Option<Entry<f32>>>() <= 128);

/// An operand of an entry.
#[derive(Clone, Debug)]
pub(crate) struct Input<T: Real> {
    pub(crate) value: Kept<T>,
    pub(crate) source: Option<Source>,
}

/// The entry and the output that made a tracked operand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    pub(crate) entry: u32,
    pub(crate) output: u32,
}

impl<T: Real> Input<T> {
    #[inline]
    pub(crate) fn new(value: Kept<T>, node: Option<&Node<T>>) -> Self {
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
pub(crate) enum Kept<T: Real> {
    Value(Tensor<T>),
    /// The rule has declared that it does not read this one.
    Shape(Arc<Layout>),
}

impl<T: Real> Kept<T> {
    #[inline]
    pub(crate) fn new(tensor: &Tensor<T>, keep: bool) -> Self {
        if keep {
            Self::Value(tensor.clone())
        } else {
            Self::Shape(tensor.shared_layout())
        }
    }

    /// The tensor. If it was dropped, NaN of its shape, so that a rule that reads an undeclared value
    /// gives NaN gradients.
    pub(crate) fn tensor(&self) -> Tensor<T> {
        match self {
            Self::Value(tensor) => tensor.clone(),
            Self::Shape(layout) => Tensor::scalar(T::poison()).broadcast_to(layout.shape()),
        }
    }

    /// The shape.
    pub(crate) fn shape(&self) -> &[usize] {
        match self {
            Self::Value(tensor) => tensor.shape(),
            Self::Shape(layout) => layout.shape(),
        }
    }
}

/// Where on a tape a variable was made.
#[derive(Clone, Debug)]
pub(crate) struct Node<T: Real> {
    pub(crate) tape: Tape<T>,
    pub(crate) generation: u32,
    pub(crate) entry: u32,
    pub(crate) output: u32,
}

impl<T: Real> Node<T> {
    /// Entry and output.
    pub(crate) const fn place(&self) -> (usize, usize) {
        (self.entry as usize, self.output as usize)
    }

    /// Fails if a consuming backward pass has taken this node's entry.
    #[track_caller]
    pub(crate) fn require_alive(&self, op: fmt::Arguments<'_>) {
        if let Some(at) = self
            .tape
            .consumed()
            .filter(|_| self.generation != self.tape.generation())
        {
            fail(format_args!(
                "{op}: its tape was consumed by backward at {at}; use its value(), a new leaf, or \
                 backward_keep() there"
            ));
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
        Self::with_observer(None)
    }

    /// An empty tape that describes a computation in place of running it: ops that know the shapes of
    /// their outputs are not run, and every output is a zero, broadcast to its shape.
    ///
    /// [`outlined`](Self::outlined) has what was described. There is no backward pass.
    #[must_use]
    pub fn outline() -> Self {
        Self::with_observer(Some(Observer::Outline(RefCell::default())))
    }

    /// An empty tape that searches every value for NaN and infinities; [`origin_of`](Self::origin_of) then
    /// names the op that produced one. Gradients have the same bits, and take longer.
    #[must_use]
    pub fn watch() -> Self {
        Self::with_observer(Some(Observer::Watch(Watch::default())))
    }

    /// The op that made a value NaN or infinite: the first one on the way to it whose own value is. `None` if
    /// the value is finite, if a leaf made it so, or if the tape does not [`watch`](Self::watch).
    #[must_use]
    pub fn origin_of(&self, value: &Var<T>) -> Option<NonFiniteOp> {
        self.watching()?.origin(value.entry()?)
    }

    /// The op whose rule made the gradient of a leaf NaN or infinite, from a finite cotangent, in a backward pass
    /// over a tape that [watches](Self::watch). `None` if the gradient is finite.
    #[must_use]
    pub fn gradient_origin(&self, leaf: &Var<T>) -> Option<NonFiniteOp> {
        self.watching()?.gradient_origin(leaf.entry()?)
    }

    /// Whether the tape was made by [`watch`](Self::watch).
    #[must_use]
    pub fn is_watching(&self) -> bool {
        self.watching().is_some()
    }

    /// The ops of an [`outline`](Self::outline) in order; empty for other tapes.
    #[must_use]
    pub fn outlined(&self) -> Vec<Outlined> {
        match &self.0.observer {
            Some(Observer::Outline(outlined)) => outlined.borrow().clone(),
            _ => Vec::new(),
        }
    }

    /// An empty tape that keeps every value, so that [`calls`](Self::calls) can list them; it takes more memory.
    #[must_use]
    pub fn keeping_all() -> Self {
        Self::with_observer(Some(Observer::KeepAll(RefCell::default())))
    }

    /// Every result of every recorded op, on a tape that keeps all values.
    #[cfg(feature = "check")]
    pub(crate) fn results(&self) -> Vec<Var<T>> {
        let entries = self.0.entries.borrow();
        let recorded = entries.iter().enumerate().filter_map(|(index, entry)| {
            let entry = entry.as_ref()?;
            entry.rule.is_some().then_some((index as u32, entry))
        });
        let outputs = recorded.flat_map(|(index, entry)| {
            entry.outputs.iter().zip(0..).map(move |(value, output)| {
                let node = Node {
                    output,
                    ..self.node(index)
                };
                Var::with_node(value.tensor(), Some(node))
            })
        });
        outputs.collect()
    }

    /// The layer that made an entry of a tape that keeps every value.
    pub(crate) fn layer(&self, entry: usize) -> Option<Arc<str>> {
        match self.observer() {
            Some(Observer::KeepAll(layers)) => layers.borrow().get(&entry).cloned(),
            _ => None,
        }
    }

    /// What else happens to each op; `None` on a plain tape.
    #[inline]
    pub(crate) fn observer(&self) -> Option<&Observer> {
        self.0.observer.as_ref()
    }

    pub(crate) fn watching(&self) -> Option<&Watch> {
        match &self.0.observer {
            Some(Observer::Watch(watch)) => Some(watch),
            _ => None,
        }
    }

    pub(crate) fn with_observer(observer: Option<Observer>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(Rc::new(List {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            entries: RefCell::new(Vec::new()),
            generation: Cell::new(0),
            consumed: Cell::new(None),
            observer,
        }))
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

    /// The bytes of the tensors that entries keep for their rules; a buffer that several tensors share
    /// counts once.
    ///
    /// Parameters that a rule reads are among them.
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        let entries = self.0.entries.borrow();
        let mut seen = HashSet::new();
        let mut sum = 0;
        for entry in entries.iter().flatten() {
            let inputs = entry.inputs.iter().map(|input| &input.value);
            for kept in inputs.chain(entry.outputs.iter()) {
                if let Kept::Value(tensor) = kept {
                    let (bytes, place) = tensor.memory();
                    sum += if seen.insert(place) { bytes } else { 0 };
                }
            }
        }
        sum
    }

    /// Whether two handles refer to the same list.
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

    /// Takes every entry off the tape; variables recorded so far become plain values.
    pub(crate) fn consume(&self, at: &'static Location<'static>) -> Entries<T> {
        self.0.generation.set(self.0.generation.get() + 1);
        self.0.consumed.set(Some(at));
        self.0.entries.take()
    }

    /// Adds a leaf with this value.
    pub(crate) fn push_leaf(
        &self,
        value: &Tensor<T>,
        location: &'static Location<'static>,
    ) -> Node<T> {
        let entry = self.push(Entry {
            rule: None,
            inputs: InlineVec::new(),
            outputs: InlineVec::one(Kept::new(value, false)),
            location,
        });
        self.node(entry)
    }

    /// Adds an entry and returns its number.
    #[inline(always)]
    pub(crate) fn push(&self, entry: Entry<T>) -> u32 {
        let mut entries = self.0.entries.borrow_mut();
        if entries.capacity() == 0 {
            *entries = spare();
        }
        let index = entries.len();
        entries.push(Some(entry));
        u32::try_from(index).expect("four billion entries exceed any memory")
    }

    /// The place on this tape of output 0 of an entry.
    pub(crate) fn node(&self, entry: u32) -> Node<T> {
        Node {
            tape: self.clone(),
            generation: self.generation(),
            entry,
            output: 0,
        }
    }

    /// Takes an entry off the tape while its rule runs: the rule may record on the same tape, so the
    /// list must not stay borrowed.
    pub(crate) fn take_entry(&self, entry: usize) -> Entry<T> {
        self.0.entries.borrow_mut()[entry]
            .take()
            .expect("an entry is taken by one backward pass at a time")
    }

    /// Undoes [`take_entry`](Self::take_entry).
    pub(crate) fn put_back(&self, index: usize, entry: Entry<T>) {
        self.0.entries.borrow_mut()[index] = Some(entry);
    }

    /// Calls `f` on all entries.
    pub(crate) fn with_entries<R>(&self, f: impl FnOnce(&mut Entries<T>) -> R) -> R {
        f(&mut self.0.entries.borrow_mut())
    }

    /// Calls `f` on one entry, which must not be taken.
    pub(crate) fn with_entry<R>(&self, entry: usize, f: impl FnOnce(&Entry<T>) -> R) -> R {
        f(self.0.entries.borrow()[entry]
            .as_ref()
            .expect("only the entry of a running rule is off the tape"))
    }
}

impl<T: Real> Drop for List<T> {
    fn drop(&mut self) {
        recycle(self.entries.take());
    }
}

thread_local! {
    /// The memory of a dropped or consumed list, one for each number type: every training step
    /// writes a tape, and allocating new memory costs more than the writes.
    static SPARE: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

/// The memory of a longer list is freed: 9 MB.
const LONGEST_SPARE: usize = 1 << 16;

fn spare<T: Real>() -> Entries<T> {
    // `try_with` fails while the thread ends.
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
    // If the tape is dropped while its thread ends, the memory is freed.
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
