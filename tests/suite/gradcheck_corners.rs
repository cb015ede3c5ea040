//! Reports of gradient checks at their corners: numbers that are not finite, tensors that nothing was judged of, tensors
//! that cannot be drawn.

use serde_json::{Value, json};
use wengert::autograd::check::{Derivative, Record, Verdict, check_gradients};
use wengert::gradcheck;
use wengert::prelude::*;

/// The report of a right function, `tanh` of three numbers.
fn right() -> Report {
    let x = Tensor::from_vec(vec![0.5, -1.0, 2.0], [3]);
    check_gradients(generic!(|x| x.tanh()), &[x])
}

/// A report of an input of three elements with these records alone.
fn of(records: Vec<Record>) -> Report {
    Report {
        names: vec!["x".to_owned()],
        shapes: vec![vec![3]],
        records,
        ..Report::default()
    }
}

/// The record of an element of the gradient.
fn record(index: usize) -> Record {
    let mut found = right().records.into_iter();
    let record = found.find(|r| r.derivative == Derivative::First && r.index == [index]);
    record.expect("each element was judged")
}

fn failing(index: usize, error: f64) -> Record {
    Record {
        verdict: Verdict::Fail,
        reason: format!("a failure at {index}"),
        error,
        ..record(index)
    }
}

fn page(report: Report) -> String {
    let page = gradcheck::html("corners", &[report]);
    let (_, body) = page.split_once("</style>").expect("a style");
    body.to_owned()
}

fn count(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

#[test]
fn numbers_that_are_not_finite_are_strings_in_json() {
    let wrong = Record {
        analytic: f64::NAN,
        forward: Some(f64::INFINITY),
        numeric: Some(f64::NEG_INFINITY),
        bar: 0.25,
        ..record(0)
    };
    let text = gradcheck::json(&[of(vec![wrong])]);
    let found: Value = serde_json::from_str(&text).expect("JSON");
    let found = &found["reports"][0]["records"][0];
    assert_eq!(found["analytic"], json!("nan"));
    assert_eq!(found["forward_mode"], json!("inf"));
    assert_eq!(found["differences"], json!("-inf"));
    assert_eq!(found["bar"], json!(0.25));
}

/// The cases of a report as `JUnit` XML: their names, and the name and the message of what is not a success.
fn cases(report: Report) -> Vec<(String, Option<(String, String)>)> {
    let text = gradcheck::junit(&[report]);
    let document = roxmltree::Document::parse(&text).expect("XML");
    let cases = document
        .descendants()
        .filter(|n| n.has_tag_name("testcase"));
    let cases = cases.map(|case| {
        let status = case.children().find(roxmltree::Node::is_element);
        let status = status.map(|node| {
            let message = node.attribute("message").unwrap_or_default();
            (node.tag_name().name().to_owned(), message.to_owned())
        });
        let name = case.attribute("name").expect("a name");
        (name.to_owned(), status)
    });
    cases.collect()
}

#[test]
fn a_fault_of_the_function_fails_its_own_case() {
    let report = Report {
        faults: vec!["it panicked".to_owned(), "it is not linear".to_owned()],
        ..of(vec![record(0)])
    };
    let failure = ("failure".to_owned(), "it panicked".to_owned());
    assert_eq!(
        cases(report),
        [
            ("function".to_owned(), Some(failure)),
            ("x".to_owned(), None)
        ]
    );
}

#[test]
fn a_wrong_direction_fails_the_case_of_all_inputs_and_not_that_of_the_function() {
    let direction = Record {
        derivative: Derivative::Directional,
        input: None,
        index: Vec::new(),
        ..failing(0, 9.0)
    };
    let report = of(vec![direction]);
    assert!(report.failed() && !report.judged());
    let found = cases(report);
    assert_eq!(found[0], ("function".to_owned(), None));
    let (name, message) = found[1].1.as_ref().expect("no success");
    assert_eq!(
        (name.as_str(), message.as_str()),
        ("skipped", "no number was judged")
    );
    assert_eq!(found[2].0, "all inputs together");
    let (name, message) = found[2].1.as_ref().expect("no success");
    assert!(
        name == "failure" && message.starts_with("1 of 1 numbers disagree"),
        "{name}: {message}"
    );
}

#[test]
fn an_error_that_is_no_number_is_the_worst_one_and_red() {
    let report = of(vec![failing(0, 1e3), failing(1, f64::NAN), failing(2, 1e5)]);
    let message = cases(report.clone())[1].1.clone().expect("a failure").1;
    assert!(
        message.starts_with("3 of 3 numbers disagree; the worst at [1]")
            && message.ends_with("a failure at 1"),
        "{message}"
    );
    // Red at a million times the bar, and without a number; half of the way at a thousand times.
    let page = page(report);
    assert_eq!(count(&page, "fill=\"hsl(0 85% 44%)\""), 1, "{page}");
    assert_eq!(count(&page, "fill=\"hsl(24 85% 48%)\""), 1, "{page}");
}

#[test]
fn an_element_that_was_not_judged_is_an_empty_cell_without_a_hint() {
    let page = page(of(vec![record(0), record(2)]));
    assert_eq!(count(&page, "<rect"), 3);
    assert_eq!(count(&page, "fill=\"var(--empty)\""), 1);
    let map = page.split("</svg>").next().expect("a map");
    assert_eq!(count(map, "<title>"), 2, "{map}");
}

#[test]
fn a_tensor_that_cannot_be_drawn_has_a_row_and_no_map() {
    // No element; more than a map has cells; records of another number of axes; no record.
    for shape in [vec![0], vec![4097], vec![1, 3], vec![3]] {
        let records = if shape == [3] {
            Vec::new()
        } else {
            vec![record(0)]
        };
        let numbers = records.len();
        let report = Report {
            shapes: vec![shape.clone()],
            ..of(records)
        };
        let page = page(report);
        assert_eq!(count(&page, "Error maps"), 0, "{shape:?}");
        let row = format!("<td class=\"text\">{shape:?}</td><td>{numbers}</td><td>0</td>");
        assert!(page.contains(&row), "{shape:?}: {page}");
    }
}

#[test]
fn a_wrong_op_is_named_with_its_layer_if_it_is_known() {
    let x = Tensor::from_vec(vec![0.5, -1.0, 2.0], [3]);
    let cut = generic!(|x| x.tanh() * x.detach().exp());
    let mut report = check_gradients(cut, &[x]);
    assert!(!report.located.is_empty());
    for located in &mut report.located {
        located.layer = None;
    }
    assert_eq!(count(&page(report.clone()), " in <code>"), 0);
    report.located[0].layer = Some("encoder <0>".to_owned());
    let page = page(report);
    assert_eq!(count(&page, " in <code>encoder &lt;0&gt;</code>"), 1);
}

#[test]
fn a_chart_of_steps_leaves_out_what_is_not_finite_and_has_a_decade_at_least() {
    let chart = |values: &[(f64, f64)]| {
        let mut record = record(0);
        (record.analytic, record.noise, record.step) = (0.0, None, None);
        let quotient = record.steps[0];
        let steps = values.iter().map(|&(step, value)| {
            let mut quotient = quotient;
            (quotient.step, quotient.value) = (step, value);
            quotient
        });
        record.steps = steps.collect();
        page(of(vec![record]))
    };
    let circles = |page: &str| count(page, "<circle");
    let whole = chart(&[(1e-3, 1e-5), (1e-2, 1e-4)]);
    assert_eq!(circles(&whole), 2);
    let holes = [
        (1e-3, 1e-5),
        (f64::NAN, 1e-5),
        (0.0, 1e-5),
        (1e-2, f64::INFINITY),
    ];
    let page = chart(&holes);
    assert_eq!(circles(&page), 1);
    // One point, whose coordinates are powers of ten: each axis ends one decade above.
    for text in [">1e-3<", ">1e-2<", ">1e-5<", ">1e-4<"] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let none = chart(&[(1e-3, 0.0), (1e-2, 0.0)]);
    assert_eq!(count(&none, "Differences by step"), 0);
}
