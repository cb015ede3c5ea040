//! This project among the programs that are compared. The argument `accurate` leaves out kernels whose
//! rounding error is larger than that of a plain sum.

#[path = "../../../workloads/mod.rs"]
mod workloads;

mod functions;

use protocol::{Case, Work, whole};
use wengert::prelude::*;
use wengert::tensor::conv::{self, geometry_of};
use wengert::tensor::{KernelChoice, Real};

fn main() {
    let accurate = std::env::args().any(|argument| argument == "accurate");
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

fn convolution<T: Real>(case: &Case, choice: KernelChoice) -> Option<Work> {
    let sizes = case.conv();
    let options = ConvOptions::default()
        .stride(sizes.stride)
        .padding(sizes.padding)
        .groups(sizes.groups);
    let fill = |shape: &[usize]| {
        let length = shape.iter().product();
        let values = protocol::values(length, -1.0, 1.0);
        Tensor::from_vec(values.into_iter().map(T::of).collect(), shape)
    };
    let (x, w, dy) = (fill(&sizes.x), fill(&sizes.w), fill(&sizes.y));
    let g = geometry_of(x.shape(), w.shape(), &options).ok()?;
    Some(match case.word("op") {
        "forward" => whole(move || conv::forward(&x, &w, &g, &choice)),
        "input_gradient" => whole(move || conv::input_gradient(&w, &dy, &g, &choice)),
        "weight_gradient" => whole(move || conv::weight_gradient(&x, &dy, &g, &choice)),
        _ => return None,
    })
}
