//! The protocol of `../../gradcheck/src/peer.rs`: values and gradients of a framework's functions.

use std::io::{self, BufRead, Read, Write};
use std::panic::{self, AssertUnwindSafe};

use serde_json::{Value, json};

/// The functions of all frameworks, and where to check them.
const FUNCTIONS: &str = include_str!("../../gradcheck/functions.json");

/// A function at one geometry.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its name.
    pub function: String,
    /// The shapes of its inputs.
    pub shapes: Vec<Vec<usize>>,
    options: Value,
}

/// Why there is no result.
#[derive(Debug)]
pub enum Failure {
    /// The framework has no such function.
    Unknown,
    /// The framework does not support the geometry, or the gradient.
    Refused(String),
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        // Some errors end with a backtrace.
        let text = error.to_string();
        Self::Refused(text.lines().next().unwrap_or_default().to_string())
    }
}

/// One array of numbers for each input, or for each result.
pub type Arrays = Vec<Vec<f64>>;

impl Call {
    /// An option that is a number.
    ///
    /// # Panics
    /// If there is none of that name.
    #[must_use]
    pub fn number(&self, name: &str) -> f64 {
        let number = self.options[name].as_f64();
        number.unwrap_or_else(|| panic!("{}: no option {name:?}", self.function))
    }

    /// An option that is a count.
    ///
    /// # Panics
    /// If there is none of that name.
    #[must_use]
    pub fn count(&self, name: &str) -> usize {
        self.number(name) as usize
    }

    /// An option for height and width.
    ///
    /// # Panics
    /// If there is none of that name.
    #[must_use]
    pub fn pair(&self, name: &str) -> [usize; 2] {
        let extent = |i: usize| self.options[name][i].as_u64();
        match (extent(0), extent(1)) {
            (Some(height), Some(width)) => [height as usize, width as usize],
            _ => panic!("{}: no option {name:?}", self.function),
        }
    }

    /// An option that is the same for height and width.
    ///
    /// # Errors
    /// If it is not the same, which this framework does not support.
    pub fn equal(&self, name: &str) -> Result<usize, Failure> {
        let [height, width] = self.pair(name);
        if height == width {
            return Ok(height);
        }
        Err(Failure::Refused(format!("{name} of {height} and {width}")))
    }
}

/// Answers requests until the input ends.
///
/// * `number`: what `evaluate` computes in, `"f32"` or `"f64"`
/// * `evaluate`: the values for a call and its inputs; with a cotangent, the gradients, one for each input
///
/// A function that panics is one that the framework does not support.
///
/// # Panics
/// If a pipe breaks or a request is malformed.
pub fn serve(
    number: &str,
    evaluate: impl Fn(&Call, &Arrays, Option<&[f64]>) -> Result<Arrays, Failure>,
) {
    panic::set_hook(Box::new(|_| {}));
    let evaluate = |call: &Call, inputs: &Arrays, cotangent: Option<&[f64]>| {
        let caught = panic::catch_unwind(AssertUnwindSafe(|| evaluate(call, inputs, cotangent)));
        caught.unwrap_or_else(|panic| Err(Failure::Refused(message(&*panic))))
    };
    let known = |listed: &Value| {
        let call = call(listed);
        let middle = call.shapes.iter().map(|shape| vec![0.5; length(shape)]);
        !matches!(
            evaluate(&call, &middle.collect(), None),
            Err(Failure::Unknown)
        )
    };
    let listed: Vec<Value> = serde_json::from_str(FUNCTIONS).expect("a list of functions");
    let listed: Vec<_> = listed.into_iter().filter(known).collect();
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    writeln!(output, "{}", json!({"number": number, "cases": listed})).expect("a pipe");
    output.flush().expect("a pipe");

    let mut line = String::new();
    while input.read_line(&mut line).expect("a pipe") > 0 {
        let request: Value = serde_json::from_str(&line).expect("a request is an object");
        line.clear();
        let case = request["case"].as_u64().expect("the number of a case");
        let call = call(&listed[case as usize]);
        let shapes = call.shapes.iter();
        let inputs = shapes.map(|shape| numbers(&mut input, length(shape)));
        let inputs: Arrays = inputs.collect();
        let cotangent = request["cotangent"].as_u64();
        let cotangent = cotangent.map(|count| numbers(&mut input, count as usize));
        answer(&mut output, evaluate(&call, &inputs, cotangent.as_deref())).expect("a pipe");
    }
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "it panics".to_string())
}

/// One line of the list.
fn call(listed: &Value) -> Call {
    let shape = |input: &Value| {
        let words = input.as_str().unwrap_or_default().split(' ').skip(1);
        words.map(|n| n.parse().expect("an extent")).collect()
    };
    Call {
        function: listed["function"].as_str().unwrap_or_default().to_string(),
        shapes: listed["inputs"]
            .as_array()
            .into_iter()
            .flatten()
            .map(shape)
            .collect(),
        options: listed["options"].clone(),
    }
}

fn length(shape: &[usize]) -> usize {
    shape.iter().product()
}

fn numbers(input: &mut impl Read, count: usize) -> Vec<f64> {
    let mut bytes = vec![0; 8 * count];
    input.read_exact(&mut bytes).expect("a pipe");
    let number = |bytes: &[u8]| f64::from_le_bytes(bytes.try_into().expect("8 bytes"));
    bytes.chunks_exact(8).map(number).collect()
}

fn answer(output: &mut impl Write, result: Result<Arrays, Failure>) -> io::Result<()> {
    match result {
        Ok(arrays) => {
            let lengths: Vec<_> = arrays.iter().map(Vec::len).collect();
            writeln!(output, "{}", json!({"lengths": lengths}))?;
            for x in arrays.iter().flatten() {
                output.write_all(&x.to_le_bytes())?;
            }
        }
        Err(Failure::Unknown) => writeln!(output, "{}", json!({"error": "no such function"}))?,
        Err(Failure::Refused(why)) => writeln!(output, "{}", json!({"error": why}))?,
    }
    output.flush()
}
