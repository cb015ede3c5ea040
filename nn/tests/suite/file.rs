//! Atomic writing: names, links, permissions, special files, left-overs, several writers.

use std::fs::{self, File};
use std::path::Path;
use std::thread;

use tempfile::{TempDir, tempdir};
use wengert_nn::file;

fn directory() -> TempDir {
    tempdir().expect("a temporary directory")
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a directory");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| name.into_string().expect("UTF-8"))
        .collect();
    names.sort();
    names
}

#[test]
fn writing_replaces_the_content_and_leaves_nothing_else() {
    let directory = directory();
    let path = directory.path().join("model");
    for content in [&b"first"[..], b"", b"third"] {
        file::write(&path, content).expect("written");
        assert_eq!(file::read(&path).expect("read"), content);
        assert_eq!(names(directory.path()), ["model"]);
    }
}

#[test]
fn names_of_the_greatest_length_can_be_written() {
    let directory = directory();
    for length in [250, 255] {
        let path = directory.path().join("n".repeat(length));
        file::write(&path, b"content").expect("written");
        assert_eq!(file::read(&path).expect("read"), b"content");
    }
    let path = directory.path().join("n".repeat(256));
    assert!(file::write(path, b"content").is_err());
    assert_eq!(names(directory.path()).len(), 2);
}

#[test]
fn several_writers_share_a_directory_and_even_a_file() {
    let directory = directory();
    let shared = directory.path().join("shared");
    thread::scope(|scope| {
        for writer in 0..4_u8 {
            let own = directory.path().join(format!("own{writer}"));
            let shared = &shared;
            scope.spawn(move || {
                for _ in 0..25 {
                    file::write(&own, &[writer; 1000]).expect("own file");
                    file::write(shared, &[writer; 1000]).expect("shared file");
                    let seen = file::read(shared).expect("whole");
                    assert!(seen.len() == 1000 && seen.iter().all(|byte| *byte == seen[0]));
                }
            });
        }
    });
    assert_eq!(
        names(directory.path()),
        ["own0", "own1", "own2", "own3", "shared"]
    );
}

#[test]
fn what_a_killed_writer_left_is_removed_and_a_living_writers_file_is_not() {
    let directory = directory();
    let dead = directory.path().join(".wengert-00000000deadbeef.tmp");
    let living = directory.path().join(".wengert-0000000000000001.tmp");
    let foreign = directory.path().join("notes.tmp");
    let unfinished = directory.path().join(".wengert-notes");
    let folder = directory.path().join(".wengert-0000000000000002.tmp");
    for path in [&dead, &living, &foreign, &unfinished] {
        fs::write(path, "part").expect("written");
    }
    fs::create_dir(&folder).expect("made");
    let lock = File::open(&living).expect("opened");
    lock.lock().expect("locked");
    file::write(directory.path().join("model"), b"content").expect("written");
    assert_eq!(
        names(directory.path()),
        [
            ".wengert-0000000000000001.tmp",
            ".wengert-0000000000000002.tmp",
            ".wengert-notes",
            "model",
            "notes.tmp"
        ]
    );
}

/// Writes again and again; [`killed_writers_leave_whole_files_and_no_left_overs`] runs it in another process.
#[test]
#[ignore = "a helper process of another test"]
fn writes_until_killed() {
    let Some(path) = std::env::var_os("WENGERT_WRITE_UNTIL_KILLED") else {
        return;
    };
    // Not for ever, so that it ends if the other test fails.
    for round in 0..1000 {
        file::write(&path, &vec![(round % 7) as u8; 1 << 20]).expect("written");
    }
}

#[test]
fn killed_writers_leave_whole_files_and_no_left_overs() {
    let directory = directory();
    let path = directory.path().join("model");
    file::write(&path, &vec![0; 1 << 20]).expect("written");
    let mut left_overs = 0;
    for kill in 0..20_u64 {
        let mut writer = std::process::Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "--ignored", "file::writes_until_killed"])
            .env("WENGERT_WRITE_UNTIL_KILLED", &path)
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("started");
        // However slowly it starts: kill it after it has begun to write, at another time in each round.
        while names(directory.path()).len() == 1 {
            assert!(writer.try_wait().expect("a child").is_none(), "it ended");
            thread::yield_now();
        }
        thread::sleep(std::time::Duration::from_micros(317 * kill));
        writer.kill().expect("killed");
        writer.wait().expect("gone");
        left_overs += names(directory.path()).len() - 1;
        let content = file::read(&path).expect("whole");
        assert!(content.len() == 1 << 20 && content.iter().all(|byte| *byte == content[0]));
        file::write(&path, &content).expect("written");
        assert_eq!(
            names(directory.path()),
            ["model"],
            "the next write removes it"
        );
    }
    assert!(left_overs > 0, "no writer was killed while it wrote");
}

/// Writes to a name without a directory; [`a_name_alone_is_a_file_of_the_working_directory`] runs it elsewhere.
#[test]
#[ignore = "a helper process of another test"]
fn writes_to_a_name_alone() {
    if std::env::var_os("WENGERT_WRITE_TO_A_NAME").is_some() {
        file::write("model", b"content").expect("written");
    }
}

#[test]
fn a_name_alone_is_a_file_of_the_working_directory() {
    let directory = directory();
    let status = std::process::Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "--ignored", "file::writes_to_a_name_alone"])
        .env("WENGERT_WRITE_TO_A_NAME", "1")
        .current_dir(&directory)
        .stdout(std::process::Stdio::null())
        .status()
        .expect("started");
    assert!(status.success());
    assert_eq!(names(directory.path()), ["model"]);
}

#[test]
fn a_path_without_file_name_and_a_directory_are_errors() {
    let directory = directory();
    for path in [Path::new(""), Path::new("/"), Path::new("..")] {
        assert!(file::write(path, b"content").is_err(), "{path:?}");
    }
    let error = file::write(directory.path(), b"content").expect_err("a directory");
    assert!(error.to_string().contains("is a directory"), "{error}");
    assert!(file::write(directory.path().join("none/model"), b"content").is_err());
    assert!(names(directory.path()).is_empty());
    let plain = directory.path().join("plain");
    file::write(&plain, b"content").expect("written");
    assert!(file::write(plain.join("model"), b"other").is_err());
    assert_eq!(file::read(&plain).expect("read"), b"content");
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
    use std::process::Command;

    use super::*;

    #[test]
    fn symbolic_links_stay_and_their_targets_are_replaced() {
        let directory = directory();
        let root = directory.path();
        fs::create_dir(root.join("store")).expect("created");
        let target = root.join("store/model-7");
        fs::write(&target, "old").expect("written");
        symlink("store/model-7", root.join("latest")).expect("linked");
        symlink("latest", root.join("again")).expect("linked");
        file::write(root.join("again"), b"new").expect("written");
        assert_eq!(file::read(&target).expect("read"), b"new");
        for link in ["latest", "again"] {
            let metadata = fs::symlink_metadata(root.join(link)).expect("there");
            assert!(metadata.is_symlink(), "{link}");
        }
        assert_eq!(names(root), ["again", "latest", "store"]);
        assert_eq!(names(&root.join("store")), ["model-7"]);

        symlink("store/model-8", root.join("next")).expect("linked");
        file::write(root.join("next"), b"made").expect("the target does not exist yet");
        assert_eq!(
            file::read(root.join("store/model-8")).expect("read"),
            b"made"
        );

        symlink("cycle", root.join("cycle")).expect("linked");
        assert!(file::write(root.join("cycle"), b"content").is_err());
    }

    #[test]
    fn permissions_and_owner_are_kept_and_new_files_follow_the_umask() {
        let directory = directory();
        let path = directory.path().join("model");
        file::write(&path, b"old").expect("written");
        let plain = directory.path().join("plain");
        fs::write(&plain, "").expect("written");
        let mode = |path: &Path| fs::metadata(path).expect("there").mode() & 0o7777;
        assert_eq!(mode(&path), mode(&plain));
        let owner = fs::metadata(&path).expect("there").uid();
        for bits in [0o600, 0o640, 0o666, 0o755] {
            fs::set_permissions(&path, fs::Permissions::from_mode(bits)).expect("set");
            file::write(&path, b"new").expect("written");
            assert_eq!(mode(&path), bits);
            assert_eq!(fs::metadata(&path).expect("there").uid(), owner);
        }
    }

    #[test]
    fn special_files_are_refused_and_stay() {
        let directory = directory();
        let fifo = directory.path().join("fifo");
        let made = Command::new("mkfifo").arg(&fifo).status().expect("mkfifo");
        assert!(made.success());
        symlink("fifo", directory.path().join("link")).expect("linked");
        for path in [
            fifo.as_path(),
            &directory.path().join("link"),
            Path::new("/dev/null"),
        ] {
            let error = file::write(path, b"content").expect_err("no regular file");
            assert!(error.to_string().contains("not a regular file"), "{error}");
            assert!(file::read(path).is_err());
        }
        let kind = fs::symlink_metadata(&fifo).expect("there").file_type();
        assert!(kind.is_fifo());
        let kind = fs::metadata("/dev/null").expect("there").file_type();
        assert!(kind.is_char_device());
        assert_eq!(names(directory.path()), ["fifo", "link"]);
    }
}
