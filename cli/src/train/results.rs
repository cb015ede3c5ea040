//! What a training leaves: weights, test result, report.

use std::error::Error;

use wengert::data::ImageSet;
use wengert::nn::{ParametersExt, Sequential, StateDict, Summary};
use wengert::report::{Fingerprint, beside, shades};

use crate::examine::{Examination, examine};
use crate::outcome::Ending;
use crate::output::print_line;
use crate::page::{self, Content};
use crate::run::{self, REPORT, Run, WEIGHTS};
use crate::sources::Source;

type Failure = Box<dyn Error + Send + Sync>;

/// The most images that a report in the middle of the training tests on.
const PROGRESS_IMAGES: usize = 1000;

/// Saves the weights, tests them, and writes the report.
pub fn finish(
    run: &Run,
    model: &Sequential,
    summary: &Summary,
    source: &Source,
    ending: Ending,
) -> Result<(), Failure> {
    save(run, model)?;
    let file = run.directory().join(WEIGHTS);
    print_line(format_args!("checkpoint {}", file.display()))?;
    print_line(format_args!("weights {:016x}", fingerprint(model)))?;
    let test = source.test.load()?;
    let examination = examine(model, run.images(), &test);
    print(&examination, &test, source.test_name)?;
    let rows = run::read_rows(run.directory())?;
    let status = match ending {
        Ending::Done => format!("Finished after {} epochs.", rows.len()),
        Ending::Interrupted => format!("Interrupted in epoch {}.", rows.len() + 1),
    };
    let report = write_report(
        run,
        model,
        summary,
        source,
        &test,
        &examination,
        &status,
        &[],
    )?;
    print_line(format_args!("report {}", report.display()))?;
    Ok(())
}

/// The weights and the report in the middle of the training.
pub fn write_progress(
    run: &Run,
    model: &Sequential,
    summary: &Summary,
    source: &Source,
    done: u64,
    epochs: u64,
) -> Result<(), Failure> {
    save(run, model)?;
    let count = source.test.len();
    let part = source.test.first(PROGRESS_IMAGES)?;
    let examination = examine(model, run.images(), &part);
    let note = if part.len() < count {
        format!(" Tested on the first {} images only.", part.len())
    } else {
        String::new()
    };
    let status = format!("Epoch {done} of {epochs} is done.{note}");
    write_report(
        run,
        model,
        summary,
        source,
        &part,
        &examination,
        &status,
        &[],
    )?;
    Ok(())
}

fn save(run: &Run, model: &Sequential) -> Result<(), Failure> {
    Ok(StateDict::of(model).save(run.directory().join(WEIGHTS))?)
}

/// Writes `report.html`, and returns its path.
#[expect(clippy::too_many_arguments, reason = "all that a page shows")]
pub fn write_report(
    run: &Run,
    model: &Sequential,
    summary: &Summary,
    source: &Source,
    set: &ImageSet,
    examination: &Examination,
    status: &str,
    layers: &[String],
) -> Result<std::path::PathBuf, Failure> {
    let name = run
        .directory()
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let page = page::render(&Content {
        name: &name,
        status,
        settings: run.settings(),
        command: &run.command()?,
        machine: &crate::machine::describe(),
        rows: &run::read_rows(run.directory())?,
        model,
        summary,
        images: run.images(),
        set,
        set_name: source.test_name,
        examination,
        layers,
    });
    let file = run.directory().join(REPORT);
    wengert::nn::file::write(&file, page.as_bytes())
        .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    Ok(file)
}

/// A hash of the bits of every weight.
pub fn fingerprint(model: &Sequential) -> u64 {
    let mut hash = Fingerprint::new();
    for (path, param) in model.parameters() {
        hash.add(&path, param.shape(), &param.value().to_vec());
    }
    hash.value()
}

/// Prints the confusion matrix, some mistakes, and the accuracy.
pub fn print(examination: &Examination, set: &ImageSet, set_name: &str) -> Result<(), Failure> {
    /// More columns do not fit into 80 columns.
    const MATRIX: usize = 12;
    let classes = set.classes();
    if classes.len() <= MATRIX {
        print_line(format_args!("\n{}", examination.confusion))?;
    }
    let [_, channels, height, width] = set.shape();
    let white = f64::from(set.white());
    // Only small grey images can be shown as text, four of them side by side.
    let shown = if channels == 1 && width <= 8 {
        4
    } else {
        usize::from(channels == 1 && width <= 36)
    };
    let drawn: Vec<_> = examination
        .mistakes
        .iter()
        .take(shown)
        .map(|mistake| {
            let pixels = &set.image(mistake.row)[..height * width];
            let pixels: Vec<_> = pixels.iter().map(|&p| f64::from(p) / white).collect();
            let (truth, predicted) = (&classes[mistake.truth], &classes[mistake.predicted]);
            format!("{truth} taken for {predicted}\n{}", shades(&pixels, width))
        })
        .collect();
    if !drawn.is_empty() {
        let (wrong, all) = (examination.mistakes.len(), set.len());
        print_line(format_args!(
            "{wrong} of {all} images are mistaken, the worst:\n{}",
            beside(&drawn)
        ))?;
    }
    if let Some(top5) = examination.top5 {
        print_line(format_args!("among the best 5 {:.1} %", 100.0 * top5))?;
    }
    let accuracy = 100.0 * examination.confusion.accuracy();
    print_line(format_args!("{set_name} accuracy {accuracy:.1} %"))?;
    Ok(())
}
