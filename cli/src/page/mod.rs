//! `report.html`: a run on one page without other files.
//!
//! Every section is a function of the run's data; pictures are SVG in the page or PNG as `data:` addresses.

mod charts;
mod features;
mod mistakes;
mod tables;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use wengert::data::ImageSet;
use wengert::nn::{Sequential, Summary};

use crate::examine::Examination;
use crate::run::{Images, Row};
use crate::settings::Settings;

/// What the page shows.
pub struct Content<'a> {
    /// The name of the run.
    pub name: &'a str,
    /// How far the training is.
    pub status: &'a str,
    pub settings: &'a Settings,
    /// The command that makes the same run.
    pub command: &'a str,
    pub machine: &'a str,
    pub rows: &'a [Row],
    pub model: &'a Sequential,
    pub summary: &'a Summary,
    pub images: &'a Images,
    /// The images that the network was tested on.
    pub set: &'a ImageSet,
    /// `test` or `validation`.
    pub set_name: &'a str,
    pub examination: &'a Examination,
    /// Paths of layers whose filters and outputs are shown; the first and the last convolution if empty.
    pub layers: &'a [String],
}

/// The page.
pub fn render(content: &Content<'_>) -> String {
    let title = format!("wengert: {}", content.name);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body {
                header {
                    h1 { (content.name) }
                    p class="status" { (content.status) }
                    (tables::key_numbers(content))
                }
                main {
                    (section("Curves", charts::curves(content.rows)))
                    (section("Confusion matrix", tables::confusion(content)))
                    (section("Worst mistakes", mistakes::gallery(content)))
                    (section("Filters and feature maps", features::all(content)))
                    (section("Gradient flow", charts::gradient_flow(content.rows)))
                    (section("Network", tables::network(content.summary)))
                    (section("How to make this run again", tables::reproduction(content)))
                }
            }
        }
    };
    page.into_string()
}

fn section(title: &str, body: Markup) -> Markup {
    html! {
        section {
            h2 { (title) }
            (body)
        }
    }
}

/// An SVG document as a figure; on a dark page its colours are inverted.
fn chart(svg: &str) -> Markup {
    html! { figure class="chart" { (PreEscaped(svg)) } }
}

fn percent(part: f64) -> String {
    format!("{:.2} %", 100.0 * part)
}
