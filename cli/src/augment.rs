//! The value of `--augment`: changes separated by commas, `shift=2,flip`.

use wengert::data::Augment;

use crate::suggest::nearest;

/// Every change, and what its value may be.
const CHANGES: [(&str, Value); 9] = [
    ("shift", Value::Pixels),
    ("flip", Value::None),
    ("rotation", Value::Number(180.0)),
    ("crop", Value::Number(0.99)),
    ("brightness", Value::Number(1.0)),
    ("contrast", Value::Number(1.0)),
    ("saturation", Value::Number(1.0)),
    ("cutout", Value::Pixels),
    ("mixup", Value::Number(100.0)),
];

/// What follows the name of a change.
#[derive(Clone, Copy)]
enum Value {
    None,
    Pixels,
    /// From 0 to this number.
    Number(f64),
}

impl Value {
    /// The number in the text after `=`, if it is one of these.
    fn read(self, text: Option<&str>) -> Option<f64> {
        match (self, text) {
            (Self::None, None) => Some(1.0),
            (Self::Pixels, Some(text)) => text
                .parse::<u16>()
                .ok()
                .filter(|n| *n <= 1024)
                .map(f64::from),
            (Self::Number(most), Some(text)) => {
                text.parse().ok().filter(|x| (0.0..=most).contains(x))
            }
            (Self::None, Some(_)) | (_, None) => None,
        }
    }

    fn needed(self, name: &str) -> String {
        match self {
            Self::None => format!("{name} has no value"),
            Self::Pixels => {
                format!("{name} needs a number of pixels from 0 to 1024, such as {name}=2")
            }
            Self::Number(most) => {
                format!("{name} needs a number from 0 to {most}, such as {name}=0.2")
            }
        }
    }
}

/// The changes that a text names; `none` changes nothing.
pub fn parse(text: &str) -> Result<Augment, String> {
    let mut augment = Augment::default();
    if text == "none" {
        return Ok(augment);
    }
    for change in text.split(',').map(str::trim) {
        let (name, text) = match change.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim())),
            None => (change, None),
        };
        let Some((_, value)) = CHANGES.iter().find(|(known, _)| *known == name) else {
            let names = CHANGES.map(|(known, _)| known);
            return Err(format!(
                "there is no change {name:?}{}; the changes are {}",
                nearest(name, names),
                names.join(", ")
            ));
        };
        let x = value.read(text).ok_or_else(|| value.needed(name))?;
        match name {
            "shift" => augment.shift = x as usize,
            "flip" => augment.flip = true,
            "rotation" => augment.rotation = x,
            "crop" => augment.crop = x,
            "brightness" => augment.brightness = x,
            "contrast" => augment.contrast = x,
            "saturation" => augment.saturation = x,
            "cutout" => augment.cutout = x as usize,
            _ => augment.mixup = x,
        }
    }
    Ok(augment)
}
