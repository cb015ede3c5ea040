//! The reversed loop over the tape.

use std::collections::BTreeMap;
use std::panic::Location;

use wengert_tensor::{Real, Tensor, fail::fail, require};

use crate::call::{Call, Place};
use crate::gradients::{DeadEnds, Gradients};
use crate::inline_vec::InlineVec;
use crate::rule::{Contributions, Graph, accumulate};
use crate::slots::Slots;
use crate::tape::{Entries, Entry, Node, Tape, recycle};
use crate::var::Var;

impl<T: Real> Var<T> {
    /// The gradients of this one-element value with respect to every leaf it depends on.
    ///
    /// The tape is consumed: entries are freed as the sweep passes them, and variables recorded so
    /// far are plain values afterwards.
    ///
    /// # Panics
    /// If the value has more than one element, is not tracked, or its tape was consumed before.
    #[must_use]
    #[track_caller]
    pub fn backward(&self) -> Gradients<T> {
        self.backward_from(&self.unit("backward"))
    }

    /// As [`backward`](Self::backward), and the tape stays as it is: it can be swept again.
    ///
    /// # Panics
    /// As [`backward`](Self::backward).
    #[must_use]
    #[track_caller]
    pub fn backward_keep(&self) -> Gradients<T> {
        let unit = self.unit("backward_keep");
        let node = self.require_node("backward_keep");
        let mut slots = Slots::new(node.place().0 + 1);
        slots.put(node.place(), Var::constant(unit));
        let walk = Walk::Keep(&node.tape);
        sweep(walk, slots, Graph::Skip, None, node).0
    }

    /// The gradients of `⟨self, cotangent⟩`, consuming the tape.
    ///
    /// # Panics
    /// If the shapes differ, the value is not tracked, or its tape was consumed before.
    #[must_use]
    #[track_caller]
    pub fn backward_from(&self, cotangent: &Tensor<T>) -> Gradients<T> {
        let node = self.require_node("backward");
        self.require_cotangent(cotangent.shape());
        let mut slots = Slots::new(node.place().0 + 1);
        slots.put(node.place(), Var::constant(cotangent.clone()));
        let walk = Walk::Consume(node.tape.consume(Location::caller()));
        sweep(walk, slots, Graph::Skip, None, node).0
    }

    /// The gradients of this one-element value with respect to some variables, leaves or not, as
    /// tracked variables that can be differentiated again; zero where it does not depend on one.
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
    sweep(Walk::Keep(&node.tape), slots, graph, Some(&wanted), node).1
}

/// Where a sweep finds its entries.
enum Walk<'a, T: Real> {
    Consume(Entries<T>),
    Keep(&'a Tape<T>),
}

/// An entry of a tape that stays as it is, while its rule runs; it goes back even if the rule panics.
struct Lifted<'a, T: Real> {
    tape: &'a Tape<T>,
    index: usize,
    call: Option<Call<T>>,
}

impl<T: Real> Drop for Lifted<'_, T> {
    fn drop(&mut self) {
        if let Some(call) = self.call.take() {
            self.tape.lower(self.index, call.entry);
        }
    }
}

impl<T: Real> Walk<'_, T> {
    /// Adds to the dead ends what was recorded after the differentiated value.
    fn add_tail(&self, count: usize, dead_ends: &mut DeadEnds) {
        let mut add = |index: usize, entry: &Entry<T>| {
            if entry.rule.is_some() {
                dead_ends.add(index, entry);
            } else {
                dead_ends.add_leaf(index, entry.location);
            }
        };
        match self {
            Self::Consume(entries) => {
                for (index, entry) in entries.iter().enumerate().skip(count) {
                    add(
                        index,
                        entry.as_ref().expect("no rule runs while a sweep begins"),
                    );
                }
            }
            Self::Keep(tape) => {
                for index in count..tape.len() {
                    tape.peek(index, |entry| add(index, entry));
                }
            }
        }
    }

    /// Per entry up to the last root, whether one of the wanted variables is among its ancestors.
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
            needed[i] |= tape.peek(i, |entry| {
                entry
                    .inputs
                    .iter()
                    .any(|x| x.source().is_some_and(|(s, _)| needed[s]))
            });
        }
        needed
    }
}

/// The sweep itself: returns the gradients by leaf, and of the wanted variables in order.
fn sweep<T: Real>(
    mut walk: Walk<'_, T>,
    slots: Slots<Var<T>>,
    graph: Graph,
    wanted: Option<&[Option<(usize, usize)>]>,
    Node {
        tape, generation, ..
    }: &Node<T>,
) -> (Gradients<T>, Vec<Option<Var<T>>>) {
    let (count, generation) = (slots.entries(), *generation);
    let needed = wanted.map(|wanted| walk.needed(wanted, count));
    let mut found = vec![None; wanted.map_or(0, <[_]>::len)];
    let mut sweep = Sweep {
        slots,
        graph,
        needed: needed.as_deref(),
        by_leaf: BTreeMap::new(),
        dead_ends: DeadEnds::default(),
    };
    if wanted.is_none() {
        walk.add_tail(count, &mut sweep.dead_ends);
    }
    if let Walk::Consume(entries) = &mut walk {
        entries.truncate(count);
    }
    for index in (0..count).rev() {
        if sweep.needed.is_some_and(|needed| !needed[index]) {
            drop(sweep.slots.take((index, 0)));
            continue;
        }
        for (found, wanted) in found.iter_mut().zip(wanted.unwrap_or_default()) {
            if let Some(place) = wanted.filter(|(entry, _)| *entry == index) {
                *found = sweep.slots.get(place).cloned();
            }
        }
        let place = (graph == Graph::Create).then(|| Place {
            tape: tape.clone(),
            generation,
            entry: index,
        });
        match &mut walk {
            Walk::Consume(entries) => {
                let entry = entries.pop().flatten();
                let entry = entry.expect("a sweep visits entries that exist, from the last on");
                sweep.visit(index, &Call::new(entry, place));
            }
            Walk::Keep(tape) => {
                let lifted = Lifted {
                    tape,
                    index,
                    call: Some(Call::new(tape.lift(index), place)),
                };
                sweep.visit(index, lifted.call.as_ref().expect("lifted just now"));
            }
        }
    }
    if let Walk::Consume(entries) = walk {
        recycle(entries);
    }
    let gradients = Gradients {
        list: tape.id(),
        generation,
        by_leaf: sweep.by_leaf,
        unreached: sweep.dead_ends.resolve(),
    };
    (gradients, found)
}

/// What a sweep has collected so far.
struct Sweep<'a, T: Real> {
    slots: Slots<Var<T>>,
    graph: Graph,
    /// Per entry whether a wanted variable is among its ancestors; without it all entries matter,
    /// and unreached leaves are reported with the reason.
    needed: Option<&'a [bool]>,
    by_leaf: BTreeMap<usize, Tensor<T>>,
    dead_ends: DeadEnds,
}

impl<T: Real> Sweep<'_, T> {
    /// Adds what the rule of an entry makes of its outputs' cotangents to those of its inputs.
    fn visit(&mut self, index: usize, call: &Call<T>) {
        let entry = &call.entry;
        let Some(rule) = &entry.rule else {
            match self.slots.take((index, 0)) {
                Some(gradient) => drop(self.by_leaf.insert(index, gradient.into_value())),
                None => self.dead_ends.add_leaf(index, entry.location),
            }
            return;
        };
        let cotangents = InlineVec::of(entry.outputs.len(), |k| self.slots.take((index, k)));
        if cotangents.iter().all(Option::is_none) {
            if self.needed.is_none() {
                self.dead_ends.add(index, entry);
            }
            return;
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
    }
}
