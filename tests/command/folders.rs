//! What an output folder holds after a run, and after one that failed.

use std::fs;
use std::path::Path;

use crate::files::{Folder, SQUARE};
use crate::refusals::refused;
use crate::{done, run, said, utf8};

fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap();
    let mut names: Vec<String> =
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

const BARE: [&str; 4] = ["certificate.safetensors", "inspect.json", "summary.json", "verdicts.csv"];

#[test]
fn nothing_of_an_earlier_run_stays_beside_newer_results() {
    let folder = Folder::new();
    let head = folder.npy("square.npy", &SQUARE, 5, 2);
    let out = folder.path("out");
    let audit = |more: &[&str]| {
        done(&[&["audit", &head, "--quiet", "--out", utf8(&out)], more].concat());
        names(&out)
    };
    let radius = ["--engine", "lp", "--radius", "--domain", "range:-1:1", "--svg"];
    let all = audit(&radius);
    assert!(all.contains(&"radius.csv".to_owned()) && all.contains(&"ids.svg".to_owned()));
    assert!(all.contains(&"projection-4.svg".to_owned()), "{all:?}");
    // What is not ours stays, whatever its name: pictures of others, and other names.
    fs::write(out.join("projection-99.svg"), "<svg>mine</svg>").unwrap();
    fs::write(out.join("notes.txt"), "mine").unwrap();
    let kept = audit(&[]);
    let expected = [
        "certificate.safetensors",
        "inspect.json",
        "notes.txt",
        "projection-99.svg",
        "report.html",
        "report.json",
        "summary.json",
        "summary.md",
        "unargmax_mqc.json",
        "verdicts.csv",
    ];
    assert_eq!(kept, expected);
    let mut bare = audit(&["--no-report"]);
    bare.retain(|name| name != "notes.txt" && name != "projection-99.svg");
    assert_eq!(bare, BARE);
    assert_eq!(fs::read(out.join("projection-99.svg")).unwrap(), b"<svg>mine</svg>");
}

#[test]
fn every_picture_of_an_audit_is_known_as_one() {
    let folder = Folder::new();
    let out = folder.path("out");
    let ball =
        ["audit", "--domain", "ball:4", "--effort", "all", "--margins", "all", "--bias-needed"];
    done(&[&ball[..], &["--quiet", "--svg", "--out", utf8(&out)]].concat());
    assert!(names(&out).iter().filter(|name| name.ends_with(".svg")).count() > 15);
    done(&["audit", "--quiet", "--no-report", "--out", utf8(&out)]);
    assert_eq!(names(&out), BARE);
}

#[test]
fn a_file_of_somebody_else_is_an_error_before_any_work() {
    let folder = Folder::new();
    for name in [
        "summary.md",
        "unargmax_mqc.json",
        "report.html",
        "verdicts.csv",
        "summary.json",
        "report.json",
        "inspect.json",
        "certificate.safetensors",
        "row-norms.svg",
    ] {
        let out = folder.path(&format!("of-{name}"));
        fs::create_dir(&out).unwrap();
        fs::write(out.join(name), "{\"mine\": 1}").unwrap();
        // The checkpoint does not even exist.
        refused(
            &["audit", "no/such.npy", "--svg", "--out", utf8(&out)],
            &["--out: ", name, "unargmax did not write it", "--force", "another folder"],
        );
        assert_eq!(fs::read(out.join(name)).unwrap(), b"{\"mine\": 1}");
        done(&["audit", "--tokens", "0-9", "--quiet", "--svg", "--force", "--out", utf8(&out)]);
        assert_ne!(fs::read(out.join(name)).unwrap(), b"{\"mine\": 1}");
    }
    // One that this run does not write is left alone.
    let out = folder.path("radius");
    fs::create_dir(&out).unwrap();
    for name in ["radius.csv", "report.html", "ids.svg"] {
        fs::write(out.join(name), "mine").unwrap();
    }
    done(&["audit", "--tokens", "0", "--quiet", "--no-report", "--out", utf8(&out)]);
    for name in ["radius.csv", "report.html", "ids.svg"] {
        assert_eq!(fs::read(out.join(name)).unwrap(), b"mine");
    }
}

#[test]
fn reports_and_comparisons_do_not_write_over_the_files_of_others() {
    let folder = Folder::new();
    let (one, two) = (folder.path("one"), folder.path("two"));
    for out in [&one, &two] {
        done(&["audit", "--tokens", "0-5", "--quiet", "--out", utf8(out)]);
    }
    fs::write(one.join("report.html"), "mine").unwrap();
    refused(&["report", utf8(&one)], &["report.html: is there already", "--force"]);
    done(&["report", utf8(&one), "--force"]);
    let out = folder.path("compared");
    let compare = ["compare", utf8(&one), utf8(&two), "--out", utf8(&out)];
    done(&compare);
    done(&compare);
    fs::write(out.join("changes.csv"), "mine").unwrap();
    refused(&compare, &["changes.csv: is there already", "--force"]);
    done(&[&compare[..], &["--force"]].concat());
}

#[test]
fn a_run_that_fails_leaves_no_folder_that_it_made() {
    let folder = Folder::new();
    let bad = folder.write("bad.npy", "not numbers");
    let made = folder.path("made/by/it");
    for arguments in [
        &["audit", &bad][..],
        &["audit", "--tokens", "99999"],
        &["audit", "--domain", "box"],
        &["compare", "no/such", "no/other"],
    ] {
        let output = run(&[arguments, &["--out", utf8(&made)]].concat());
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(!folder.path("made").exists(), "{arguments:?}");
    }
    // Parents that were there stay.
    fs::create_dir(folder.path("made")).unwrap();
    assert_eq!(run(&["audit", &bad, "--out", utf8(&made)]).status.code(), Some(2));
    assert!(folder.path("made").is_dir() && !folder.path("made/by").exists());
}

#[test]
fn places_that_are_no_folders_are_one_line() {
    let folder = Folder::new();
    let file = folder.write("file", "mine");
    refused(&["audit", "--out", &file], &["--out: ", "file: is not a folder; name one"]);
    let inside = folder.path("file/out");
    refused(&["audit", "--out", utf8(&inside)], &["--out: ", "file: is not a folder"]);
    assert!(said(&run(&["audit", "--out", ""])).contains("a value is required for '--out"));
    fs::create_dir_all(folder.path("out/report.html")).unwrap();
    let out = folder.path("out");
    let in_the_way = "report.html: is a folder where a file is to be written";
    refused(&["audit", "--out", utf8(&out)], &[in_the_way]);
    refused(&["audit", "--force", "--out", utf8(&out)], &[in_the_way]);
}

#[cfg(unix)]
#[test]
fn a_link_to_a_folder_is_followed_and_one_that_leads_nowhere_is_an_error() {
    let folder = Folder::new();
    let (link, nowhere) = (folder.path("link"), folder.path("nowhere"));
    fs::create_dir(folder.path("there")).unwrap();
    std::os::unix::fs::symlink(folder.path("there"), &link).unwrap();
    std::os::unix::fs::symlink(folder.path("gone"), &nowhere).unwrap();
    done(&["audit", "--tokens", "0", "--quiet", "--no-report", "--out", utf8(&link)]);
    assert_eq!(names(&folder.path("there")), BARE);
    assert!(link.symlink_metadata().unwrap().is_symlink());
    refused(&["audit", "--out", utf8(&nowhere)], &["nowhere: is a link that leads nowhere"]);
    assert!(!folder.path("gone").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_place_where_nothing_can_be_written_is_one_line() {
    // Nobody may make folders there, the superuser included.
    refused(&["audit", "--out", "/proc/unargmax/out"], &["--out: /proc/unargmax: "]);
    refused(&["audit", "--out", "/proc"], &["--out: /proc: "]);
}
