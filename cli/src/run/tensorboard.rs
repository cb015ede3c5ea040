//! Event files of `TensorBoard`: records of length, checksum, content, checksum; a content is a Protocol Buffers
//! message `Event` (`tensorflow/core/util/event.proto`, `summary.proto`; `tensorflow/core/lib/io/record_writer.cc`).

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// An event file under construction. Each record reaches the file at once, so a viewer can follow a run.
pub struct EventFile {
    file: File,
}

impl EventFile {
    /// Makes a file in a directory; its name has the time, so that several runs of one directory add up.
    pub fn create(directory: &Path) -> io::Result<Self> {
        let now = now();
        // Nanoseconds and the process id: two files of one second must not be one.
        let name = format!(
            "events.out.tfevents.{:010}.wengert.{}.{:09}",
            now as u64,
            std::process::id(),
            (now.fract() * 1e9) as u64
        );
        let mut events = Self {
            file: File::create_new(directory.join(name))?,
        };
        let mut version = Message::new();
        version.double(1, now);
        version.bytes(3, b"brain.Event:2");
        events.record(&version.0)?;
        Ok(events)
    }

    /// Writes named numbers of one step.
    pub fn scalars<'a>(
        &mut self,
        step: u64,
        scalars: impl IntoIterator<Item = (&'a str, f64)>,
    ) -> io::Result<()> {
        let mut summary = Message::new();
        for (tag, value) in scalars {
            let mut entry = Message::new();
            entry.bytes(1, tag.as_bytes());
            entry.float(2, value as f32);
            summary.bytes(1, &entry.0);
        }
        let mut event = Message::new();
        event.double(1, now());
        event.integer(2, step);
        event.bytes(5, &summary.0);
        self.record(&event.0)
    }

    fn record(&mut self, content: &[u8]) -> io::Result<()> {
        let length = (content.len() as u64).to_le_bytes();
        let record = [
            &length[..],
            &masked_crc(&length).to_le_bytes(),
            content,
            &masked_crc(content).to_le_bytes(),
        ]
        .concat();
        self.file.write_all(&record)
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |time| time.as_secs_f64())
}

/// CRC-32C, rotated and shifted, as `TensorFlow` stores it.
fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
}

/// A Protocol Buffers message: keys of field number and wire type, each with its value.
struct Message(Vec<u8>);

impl Message {
    fn new() -> Self {
        Self(Vec::new())
    }

    /// Seven bits a byte, the lowest first; the top bit says that more follow.
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn key(&mut self, field: u64, wire_type: u64) {
        self.varint(field << 3 | wire_type);
    }

    fn integer(&mut self, field: u64, value: u64) {
        self.key(field, 0);
        self.varint(value);
    }

    fn double(&mut self, field: u64, value: f64) {
        self.key(field, 1);
        self.0.extend(value.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, value: &[u8]) {
        self.key(field, 2);
        self.varint(value.len() as u64);
        self.0.extend(value);
    }

    fn float(&mut self, field: u64, value: f32) {
        self.key(field, 5);
        self.0.extend(value.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_published_example() {
        // RFC 3720, B.4: CRC-32C of 32 zero bytes is 0x8a9136aa.
        let crc = 0x8a91_36aa_u32;
        let masked = crc.rotate_right(15).wrapping_add(0xa282_ead8);
        assert_eq!(masked_crc(&[0; 32]), masked);
    }

    #[test]
    fn a_message_has_the_bytes_of_the_published_example() {
        // The protocol's own documentation: field 1 = 150 is 08 96 01; field 2 = "testing".
        let mut message = Message::new();
        message.integer(1, 150);
        message.bytes(2, b"testing");
        assert_eq!(message.0, *b"\x08\x96\x01\x12\x07testing");
    }
}
