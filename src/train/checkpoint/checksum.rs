//! The checksum of a checkpoint.

/// Where the checksum is in the header of a file. Quotes inside of texts are escaped, so this occurs once.
const KEY: &[u8] = b"\"wengert.checksum\":\"";

/// The checksum of a file is computed with these digits in its place.
pub(super) const NO_CHECKSUM: &str = "00000000";

/// The CRC-32 of the bytes of a checkpoint, with zeros in the place of the checksum that they contain; `None`
/// if they contain none.
pub(super) fn checksum(bytes: &[u8]) -> Option<String> {
    let place = checksum_place(bytes)?;
    let mut hash = crc32fast::Hasher::new();
    hash.update(&bytes[..place]);
    hash.update(NO_CHECKSUM.as_bytes());
    hash.update(bytes.get(place + NO_CHECKSUM.len()..)?);
    Some(format!("{:08x}", hash.finalize()))
}

pub(super) fn checksum_place(bytes: &[u8]) -> Option<usize> {
    let length = u64::from_le_bytes(*bytes.first_chunk()?);
    let end = usize::try_from(length).ok()?.checked_add(8)?;
    let header = bytes.get(..end)?;
    let found = header
        .windows(KEY.len())
        .position(|window| window.iter().eq(KEY))?;
    Some(found + KEY.len())
}
