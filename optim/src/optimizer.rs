//! [`Optimizer`]: applies update rules to the parameters of a model.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use wengert_nn::{Gradients, IdSet, Param, Parameters, ParametersExt, Pass, SlotMut};
use wengert_tensor::fail::Scope;
use wengert_tensor::{Real, Tensor, require};

use crate::clip::{Clip, Norm, clip_grad_norm, clip_grad_value};
use crate::group::{Group, matches};
use crate::rule::{Rule, Update};
use crate::rule_options::Range;
use crate::rule_state::RuleState;

/// Updates the parameters of a model: a [`Rule`] for all of them, or one per group, and their state.
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
/// State is kept by path, so it stays valid for a model that is built again with the same paths. Frozen
/// parameters, and those that the loss does not depend on, do not change, nor does their state.
#[derive(Clone, Debug)]
pub struct Optimizer<T: Real = f32> {
    /// The first has all parameters of no other group.
    pub(crate) groups: Vec<Group<T>>,
    clips: Vec<Clip>,
    strict: bool,
    skips_non_finite: bool,
    pub(crate) params: Vec<ParamState<T>>,
    pub(crate) by_path: HashMap<Arc<str>, usize>,
    /// The length of `params` when every group was last found to match a parameter.
    checked: usize,
}

/// The group and the state of one parameter.
#[derive(Clone, Debug)]
pub(crate) struct ParamState<T: Real> {
    pub(crate) path: Arc<str>,
    pub(crate) group: usize,
    /// The number of updates so far.
    pub(crate) count: u64,
    pub(crate) state: RuleState<T>,
}

/// The result of a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stepped<T: Real = f32> {
    /// Whether the model changed; `false` for a step with a NaN or infinite gradient if the optimizer
    /// [skips](Optimizer::skip_non_finite) those or [clips by norm](Optimizer::clip_norm).
    pub applied: bool,
    /// The norm of all gradients before clipping, if the optimizer [clips by it](Optimizer::clip_norm).
    pub norm: Option<T>,
}

impl<T: Real> Optimizer<T> {
    /// An optimizer that applies a rule to every parameter.
    ///
    /// # Panics
    /// If an option of the rule is outside its range; no option may be NaN or infinite.
    #[must_use]
    #[track_caller]
    pub fn new(rule: impl Rule<T>) -> Self {
        Self {
            groups: vec![Group::new("*", rule)],
            clips: Vec::new(),
            strict: false,
            skips_non_finite: false,
            params: Vec::new(),
            by_path: HashMap::new(),
            checked: 0,
        }
    }

    /// The same with another rule, or other options, for the parameters that a pattern matches.
    ///
    /// A pattern without `*` matches a path and everything below it: `layer1` matches `layer1.0.weight`,
    /// not `layer10.weight`. `*` matches any characters: `*.bias`. A parameter belongs to the first
    /// group that matches it.
    ///
    /// # Panics
    /// If an option of the rule is outside its range, or the optimizer has made a step. A step panics if
    /// a pattern matches no parameter.
    #[must_use]
    #[track_caller]
    pub fn group(mut self, pattern: &str, rule: impl Rule<T>) -> Self {
        require!(
            self.params.is_empty(),
            "group: {pattern}: the optimizer has state already; add groups before the first step"
        );
        self.groups.push(Group::new(pattern, rule));
        self
    }

    /// The same, scaling the gradients of a step down to a joint 2-norm of `max`; see
    /// [`clip_grad_norm`]. Clips apply in the order of these calls.
    ///
    /// If the norm is infinite or NaN because a gradient is, the step changes nothing, and its [`Stepped`]
    /// has `applied: false` and that norm.
    ///
    /// # Panics
    /// If `max` is negative or NaN.
    #[must_use]
    #[track_caller]
    pub fn clip_norm(mut self, max: f64) -> Self {
        require!(max >= 0.0, "clip_norm: max = {max}: must be at least 0");
        self.clips.push(Clip::Norm(max, Norm::P(2.0)));
        self
    }

    /// The same, clamping each element of a gradient to `−max … max`; see [`clip_grad_value`].
    ///
    /// # Panics
    /// If `max` is negative or NaN.
    #[must_use]
    #[track_caller]
    pub fn clip_value(mut self, max: f64) -> Self {
        require!(max >= 0.0, "clip_value: max = {max}: must be at least 0");
        self.clips.push(Clip::Value(max));
        self
    }

    /// The same, but a step panics if a parameter that is not frozen has no gradient. Without this such a
    /// parameter does not change.
    #[must_use]
    pub fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    /// The same, but a step with a NaN or infinite gradient changes nothing: neither parameters, state,
    /// step counts nor buffers. Without this, such a gradient enters the update like any other.
    #[must_use]
    pub fn skip_non_finite(mut self) -> Self {
        self.skips_non_finite = true;
        self
    }

    /// The learning rate of the next step, for parameters of no other group.
    #[must_use]
    pub fn lr(&self) -> f64 {
        self.groups[0].lr
    }

    /// Sets the learning rate of every group.
    ///
    /// # Panics
    /// If it is negative, infinite or NaN.
    #[track_caller]
    pub fn set_lr(&mut self, lr: f64) {
        Range::NonNegative.require("set_lr", "lr", lr);
        for group in &mut self.groups {
            group.lr = lr;
        }
    }

    /// The bytes of all state tensors.
    #[must_use]
    pub fn state_bytes(&self) -> usize {
        let tensors = self.params.iter().flat_map(|param| &param.state.tensors);
        tensors.map(|(_, tensor)| tensor.memory().0).sum()
    }

    /// The groups; the first has all parameters of no other group.
    #[must_use]
    pub fn groups(&self) -> &[Group<T>] {
        &self.groups
    }

    /// The groups, to set their learning rates one by one.
    pub fn groups_mut(&mut self) -> &mut [Group<T>] {
        &mut self.groups
    }

    /// Updates every parameter by its gradient, and commits the buffer updates that the pass recorded.
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
            // Before the update: the pass shares the parameters' buffers, so an update would copy them.
            pass.commit(model);
            self.apply(model, &gradients);
        }
        stepped
    }

    /// Updates every parameter by its gradient, for gradients that come from more than one pass.
    ///
    /// # Panics
    /// If a gradient belongs to no parameter of the model, if a group's pattern matches no parameter, if a
    /// learning rate was set that is negative, infinite or NaN, or if a gradient is missing and the
    /// optimizer is [strict](Self::strict).
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
        for group in &self.groups {
            group.require_valid();
        }
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
                    // The norm of finite gradients may overflow; they are clipped correctly.
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
            IdSet::with_capacity_and_hasher(self.params.len(), BuildHasherDefault::default());
        let mut matched = 0;
        let mut cursor = 0;
        model.each_mut(|path, slot| {
            let SlotMut::Param(param) = slot else {
                return;
            };
            // A shared parameter has several paths; the first one counts.
            if !seen.insert(param.id()) {
                return;
            }
            let index = self.index_of(path, cursor);
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
    /// The index of a parameter's state, which is made if there is none. `guess` is the index if the
    /// model is walked in the same order as before.
    fn index_of(&mut self, path: &str, guess: usize) -> usize {
        if self.params.get(guess).is_some_and(|p| *p.path == *path) {
            return guess;
        }
        if let Some(&index) = self.by_path.get(path) {
            return index;
        }
        self.insert(ParamState {
            path: Arc::from(path),
            group: self.group_of(path),
            count: 0,
            state: RuleState::default(),
        })
    }

    pub(crate) fn replace_state(&mut self, params: Vec<ParamState<T>>) {
        self.params.clear();
        self.by_path.clear();
        self.checked = 0;
        for param in params {
            self.insert(param);
        }
    }

    fn insert(&mut self, param: ParamState<T>) -> usize {
        let index = self.params.len();
        self.by_path.insert(Arc::clone(&param.path), index);
        self.params.push(param);
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
        let known = &mut self.params[index];
        let group = &self.groups[known.group];
        let step = group.step(known.count + 1);
        if known.count == 0 {
            known.state = group.rule.init(param.value(), &step);
        }
        let _scope = Scope::enter(Arc::clone(&known.path));
        group.rule.update(Update {
            param: param.value_mut(),
            state: &mut known.state,
            step,
            gradient,
            options: &group.options,
        });
        known.count += 1;
    }

    #[track_caller]
    fn require_groups_used(&mut self) {
        if self.checked == self.params.len() {
            return;
        }
        for (index, group) in self.groups.iter().enumerate().skip(1) {
            let paths = || self.params.iter().map(|p| &*p.path);
            require!(
                self.params.iter().any(|p| p.group == index),
                "group: {}: matches no parameter, or only parameters of earlier groups; the model has {}",
                group.pattern,
                paths().collect::<Vec<_>>().join(", ")
            );
        }
        self.checked = self.params.len();
    }
}
