//! This project among the programs that are compared. The argument `accurate` leaves out kernels whose
//! rounding error is larger than that of a plain sum; `random N SEED` prints random geometries.

#[path = "../../../workloads/mod.rs"]
mod workloads;

mod functions;

use protocol::{Case, Work, whole};
use wengert::prelude::*;
use wengert::tensor::conv::{self, geometry_of};
use wengert::tensor::kernels::conv::ConvGeometry;
use wengert::tensor::testing::random::random;
use wengert::tensor::{KernelChoice, Real};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, count, seed] = &arguments[..]
        && command == "random"
    {
        return print_random(count, seed);
    }
    let accurate = arguments.iter().any(|argument| argument == "accurate");
    let choice = if accurate {
        KernelChoice::Accurate
    } else {
        KernelChoice::Auto
    };
    protocol::serve(|case| {
        let none = || format!("{} {} is unknown", case.word("kind"), case.word("op"));
        let work = match (case.word("kind"), case.word("number")) {
            ("conv", "f64") => convolution::<f64>(case, choice.clone()),
            ("conv", _) => convolution::<f32>(case, choice.clone()),
            _ if accurate => Err("only convolutions differ".to_string())?,
            ("step" | "memory", _) => {
                workloads::steps::by_name(case.word("model"), case.number("batch"))
            }
            ("forward", _) => {
                workloads::steps::forward_by_name(case.word("model"), case.number("batch"))
            }
            ("matmul", "f64") => Some(workloads::arrays::matmul::<f64>(case.number("n"))),
            ("matmul", _) => Some(workloads::arrays::matmul::<f32>(case.number("n"))),
            ("elementwise", _) => workloads::arrays::elementwise(case.word("op"), case.number("n")),
            ("function", "f64") => functions::work::<f64>(case),
            ("function", _) => functions::work::<f32>(case),
            ("layer", _) => workloads::arrays::layer(case.word("op")),
            ("chain", _) => match case.word("op") {
                "forward" => Some(workloads::tape::forward()),
                "backward" => Some(workloads::tape::backward()),
                _ => None,
            },
            _ => None,
        };
        work.ok_or_else(none)
    });
}

/// Prints random geometries as the shapes of cases.
fn print_random(count: &str, seed: &str) {
    let count = count.parse().expect("the driver passes a number");
    let seed_number = seed.parse().expect("the driver passes a seed");
    for (index, g) in random(count, seed_number).iter().enumerate() {
        let [_, height, width] = g.input;
        let pair = |values: [usize; 3]| format!("[{}, {}]", values[1], values[2]);
        println!(
            r#"{{"id": "{seed}/{index}", "line": "{g}", "N": {}, "C": {}, "H": {height}, "W": {width}, "O": {}, "G": {}, "K": {}, "S": {}, "P": {}, "D": {}}}"#,
            g.batch,
            g.channels,
            g.filters,
            g.groups,
            pair(g.kernel),
            pair(g.stride),
            pair(g.padding.map(|[before, _]| before)),
            pair(g.dilation),
        );
    }
}

/// The geometry of a case: its line, or its sizes if it is square.
fn geometry(case: &Case) -> Option<ConvGeometry> {
    if !case.word("line").is_empty() {
        return case.word("line").parse().ok();
    }
    let sizes = case.conv();
    let options = ConvOptions::default()
        .stride(sizes.stride)
        .padding(sizes.padding)
        .groups(sizes.groups);
    geometry_of(&sizes.x, &sizes.w, &options).ok()
}

fn convolution<T: Real>(case: &Case, choice: KernelChoice) -> Option<Work> {
    let g = geometry(case)?;
    let fill = |[n, c]: [usize; 2], [_, height, width]: [usize; 3]| {
        let shape = [n, c, height, width];
        let values = protocol::values(shape.iter().product(), -1.0, 1.0);
        Tensor::from_vec(values.into_iter().map(T::of).collect(), &shape)
    };
    let x = fill([g.batch, g.channels], g.input);
    let w = fill([g.filters, g.channels / g.groups], g.kernel);
    let dy = fill([g.batch, g.filters], g.output());
    Some(match case.word("op") {
        "forward" => whole(move || conv::forward(&x, &w, &g, &choice)),
        "input_gradient" => whole(move || conv::input_gradient(&w, &dy, &g, &choice)),
        "weight_gradient" => whole(move || conv::weight_gradient(&x, &dy, &g, &choice)),
        _ => return None,
    })
}
