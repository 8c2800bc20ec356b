//! Every error is one line, names its place and a way out, and exits with 2.

use crate::files::{Folder, SQUARE, Stored};
use crate::{run, said, unargmax};

/// Runs the command, which must exit with 2, print nothing, and say one line with all of `says`.
pub fn refused(arguments: &[&str], says: &[&str]) {
    refused_in(&[], arguments, says);
}

/// The same, with these variables in the environment.
fn refused_in(variables: &[(&str, &str)], arguments: &[&str], says: &[&str]) {
    let output = unargmax().envs(variables.iter().copied()).args(arguments).output().unwrap();
    let said = said(&output);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    assert!(said.starts_with("unargmax: error: ") && said.ends_with('\n'), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    for part in says {
        assert!(said.contains(part), "{part:?} is missing in {said}");
    }
}

#[test]
fn a_file_that_is_not_there() {
    refused(&["audit", "no/such.safetensors"], &["no/such.safetensors: No such file"]);
    refused(&["audit", "--vocab", "no/such.json"], &["no/such.json: No such file"]);
    refused(&["audit", "--tokens", "@no/such.txt"], &["--tokens @no/such.txt: No such file"]);
}

#[test]
fn a_folder_or_a_file_of_no_known_format() {
    let folder = Folder::new();
    let text = folder.write("notes.txt", "not a checkpoint");
    refused(&["audit", &text], &["notes.txt: ", "format is not known", ".safetensors"]);
    let here = folder.path("");
    refused(&["audit", here.to_str().unwrap()], &["it holds no file of a format that is read"]);
}

#[test]
fn a_tensor_that_is_not_there_or_not_clear() {
    let folder = Folder::new();
    let matrices = [
        ("a.lm_head", Stored::f32(&[5, 2], &SQUARE)),
        ("b.lm_head", Stored::f32(&[2, 2], &SQUARE[..4])),
        ("scale", Stored::f32(&[2], &SQUARE[..2])),
    ];
    let path = folder.safetensors("two.safetensors", &matrices);
    let listed = "the matrices are `a.lm_head` [5, 2] f32, `b.lm_head` [2, 2] f32";
    refused(&["audit", &path], &["two.safetensors: ", "--weight", listed]);
    refused(&["audit", &path, "--weight", "lm_head"], &["two.safetensors: ", "`lm_head`", listed]);
    refused(&["audit", &path, "--weight", "scale"], &["`scale` has shape [2]", "--weight", listed]);
    refused(&["audit", "--weight", "x"], &["choose tensors of a checkpoint; name one"]);
}

#[test]
fn a_bias_of_another_length() {
    let folder = Folder::new();
    let path = folder.safetensors(
        "head.safetensors",
        &[("weight", Stored::f32(&[5, 2], &SQUARE)), ("bias", Stored::f32(&[4], &SQUARE[..4]))],
    );
    refused(
        &["audit", &path],
        &[
            "head.safetensors: ",
            "`bias` has shape [4]",
            "`weight` [5, 2]",
            "--bias none",
            "--transpose",
        ],
    );
}

#[test]
fn a_number_that_is_not_finite() {
    let folder = Folder::new();
    let mut numbers = SQUARE;
    numbers[7] = f64::NAN;
    let path = folder.safetensors("nan.safetensors", &[("weight", Stored::f32(&[5, 2], &numbers))]);
    refused(&["audit", &path], &["nan.safetensors: ", "`weight`", "row 3, column 1", "NaN"]);
    let path = folder.safetensors(
        "inf.safetensors",
        &[
            ("weight", Stored::f32(&[2, 1], &[1.0, 2.0])),
            ("bias", Stored::f32(&[2], &[0.0, f64::NEG_INFINITY])),
        ],
    );
    refused(&["audit", &path], &["inf.safetensors: ", "bias of token 1", "-inf"]);
}

#[test]
fn a_vocabulary_that_is_longer_than_the_head() {
    let folder = Folder::new();
    let path = folder.npy("square.npy", &SQUARE, 5, 2);
    let vocabulary = folder.write("six.txt", "a\nb\nc\nd\ne\nf\n");
    refused(
        &["audit", &path, "--vocab", &vocabulary],
        &["six.txt: ", "6 tokens", "5 rows", "--transpose"],
    );
}

#[test]
fn a_domain_that_has_no_meaning() {
    for domain in ["box", "range:1", "range:a:b", "Free"] {
        refused(&["audit", "--domain", domain], &[domain, "`free`", "range:LO:HI"]);
    }
    refused(&["audit", "--domain", "range:1:0"], &["1 to 0, holds no number"]);
}

#[test]
fn tokens_that_are_not_there() {
    refused(&["audit", "--tokens", "876"], &["--tokens: 876", "ids 0-875"]);
    refused(&["audit", "--tokens", "9-5"], &["--tokens: 9-5", "ids 0-875"]);
    refused(&["audit", "--tokens", "zzz"], &["--tokens: no token", "\"zzz\""]);
    refused(&["audit", "--tokens", ","], &["--tokens ,", "no token"]);
    let folder = Folder::new();
    let file = folder.write("chosen.txt", "1\nzzz\n");
    refused(&["audit", "--tokens", &format!("@{file}")], &["chosen.txt, line 2: ", "\"zzz\""]);
    let path = folder.npy("square.npy", &SQUARE, 5, 2);
    refused(&["audit", &path, "--tokens", "zzz"], &["no vocabulary", "--vocab"]);
}

#[test]
fn an_output_folder_that_is_a_file() {
    let folder = Folder::new();
    let file = folder.write("results", "mine");
    refused(&["audit", "--out", &file], &["--out: ", "results: is not a folder; name one"]);
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
}

#[test]
fn an_option_that_is_not_known_exits_with_2_as_well() {
    for arguments in [&["audit", "--nonsense"][..], &["audit", "--threads", "0"], &["nonsense"]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(said(&output).starts_with("error: "), "{}", said(&output));
    }
}

#[test]
fn every_mistake_on_the_command_line_is_one_line_that_says_what_to_do() {
    for (arguments, says) in [
        (&["audit", "--nonsense"][..], &["'--nonsense'", "see `unargmax audit --help`"][..]),
        (&["audit", "--treads", "2"], &["'--treads'", "tip: ", "'--threads'"]),
        (&["nonsense"], &["'nonsense'", "see `unargmax --help`"]),
        (&["--json"], &["'--json'"]),
        (
            &["audit", "--threads", "0"],
            &["'--threads <N>'", "0 is not in 1..=65535", "audit --help"],
        ),
        (
            &["audit", "--fail-on", "lost"],
            &["'lost'", "[possible values: unargmaxable, undecided, tied,"],
        ),
        (&["audit", "--fail-on"], &["a value is required for '--fail-on"]),
        (&["audit", "--list", "some"], &["'some'", "neither a number nor `all`"]),
        (&["audit", "--list", "5\n6"], &["neither a number nor `all`"]),
        (&["audit", "--json", "--quiet"], &["'--json' cannot be used with '--quiet'"]),
        (&["audit", "--svg"], &["--svg needs --out <DIR>"]),
        (&["audit", "--no-report"], &["--no-report needs --out <DIR>"]),
        (&["audit", "--force"], &["--force needs --out <DIR>"]),
        (&["audit", "--baseline=x"], &["--baseline needs --fail-on <VERDICT>"]),
        (
            &["audit", "--svg", "--no-report", "--out", "x"],
            &["'--svg' cannot be used with '--no-report'"],
        ),
        (&["audit", "one", "two"], &["unexpected argument 'two'"]),
        (&["compare", "one"], &["<DIR> <DIR>", "only 1 was provided"]),
        (&["verify"], &["name what to check: a certificate, or a folder"]),
        (&["verify", "a", "b", "c"], &["unexpected value 'c'"]),
        (&["export", "--exact", "a"], &["not provided: --out <FILE>"]),
        (&["export", "--out", "b", "a"], &["not provided: --exact"]),
        (&["report"], &["not provided: <DIR>"]),
        (&["audit", "--radius"], &["--radius needs --engine lp"]),
        (&["audit", "--bias", "x"], &["choose tensors of a checkpoint"]),
        (&["audit", "no/such\nfile"], &["no/such\\nfile"]),
    ] {
        let output = run(arguments);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty() && said.lines().count() == 1, "{arguments:?}: {said}");
        assert!(said.contains("error: "), "{said}");
        for part in says {
            assert!(said.contains(part), "{part:?} is missing in {said}");
        }
    }
}

#[test]
fn a_kernel_that_is_not_known_or_not_of_this_machine() {
    use unargmax::certify::pairs::kernel::Kernel;
    let here: Vec<&str> = Kernel::available().iter().map(|k| k.name()).collect();
    let advice = format!("it has {}", here.join(", "));
    refused(&["audit", "--kernel", "sse9"], &["--kernel: there is no kernel \"sse9\"", &advice]);
    refused(&["audit", "--kernel", ""], &["--kernel: there is no kernel \"\"", &advice]);
    // No machine has the kernels of two architectures.
    let missing: Vec<&str> = Kernel::NAMES.into_iter().filter(|n| !here.contains(n)).collect();
    assert!(!missing.is_empty());
    for name in missing {
        let says = format!("--kernel: this machine does not have the kernel {name:?}");
        refused(&["audit", "--kernel", name], &[&says, &advice]);
        refused_in(&[("UNARGMAX_KERNEL", name)], &["audit"], &["$UNARGMAX_KERNEL: this machine"]);
    }
    let unknown = [("UNARGMAX_KERNEL", "best")];
    refused_in(&unknown, &["audit"], &["$UNARGMAX_KERNEL: there is no kernel \"best\"", &advice]);
    // The option comes first.
    let output = unargmax()
        .envs(unknown)
        .args(["audit", "--quiet", "--kernel", "portable", "--tokens", "0"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}
