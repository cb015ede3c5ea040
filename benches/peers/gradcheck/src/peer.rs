//! A program that computes values and gradients of another framework.
//!
//! It first writes one line of JSON, `{"number": "f64", "cases": […]}`: the type that it computes in, and those lines of
//! `functions.json` whose functions it has. A request is a line `{"case": 3, "cotangent": 6}`, followed by the inputs and
//! by as many numbers of the cotangent as the line says, as `f64` in little-endian order; `null` asks for the values. The
//! answer is a line with the lengths of the arrays that follow, `{"lengths": [6]}`, or `{"error": "…"}`.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

/// A function of the framework, at one geometry.
pub struct Case {
    pub function: String,
    /// The function, its shapes and options.
    pub name: String,
    pub inputs: Vec<Input>,
    /// The numbers to check at, if they are given.
    pub at: Option<Vec<Vec<f64>>>,
    /// Whether the gradient is known to be wrong, or right.
    pub wrong: Option<bool>,
}

/// One array that the function takes.
pub struct Input {
    pub shape: Vec<usize>,
    /// Which numbers it may hold.
    pub domain: String,
}

/// A running program.
pub struct Peer {
    child: Child,
    pipes: RefCell<(BufWriter<ChildStdin>, BufReader<ChildStdout>)>,
    pub cases: Vec<Case>,
    /// Whether it computes in `f32`.
    pub single: bool,
}

type Failure = Box<dyn std::error::Error>;

impl Peer {
    /// Starts the program and reads its cases.
    pub fn start(command: &[String]) -> Result<Self, Failure> {
        let (program, arguments) = command.split_first().ok_or("no program is named")?;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{program}: {error}"))?;
        let input = child.stdin.take().ok_or("the program has no input")?;
        let output = child.stdout.take().ok_or("the program has no output")?;
        let mut output = BufReader::with_capacity(1 << 16, output);
        let list = line(&mut output)?;
        let cases = list["cases"]
            .as_array()
            .ok_or("the first line has no list of cases")?;
        let cases = cases.iter().map(case).collect::<Option<Vec<_>>>();
        Ok(Self {
            child,
            pipes: RefCell::new((BufWriter::new(input), output)),
            cases: cases.ok_or("a case lacks its function, shapes or domains")?,
            single: list["number"] == "f32",
        })
    }

    /// The values at some inputs; with a cotangent, the gradients, one array for each input.
    pub fn ask(
        &self,
        case: usize,
        inputs: &[&[f64]],
        cotangent: Option<&[f64]>,
    ) -> Result<Vec<Vec<f64>>, Failure> {
        let mut pipes = self.pipes.borrow_mut();
        let (input, output) = &mut *pipes;
        let request = serde_json::json!({"case": case, "cotangent": cotangent.map(<[f64]>::len)});
        writeln!(input, "{request}")?;
        for array in inputs.iter().copied().chain(cotangent) {
            for x in array {
                input.write_all(&x.to_le_bytes())?;
            }
        }
        input.flush()?;
        let answer = line(output)?;
        if let Some(error) = answer["error"].as_str() {
            return Err(error.to_owned().into());
        }
        let lengths = answer["lengths"]
            .as_array()
            .ok_or("an answer without lengths")?;
        let mut arrays = Vec::new();
        for length in lengths {
            let length = length.as_u64().ok_or("a length is no number")?;
            let mut bytes = vec![0; 8 * usize::try_from(length)?];
            output.read_exact(&mut bytes)?;
            let numbers = bytes
                .chunks_exact(8)
                .map(|b| f64::from_le_bytes(b.try_into().expect("8 bytes")));
            arrays.push(numbers.collect());
        }
        Ok(arrays)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn line(output: &mut impl BufRead) -> Result<Value, Failure> {
    let mut text = String::new();
    if output.read_line(&mut text)? == 0 {
        return Err("the program has ended".into());
    }
    Ok(serde_json::from_str(&text)?)
}

fn case(value: &Value) -> Option<Case> {
    let function = value["function"].as_str()?.to_owned();
    let inputs = value["inputs"].as_array()?;
    let inputs: Vec<_> = inputs.iter().map(input).collect::<Option<_>>()?;
    let mut name = function.clone();
    for input in &inputs {
        name += &format!(" {:?}", input.shape);
    }
    for (option, chosen) in value["options"].as_object().into_iter().flatten() {
        name += &format!(" {option} {chosen}");
    }
    let numbers = |list: &Value| list.as_array()?.iter().map(Value::as_f64).collect();
    Some(Case {
        function,
        name,
        inputs,
        at: value["at"]
            .as_array()
            .and_then(|at| at.iter().map(numbers).collect()),
        wrong: value["wrong"].as_bool(),
    })
}

/// An input such as `positive 2 3`.
fn input(value: &Value) -> Option<Input> {
    let mut words = value.as_str()?.split(' ');
    Some(Input {
        domain: words.next()?.to_owned(),
        shape: words
            .map(|extent| extent.parse().ok())
            .collect::<Option<_>>()?,
    })
}
