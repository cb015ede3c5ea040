//! What a terminal shows.

use wengert_autograd::check::{Report, check_gradients};
use wengert_autograd::generic;
use wengert_tensor::Tensor;

fn at(values: &[f64]) -> Tensor<f64> {
    Tensor::from_slice(values, [values.len()])
}

/// The first line, and that of each input; without colour.
fn lines(report: &Report, names: &[&str]) -> Vec<String> {
    let text = report.terminal().coloured(false).to_string();
    let found = |name: &&str| {
        let words = |line: &&str| line.contains(&format!(" {name} ["));
        text.lines()
            .find(words)
            .expect("a line for each input")
            .to_owned()
    };
    let first = text.lines().next().expect("a title").to_owned();
    [first].into_iter().chain(names.iter().map(found)).collect()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn a_terminal_tells_wrong_right_and_unjudged_inputs_apart() {
    let f = generic!(|x, y, z| x * &x.detach() + y * 1.0 + z.detach().sum(..) * 0.0);
    let inputs = [at(&[0.3, -1.2]), at(&[0.7, 2.0]), at(&[1.0])];
    let report = check_gradients(f, &inputs);
    let report = report.named(names(&["x", "y", "z"])).titled("a sum");
    let found = lines(&report, &["x", "y", "z"]);
    assert!(found[0].starts_with("a sum: WRONG (seed "), "{found:?}");
    let starts = ["  WRONG ", "  ok ", "  not judged "];
    for (line, start) in found[1..].iter().zip(starts) {
        assert!(line.starts_with(start), "{line}");
    }
    // What no path leads to has no error.
    assert!(found[1].contains("largest error"), "{found:?}");
    assert!(!found[3].contains("largest error"), "{found:?}");
    let text = report.terminal().coloured(false).to_string();
    assert!(text.contains("expected"), "{text}");
    // Red for what is wrong, green for what is right, yellow for what is open.
    let coloured = report.terminal().coloured(true).to_string();
    for sequence in ["\x1b[31mWRONG", "\x1b[32mok", "\x1b[33mnot judged"] {
        assert!(coloured.contains(sequence), "{coloured}");
    }
}

#[test]
fn a_terminal_does_not_call_an_unjudged_function_right() {
    let report = check_gradients(generic!(|x| x.detach() * 0.0), &[at(&[0.3])]);
    let found = lines(&report.named(names(&["x"])), &["x"]);
    assert!(
        found[0].starts_with("gradient check: NOT JUDGED"),
        "{found:?}"
    );
    assert!(found[1].starts_with("  not judged "), "{found:?}");
    assert!(found[1].contains("unreachable"), "{found:?}");
    assert!(!found[1].contains("largest error"), "{found:?}");
}

#[test]
fn a_right_function_without_a_title_is_ok() {
    let report = check_gradients(generic!(|x| x.sin()), &[at(&[0.3])]);
    let found = lines(&report.named(names(&["x"])), &["x"]);
    assert!(
        found[0].starts_with("gradient check: ok (seed "),
        "{found:?}"
    );
    let text = found.join("\n");
    assert!(!text.contains("kink"), "{text}");
}
