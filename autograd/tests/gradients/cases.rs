//! The cases of a default run, one line each.

use std::fmt;
use std::str::FromStr;

use proptest::arbitrary::any;
use proptest::prelude::Strategy;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use wengert_autograd::check::{CheckOptions, Report, Situation, check_dyn};
use wengert_autograd::ops::{Case, OpInfo, table};
use wengert_autograd::{Differentiable, Draw, Graph, LARGEST, Tape, Var, grad};
use wengert_tensor::Tensor;

use wengert_autograd::check::{Arranged, arrange};

use crate::quiet::quietly;

/// Checks per function and situation in a default run; `WENGERT_CHECKS` multiplies it.
pub const CHECKS: usize = 5;

/// Draws after which no sample is expected to meet a situation any more.
const TRIES: usize = 60;

/// One case by what it is made from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    pub name: &'static str,
    pub seed: u64,
    pub size: usize,
    pub situation: Situation,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            seed,
            size,
            situation,
        } = self;
        write!(f, "{name}: {seed} {size} {situation}")
    }
}

impl FromStr for Line {
    type Err = String;
    fn from_str(line: &str) -> Result<Self, String> {
        let parsed = line.split_once(": ").and_then(|(name, rest)| {
            let mut words = rest.splitn(3, ' ');
            let (seed, size, situation) = (words.next()?, words.next()?, words.next()?);
            Some(Self {
                name: table().map(OpInfo::name).find(|known| *known == name)?,
                seed: seed.parse().ok()?,
                size: size.parse().ok()?,
                situation: Situation::ALL
                    .into_iter()
                    .find(|s| s.to_string() == situation)?,
            })
        });
        parsed.ok_or_else(|| format!("{line}: not 'function: seed size situation'"))
    }
}

impl Line {
    /// The case, if the function meets the situation.
    pub fn case(&self, info: &OpInfo) -> Option<(Case, Arranged)> {
        let case = info.draw(&mut Draw::new(self.seed, self.size));
        let mut draw = Draw::new(self.seed ^ 0xa44a, LARGEST);
        let arranged = arrange(
            self.situation,
            &*case.function,
            &case.inputs,
            info.is_strict(),
            &mut draw,
        )?;
        Some((case, arranged))
    }

    /// How many operands the case has.
    pub fn operands(&self, info: &OpInfo) -> usize {
        info.draw(&mut Draw::new(self.seed, self.size)).inputs.len()
    }

    pub fn options(&self, info: &OpInfo) -> CheckOptions {
        let default = CheckOptions::default();
        let bound = info.rounding().map(|(bound, _)| bound);
        CheckOptions {
            seed: self.seed,
            entries: 24,
            directions: 2,
            localise: std::env::var_os("WENGERT_CASE").is_some(),
            exact_tolerance: bound.unwrap_or(default.exact_tolerance),
            ..default
        }
    }

    /// Runs the case: `None` if there is none, the report or what is wrong.
    pub fn check(&self, info: &OpInfo) -> Option<Result<Report, String>> {
        let (case, arranged) = self.case(info)?;
        let options = self.options(info);
        let outcome = arranged.with(&*case.function, |f| {
            let checked = quietly(|| {
                let report = check_dyn(f, &arranged.inputs, &options);
                let alike = same_as_contiguous(f, &arranged.inputs);
                (report, alike)
            });
            match checked {
                Ok((report, _)) if report.failed() => Err(report.to_string()),
                Ok((report, alike)) => alike.map(|()| report),
                Err(panic) => Err(match panic.downcast_ref::<String>() {
                    Some(text) => format!("it panics: {text}"),
                    None => "it panics".to_string(),
                }),
            }
        });
        let shapes: Vec<_> = arranged.inputs.iter().map(Tensor::shape).collect();
        Some(outcome.map_err(|message| {
            format!(
                "WENGERT_CASE='{self}'\n{} on {shapes:?}\n{message}",
                case.description
            )
        }))
    }
}

/// Values and gradients of a function, for comparison between layouts.
fn run(f: &dyn Differentiable, inputs: &[Tensor<f64>]) -> Vec<Vec<f64>> {
    let tape = Tape::new();
    let x: Vec<_> = inputs.iter().map(|x| tape.leaf(x.clone())).collect();
    let y = f.f64(&x);
    let roots: Vec<_> = y.iter().map(|y| (y, Var::full(y.shape(), 0.75))).collect();
    let gradients = grad(&roots, &x.iter().collect::<Vec<_>>(), Graph::Skip);
    let values = y.iter().map(|y| y.value().to_vec());
    values
        .chain(gradients.into_iter().flatten().map(|g| g.value().to_vec()))
        .collect()
}

/// Layouts change neither values nor gradients by more than the order of a sum.
fn same_as_contiguous(f: &dyn Differentiable, inputs: &[Tensor<f64>]) -> Result<(), String> {
    if inputs.iter().all(Tensor::is_contiguous) {
        return Ok(());
    }
    let dense: Vec<_> = inputs.iter().map(Tensor::contiguous).collect();
    let (found, expected) = (run(f, inputs), run(f, &dense));
    if found.len() != expected.len() {
        return Err("gives other gradients than for the contiguous copy".to_owned());
    }
    for (a, b) in found.iter().zip(&expected) {
        let size = b.iter().fold(1e-300_f64, |m, b| m.max(b.abs()));
        let mut pairs = a.iter().zip(b);
        if a.len() != b.len() || pairs.any(|(a, b)| !((a - b).abs() <= 1e-13 * size)) {
            return Err(format!("differs from the contiguous copy: {a:?} and {b:?}"));
        }
    }
    Ok(())
}

/// How many times the default number of checks are asked for.
pub fn intensity() -> f64 {
    std::env::var("WENGERT_CHECKS")
        .ok()
        .and_then(|x| x.parse().ok())
        .unwrap_or(1.0)
}

/// By name, not by place in the table: a new function changes nobody else's cases.
fn seed(name: &str, situation: Situation) -> u64 {
    // FNV-1a (G. Fowler, L. C. Noll, K.-P. Vo, 1991).
    let bytes = name.bytes().chain([situation as u8]);
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Runs `visit` on the drawn lines of a function in a situation until it has said `true` often
/// enough; a line that makes it fail is shrunk.
pub fn walk(
    info: &OpInfo,
    situation: Situation,
    mut visit: impl FnMut(&Line) -> Option<Result<(), String>>,
) -> Result<usize, String> {
    let config = Config {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(seed(info.name(), situation)),
        ..Config::default()
    };
    let mut runner = TestRunner::new(config);
    let strategy = (any::<u32>().no_shrink(), 0..=LARGEST);
    let wanted = (CHECKS as f64 * intensity()).ceil() as usize;
    let mut done = 0;
    for _ in 0..TRIES.max(2 * wanted) {
        let mut tree = strategy.new_tree(&mut runner).expect("nothing is filtered");
        let line = |(seed, size): (u32, usize)| Line {
            name: info.name(),
            seed: u64::from(seed),
            size,
            situation,
        };
        match visit(&line(tree.current())) {
            None => continue,
            Some(Ok(())) => done += 1,
            Some(Err(mut message)) => {
                while tree.simplify() {
                    match visit(&line(tree.current())) {
                        Some(Err(smaller)) => message = smaller,
                        _ if tree.complicate() => {}
                        _ => break,
                    }
                }
                return Err(message);
            }
        }
        if done == wanted {
            break;
        }
    }
    Ok(done)
}
