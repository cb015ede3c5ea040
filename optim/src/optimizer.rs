//! The driver of an update rule.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use wengert_nn::{Gradients, IdSet, Param, Parameters, ParametersExt, Pass, SlotMut};
use wengert_tensor::fail::Scope;
use wengert_tensor::{Real, Tensor, require};

use crate::clip::{Clip, Norm, clip_grad_norm, clip_grad_value};
use crate::group::{Group, matches};
use crate::rule::{Rule, State};

/// Updates a model: a [`Rule`] for its parameters, or one for each group of them, and their state.
///
/// ```
/// use wengert_optim::{AdamW, Optimizer};
///
/// let rule = AdamW { lr: 3e-4, weight_decay: 0.1, ..AdamW::default() };
/// let optimizer: Optimizer = Optimizer::new(rule)
///     .group("*.bias", AdamW { weight_decay: 0.0, ..rule })
///     .clip_norm(1.0);
/// assert_eq!(optimizer.lr(), 3e-4);
/// ```
///
/// State is kept by path, so it survives a model that is built again with the same paths. Frozen
/// parameters, and those that the loss does not depend on, are left alone with their state.
#[derive(Clone, Debug)]
pub struct Optimizer<T: Real = f32> {
    /// The first has what no other has.
    pub(crate) groups: Vec<Group<T>>,
    clips: Vec<Clip>,
    strict: bool,
    skips_non_finite: bool,
    pub(crate) entries: Vec<Entry<T>>,
    pub(crate) by_path: HashMap<Arc<str>, usize>,
    /// How many entries there were when every group was last found to have one.
    checked: usize,
}

/// What is known of one parameter.
#[derive(Clone, Debug)]
pub(crate) struct Entry<T: Real> {
    pub(crate) path: Arc<str>,
    pub(crate) group: usize,
    /// How often it has been updated.
    pub(crate) count: u64,
    pub(crate) state: State<T>,
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stepped<T: Real = f32> {
    /// Whether the model changed; `false` only for a step with a non-finite gradient that was
    /// [skipped](Optimizer::skip_non_finite), or whose norm was to be [clipped](Optimizer::clip_norm).
    pub applied: bool,
    /// The norm of all gradients before clipping, if the optimizer [clips by it](Optimizer::clip_norm).
    pub norm: Option<T>,
}

impl<T: Real> Optimizer<T> {
    /// An optimizer that applies a rule to every parameter.
    ///
    /// # Panics
    /// If an option of the rule makes no sense.
    #[must_use]
    #[track_caller]
    pub fn new(rule: impl Rule<T>) -> Self {
        Self {
            groups: vec![Group::new("*", rule)],
            clips: Vec::new(),
            strict: false,
            skips_non_finite: false,
            entries: Vec::new(),
            by_path: HashMap::new(),
            checked: 0,
        }
    }

    /// The same with another rule, or other options, for the parameters that a pattern means.
    ///
    /// A pattern without `*` means a path and everything below it: `layer1` has `layer1.0.weight`, not
    /// `layer10.weight`. `*` stands for any characters: `*.bias`. A parameter belongs to the first
    /// group that means it.
    ///
    /// # Panics
    /// If an option of the rule makes no sense. A step panics if a pattern means no parameter.
    #[must_use]
    #[track_caller]
    pub fn group(mut self, pattern: &str, rule: impl Rule<T>) -> Self {
        require!(
            self.entries.is_empty(),
            "group: {pattern}: the optimizer has state already; name groups before the first step"
        );
        self.groups.push(Group::new(pattern, rule));
        self
    }

    /// The same, scaling the gradients of a step down to a joint 2-norm of `max`; see
    /// [`clip_grad_norm`]. Clips apply in the order in which they were asked for.
    ///
    /// If the norm is infinite or NaN because a gradient is, nothing can be scaled: the step is skipped
    /// whole, and [`Stepped`] has `applied: false` and that norm.
    #[must_use]
    pub fn clip_norm(mut self, max: f64) -> Self {
        self.clips.push(Clip::Norm(max, Norm::P(2.0)));
        self
    }

    /// The same, bounding each element of a gradient to `−max … max`; see [`clip_grad_value`].
    #[must_use]
    pub fn clip_value(mut self, max: f64) -> Self {
        self.clips.push(Clip::Value(max));
        self
    }

    /// The same, panicking where a parameter that is not frozen has no gradient, instead of leaving
    /// the parameter alone.
    #[must_use]
    pub fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    /// The same, leaving everything as it was if a gradient has a NaN or an infinity: parameters,
    /// state, step counts and buffers. Without this, such a gradient enters the update like any other.
    #[must_use]
    pub fn skip_non_finite(mut self) -> Self {
        self.skips_non_finite = true;
        self
    }

    /// The learning rate of the next step, for parameters in no group of their own.
    #[must_use]
    pub fn lr(&self) -> f64 {
        self.groups[0].lr
    }

    /// Sets the learning rate of every group.
    pub fn set_lr(&mut self, lr: f64) {
        for group in &mut self.groups {
            group.lr = lr;
        }
    }

    /// The bytes of the tensors that the rules keep from step to step.
    #[must_use]
    pub fn state_bytes(&self) -> usize {
        let tensors = self.entries.iter().flat_map(|entry| &entry.state.tensors);
        tensors.map(|(_, tensor)| tensor.memory().0).sum()
    }

    /// The groups; the first has what no other has.
    #[must_use]
    pub fn groups(&self) -> &[Group<T>] {
        &self.groups
    }

    /// The groups, to set their learning rates one by one.
    pub fn groups_mut(&mut self) -> &mut [Group<T>] {
        &mut self.groups
    }

    /// Updates every parameter by its gradient, and has the buffers changed as the pass recorded.
    ///
    /// This is the one place where training changes a model.
    ///
    /// # Panics
    /// As [`update`](Self::update).
    #[track_caller]
    pub fn step(
        &mut self,
        model: &mut (impl Parameters<T> + ?Sized),
        gradients: &Gradients<T>,
        pass: Pass<T>,
    ) -> Stepped<T> {
        let (gradients, stepped) = self.prepared(gradients);
        if stepped.applied {
            // First: the pass shares the parameters' memory, which would have to be copied.
            pass.commit(model);
            self.apply(model, &gradients);
        }
        stepped
    }

    /// Updates every parameter by its gradient, for gradients that come from more than one pass.
    ///
    /// # Panics
    /// If a gradient belongs to no parameter of the model, if a group's pattern means no parameter, or
    /// if a gradient is missing and the optimizer is [strict](Self::strict).
    #[track_caller]
    pub fn update(
        &mut self,
        model: &mut (impl Parameters<T> + ?Sized),
        gradients: &Gradients<T>,
    ) -> Stepped<T> {
        let (gradients, stepped) = self.prepared(gradients);
        if stepped.applied {
            self.apply(model, &gradients);
        }
        stepped
    }

    /// The clipped gradients, and whether to apply them.
    #[track_caller]
    fn prepared<'a>(&self, gradients: &'a Gradients<T>) -> (Cow<'a, Gradients<T>>, Stepped<T>) {
        if self.strict {
            gradients.require_all();
        }
        let finite = || gradients.iter().all(|(_, g)| g.is_finite().all(..).item());
        let mut applied = !self.skips_non_finite || finite();
        let mut gradients = Cow::Borrowed(gradients);
        let mut norm = None;
        for &clip in &self.clips {
            match clip {
                Clip::Norm(max, kind) => {
                    let total = clip_grad_norm(gradients.to_mut(), max, kind);
                    norm.get_or_insert(total);
                    // A norm beyond the largest number is infinite too, and clipped right.
                    applied &= total.to_f64().is_finite() || finite();
                }
                Clip::Value(max) => clip_grad_value(gradients.to_mut(), max),
            }
        }
        (gradients, Stepped { applied, norm })
    }

    #[track_caller]
    fn apply(&mut self, model: &mut (impl Parameters<T> + ?Sized), gradients: &Gradients<T>) {
        let mut seen =
            IdSet::with_capacity_and_hasher(self.entries.len(), BuildHasherDefault::default());
        let mut matched = 0;
        let mut cursor = 0;
        model.each_mut(|path, slot| {
            let SlotMut::Param(param) = slot else {
                return;
            };
            // A parameter may stand in two places of a model.
            if !seen.insert(param.id()) {
                return;
            }
            let index = self.entry(path, cursor);
            cursor = index + 1;
            if let Some(gradient) = gradients.get(param) {
                matched += 1;
                if !param.is_frozen() {
                    self.update_one(index, param, gradient);
                }
            }
        });
        let given = gradients.iter().count();
        require!(
            matched == given,
            "step: {given} gradients, {matched} of them for parameters of this model: the others \
             are of another model, perhaps of the one that it was cloned from"
        );
        self.require_groups_used();
    }
}

impl<T: Real> Optimizer<T> {
    /// Where a parameter's entry is; a new one if there is none. `guess` is where it is if the model is
    /// walked as before.
    fn entry(&mut self, path: &str, guess: usize) -> usize {
        if self.entries.get(guess).is_some_and(|e| *e.path == *path) {
            return guess;
        }
        if let Some(&index) = self.by_path.get(path) {
            return index;
        }
        self.insert(Entry {
            path: Arc::from(path),
            group: self.group_of(path),
            count: 0,
            state: State::default(),
        })
    }

    pub(crate) fn replace_entries(&mut self, entries: Vec<Entry<T>>) {
        self.entries.clear();
        self.by_path.clear();
        self.checked = 0;
        for entry in entries {
            self.insert(entry);
        }
    }

    fn insert(&mut self, entry: Entry<T>) -> usize {
        let index = self.entries.len();
        self.by_path.insert(Arc::clone(&entry.path), index);
        self.entries.push(entry);
        index
    }

    pub(crate) fn group_of(&self, path: &str) -> usize {
        let own = self.groups[1..]
            .iter()
            .position(|g| matches(&g.pattern, path));
        own.map_or(0, |place| place + 1)
    }

    #[track_caller]
    fn update_one(&mut self, index: usize, param: &mut Param<T>, gradient: &Tensor<T>) {
        let entry = &mut self.entries[index];
        let group = &self.groups[entry.group];
        let step = group.step(entry.count + 1);
        if entry.count == 0 {
            entry.state = group.rule.init(param.value(), &step);
        }
        let _scope = Scope::enter(Arc::clone(&entry.path));
        let rule = &group.rule;
        rule.update(param.value_mut(), gradient, &mut entry.state, &step);
        entry.count += 1;
    }

    #[track_caller]
    fn require_groups_used(&mut self) {
        if self.checked == self.entries.len() {
            return;
        }
        for (index, group) in self.groups.iter().enumerate().skip(1) {
            let paths = || self.entries.iter().map(|e| &*e.path);
            require!(
                self.entries.iter().any(|e| e.group == index),
                "group: {}: means no parameter, or only some of earlier groups; the model has {}",
                group.pattern,
                paths().collect::<Vec<_>>().join(", ")
            );
        }
        self.checked = self.entries.len();
    }
}
