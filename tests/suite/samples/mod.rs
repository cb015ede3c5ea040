//! Data files made by hand.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};

/// Bytes that a reader may need beyond twice its input: buffers and the decompression window.
pub const OVERHEAD: usize = 64 * 1024;

/// An IDX file with this header and body, valid or not.
pub fn idx(code: u8, extents: &[u32], body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, code, extents.len() as u8];
    bytes.extend(extents.iter().flat_map(|extent| extent.to_be_bytes()));
    bytes.extend(body);
    bytes
}

/// The same bytes as a gzip stream.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
