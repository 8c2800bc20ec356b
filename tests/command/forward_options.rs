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

/// The features of tests/data/forward/whisper as .npy, a matrix, and as safetensors.
#[test]
fn a_sound_is_written_and_scored_from_a_file_of_its_features() {
    let folder = tempfile::tempdir().unwrap();
    let (bands, frames) = (6, 18);
    let golden = std::fs::read("tests/data/forward/whisper/golden.safetensors").unwrap();
    let golden = safetensors::SafeTensors::deserialize(&golden).unwrap();
    let numbers =
        golden.tensor("causal.source_features").unwrap().data()[..bands * frames * 4].to_vec();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({bands}, {frames}), }}");
    let header = format!("{header:<117}\n");
    let npy = [
        b"\x93NUMPY\x01\x00",
        &(header.len() as u16).to_le_bytes()[..],
        header.as_bytes(),
        &numbers,
    ];
    std::fs::write(path("sound.npy"), npy.concat()).unwrap();
    let mut infinite = numbers.clone();
    infinite[(frames + 2) * 4..][..4].copy_from_slice(&f32::INFINITY.to_le_bytes());
    let file = [&npy[..3].concat()[..], &infinite].concat();
    std::fs::write(path("infinite.npy"), file).unwrap();
    let whisper = "tests/data/forward/whisper";
    let plain = ["generate", whisper, "--ids", "1", "--max-tokens", "12", "--features"];
    let (done, printed, said) = run(&[&plain[..], &[&path("sound.npy")]].concat());
    assert!(done, "{said}");
    let text = std::fs::read_to_string("tests/data/forward/generation.json").unwrap();
    let spoken: serde_json::Value = serde_json::from_str(&text).unwrap();
    let expected = spoken["spoken"][0]["text"].as_array().unwrap()[1..].iter();
    let expected: Vec<String> = expected.map(ToString::to_string).collect();
    assert_eq!(printed.trim(), expected.join(","));

    let store = |file: &str, tensors: &[(&str, Vec<usize>)]| {
        let views = tensors.iter().map(|(name, shape)| {
            let length = shape.iter().product::<usize>() * 4;
            (*name, TensorView::new(Dtype::F32, shape.clone(), &numbers[..length]).unwrap())
        });
        serialize_to_file(views.collect::<Vec<_>>(), None, path(file).as_ref()).unwrap();
        path(file)
    };
    let scored = |arguments: &[&str]| {
        run(&[&["logits", whisper, "--ids", "1,20", "--json"], arguments].concat())
    };
    let named =
        store("named.safetensors", &[("input_features", vec![1, bands, frames]), ("x", vec![2])]);
    let from_npy = scored(&["--features", &path("sound.npy")]);
    assert!(from_npy.0, "{}", from_npy.2);
    assert_eq!(from_npy.1, scored(&["--features", &named]).1);
    for (file, says) in [
        (store("two.safetensors", &[("a", vec![2]), ("b", vec![2])]), "`input_features`"),
        (store("flat.safetensors", &[("a", vec![2])]), "bands x frames"),
        (
            store("short.safetensors", &[("a", vec![bands, 16])]),
            "16 frames, but the model takes 18",
        ),
        (path("absent.npy"), "absent.npy"),
        (path("infinite.npy"), "frame 2 of band 1 is inf"),
    ] {
        let (done, _, said) = scored(&["--features", &file]);
        assert!(!done && said.contains(says) && said.lines().count() == 1, "{file}: {said}");
    }
    for (arguments, says) in [
        (&["logits", whisper, "--ids", "1"][..], "--features"),
        (&["generate", whisper, "--ids", "1"], "--features"),
        (&["logits", whisper, "--ids", "1", "--source-ids", "5"], "log-mel features"),
        (&["logits", "tests/data/forward/t5", "--ids", "1", "--features", &named], "reads tokens"),
        (&["generate", "tests/data/forward/t5", "--ids", "1", "--features", &named], "no features"),
        (
            &["generate", "tests/data/forward/gpt2", "--ids", "1", "--features", &named],
            "no features",
        ),
        (&["logits", "tests/data/forward/gpt2", "--ids", "1", "--features", &named], "no encoder"),
    ] {
        let (done, _, said) = run(arguments);
        assert!(!done && said.contains(says) && said.lines().count() == 1, "{arguments:?}: {said}");
    }
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
