//! One tensor of a file is replaced, and every other byte stays.

use std::path::{Path, PathBuf};

use unargmax::checkpoint::{self, Checkpoint, Values};

fn data(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(file)
}

fn bits(values: &Values) -> Vec<u64> {
    match values {
        Values::F32(numbers) => numbers.iter().map(|x| u64::from(x.to_bits())).collect(),
        Values::F64(numbers) => numbers.iter().map(|x| x.to_bits()).collect(),
    }
}

/// The same numbers with another one in the middle, which every element type has.
fn changed(values: &Values) -> Option<Values> {
    let mut changed = values.clone();
    match &mut changed {
        Values::F32(x) => *x.get_mut(values.len() / 2)? = 0.5,
        Values::F64(x) => *x.get_mut(values.len() / 2)? = 0.5,
    }
    (bits(&changed) != bits(values)).then_some(changed)
}

/// The names of the tensors of a file, each with its decoded bits, as far as it is decoded.
fn all(checkpoint: &dyn Checkpoint) -> Vec<(String, Option<Vec<u64>>)> {
    let read = |name: &str| checkpoint.read(name).ok().map(|tensor| bits(&tensor.values));
    checkpoint.tensors().iter().map(|info| (info.name.clone(), read(&info.name))).collect()
}

/// Replaces each tensor of a file that can be, one at a time, and returns how many; `grows` is whether the file may become longer
/// or shorter.
fn replace_each(file: &Path, grows: bool) -> usize {
    let stored = std::fs::read(file).unwrap();
    let before = checkpoint::open(file).unwrap();
    let old = all(before.as_ref());
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join(file.file_name().unwrap());
    let mut count = 0;
    for info in before.tensors() {
        let Ok(place) = before.place(&info.name) else { continue };
        let values = before.read(&info.name).unwrap().values;
        let Some(wanted) = changed(&values) else { continue };
        let patched = place.patched(&values, &wanted).unwrap();
        let mut bytes = Vec::new();
        patched.write(&mut bytes).unwrap();
        assert_eq!(patched.is_recompressed(), grows, "{}", info.name);
        if !grows {
            assert_eq!(bytes.len(), stored.len(), "{}", info.name);
            let differ = bytes.iter().zip(&stored).filter(|(a, b)| a != b).count();
            // One number of at most eight bytes, and checksums of four bytes in up to three places.
            assert!(differ <= 8 + 12, "{}: {differ} bytes differ", info.name);
        }
        std::fs::write(&copy, bytes).unwrap();
        let after = checkpoint::open(&copy).unwrap();
        assert_eq!(bits(&after.read(&info.name).unwrap().values), bits(&wanted), "{}", info.name);
        for ((name, old), (other, new)) in old.iter().zip(all(after.as_ref())) {
            assert_eq!(*name, other);
            // Weights of integers follow their scales; they have no place of their own.
            let shared = *name == info.name
                || before.place(name).map_or(true, |other| place.overlaps(&other));
            assert!(shared || *old == new, "{name} changed with {}", info.name);
        }
        count += 1;
    }
    count
}

#[test]
fn one_tensor_of_each_format_is_replaced_and_no_other_byte() {
    for (file, least) in [
        ("heads/flax-kernel.safetensors", 1),
        ("rxnmapper/head.safetensors", 1),
        ("npz/columns.npy", 1),
        ("npz/stored.npz", 4),
        ("heads/Wb.npz", 2),
        ("blocks/blocks.gguf", 1),
        ("onnx/tensors.onnx", 3),
        ("pickles/zip.pt", 10),
        ("pickles/legacy.pt", 10),
        ("pickles/numpy-4.pkl", 5),
        ("heads/nemo-ctc.pt", 2),
    ] {
        let replaced = replace_each(&data(file), false);
        assert!(replaced >= least, "{file}: {replaced}");
    }
}

#[test]
fn a_deflated_member_is_compressed_anew_and_the_others_stay() {
    assert_eq!(replace_each(&data("npz/deflated.npz"), true), 4);
}

#[test]
fn what_is_no_plain_float_is_refused_by_name() {
    for (file, tensor, says) in [
        ("blocks/blocks.gguf", "q8_0", "before it is quantised"),
        ("onnx/dynamic-int8.onnx", "", "before it is quantised"),
        ("ctranslate2/float32.bin", "", "convert it to safetensors"),
        ("pickles/numpy-2.pkl", "", "old protocol"),
    ] {
        let opened = checkpoint::open(data(file)).unwrap();
        let said: Vec<String> = opened
            .tensors()
            .iter()
            .filter(|info| info.name.to_lowercase().contains(tensor))
            .filter_map(|info| Some((info, opened.place(&info.name).err()?.to_string())))
            .map(|(info, said)| {
                assert!(said.contains(&info.name), "{said}");
                said
            })
            .collect();
        assert!(said.iter().any(|said| said.contains(says)), "{file}: {said:?}");
    }
}

#[test]
fn a_number_that_the_element_type_lacks_is_refused() {
    let opened = checkpoint::open(data("npz/columns.npy")).unwrap();
    let name = &opened.tensors()[0].name;
    let before = opened.read(name).unwrap().values;
    let Values::F32(mut numbers) = before.clone() else { panic!("f16 widens to f32") };
    numbers[0] = 1.0 + f32::EPSILON;
    let said = opened.place(name).unwrap().patched(&before, &Values::F32(numbers)).unwrap_err();
    assert!(said.to_string().contains("is no number of its element type f16"), "{said}");
}
