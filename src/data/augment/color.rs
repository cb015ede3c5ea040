//! Changes of brightness, contrast and colour. `x` is the image, channel after channel.

/// The shares of red, green and blue in the grey value (ITU-R BT.601).
const GREY: [f64; 3] = [0.299, 0.587, 0.114];

/// `y = factor · x`
pub(super) fn brighten(x: &mut [f64], factor: f64) {
    for x in x {
        *x *= factor;
    }
}

/// `y = m + factor · (x − m)`, where `m` is the mean of all values.
pub(super) fn stretch(x: &mut [f64], factor: f64) {
    let mean = x.iter().sum::<f64>() / x.len() as f64;
    for x in x {
        *x = mean + factor * (*x - mean);
    }
}

/// `y = g + factor · (x − g)`, where `g` is the grey value of the pixel.
pub(super) fn saturate(x: &mut [f64], factor: f64) {
    let size = x.len() / 3;
    let (red, others) = x.split_at_mut(size);
    let (green, blue) = others.split_at_mut(size);
    for ((red, green), blue) in red.iter_mut().zip(green).zip(blue) {
        let grey = GREY[0] * *red + GREY[1] * *green + GREY[2] * *blue;
        for x in [red, green, blue] {
            *x = grey + factor * (*x - grey);
        }
    }
}
