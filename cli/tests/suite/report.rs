//! `report.html`, the metrics and the event file of a run.

use std::path::Path;

use base64::Engine;
use scraper::{ElementRef, Html, Selector};

use super::command::{QUICK, fails, number, scratch, succeeds};

fn page(run: &Path) -> Html {
    let text = std::fs::read_to_string(run.join("report.html")).expect("the report");
    let page = Html::parse_document(&text);
    assert!(page.errors.is_empty(), "{:?}", page.errors);
    page
}

fn select<'a>(page: &'a Html, selector: &str) -> Vec<ElementRef<'a>> {
    let selector = Selector::parse(selector).expect("a selector");
    page.select(&selector).collect()
}

fn words(element: ElementRef<'_>) -> String {
    // A space between elements, as a reader sees it.
    let text = element.text().collect::<Vec<_>>().join(" ");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The cells of a table, row by row, without its head.
fn cells(page: &Html, table: &str) -> Vec<Vec<String>> {
    let cell = Selector::parse("td").expect("a selector");
    select(page, &format!("{table} tbody tr"))
        .into_iter()
        .map(|row| row.select(&cell).map(words).collect())
        .collect()
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one run, whose page is read from top to bottom"
)]
fn the_page_has_every_image_and_number_of_the_run() {
    let directory = scratch();
    let text = succeeds(&QUICK, directory.path());
    let run = directory.path().join("runs/digits");
    let page = page(&run);

    // Every section has its heading, and every chart the points of its curve.
    let headings: Vec<String> = select(&page, "h2").into_iter().map(words).collect();
    assert_eq!(
        headings,
        [
            "Curves",
            "Confusion matrix",
            "Worst mistakes",
            "Filters and feature maps",
            "Gradient flow",
            "Network",
            "How to make this run again"
        ]
    );
    let charts: Vec<String> = select(&page, ".chart svg").into_iter().map(words).collect();
    for title in [
        "loss",
        "accuracy",
        "learning rate",
        "speed",
        "norm of the gradient of each layer",
    ] {
        assert!(
            charts.iter().any(|chart| chart.contains(title)),
            "{title}: {charts:?}"
        );
    }

    // The confusion matrix adds up to the 359 test images; its diagonal is the accuracy that was printed.
    let rows = cells(&page, "#confusion");
    assert_eq!(rows.len(), 10);
    let count = |truth: usize, predicted: usize| -> usize {
        rows[truth][predicted].parse().expect("a count")
    };
    let all: usize = (0..100).map(|i| count(i / 10, i % 10)).sum();
    let right: usize = (0..10).map(|i| count(i, i)).sum();
    assert_eq!(all, 359);
    let accuracy = 100.0 * right as f64 / 359.0;
    assert!(
        (accuracy - number(&text, "test accuracy")).abs() < 0.051,
        "{accuracy}: {text}"
    );
    let key_numbers = words(select(&page, ".numbers")[0]);
    assert!(
        key_numbers.contains(&format!("test accuracy {accuracy:.2} %")),
        "{key_numbers}"
    );

    // Pictures: the worst mistakes, the image, the filters, the feature maps; each can be decoded.
    let mistakes = select(&page, ".gallery figcaption")
        .into_iter()
        .filter(|caption| words(*caption).contains("taken for"));
    assert_eq!(mistakes.count(), (359 - right).min(24));
    let images = select(&page, "img");
    assert!(
        images.len() >= (359 - right).min(24) + 5,
        "{}",
        images.len()
    );
    for image in &images {
        let source = image.value().attr("src").expect("a source");
        let png = source
            .strip_prefix("data:image/png;base64,")
            .expect("inside the page");
        let png = base64::engine::general_purpose::STANDARD
            .decode(png)
            .expect("base64");
        let picture = image::load_from_memory(&png).expect("a PNG");
        assert!(picture.width() > 8 && picture.height() > 8);
        assert!(!image.value().attr("alt").unwrap_or_default().is_empty());
    }

    // Gradients of the layers with parameters, as the last line of the metrics has them.
    let metrics = std::fs::read_to_string(run.join("metrics.jsonl")).expect("the metrics");
    let last: serde_json::Value =
        serde_json::from_str(metrics.lines().last().expect("a line")).expect("JSON");
    let layers = last["layers"].as_array().expect("a list");
    let gradients = cells(&page, "#gradients");
    assert_eq!(gradients.len(), 3);
    for (layer, row) in layers.iter().zip(&gradients) {
        assert_eq!(layer["path"], row[0].as_str());
        let norm = layer["gradient"].as_f64().expect("a number");
        assert_eq!(format!("{norm:.3e}"), row[1]);
        assert!(norm > 0.0);
    }
    let network: Vec<String> = cells(&page, "#network")
        .into_iter()
        .map(|row| row[0].clone())
        .collect();
    assert!(
        ["conv1", "conv2", "fc"]
            .iter()
            .all(|path| network.iter().any(|known| known == path))
    );
    let command = words(select(&page, "#command")[0]);
    assert!(
        command.starts_with("wengert train digits ") && command.contains("--seed 0"),
        "{command}"
    );

    // Nothing is loaded from elsewhere.
    for element in select(&page, "[src], [href]") {
        for name in ["src", "href"] {
            let address = element.value().attr(name).unwrap_or("data:");
            assert!(
                address.starts_with("data:") || address.starts_with('#'),
                "{address}"
            );
        }
    }
    assert!(select(&page, "script, link").is_empty());
}

#[test]
fn the_command_of_the_page_makes_the_same_weights() {
    let directory = scratch();
    let first = succeeds(&[&QUICK[..], &["--out", "a b"]].concat(), directory.path());
    let command = words(select(&page(&directory.path().join("a b")), "#command")[0]);
    let words: Vec<&str> = command.split_whitespace().skip(1).collect();
    let second = succeeds(&words, directory.path());
    let weights = |text: &str| super::command::line(text, "weights ").to_owned();
    assert_eq!(weights(&first), weights(&second), "{command}");
}

#[test]
fn a_report_is_written_anew_for_other_layers() {
    let directory = scratch();
    succeeds(&QUICK, directory.path());
    let args = ["report", "runs/digits", "--layers", "conv2"];
    succeeds(&args, directory.path());
    let page = page(&directory.path().join("runs/digits"));
    let shown: Vec<String> = select(&page, "h3").into_iter().map(words).collect();
    assert_eq!(shown, ["conv2"]);
    fails(
        &["report", "runs/digits", "--layers", "conv3"],
        directory.path(),
        1,
        &["conv3"],
    );
    fails(&["report", "nowhere"], directory.path(), 1, &["nowhere"]);
}

#[test]
fn metrics_have_a_line_per_epoch_with_the_same_numbers_in_both_files() {
    let directory = scratch();
    succeeds(&[&QUICK[..], &["--validate"]].concat(), directory.path());
    let run = directory.path().join("runs/digits");
    let csv = std::fs::read_to_string(run.join("metrics.csv")).expect("the metrics");
    let json = std::fs::read_to_string(run.join("metrics.jsonl")).expect("the metrics");
    let mut lines = csv.lines();
    let names: Vec<&str> = lines.next().expect("names").split(',').collect();
    assert_eq!(csv.lines().count(), 3);
    for (line, text) in lines.zip(json.lines()) {
        let row: serde_json::Value = serde_json::from_str(text).expect("JSON");
        for (name, value) in names.iter().zip(line.split(',')) {
            let (csv, json) = (
                value.parse::<f64>().expect("a number"),
                row[name].as_f64().expect("a number"),
            );
            assert!(
                (csv - json).abs() <= 1e-3 * json.abs().max(1.0),
                "{name}: {csv} and {json}"
            );
        }
    }
}

/// Reads the records of an event file as the format says: length, its checksum, content, its checksum.
#[test]
fn the_event_file_has_a_record_per_epoch() {
    let directory = scratch();
    succeeds(&QUICK, directory.path());
    let run = directory.path().join("runs/digits");
    let events = std::fs::read_dir(&run)
        .expect("the run")
        .filter_map(Result::ok)
        .find(|entry| {
            entry
                .file_name()
                .to_string_lossy()
                .starts_with("events.out.tfevents.")
        })
        .expect("an event file");
    let bytes = std::fs::read(events.path()).expect("the events");
    let mut records = Vec::new();
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let length = u64::from_le_bytes(rest[..8].try_into().expect("8 bytes")) as usize;
        records.push(rest[12..12 + length].to_vec());
        rest = &rest[12 + length + 4..];
    }
    // The version, then two epochs.
    assert_eq!(records.len(), 3);
    let has = |record: &[u8], text: &str| {
        record
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    assert!(has(&records[0], "brain.Event:2"));
    for record in &records[1..] {
        for tag in [
            "loss/training",
            "accuracy/training",
            "learning rate",
            "gradient norm/conv1",
        ] {
            assert!(has(record, tag), "{tag}");
        }
    }
}
