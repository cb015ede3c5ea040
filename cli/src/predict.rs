//! `wengert predict`: the classes of image files.

use std::path::{Path, PathBuf};

use clap::Args;
use image::imageops::FilterType;
use wengert::data::ImageSet;

use crate::examine::probabilities;
use crate::outcome::{CommandResult, Ending};
use crate::output::print_line;
use crate::run::{Images, Run};

/// Which images, by which network.
#[derive(Args)]
pub struct Options {
    /// PNG or JPEG files; they are scaled to the size that the network was trained on
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// Directory of the run whose network predicts
    #[arg(long, value_name = "DIR", default_value = "runs/digits")]
    run: PathBuf,
    /// Classes that are shown for each image, the most probable first
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=1000))]
    top: u16,
    /// Exchange black and white first: data sets of digits are white on black, photographs of paper are not
    #[arg(long)]
    invert: bool,
    /// A line of JSON for each image
    #[arg(long)]
    json: bool,
}

/// Runs `wengert predict`.
pub fn run(options: &Options) -> CommandResult {
    let run = Run::open(&options.run)?;
    let model = run.model(None)?;
    let images = run.images();
    let mut failed = 0;
    for file in &options.images {
        let set = match read(file, images, options.invert) {
            Ok(set) => set,
            // The other images are predicted all the same.
            Err(error) => {
                eprintln_quietly(&error);
                failed += 1;
                continue;
            }
        };
        let mut ranked = Vec::new();
        probabilities(&model, images, &set, |_, logs| {
            ranked = logs
                .iter()
                .map(|log| f64::from(*log).exp())
                .enumerate()
                .collect();
        });
        ranked.sort_by(|a: &(usize, f64), b| b.1.total_cmp(&a.1));
        ranked.truncate(usize::from(options.top));
        print(file, &ranked, images, options.json)?;
    }
    if failed > 0 {
        return Err(format!("{failed} of {} images cannot be read", options.images.len()).into());
    }
    Ok(Ending::Done)
}

fn eprintln_quietly(error: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "wengert: {error}");
}

fn print(file: &Path, ranked: &[(usize, f64)], images: &Images, json: bool) -> CommandResult {
    let classes = &images.classes;
    if json {
        let ranked: Vec<_> = ranked
            .iter()
            .map(|&(class, probability)| {
                serde_json::json!({"class": classes[class], "probability": probability})
            })
            .collect();
        let line = serde_json::json!({"image": file.display().to_string(), "classes": ranked});
        print_line(format_args!("{line}"))?;
        return Ok(Ending::Done);
    }
    let texts: Vec<_> = ranked
        .iter()
        .map(|&(class, probability)| format!("{} {:.1} %", classes[class], 100.0 * probability))
        .collect();
    print_line(format_args!("{}: {}", file.display(), texts.join(", ")))?;
    Ok(Ending::Done)
}

/// A file as a set of one image with the shape and the brightness of the training images.
fn read(file: &Path, images: &Images, invert: bool) -> Result<ImageSet, String> {
    let name = file.display();
    let unreadable = |error: &dyn std::fmt::Display| format!("{name}: {error}");
    let bytes = wengert::nn::file::read(file).map_err(|error| unreadable(&error))?;
    let mut picture = image::load_from_memory(&bytes)
        .map_err(|error| format!("{name} is not a PNG or JPEG image that can be read: {error}"))?;
    if invert {
        picture.invert();
    }
    let [channels, height, width] = images.shape;
    let picture = picture.resize_exact(width as u32, height as u32, FilterType::Triangle);
    let planes = match channels {
        1 => picture.to_luma8().into_raw(),
        3 => planes(&picture.to_rgb8().into_raw()),
        _ => {
            return Err(format!(
                "{name}: the network needs {channels} channels, an image has 1 or 3"
            ));
        }
    };
    let white = u32::from(images.white);
    let scaled = planes
        .into_iter()
        .map(|byte| ((u32::from(byte) * white + 127) / 255) as u8);
    let classes: Vec<&str> = images.classes.iter().map(String::as_str).collect();
    let shape = [1, channels, height, width];
    Ok(ImageSet::new(
        scaled.collect(),
        shape,
        vec![0],
        &classes,
        images.white,
    ))
}

/// Red, green and blue of each pixel as three planes.
fn planes(pixels: &[u8]) -> Vec<u8> {
    let channel = |channel: usize| pixels.iter().skip(channel).step_by(3).copied();
    (0..3).flat_map(channel).collect()
}
