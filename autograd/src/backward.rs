//! The backward pass: a loop over the entries of the tape, from the last to the first.

use std::collections::BTreeMap;
use std::panic::Location;

use wengert_tensor::{Real, Tensor, fail::fail, require};

use crate::call::{Call, Place};
use crate::gradients::{LeafGradients, UnreachedEntries};
use crate::inline_vec::InlineVec;
use crate::rule::{Contributions, Graph, accumulate};
use crate::slots::Slots;
use crate::tape::{Entries, Entry, Node, Tape, recycle};
use crate::var::Var;
use crate::watch::finite;

impl<T: Real> Var<T> {
    /// The gradients of this one-element value with respect to every leaf it depends on.
    ///
    /// The tape is consumed: each entry is freed after its rule has run, and variables recorded so
    /// far are plain values afterwards.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let tape = Tape::new();
    /// let (x, y) = (tape.leaf(Tensor::scalar(3.0)), tape.leaf(Tensor::scalar(4.0)));
    /// let gradients = (&x * &x * &y).backward();
    /// assert_eq!((gradients.wrt(&x).item(), gradients.wrt(&y).item()), (24.0, 9.0));
    /// ```
    ///
    /// # Panics
    /// If the value has more than one element, is not tracked, or its tape was consumed before.
    #[must_use]
    #[track_caller]
    pub fn backward(&self) -> LeafGradients<T> {
        self.backward_from(&self.unit("backward"))
    }

    /// As [`backward`](Self::backward), and the tape stays as it is: another backward pass can follow.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(3.0));
    /// let square = &x * &x;
    /// let cube = &square * &x;
    /// assert_eq!(square.backward_keep().wrt(&x).item(), 6.0);
    /// assert_eq!(cube.backward().wrt(&x).item(), 27.0);
    /// ```
    ///
    /// # Panics
    /// As [`backward`](Self::backward).
    #[must_use]
    #[track_caller]
    pub fn backward_keep(&self) -> LeafGradients<T> {
        let unit = self.unit("backward_keep");
        let node = self.require_node("backward_keep");
        let mut slots = Slots::new(node.place().0 + 1);
        slots.put(node.place(), Var::constant(unit));
        let access = TapeAccess::Keep(&node.tape);
        backward_pass(access, slots, Graph::Skip, None, node, None).0
    }

    /// The gradients of `⟨self, cotangent⟩`, consuming the tape.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0], [2]));
    /// let cotangent = Tensor::from_vec(vec![1.0, 10.0], [2]);
    /// assert_eq!((&x * &x).backward_from(&cotangent).wrt(&x).to_vec(), [2.0, 40.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ, the value is not tracked, or its tape was consumed before.
    #[must_use]
    #[track_caller]
    pub fn backward_from(&self, cotangent: &Tensor<T>) -> LeafGradients<T> {
        let node = self.require_node("backward");
        self.require_cotangent(cotangent.shape());
        let mut slots = Slots::new(node.place().0 + 1);
        slots.put(node.place(), Var::constant(cotangent.clone()));
        let access = TapeAccess::Consume(node.tape.consume(Location::caller()));
        backward_pass(access, slots, Graph::Skip, None, node, None).0
    }

    /// As [`backward`](Self::backward), and calls `ready` with the [entry](Self::entry) of each leaf and its gradient as
    /// soon as nothing more is added to it, so that it can be sent elsewhere while others are computed.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let tape = Tape::new();
    /// let (x, y) = (tape.leaf(Tensor::scalar(3.0)), tape.leaf(Tensor::scalar(4.0)));
    /// let mut order = Vec::new();
    /// let _ = (&x * &y).backward_each(|entry, gradient| order.push((entry, gradient.item())));
    /// assert_eq!(order, [(1, 3.0), (0, 4.0)]);
    /// ```
    ///
    /// # Panics
    /// As [`backward`](Self::backward).
    #[track_caller]
    pub fn backward_each(&self, mut ready: impl FnMut(usize, &Tensor<T>)) -> LeafGradients<T> {
        let unit = self.unit("backward");
        let node = self.require_node("backward");
        let mut slots = Slots::new(node.place().0 + 1);
        slots.put(node.place(), Var::constant(unit));
        let access = TapeAccess::Consume(node.tape.consume(Location::caller()));
        backward_pass(access, slots, Graph::Skip, None, node, Some(&mut ready)).0
    }

    /// The gradients of this one-element value with respect to some variables, leaves or not, as
    /// tracked variables that can be differentiated again; zero where it does not depend on one.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(3.0));
    /// let slope = x.pow(3.0).grad(&[&x]).remove(0);
    /// let curvature = slope.grad(&[&x]).remove(0);
    /// assert_eq!((slope.item(), curvature.item()), (27.0, 18.0));
    /// ```
    ///
    /// # Panics
    /// If the value has more than one element.
    #[must_use]
    #[track_caller]
    pub fn grad(&self, inputs: &[&Self]) -> Vec<Self> {
        let unit = Self::constant(self.unit("grad"));
        grad(&[(self, unit)], inputs, Graph::Create)
            .into_iter()
            .zip(inputs)
            .map(|(gradient, x)| gradient.unwrap_or_else(|| Self::full(x.shape(), 0.0)))
            .collect()
    }

    #[track_caller]
    fn unit(&self, op: &str) -> Tensor<T> {
        require!(
            self.len() == 1,
            "{op}: {:?}: only a value of one element has a gradient; give a cotangent otherwise",
            self.shape()
        );
        Tensor::full(self.shape(), T::one())
    }

    #[track_caller]
    fn require_node(&self, op: &str) -> &Node<T> {
        let Some(node) = self.node() else {
            fail(format_args!(
                "{op}: {:?}: the value is not tracked: it depends on no leaf",
                self.shape()
            ));
        };
        node.require_alive(format_args!("{op}"));
        node
    }

    #[track_caller]
    fn require_cotangent(&self, shape: &[usize]) {
        require!(
            self.shape() == shape,
            "backward: a cotangent {shape:?} for a value {:?}: the shapes differ",
            self.shape()
        );
    }
}

/// The gradients of `Σ ⟨output, cotangent⟩` with respect to some variables, leaves or not; `None`
/// where no output depends on one. The tape stays as it is.
///
/// # Panics
/// If a cotangent has another shape than its output, or variables live on different tapes or on a
/// consumed one.
#[must_use]
#[track_caller]
pub fn grad<T: Real>(
    outputs: &[(&Var<T>, Var<T>)],
    inputs: &[&Var<T>],
    graph: Graph,
) -> Vec<Option<Var<T>>> {
    let mut tape: Option<&Node<T>> = None;
    let mut last = 0;
    let roots = outputs.iter().filter_map(|(y, _)| y.node());
    for (node, is_root) in roots
        .map(|n| (n, true))
        .chain(inputs.iter().filter_map(|x| Some((x.node()?, false))))
    {
        node.require_alive(format_args!("grad"));
        require!(
            tape.is_none_or(|t| t.tape.is(&node.tape)),
            "grad: the variables live on different tapes"
        );
        tape = Some(node);
        if is_root {
            last = last.max(node.place().0);
        }
    }
    let Some(node) = tape else {
        return vec![None; inputs.len()];
    };
    let mut slots = Slots::new(last + 1);
    let mut any = false;
    for (y, cotangent) in outputs {
        y.require_cotangent(cotangent.shape());
        if let Some(node) = y.node() {
            accumulate(&mut slots, graph, node.place(), cotangent.clone());
            any = true;
        }
    }
    if !any {
        return vec![None; inputs.len()];
    }
    let wanted: Vec<_> = inputs.iter().map(|x| x.node().map(Node::place)).collect();
    let access = TapeAccess::Keep(&node.tape);
    backward_pass(access, slots, graph, Some(&wanted), node, None).1
}

/// Called with the entry of a leaf and its gradient.
type Ready<'a, T> = &'a mut dyn FnMut(usize, &Tensor<T>);

/// Whether a backward pass frees the entries of the tape or leaves them there.
enum TapeAccess<'a, T: Real> {
    Consume(Entries<T>),
    Keep(&'a Tape<T>),
}

/// An entry that is off its tape while its rule runs; it is put back on drop, even if the rule panics.
struct TakenEntry<'a, T: Real> {
    tape: &'a Tape<T>,
    index: usize,
    call: Option<Call<T>>,
}

impl<T: Real> Drop for TakenEntry<'_, T> {
    fn drop(&mut self) {
        if let Some(call) = self.call.take() {
            self.tape.put_back(self.index, call.entry);
        }
    }
}

impl<T: Real> TapeAccess<'_, T> {
    /// Adds the entries recorded after the differentiated value to the unreached ones.
    fn add_later_entries(&self, count: usize, unreached: &mut UnreachedEntries) {
        let mut add = |index: usize, entry: &Entry<T>| {
            if entry.rule.is_some() {
                unreached.add(index, entry);
            } else {
                unreached.add_leaf(index, entry.location);
            }
        };
        match self {
            Self::Consume(entries) => {
                for (index, entry) in entries.iter().enumerate().skip(count) {
                    add(
                        index,
                        entry
                            .as_ref()
                            .expect("no rule runs when a backward pass begins"),
                    );
                }
            }
            Self::Keep(tape) => {
                for index in count..tape.len() {
                    tape.with_entry(index, |entry| add(index, entry));
                }
            }
        }
    }

    /// For each of the first `count` entries, whether a wanted variable is the entry or among its
    /// ancestors.
    fn needed(&self, wanted: &[Option<(usize, usize)>], count: usize) -> Vec<bool> {
        let Self::Keep(tape) = self else {
            return vec![true; count];
        };
        let mut needed = vec![false; count];
        for (entry, _) in wanted.iter().flatten() {
            if let Some(place) = needed.get_mut(*entry) {
                *place = true;
            }
        }
        for i in 0..count {
            needed[i] |= tape.with_entry(i, |entry| {
                entry
                    .inputs
                    .iter()
                    .any(|x| x.source().is_some_and(|(s, _)| needed[s]))
            });
        }
        needed
    }
}

/// Runs the rules from the last root to the first entry. Returns the gradients by leaf, and those of the
/// wanted variables in order.
fn backward_pass<T: Real>(
    mut access: TapeAccess<'_, T>,
    slots: Slots<Var<T>>,
    graph: Graph,
    wanted: Option<&[Option<(usize, usize)>]>,
    Node {
        tape, generation, ..
    }: &Node<T>,
    ready: Option<Ready<'_, T>>,
) -> (LeafGradients<T>, Vec<Option<Var<T>>>) {
    let (count, generation) = (slots.entries(), *generation);
    let needed = wanted.map(|wanted| access.needed(wanted, count));
    let mut found = vec![None; wanted.map_or(0, <[_]>::len)];
    let mut pass = BackwardPass {
        slots,
        graph,
        needed: needed.as_deref(),
        by_leaf: BTreeMap::new(),
        unreached: UnreachedEntries::default(),
        tape,
        ready,
    };
    if wanted.is_none() {
        access.add_later_entries(count, &mut pass.unreached);
    }
    if let TapeAccess::Consume(entries) = &mut access {
        entries.truncate(count);
    }
    for index in (0..count).rev() {
        if pass.needed.is_some_and(|needed| !needed[index]) {
            drop(pass.slots.take((index, 0)));
            continue;
        }
        for (found, wanted) in found.iter_mut().zip(wanted.unwrap_or_default()) {
            if let Some(place) = wanted.filter(|(entry, _)| *entry == index) {
                *found = pass.slots.get(place).cloned();
            }
        }
        let place = (graph == Graph::Create).then(|| Place {
            tape: tape.clone(),
            generation,
            entry: index,
        });
        match &mut access {
            TapeAccess::Consume(entries) => {
                let entry = entries.pop().flatten();
                let entry =
                    entry.expect("a consumed tape has an entry for each index below its length");
                pass.visit(index, &Call::new(entry, place));
            }
            TapeAccess::Keep(tape) => {
                let taken = TakenEntry {
                    tape,
                    index,
                    call: Some(Call::new(tape.take_entry(index), place)),
                };
                pass.visit(index, taken.call.as_ref().expect("set one statement above"));
            }
        }
    }
    if let TapeAccess::Consume(entries) = access {
        recycle(entries);
    }
    let gradients = LeafGradients {
        tape: tape.id(),
        generation,
        by_leaf: pass.by_leaf,
        unreached: pass.unreached.resolve(),
    };
    (gradients, found)
}

/// What a backward pass has collected so far.
struct BackwardPass<'a, 'r, T: Real> {
    slots: Slots<Var<T>>,
    graph: Graph,
    /// See [`TapeAccess::needed`]; `None` if the gradients of all leaves are wanted. Then every unreached
    /// leaf is reported with the reason.
    needed: Option<&'a [bool]>,
    by_leaf: BTreeMap<usize, Tensor<T>>,
    unreached: UnreachedEntries,
    tape: &'a Tape<T>,
    ready: Option<Ready<'r, T>>,
}

impl<T: Real> BackwardPass<'_, '_, T> {
    /// Runs the rule of an entry, which adds to the cotangents of its inputs.
    fn visit(&mut self, index: usize, call: &Call<T>) {
        let entry = &call.entry;
        let Some(rule) = &entry.rule else {
            match self.slots.take((index, 0)) {
                Some(gradient) => {
                    let gradient = gradient.into_value();
                    if let Some(ready) = &mut self.ready {
                        ready(index, &gradient);
                    }
                    self.by_leaf.insert(index, gradient);
                }
                None => self.unreached.add_leaf(index, entry.location),
            }
            return;
        };
        let cotangents = InlineVec::of(entry.outputs.len(), |k| self.slots.take((index, k)));
        if cotangents.iter().all(Option::is_none) {
            if self.needed.is_none() {
                self.unreached.add(index, entry);
            }
            return;
        }
        if let Some(notes) = self.tape.replay_notes()
            && (cotangents.iter().flatten()).any(|g| !g.tensor().is_contiguous())
        {
            notes.strided.borrow_mut().insert(index);
        }
        let mut out = Contributions {
            call,
            op: rule.name(),
            cotangents,
            slots: &mut self.slots,
            graph: self.graph,
            needed: self.needed,
        };
        rule.vjp(call, &mut out);
        if let Some(watch) = self.tape.watching() {
            for place in (0..call.inputs()).filter_map(|i| call.source(i)) {
                let cotangent = self.slots.get(place);
                if cotangent.is_some_and(|cotangent| !finite(cotangent.value())) {
                    watch.record_backward(index, place.0);
                }
            }
        }
    }
}
