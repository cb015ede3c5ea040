//! Damaged IDX files: each gives a typed error that names file and cause, and uses little memory.

use std::io::Write;
use std::path::Path;

use crate::counting::peak_of;
use crate::samples::{OVERHEAD, gzip, idx};
use flate2::{Compression, GzBuilder};
use wengert::data::{DataError, Idx, IdxValues, ImageColor, ImageSet, Problem};
use wengert::tensor::testing::panics::message_of;

/// The largest extra field of a gzip header; the decompressor reads it whole.
const EXTRA_FIELD: usize = 64 * 1024;

/// The values that damaged bytes get.
const DAMAGE: [u8; 5] = [0x00, 0x01, 0x7f, 0x80, 0xff];

/// Parses, and asserts that memory is bounded by the sizes of the file and its unpacked `contents`.
fn parse(bytes: &[u8], contents: usize) -> Result<Idx, DataError> {
    let (result, peak) = peak_of(|| Idx::parse("some-file", bytes));
    let extra = if bytes.starts_with(&[0x1f, 0x8b]) {
        EXTRA_FIELD
    } else {
        0
    };
    let allowed = 2 * (bytes.len() + contents) + OVERHEAD + extra;
    assert!(
        peak <= allowed,
        "{peak} bytes for a file of {}",
        bytes.len()
    );
    if let Err(error) = &result {
        assert_eq!(error.file, Path::new("some-file"));
        assert!(error.to_string().starts_with("some-file: "), "{error}");
    }
    result
}

/// Asserts that parsing fails with a message that contains `cause`.
fn rejects(what: &str, bytes: &[u8], cause: &str) {
    let error = parse(bytes, 0).expect_err(what).to_string();
    assert!(
        error.contains(cause),
        "{what}: `{error}` does not say `{cause}`"
    );
}

#[test]
fn a_bad_header_is_refused_with_its_cause() {
    let body = [0; 24];
    rejects("empty", &[], "has 0 bytes, but its header needs 4");
    rejects("1 byte", &[0], "has 1 bytes");
    rejects("3 bytes", &[0, 0, 8], "has 3 bytes");
    rejects("text", b"hello, world", "another kind of file");
    rejects(
        "png",
        b"\x89PNG\r\n\x1a\n",
        "starts with the bytes [89, 50, 4e, 47]",
    );
    rejects(
        "first byte",
        &idx(8, &[24], &body)
            .iter()
            .map(|b| b | 1)
            .collect::<Vec<_>>(),
        "another kind",
    );
    for code in [0x00, 0x07, 0x0a, 0x0f, 0x10, 0xff] {
        rejects(
            "type",
            &idx(code, &[24], &body),
            &format!("unknown element type {code:#04x}"),
        );
    }
    rejects("rank 0", &idx(8, &[], &body), "has rank 0");
    rejects("rank 9", &idx(8, &[1; 9], &[0]), "has rank 9");
    let mut rank_255 = idx(8, &[24], &body);
    rank_255[3] = 255;
    rejects("rank 255", &rank_255, "has rank 255");
}

#[test]
fn absurd_extents_are_refused_before_memory_is_taken_for_them() {
    let body = [0; 24];
    for (extents, cause) in [
        (&[1 << 31][..], "needs 2147483656"),
        (&[u32::MAX], "needs 4294967303"),
        (&[0], "has more bytes than the 8 "),
        (&[0, u32::MAX, 2], "has more bytes than the 16 "),
        (&[1 << 31, 1 << 31, 1 << 31], "more than memory can address"),
        (
            &[0, 1 << 31, 1 << 31, 1 << 31],
            "more than memory can address",
        ),
        (
            &[65536, 65536, 65536, 65536],
            "more than memory can address",
        ),
        (&[u32::MAX; 8], "more than memory can address"),
    ] {
        for code in [0x08, 0x0e] {
            let cause = if code == 0x0e && cause.contains("needs") {
                "needs"
            } else {
                cause
            };
            rejects(&format!("{extents:?}"), &idx(code, extents, &body), cause);
        }
    }
    // The length of a gzipped file cannot be compared, but deflate has a largest ratio.
    let packed = gzip(&idx(8, &[1 << 31], &body));
    rejects("2^31 packed", &packed, "compressed bytes expand to at most");
}

#[test]
fn a_body_that_is_one_byte_short_or_long_is_refused() {
    for code_width in [
        (0x08, 1),
        (0x09, 1),
        (0x0b, 2),
        (0x0c, 4),
        (0x0d, 4),
        (0x0e, 8),
    ] {
        let (code, width) = code_width;
        let whole = idx(code, &[2, 3], &vec![1; 6 * width]);
        parse(&whole, 0).unwrap();
        let short = &whole[..whole.len() - 1];
        let long = [&whole[..], &[0]].concat();
        rejects("short", short, "the file is cut short, fetch it again");
        rejects("long", &long, "has more bytes than");
        rejects(
            "short, packed",
            &gzip(short),
            "the file is cut short, fetch it again",
        );
        rejects("long, packed", &gzip(&long), "has more bytes than");
    }
}

#[test]
fn a_file_cut_at_any_byte_is_refused() {
    let plain = idx(0x0b, &[2, 2, 3], &(0..24).collect::<Vec<u8>>());
    let packed = gzip(&plain);
    for whole in [&plain, &packed] {
        parse(whole, plain.len()).unwrap();
        for end in 0..whole.len() {
            parse(&whole[..end], plain.len()).expect_err("cut");
        }
    }
}

#[test]
fn a_plain_file_with_any_byte_changed_is_refused_or_read_as_it_stands() {
    let whole = idx(0x08, &[2, 2, 3], &(0..12).collect::<Vec<u8>>());
    for position in 0..whole.len() {
        for value in DAMAGE {
            let mut bytes = whole.clone();
            bytes[position] = value;
            if let Ok(read) = parse(&bytes, 0) {
                assert_eq!(read.encode(), bytes, "byte {position} = {value:#x}");
            }
        }
    }
}

#[test]
fn a_packed_file_with_any_byte_changed_is_refused_or_means_the_same() {
    let plain = idx(0x08, &[2, 2, 3], &(0..12).collect::<Vec<u8>>());
    let mut encoder = GzBuilder::new()
        .filename("name")
        .comment("comment")
        .extra(vec![1, 2, 3, 4])
        .write(Vec::new(), Compression::best());
    encoder.write_all(&plain).unwrap();
    let packed = encoder.finish().unwrap();
    for position in 0..packed.len() {
        for value in DAMAGE {
            let mut bytes = packed.clone();
            bytes[position] = value;
            // A flag may claim that a field is missing, or a field's length be damaged: then what
            // follows is no stream, and whatever it expands to is small.
            if let Ok(read) = parse(&bytes, 4096) {
                assert_eq!(read.encode(), plain, "byte {position} = {value:#x}");
            }
        }
    }
}

#[test]
fn a_gzip_stream_is_held_to_its_checksum_length_and_end() {
    let plain = idx(0x08, &[300], &[5; 300]);
    let packed = gzip(&plain);
    let end = packed.len();
    let damaged = |position: usize| {
        let mut bytes = packed.clone();
        bytes[position] ^= 0xff;
        bytes
    };
    rejects(
        "checksum",
        &damaged(end - 8),
        "the gzip stream is damaged or cut short",
    );
    rejects(
        "length",
        &damaged(end - 4),
        "the gzip stream is damaged or cut short",
    );
    rejects(
        "method",
        &damaged(2),
        "the gzip stream is damaged or cut short",
    );
    rejects("second magic byte", &damaged(1), "another kind of file");
    rejects(
        "trailer missing",
        &packed[..end - 8],
        "the gzip stream is damaged or cut short",
    );
    rejects(
        "garbage behind",
        &[&packed[..], b"garbage behind"].concat(),
        "the gzip stream is damaged",
    );
    rejects(
        "zeros behind",
        &[&packed[..], &[0; 16]].concat(),
        "the gzip stream is damaged",
    );
    rejects(
        "the file twice",
        &packed.repeat(2),
        "has more bytes than the 308 ",
    );
    // A field of the header that never ends.
    for flag in [0x04, 0x08, 0x10] {
        let header = [0x1f, 0x8b, 8, flag, 0, 0, 0, 0, 0, 3];
        let bytes = [&header[..], &[0xff; 100]].concat();
        rejects(
            "endless field",
            &bytes,
            "the gzip stream is damaged or cut short",
        );
    }
    // One stream in several members is what the format allows and some tools write.
    let members = [gzip(&plain[..100]), gzip(&plain[100..]), gzip(&[])].concat();
    assert_eq!(parse(&members, plain.len()).unwrap().encode(), plain);
}

#[test]
fn a_gzip_bomb_stops_at_the_size_that_the_header_gives() {
    const SIZE: usize = 64 << 20;
    for extent in [10, 1000] {
        let mut body = idx(0x08, &[extent], &[]);
        body.resize(SIZE, 0);
        let packed = gzip(&body);
        assert!(packed.len() < SIZE / 1000, "this is no bomb");
        // Room for the promised bytes only, not for what the stream expands to.
        let error = parse(&packed, extent as usize)
            .expect_err("bomb")
            .to_string();
        assert!(error.contains("has more bytes than"), "{error}");
    }
}

#[test]
fn what_is_no_regular_file_is_refused_without_waiting() {
    let directory = tempfile::tempdir().unwrap();
    let read = |path: &Path| Idx::read(path).expect_err("not a file");

    assert!(matches!(read(directory.path()).problem, Problem::NotAFile));
    let absent = directory.path().join("absent");
    let error = read(&absent);
    assert!(matches!(error.problem, Problem::Io(_)));
    assert!(
        error
            .to_string()
            .starts_with(&format!("{}: cannot be read", absent.display()))
    );

    #[cfg(unix)]
    {
        let cycle = directory.path().join("cycle");
        std::os::unix::fs::symlink(&cycle, &cycle).unwrap();
        assert!(matches!(read(&cycle).problem, Problem::Io(_)));

        assert!(matches!(
            read(Path::new("/dev/null")).problem,
            Problem::NotAFile
        ));

        let pipe = directory.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        if made.is_ok_and(|status| status.success()) {
            assert!(matches!(read(&pipe).problem, Problem::NotAFile));
        }
    }
}

#[test]
fn an_array_whose_shape_no_file_can_have_panics() {
    for shape in [&[][..], &[1; 9], &[1 << 32, 0]] {
        let message = message_of(|| drop(Idx::new(shape, IdxValues::U8(vec![]))));
        assert!(message.contains("rank 1 to 8"), "{message}");
    }
    let message = message_of(|| drop(ImageSet::new(vec![], [0, 1, 2, 2], vec![], &["a"], 0)));
    assert!(message.contains("white = 0"), "{message}");
}

#[test]
fn empty_sets_and_arrays_say_that_they_are_empty() {
    assert!(IdxValues::F32(vec![]).is_empty() && !IdxValues::U8(vec![1]).is_empty());
    let empty = ImageSet::new(vec![], [0, 1, 2, 2], vec![], &["a"], 255);
    assert!(empty.is_empty());
    assert_eq!(ImageColor::Grey.channels(), 1);
    assert_eq!(ImageColor::Rgb.channels(), 3);
}
