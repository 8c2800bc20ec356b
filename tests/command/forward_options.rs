//! Options of the commands that run a model: masks, latents, layers with copies of their own.

use assert_cmd::Command;
use safetensors::Dtype;
use safetensors::tensor::{TensorView, serialize_to_file};

/// What a command prints, and what it says on standard error.
fn run(arguments: &[&str]) -> (bool, String, String) {
    let output = Command::cargo_bin("unargmax")
        .unwrap()
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[test]
fn layers_that_are_no_longer_shared_give_the_same_logits() {
    let albert = ["logits", "tests/data/forward/albert", "--ids", "5,6,7", "--json"];
    let shared = run(&albert);
    let unshared = run(&[&albert[..], &["--unshared"]].concat());
    assert!(shared.0 && unshared.0, "{}{}", shared.2, unshared.2);
    assert_eq!(shared.1, unshared.1);
}

#[test]
fn a_model_that_fills_gaps_goes_on_under_a_prefix_mask_and_not_without() {
    let bert = ["generate", "tests/data/forward/bert", "--ids", "5,6,7", "--max-tokens", "4"];
    let (done, _, said) = run(&bert);
    assert!(!done && said.contains("prefix:N"), "{said}");
    let (done, printed, said) = run(&[&bert[..], &["--mask", "prefix:3"]].concat());
    assert!(done, "{said}");
    let causal = run(&[&bert[..], &["--mask", "causal"]].concat()).1;
    let count = |text: &str| text.trim().split(',').count();
    assert_eq!((count(&printed), count(&causal)), (4, 4), "{printed} {causal}");
    let (done, _, said) = run(&[&bert[..], &["--mask", "bidirectional"]].concat());
    assert!(!done && said.contains("later"), "{said}");
}

#[test]
fn latents_of_a_file_change_the_logits_and_other_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, shape: Vec<usize>| {
        let numbers: Vec<u8> = (0..shape.iter().product::<usize>())
            .flat_map(|i| (i as f32).sin().to_le_bytes())
            .collect();
        let path = folder.path().join(format!("{name}-{}.safetensors", shape[0]));
        let view = TensorView::new(Dtype::F32, shape, &numbers).unwrap();
        serialize_to_file([(name, view)], None, &path).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let llama = ["logits", "tests/data/forward/llama", "--ids", "5,6,7", "--json"];
    let with = |path: &str| run(&[&llama[..], &["--latents", path]].concat());
    let (plain, set) = (run(&llama), with(&file("latents", vec![2, 32])));
    assert!(plain.0 && set.0, "{}", set.2);
    assert_ne!(plain.1, set.1);
    let (done, _, said) = with(&file("latents", vec![3, 32]));
    assert!(!done && said.contains("3 latents for 2 blocks"), "{said}");
    let (done, _, said) = with(&file("other", vec![2, 32]));
    assert!(!done && said.contains("no tensor `latents`"), "{said}");
}
