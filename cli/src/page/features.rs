//! Filters of convolutions, and what layers return for one image.

use maud::{Markup, html};
use wengert::data::Loader;
use wengert::prelude::*;
use wengert::report::{ColorMap, Plane, PlaneGrid, PlaneRange};

use super::{Content, mistakes};

/// The most filters or channels of a layer that are shown.
const SHOWN: usize = 64;

/// Filters and feature maps of the chosen layers.
pub fn all(content: &Content<'_>) -> Markup {
    let chosen = chosen(content);
    if chosen.is_empty() {
        return html! { p class="note" { "The network has no convolution; name layers with --layers." } };
    }
    let maps = feature_maps(content, &chosen);
    html! {
        p class="note" {
            "Filters: blue below 0, white at 0, red above. Feature maps: what the layer returns for the first "
            (content.set_name) " image, from black (least) to white."
        }
        div class="gallery" {
            figure {
                img src=(mistakes::picture(content.set, 0)) alt="the image";
                figcaption { "the image: " b { (content.set.classes()[class_of_first(content)]) } }
            }
        }
        @for path in &chosen {
            h3 { (path) }
            @if let Some((uri, what)) = filters(content, path) {
                figure {
                    img src=(uri) alt={ "filters of " (path) };
                    figcaption { (what) }
                }
            }
            @for (layer, uri, what) in &maps {
                @if layer == path {
                    figure {
                        img src=(uri) alt={ "feature maps of " (path) };
                        figcaption { (what) }
                    }
                }
            }
        }
    }
}

fn class_of_first(content: &Content<'_>) -> usize {
    usize::try_from(content.set.labels()[0]).expect("labels are class numbers")
}

/// The layers that the user named, or the first and the last convolution.
fn chosen(content: &Content<'_>) -> Vec<String> {
    if !content.layers.is_empty() {
        return content.layers.to_vec();
    }
    let layers = content.summary.layers.iter();
    let convolutions: Vec<&str> = layers
        .filter(|layer| layer.kind.starts_with("Conv"))
        .map(|layer| layer.path.as_str())
        .collect();
    let mut chosen: Vec<String> = Vec::new();
    for path in convolutions.first().into_iter().chain(convolutions.last()) {
        if !chosen.iter().any(|known| known == path) {
            chosen.push((*path).to_owned());
        }
    }
    chosen
}

/// The filters of a layer with a weight of rank 4, and what they are.
fn filters(content: &Content<'_>, path: &str) -> Option<(String, String)> {
    let name = if path.is_empty() {
        "weight".to_owned()
    } else {
        format!("{path}.weight")
    };
    let parameters = content.model.parameters();
    let (_, weight) = parameters.iter().find(|(known, _)| *known == name)?;
    let &[filters, channels, height, width] = weight.shape() else {
        return None;
    };
    let shown = filters.min(SHOWN);
    let weight = weight.value();
    let planes =
        (0..shown).map(|filter| Plane::new(&weight.select(0, filter as isize).select(0, 0)));
    let grid = PlaneGrid {
        columns: 8, // 48 pixels each on a page of 400
        zoom: (40 / height.max(width).max(1)).max(1),
        colors: ColorMap::Signed,
        range: PlaneRange::Common,
        planes: planes.collect(),
        ..PlaneGrid::default()
    };
    let part = if shown < filters {
        format!("the first {shown} of ")
    } else {
        String::new()
    };
    let first = if channels > 1 {
        format!(", each for the first of {channels} channels")
    } else {
        String::new()
    };
    let what = format!("{part}{filters} filters of {height}×{width}{first}");
    Some((grid.to_data_uri(), what))
}

/// For each chosen layer that returns images: its path, its first channels, and what they are.
fn feature_maps(content: &Content<'_>, chosen: &[String]) -> Vec<(String, String, String)> {
    let first = content.set.select([0]);
    let loader = Loader::new(&first, content.images.loader_options(1));
    let Some(batch) = loader.for_evaluation(&first).epoch(0).next() else {
        return Vec::new();
    };
    let mut pass = Pass::eval(content.model);
    for path in chosen {
        pass.capture(path);
    }
    let _ = content.model.call(&pass.input(batch.inputs), &mut pass);
    let mut maps: Vec<(String, String, String)> = Vec::new();
    for (path, output) in pass.captures() {
        let &[_, channels, height, width] = output.shape() else {
            continue;
        };
        if maps.iter().any(|(known, ..)| known == path) {
            continue;
        }
        let shown = channels.min(SHOWN);
        let image = output.value().select(0, 0);
        let grid = PlaneGrid {
            columns: 8, // 48 pixels each on a page of 400
            zoom: (48 / height.max(width).max(1)).max(1),
            planes: (0..shown)
                .map(|channel| Plane::new(&image.select(0, channel as isize)))
                .collect(),
            ..PlaneGrid::default()
        };
        let part = if shown < channels {
            format!("the first {shown} of ")
        } else {
            String::new()
        };
        let what = format!("{part}{channels} feature maps of {height}×{width}");
        maps.push((path.to_owned(), grid.to_data_uri(), what));
    }
    maps
}
