//! Reports of gradient checks as JSON, `JUnit` XML and HTML.

use serde_json::Value;
use wengert::autograd::check::{CheckOptions, check_gradients, check_gradients_with};
use wengert::gradcheck;
use wengert::prelude::*;

fn normal(shape: &[usize], seed: u64) -> Tensor<f64> {
    Draw::new(seed, 4).normal(shape)
}

/// One right report, one with a severed path, and one of a function that judges nothing.
fn reports() -> [Report; 3] {
    let (x, w) = (normal(&[1, 2, 5, 5], 0), normal(&[3, 2, 3, 3], 1));
    let options = ConvOptions::default();
    let check = CheckOptions {
        second_order: false,
        ..CheckOptions::default()
    };
    let right = generic!(|x, w| x.conv2d(w, &options).tanh());
    let cut = generic!(|x, w| x.conv2d(w, &options).tanh() * x.detach().exp().sum(..));
    let names = || vec!["x <input>".to_owned(), "weight".to_owned()];
    let inputs = [x, w];
    [
        check_gradients_with(right, &inputs, &check)
            .titled("right")
            .named(names()),
        check_gradients_with(cut, &inputs, &check)
            .titled("cut & severed")
            .named(names()),
        Report::default(),
    ]
}

/// Whether a value has exactly the keys that the schema requires, and values of its enumerations, everywhere.
fn conforms(value: &Value, schema: &Value, root: &Value, path: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.trim_start_matches("#/$defs/");
        return conforms(value, &root["$defs"][name], root, path);
    }
    if let Some(allowed) = schema["enum"].as_array() {
        assert!(allowed.contains(value), "{path}: {value}");
    }
    let types: Vec<_> = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_u64() || n.is_i64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let fits = types.contains(&kind) || kind == "integer" && types.contains(&"number");
    assert!(types.is_empty() || fits, "{path}: {value} is no {types:?}");
    if let (Some(fields), Some(properties)) = (value.as_object(), schema["properties"].as_object())
    {
        let keys: Vec<_> = fields.keys().collect();
        let mut known: Vec<_> = properties.keys().collect();
        known.sort();
        let mut sorted = keys.clone();
        sorted.sort();
        assert_eq!(sorted, known, "{path}");
        for (key, field) in fields {
            conforms(field, &properties[key], root, &format!("{path}.{key}"));
        }
    }
    for (i, item) in value.as_array().into_iter().flatten().enumerate() {
        conforms(item, &schema["items"], root, &format!("{path}[{i}]"));
    }
}

#[test]
fn json_is_what_its_schema_describes() {
    let schema: Value =
        serde_json::from_str(include_str!("../../docs/gradcheck-schema.json")).expect("a schema");
    let found: Value = serde_json::from_str(&gradcheck::json(&reports())).expect("JSON");
    conforms(&found, &schema, &schema, "root");
    let verdicts: Vec<_> = (0..3).map(|i| &found["reports"][i]["verdict"]).collect();
    assert_eq!(verdicts, ["ok", "wrong", "not judged"]);
    let cut = &found["reports"][1];
    assert!(
        !cut["located"].as_array().expect("a list").is_empty(),
        "{}",
        cut["located"]
    );
    assert!(
        cut["tape"]
            .as_array()
            .expect("a list")
            .iter()
            .any(|e| e["wrong"] == true)
    );
    assert_eq!(cut["inputs"][1]["shape"], serde_json::json!([3, 2, 3, 3]));
}

#[test]
fn junit_counts_failures_and_escapes_names() {
    let text = gradcheck::junit(&reports());
    let document = roxmltree::Document::parse(&text).expect("XML");
    let suites: Vec<_> = document
        .descendants()
        .filter(|n| n.has_tag_name("testsuite"))
        .collect();
    assert_eq!(suites.len(), 3);
    assert_eq!(suites[0].attribute("failures"), Some("0"));
    assert_eq!(suites[1].attribute("name"), Some("cut & severed"));
    let failures = document
        .descendants()
        .filter(|n| n.has_tag_name("failure"))
        .count();
    // The severed input, perhaps directions; and the report in which nothing was judged.
    assert!(failures >= 2, "{text}");
    assert!(text.contains("x &lt;input&gt;"), "{text}");
    let unjudged: Vec<_> = suites[2]
        .descendants()
        .filter(|n| n.has_tag_name("failure"))
        .collect();
    assert_eq!(unjudged.len(), 1);
}

#[test]
fn the_page_is_self_contained_and_marks_the_wrong_op() {
    let reports = reports();
    let page = gradcheck::html("a <test>", &reports);
    assert!(
        !page.contains("http://") && !page.contains("https://"),
        "no other file is needed"
    );
    let document = scraper::Html::parse_document(&page);
    assert!(document.errors.is_empty(), "{:?}", document.errors);
    let count = |css: &str| {
        let selector = scraper::Selector::parse(css).expect("a selector");
        document.select(&selector).count()
    };
    assert_eq!(count("section"), 3);
    // A cell for each element of both inputs, in both reports that judge.
    assert_eq!(count("svg.map rect"), 2 * (50 + 54));
    assert!(count(".tape tr.wrong") >= 1);
    assert!(count("svg.chart polyline.error") >= 2);
    assert_eq!(count(".verdict.wrong"), 1);
    if let Ok(file) = std::env::var("WENGERT_GRADCHECK_PAGE") {
        std::fs::write(file, page).expect("the page is written");
    }
}

#[test]
fn the_page_shows_a_kink_before_what_passes_beside_it() {
    let x = Tensor::from_vec(vec![1.0, 0.0, -1.0], [3]);
    let report = check_gradients(generic!(|x| x.relu()), &[x]).named(vec!["x".to_owned()]);
    let page = gradcheck::html("a kink", &[report]);
    let rows: Vec<_> = page.split("<tr").collect();
    let x = rows.iter().position(|row| row.contains(">x</td>"));
    let reason = rows[x.expect("a row of the input") + 1];
    assert!(
        reason.contains("takes another branch at its element [1]"),
        "{reason}"
    );
    let (_, body) = page.split_once("</style>").expect("a style");
    assert!(body.contains("fill=\"var(--kink)\""));
}
