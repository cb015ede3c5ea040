//! Sums of products by Einstein's convention.

use std::fmt;

use crate::ops::prelude::*;

/// A parsed equation over tensors of given ranks; every axis has a label.
///
/// The axes of `...` are labelled from the end, so that they broadcast like a batch.
#[derive(Debug)]
struct Equation {
    inputs: Vec<Vec<Label>>,
    output: Vec<Label>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Label {
    /// The `n`-th axis of `...` from the end.
    Dots(usize),
    Letter(char),
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dots(n) => write!(f, "axis {n} of ... from the end"),
            Self::Letter(letter) => write!(f, "the letter {letter}"),
        }
    }
}

impl Equation {
    #[track_caller]
    fn parse(equation: &str, ranks: &[usize]) -> Self {
        let (left, right) = match equation.split_once("->") {
            Some((left, right)) => (left, Some(right)),
            None => (equation, None),
        };
        let terms: Vec<_> = left.split(',').collect();
        require!(
            terms.len() == ranks.len(),
            "einsum: {equation:?}: {} terms for {} operands",
            terms.len(),
            ranks.len()
        );
        let inputs: Vec<_> = terms
            .iter()
            .zip(ranks)
            .map(|(term, &rank)| labels(equation, term, Some(rank), 0))
            .collect();
        let dots = inputs.iter().flatten().filter_map(|&label| match label {
            Label::Dots(n) => Some(n + 1),
            Label::Letter(_) => None,
        });
        let dots = dots.max().unwrap_or(0);
        let output = match right {
            Some(term) => labels(equation, term, None, dots),
            None => implied(&inputs),
        };
        for (i, label) in output.iter().enumerate() {
            require!(
                !output[..i].contains(label) && inputs.iter().any(|input| input.contains(label)),
                "einsum: {equation:?}: {label} is in the result more than once, or in no operand"
            );
        }
        Self { inputs, output }
    }
}

/// The labels of a term; `...` is replaced by labels for the axes of `rank` that no letter names, or
/// for `dots` axes without a rank.
#[track_caller]
fn labels(equation: &str, term: &str, rank: Option<usize>, dots: usize) -> Vec<Label> {
    let term: String = term.chars().filter(|c| !c.is_whitespace()).collect();
    let (front, behind) = match term.split_once("...") {
        Some((front, behind)) => (front, Some(behind)),
        None => (term.as_str(), None),
    };
    let letters = |part: &str| part.chars().map(Label::Letter).collect::<Vec<_>>();
    require!(
        front
            .chars()
            .chain(behind.unwrap_or_default().chars())
            .all(|c| c.is_ascii_alphabetic()),
        "einsum: {equation:?}: {term:?} holds more than letters and one ..."
    );
    let (mut all, behind_letters) = (letters(front), behind.map(letters));
    let named = all.len() + behind_letters.as_ref().map_or(0, Vec::len);
    if let Some(rank) = rank {
        let fits = if behind.is_some() {
            named <= rank
        } else {
            named == rank
        };
        require!(
            fits,
            "einsum: {equation:?}: {term:?} names {named} axes of an operand of rank {rank}"
        );
    }
    if let Some(behind) = behind_letters {
        let dots = rank.map_or(dots, |rank| rank - named);
        all.extend((0..dots).rev().map(Label::Dots));
        all.extend(behind);
    }
    all
}

/// The output term of an equation without an arrow: `...`, then the letters that occur once, in
/// alphabetical order.
fn implied(inputs: &[Vec<Label>]) -> Vec<Label> {
    let all: Vec<_> = inputs.iter().flatten().copied().collect();
    let mut output: Vec<_> = all
        .iter()
        .copied()
        .filter(|label| match label {
            Label::Dots(_) => true,
            Label::Letter(_) => all.iter().filter(|&other| other == label).count() == 1,
        })
        .collect();
    output.sort_by_key(|&label| match label {
        Label::Dots(n) => (usize::MAX - n, ' '),
        Label::Letter(c) => (usize::MAX, c),
    });
    output.dedup();
    output
}

/// A tensor with a different label for each axis.
struct Labelled<T: Real> {
    x: Var<T>,
    labels: Vec<Label>,
}

impl<T: Real> Labelled<T> {
    /// If an operand repeats a label, takes the diagonal of these axes, which have one extent.
    #[track_caller]
    fn new(x: &Var<T>, labels: &[Label]) -> Self {
        let (mut x, mut labels) = (x.clone(), labels.to_vec());
        while let Some((a, b)) = repeated(&labels) {
            let label = labels.remove(b);
            labels.remove(a);
            labels.push(label);
            x = x.diagonal(0, a as isize, b as isize);
        }
        Self { x, labels }
    }

    fn extents(&self) -> Vec<(Label, usize)> {
        self.labels
            .iter()
            .copied()
            .zip(self.x.shape().iter().copied())
            .collect()
    }

    fn extent(&self, label: Label) -> usize {
        extent_in(&self.extents(), label)
    }

    /// Sums over every label that is not needed any more.
    #[track_caller]
    fn sum_unless(self, needed: impl Fn(Label) -> bool) -> Self {
        let (kept, gone): (Vec<_>, Vec<_>) =
            (0..self.labels.len()).partition(|&i| needed(self.labels[i]));
        if gone.is_empty() {
            return self;
        }
        let axes: Vec<_> = gone.iter().map(|&axis| axis as isize).collect();
        Self {
            x: self.x.sum(axes),
            labels: kept.iter().map(|&i| self.labels[i]).collect(),
        }
    }

    /// The axes permuted to the order of the labels, those of a group merged into one axis.
    #[track_caller]
    fn grouped(&self, groups: [&[Label]; 3]) -> Var<T> {
        let order: Vec<_> = groups
            .iter()
            .flat_map(|group| group.iter())
            .map(|label| {
                self.labels
                    .iter()
                    .position(|l| l == label)
                    .expect("a group names own axes")
            })
            .map(|axis| axis as isize)
            .collect();
        let extents: [usize; 3] =
            groups.map(|group| group.iter().map(|&label| self.extent(label)).product());
        self.x.permute(order).reshape(extents)
    }

    /// The product of two operands, summed over every common label that is not needed any more.
    #[track_caller]
    fn times(self, other: Self, needed: impl Fn(Label) -> bool) -> Self {
        let (a, b) = (
            self.sum_unless(|l| needed(l) || other.labels.contains(&l)),
            other,
        );
        let b = b.sum_unless(|l| needed(l) || a.labels.contains(&l));
        // An extent of 1 beside another one is broadcast: the axis belongs to the other operand.
        let (wide_a, wide_b) = (a.extents(), b.extents());
        let is_broadcast = |wide: &[(Label, usize)], l: Label, n: usize| {
            n == 1 && wide.iter().any(|&(other, m)| other == l && m != 1)
        };
        let a = a.sum_unless(|l| !is_broadcast(&wide_b, l, extent_in(&wide_a, l)));
        let b = b.sum_unless(|l| !is_broadcast(&wide_a, l, extent_in(&wide_b, l)));
        let both = |l: &Label| a.labels.contains(l) && b.labels.contains(l);
        let own = |x: &Self| {
            x.labels
                .iter()
                .filter(|l| !both(l))
                .copied()
                .collect::<Vec<_>>()
        };
        let batch: Vec<_> = a
            .labels
            .iter()
            .filter(|l| both(l) && needed(**l))
            .copied()
            .collect();
        let inner: Vec<_> = a
            .labels
            .iter()
            .filter(|l| both(l) && !needed(**l))
            .copied()
            .collect();
        let (rows, columns) = (own(&a), own(&b));
        let product = a
            .grouped([&batch, &rows, &inner])
            .matmul(&b.grouped([&batch, &inner, &columns]));
        let labels: Vec<_> = [batch, rows, columns].concat();
        let shape: Vec<_> = labels
            .iter()
            .map(|l| {
                if a.labels.contains(l) {
                    a.extent(*l)
                } else {
                    b.extent(*l)
                }
            })
            .collect();
        Self {
            x: product.reshape(shape),
            labels,
        }
        .sum_unless(needed)
    }
}

fn extent_in(extents: &[(Label, usize)], label: Label) -> usize {
    extents
        .iter()
        .find(|(l, _)| *l == label)
        .expect("a label of this operand")
        .1
}

fn repeated(labels: &[Label]) -> Option<(usize, usize)> {
    (0..labels.len()).find_map(|b| {
        labels[..b]
            .iter()
            .position(|l| *l == labels[b])
            .map(|a| (a, b))
    })
}

impl<T: Real> Var<T> {
    /// A sum of products by Einstein's convention: every letter is an index, and an index that is
    /// not in the output term, after the arrow, is summed over.
    ///
    /// `"ij,jk->ik"` is the matrix product, `"bij,bjk->bik"` a batch of them, `"ii->i"` the diagonal,
    /// `"ij->"` the sum, `"i,j->ij"` the outer product. `...` stands for any further axes, which
    /// broadcast. Without an arrow the output term is the letters that occur once, in alphabetical order.
    ///
    /// Operands are multiplied from left to right, each pair by a (batched) matrix product.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let a = Var::constant(Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2]));
    /// assert_eq!(Var::einsum("ij,jk->ik", &[&a, &a]).value().to_vec(), [7.0, 10.0, 15.0, 22.0]);
    /// assert_eq!(Var::einsum("ii->", &[&a]).item(), 5.0);
    /// ```
    ///
    /// # Panics
    /// If the equation is malformed, names other axes than the operands have, or an index has two
    /// extents.
    #[must_use]
    #[track_caller]
    pub fn einsum(equation: &str, operands: &[&Self]) -> Self {
        let ranks: Vec<_> = operands.iter().map(|x| x.rank()).collect();
        let Equation { inputs, output } = Equation::parse(equation, &ranks);
        require_extents(equation, operands, &inputs);
        let mut product: Option<Labelled<T>> = None;
        for (i, (x, labels)) in operands.iter().zip(&inputs).enumerate() {
            let needed = |label: Label| {
                output.contains(&label)
                    || inputs[i + 1..].iter().any(|later| later.contains(&label))
            };
            let next = Labelled::new(x, labels);
            product = Some(match product {
                None => next.sum_unless(needed),
                Some(product) => product.times(next, needed),
            });
        }
        let product = product.expect("an equation has at least one term");
        let order: Vec<_> = output
            .iter()
            .map(|label| {
                product
                    .labels
                    .iter()
                    .position(|l| l == label)
                    .expect("it was needed") as isize
            })
            .collect();
        product.x.permute(order)
    }
}

/// Every letter has one extent, the axes of `...` extents that broadcast.
#[track_caller]
fn require_extents<T: Real>(equation: &str, operands: &[&Var<T>], inputs: &[Vec<Label>]) {
    let mut known: Vec<(Label, usize)> = Vec::new();
    for (x, labels) in operands.iter().zip(inputs) {
        for (&label, &extent) in labels.iter().zip(x.shape()) {
            let dots = matches!(label, Label::Dots(_));
            match known.iter_mut().find(|(l, _)| *l == label) {
                None => known.push((label, extent)),
                Some((_, first)) if dots && *first == 1 => *first = extent,
                Some(&mut (_, first)) => require!(
                    first == extent || (dots && extent == 1),
                    "einsum: {equation:?}: {:?}: {label} has extent {extent}, and {first} before",
                    x.shape()
                ),
            }
        }
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::function("einsum", |draw| {
        let [i, j, k] = std::array::from_fn(|_| draw.extent());
        let cases: &[(&'static str, &[usize], &[usize])] = &[
            ("ij,jk->ik", &[i, j], &[j, k]),
            ("ij,jk->ki", &[i, j], &[j, k]),
            ("bij,bjk->bik", &[2, i, j], &[2, j, k]),
            ("bij,jb->b", &[2, i, j], &[j, 2]),
            ("i,j->ij", &[i], &[j]),
            ("i,i", &[i], &[i]),
            ("ij,ij->", &[i, j], &[i, j]),
            ("ij,kj->kij", &[i, j], &[k, j]),
            ("ijk,k->ji", &[i, j, k], &[k]),
            ("iij,j->i", &[i, i, j], &[j]),
            ("...ij,...jk->...ik", &[2, 1, i, j], &[3, j, k]),
            ("...i,i->...", &[2, k, i], &[i]),
            ("i...,j->j...", &[i, k], &[j]),
        ];
        let (equation, a, b) = draw.pick(cases);
        let f = generic!([equation] | a, b | Var::einsum(equation, &[a, b]));
        Case::new(
            format!("einsum {equation}"),
            f,
            [draw.normal(a), draw.normal(b)],
        )
    }),
    OpInfo::function("einsum", |draw| {
        let [i, j] = std::array::from_fn(|_| draw.extent());
        let cases: &[(&'static str, &[usize])] = &[
            ("ii->i", &[i, i]),
            ("ii", &[i, i]),
            ("ij->ji", &[i, j]),
            ("ba", &[i, j]),
            ("ijk->", &[i, j, 2]),
            ("ijk->k", &[i, j, 2]),
            ("iji->ji", &[i, j, i]),
            ("...ij->...j", &[2, i, j]),
        ];
        let (equation, a) = draw.pick(cases);
        let f = generic!([equation] | a | Var::einsum(equation, &[a]));
        Case::new(format!("einsum {equation}"), f, [draw.normal(a)])
    }),
    OpInfo::function("einsum", |draw| {
        let [i, j, k] = std::array::from_fn(|_| draw.extent());
        let f = generic!(|a, b, c| Var::einsum("ij,jk,ki->i", &[a, b, c]));
        Case::new(
            "einsum ij,jk,ki->i",
            f,
            [[i, j], [j, k], [k, i]].map(|shape| draw.normal(shape)),
        )
    }),
];
