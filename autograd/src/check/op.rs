//! Checking an op by its own samples, and in situations around them.

use wengert_tensor::testing::layouts::all_layouts;
use wengert_tensor::{Tensor, slices};

use super::situation::{Arranged, accepted, arrange};
use super::{CheckOptions, Report, Verdict, check_dyn};
use crate::function::{Apply, Differentiable, Generic};
use crate::on_slices::{Contribution, SliceCall};
use crate::op::{Inputs, Op, Outputs};
use crate::ops::Situation;
use crate::rule::Graph;
use crate::sample::{Draw, LARGEST, Sample};
use crate::tape::Tape;
use crate::var::Var;

/// Samples that are checked as they are.
const SAMPLES: u64 = 30;

/// Samples that are tried for each situation, until one can be arranged.
const TRIES: u64 = 6;

/// What is made of samples, besides the situations that rank, extents and aliasing make.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Around {
    Situation(Situation),
    /// One element of each input is exactly 0.
    Zero,
    /// All elements are multiplied by this.
    Times(f64),
    /// The first axis of every input has this extent.
    Batch(usize),
    /// Every input has another axis, of this extent, before the first.
    OneMoreAxis(usize),
}

impl Around {
    const ALL: [Self; 10] = [
        Self::Situation(Situation::Twice),
        Self::Situation(Situation::RankZero),
        Self::Situation(Situation::Empty),
        Self::Situation(Situation::Repeated),
        Self::Zero,
        Self::Times(1e-3),
        Self::Times(1e3),
        Self::Batch(1),
        Self::Batch(3),
        Self::OneMoreAxis(2),
    ];

    fn name(self) -> String {
        match self {
            Self::Situation(situation) => situation.to_string(),
            Self::Zero => "an exact zero".to_owned(),
            Self::Times(factor) => format!("inputs times {factor:e}"),
            Self::Batch(extent) => format!("a first axis of extent {extent}"),
            Self::OneMoreAxis(_) => "one more axis".to_owned(),
        }
    }

    /// Whether shapes change. An op with options may hold some that fit the shapes of its sample only.
    const fn changes_shapes(self) -> bool {
        let same = matches!(
            self,
            Self::Situation(Situation::Twice | Situation::Repeated) | Self::Zero | Self::Times(_)
        );
        !same
    }

    /// The sample's inputs in this situation, if the op takes them.
    fn arrange(
        self,
        f: &dyn Differentiable,
        inputs: &[Tensor<f64>],
        draw: &mut Draw,
    ) -> Option<Arranged> {
        if let Self::Situation(situation) = self {
            return arrange(situation, f, inputs, true, draw);
        }
        let has_axes = inputs.iter().all(|x| x.rank() > 0 && !x.is_empty());
        if matches!(self, Self::Batch(_)) && !has_axes {
            return None;
        }
        let inputs: Vec<_> = inputs.iter().map(|x| self.change(x, draw)).collect();
        accepted(f, &inputs, true)?;
        Some(Arranged::plain(inputs))
    }

    fn change(self, x: &Tensor<f64>, draw: &mut Draw) -> Tensor<f64> {
        match self {
            Self::Situation(_) => x.clone(),
            Self::Zero => {
                let zero = draw.within(0, x.len().max(1) - 1);
                let values = x.iter().enumerate();
                let values = values.map(|(k, x)| if k == zero { 0.0 } else { x });
                Tensor::from_vec(values.collect(), x.shape())
            }
            Self::Times(factor) => x.map(|x| x * factor),
            Self::Batch(extent) => {
                let first = x.slice(0, ..1);
                let copies = (0..extent).map(|k| first.map(|x| x * (1.0 + 0.125 * k as f64)));
                let copies: Vec<_> = copies.collect();
                Tensor::concat(&copies.iter().collect::<Vec<_>>(), 0)
            }
            Self::OneMoreAxis(extent) => {
                let wide = [&[extent], x.shape()].concat();
                x.broadcast_to(&wide).contiguous()
            }
        }
    }
}

/// Checks an op at thirty of its own samples, in several layouts, and in situations around them: one variable for two
/// operands, no axes, no elements, elements that share one place in memory, an exact zero, numbers 1000 times as small and as
/// large, another extent of the first axis, one more axis. The report is the first that fails, or the last; its notes list
/// the situations that could not be met, because the op refuses such inputs, has no finite
/// derivative there, or has options, which may not fit other shapes.
///
/// ```
/// use wengert_autograd::{Call, Contributions, Draw, Inputs, Op, Outputs, Sample, check_op};
/// use wengert_tensor::Real;
///
/// #[derive(Clone, Debug)]
/// struct Square;
///
/// impl Op for Square {
///     fn forward<T: Real>(&self, x: &Inputs<T>) -> Outputs<T> { x[0].map(|x| x * x).into() }
///     fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<T>) {
///         out.input(0, |g| g * (call.input(0) * 2.0));
///     }
///     fn sample(draw: &mut Draw) -> Sample<Self> { Sample::new(Square, [draw.any()]) }
/// }
///
/// let report = check_op::<Square>();
/// report.assert();
/// assert!(report.notes[0].contains("same variable twice"), "it has one operand");
/// ```
///
/// # Panics
/// If the forward of a sample panics, [`Op::forward_owned`] gives other values than [`Op::forward`], or
/// [`Op::on_slices`] other bits than forward and rule.
#[must_use]
pub fn check_op<O: Op>() -> Report {
    let mut report = Report::default();
    for seed in 0..SAMPLES {
        let mut draw = Draw::new(seed, LARGEST.min(seed as usize / 8));
        let sample = O::sample(&mut draw);
        require_same_in_place(&sample.op, &sample.inputs);
        require_same_on_slices(&sample.op, &sample.inputs);
        let title = format!("{:?}, sample {seed}", sample.op);
        let lay = |x: &Tensor<f64>| {
            let copies = all_layouts(x);
            draw.pick(&copies).1
        };
        let inputs: Vec<_> = sample.inputs.iter().map(lay).collect();
        let options = CheckOptions {
            seed,
            ..CheckOptions::default()
        };
        let checked = check_dyn(&Generic(Apply(sample.op)), &inputs, &options).titled(title);
        if checked.failed() {
            return checked;
        }
        // An empty sample judges nothing.
        if checked.judged() || !report.judged() {
            report = checked;
        }
    }
    let mut unmet = Vec::new();
    for around in Around::ALL {
        match check_around::<O>(around) {
            Some(checked) if checked.failed() => return checked,
            Some(_) => {}
            None => unmet.push(around.name()),
        }
    }
    if !unmet.is_empty() {
        report.notes.push(format!(
            "not met, since the op takes no such inputs or its options may not fit them: {}",
            unmet.join(", ")
        ));
    }
    report
}

/// Checks the first sample that can be arranged.
fn check_around<O: Op>(around: Around) -> Option<Report> {
    if around.changes_shapes() && size_of::<O>() > 0 {
        return None;
    }
    (0..TRIES).find_map(|seed| {
        let mut draw = Draw::new(seed ^ 0xa07d, LARGEST);
        let Sample { op, inputs, .. } = O::sample(&mut draw);
        let title = format!("{op:?}, {}, sample {seed}", around.name());
        let f = Generic(Apply(op));
        let arranged = around.arrange(&f, &inputs, &mut draw)?;
        let options = CheckOptions {
            seed,
            entries: 16,
            ..CheckOptions::default()
        };
        let report = arranged.with(&f, |f| check_dyn(f, &arranged.inputs, &options));
        // Equal numbers may lie at a kink, where no derivative is right; in memory of their own they do, too.
        let at_a_kink = || {
            let apart = check_dyn(&f, &arranged.apart(), &options);
            apart.failed() || apart.count(Verdict::Kink) > 0
        };
        let at_a_kink = matches!(around, Around::Situation(_)) && report.failed() && at_a_kink();
        (!at_a_kink).then(|| report.titled(title))
    })
}

/// Panics unless `forward_owned`, which may work in place, gives the same bits as `forward`.
pub(crate) fn require_same_in_place<O: Op>(op: &O, inputs: &[Tensor<f64>]) {
    let Some((first, others)) = inputs.split_first() else {
        return;
    };
    let others: Vec<_> = others.iter().cloned().map(Var::constant).collect();
    let others: Vec<_> = others.iter().collect();
    let by_reference = op.forward(&Inputs(
        &[&[&Var::constant(first.clone())], &others[..]].concat(),
    ));
    let unique = Tensor::from_vec(first.to_vec(), first.shape());
    let by_value = op.forward_owned(unique, &Inputs(&others));
    let bits = |outputs: &Outputs<f64>| -> Vec<(Vec<usize>, Vec<u64>)> {
        let of_one = |y: &Tensor<f64>| {
            let bits = y.to_vec().into_iter().map(f64::to_bits);
            (y.shape().to_vec(), bits.collect())
        };
        outputs.0.iter().map(of_one).collect()
    };
    assert!(
        bits(&by_reference) == bits(&by_value),
        "{op:?}: forward_owned gives other values than forward: {by_value:?} is not {by_reference:?}"
    );
}

/// Panics unless the op on slices, if it has one, gives the bits of `forward` and of the rule.
pub(crate) fn require_same_on_slices<O: Op>(op: &O, inputs: &[Tensor<f64>]) {
    let shapes: Vec<&[usize]> = inputs.iter().map(Tensor::shape).collect();
    let Some(on_slices) = op.on_slices::<f64>(&shapes) else {
        return;
    };
    let tape = Tape::new();
    let x: Vec<_> = inputs.iter().map(|x| tape.leaf(x.clone())).collect();
    let x: Vec<_> = x.iter().collect();
    let y = Var::apply(op.clone(), &x);
    let fits = |x: &Tensor<f64>| !on_slices.is_pointwise || x.shape() == y.shape();
    if y.is_empty() || !inputs.iter().all(fits) {
        return;
    }
    let grad = (0..y.len()).map(|k| (k as f64 * 0.7).sin() + 0.1).collect();
    let grad = Tensor::from_vec(grad, y.shape());
    let seed = [(&y, Var::constant(grad.clone()))];
    let by_rule = crate::backward::grad(&seed, &x, Graph::Skip);

    let reads = op.reads();
    let values: Vec<Vec<f64>> = inputs.iter().map(Tensor::to_vec).collect();
    let slices: Vec<&[f64]> = values.iter().map(Vec::as_slice).collect();
    let mut value = vec![f64::NAN; y.len()];
    (on_slices.value)(&slices, &mut value);
    let bits = |x: &[f64]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    let expected = y.value().to_vec();
    assert!(
        bits(&value) == bits(&expected),
        "{op:?}: on_slices gives other values than forward: {value:?} is not {expected:?}"
    );
    // The rule gets only what the op declares to read.
    let declared = slices.iter().enumerate();
    let declared: Vec<&[f64]> = declared
        .map(|(i, x)| if reads.reads_input(i) { *x } else { &[] })
        .collect();
    let call = SliceCall {
        grad: &grad.to_vec(),
        x: &declared,
        y: if reads.reads_output(0) { &value } else { &[] },
    };
    let mut found: Vec<Option<Vec<f64>>> = vec![None; inputs.len()];
    for (i, contribution) in &on_slices.contributions {
        let mut out = vec![f64::NAN; inputs[*i].len()];
        match contribution {
            Contribution::Unchanged => out.copy_from_slice(call.grad),
            Contribution::Of(f) => f(&call, &mut out),
        }
        match &mut found[*i] {
            Some(sum) => slices::add_assign(sum, &out),
            empty => *empty = Some(out),
        }
    }
    for (i, (found, expected)) in found.iter().zip(&by_rule).enumerate() {
        let expected = expected.as_ref().map(|g| g.value().to_vec());
        assert!(
            found.as_deref().map(bits) == expected.as_deref().map(bits),
            "{op:?}: on_slices gives another cotangent of input {i} than the rule: {found:?} is not {expected:?}"
        );
    }
}
