//! The images with the highest loss among those that are mistaken.

use maud::{Markup, html};
use wengert::data::ImageSet;
use wengert::prelude::*;
use wengert::report::{Plane, PlaneGrid, PlaneRange};

use super::Content;

const SHOWN: usize = 24;

/// The worst mistakes as pictures.
pub fn gallery(content: &Content<'_>) -> Markup {
    let mistakes = &content.examination.mistakes;
    let classes = content.set.classes();
    html! {
        p class="note" {
            (mistakes.len()) " of " (content.set.len()) " " (content.set_name)
            " images are mistaken; these have the highest loss."
        }
        div class="gallery" {
            @for mistake in mistakes.iter().take(SHOWN) {
                @let (truth, predicted) = (&classes[mistake.truth], &classes[mistake.predicted]);
                figure {
                    img src=(picture(content.set, mistake.row)) alt={ "image " (mistake.row) ", " (truth) };
                    figcaption {
                        b { (truth) } " taken for " b { (predicted) }
                        br; (format!("{:.1} % sure, loss {:.2}", 100.0 * mistake.confidence, mistake.loss))
                        br; "image " (mistake.row)
                    }
                }
            }
        }
    }
}

/// An image of a set as a PNG in a `data:` address.
pub fn picture(set: &ImageSet, row: usize) -> String {
    let grid = PlaneGrid {
        columns: 1,
        // Small images have large pixels, so that browsers that smooth still show them.
        zoom: (96 / set.shape()[2].max(1)).max(1),
        range: PlaneRange::Fixed(0.0, 1.0),
        planes: vec![plane(set, row)],
        ..PlaneGrid::default()
    };
    grid.to_data_uri()
}

/// An image of a set with values from 0 to 1; of channels other than 1 and 3 the first is shown.
pub fn plane(set: &ImageSet, row: usize) -> Plane {
    let [_, channels, height, width] = set.shape();
    let white = f32::from(set.white());
    let shown = if channels == 3 { 3 } else { 1 };
    let pixels = &set.image(row)[..shown * height * width];
    let values: Vec<f32> = pixels.iter().map(|&byte| f32::from(byte) / white).collect();
    Plane::new(&Tensor::from_vec(values, [shown, height, width]))
}
