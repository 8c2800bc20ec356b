//! Pickles that torch and numpy wrote (`analyses/pickle_golden.py`), against the values that they have there.

use std::path::PathBuf;

use unargmax::checkpoint::bytes::Bytes;
use unargmax::checkpoint::pickle::{Pickle, StateDict};
use unargmax::checkpoint::{self, Checkpoint, Dtype, FileFormat, Values};

fn golden(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/pickles").join(file)
}

fn bits(values: &Values) -> Vec<u64> {
    match values {
        Values::F32(numbers) => numbers.iter().map(|x| u64::from(x.to_bits())).collect(),
        Values::F64(numbers) => numbers.iter().map(|x| x.to_bits()).collect(),
    }
}

/// Compares every tensor, and gives the names of those that are listed besides.
fn compare(file: &str, expected: &str) -> Vec<String> {
    let (read, wanted) = (checkpoint::open(golden(file)), checkpoint::open(golden(expected)));
    let (read, wanted) = (read.unwrap(), wanted.unwrap());
    assert!(wanted.tensors().len() > 10);
    for info in wanted.tensors() {
        let tensor = read.read(&info.name).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(
            (&tensor.info.shape, &tensor.info.dtype),
            (&info.shape, &info.dtype),
            "{}",
            info.name
        );
        let wanted = wanted.read(&info.name).unwrap();
        assert_eq!(bits(&tensor.values), bits(&wanted.values), "{} of {file}", info.name);
    }
    let known = |name: &String| wanted.tensors().iter().any(|info| info.name == *name);
    let names = read.tensors().iter().map(|info| info.name.clone());
    names.filter(|name| !known(name)).collect()
}

#[test]
fn both_formats_of_torch_hold_the_same_tensors() {
    let typed = ["refused.bool", "refused.complex64", "refused.int64"];
    assert_eq!(compare("legacy.pt", "torch.safetensors"), typed);
    let all = ["bool", "complex64", "float8_e4m3fn", "int64", "uint16"];
    assert_eq!(compare("zip.pt", "torch.safetensors"), all.map(|name| format!("refused.{name}")));
    let opened = checkpoint::open(golden("zip.pt")).unwrap();
    for name in all {
        let said = opened.read(&format!("refused.{name}")).unwrap_err().to_string();
        assert!(said.contains(&format!("`refused.{name}`")) && said.contains(name), "{said}");
    }
}

#[test]
fn every_protocol_holds_the_same_arrays() {
    for protocol in 2..=5 {
        let file = format!("numpy-{protocol}.pkl");
        let refused = ["objects", "records", "text", "whole"];
        assert_eq!(compare(&file, "numpy.safetensors"), refused);
        let opened = checkpoint::open(golden(&file)).unwrap();
        for (name, says) in
            refused.into_iter().zip(["Python objects", "records", "text", "no f2, f4 or f8"])
        {
            let said = opened.read(name).unwrap_err().to_string();
            assert!(said.contains(&format!("`{name}`")) && said.contains(says), "{said}");
        }
    }
}

#[test]
fn content_decides_and_the_name_does_not_matter() {
    for (file, format) in
        [("zip.pt", "PyTorch"), ("legacy.pt", "PyTorch (legacy)"), ("numpy-4.pkl", "pickle")]
    {
        let bytes = std::fs::read(golden(file)).unwrap();
        assert_eq!(checkpoint::from_bytes(Bytes::new(bytes, "x.gguf")).unwrap().format(), format);
    }
}

#[test]
fn an_array_alone_has_the_name_of_its_file() {
    // numpy.array([1, 2], "<f4") by protocol 2, under the names of numpy 1.
    let pickle = b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x00cnumpy\nndarray\nq\x01K\x00\x85q\x02c_codecs\nencode\nq\x03\
                   X\x01\x00\x00\x00bq\x04X\x06\x00\x00\x00latin1q\x05\x86q\x06Rq\x07\x87q\x08Rq\x09(K\x01K\x02\x85q\x0acnumpy\ndtype\nq\x0b\
                   X\x02\x00\x00\x00f4q\x0c\x89\x88\x87q\x0dRq\x0e(K\x03X\x01\x00\x00\x00<q\x0fNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x10b\
                   \x89h\x03X\x09\x00\x00\x00\x00\x00\xc2\x80?\x00\x00\x00@q\x11h\x05\x86q\x12Rq\x13tq\x14b.";
    let opened = StateDict::from_bytes(pickle.to_vec(), "folder/w.pkl").unwrap();
    assert_eq!(opened.tensors()[0].name, "w");
    assert_eq!(opened.tensors()[0].dtype, Dtype::F32);
    assert_eq!(opened.read("w").unwrap().values, Values::F32(vec![1.0, 2.0]));
}

#[test]
fn a_pickle_of_plain_data_can_be_looked_at() {
    let legacy = std::fs::read(golden("numpy-5.pkl")).unwrap();
    let pickle = Pickle::parse(Bytes::new(legacy, "x")).unwrap();
    let (key, value) = pickle.root().entries().unwrap().next().unwrap();
    assert_eq!((key.text(), value.kind()), (Some("single"), "an array"));

    // {"a": 1, "b": (-2, 0.5), "a": 3}
    let map = b"\x80\x02}(U\x01aK\x01U\x01bJ\xfe\xff\xff\xffG\x3f\xe0\0\0\0\0\0\0\x86U\x01aK\x03u.";
    let pickle = Pickle::parse(Bytes::new(map, "map.pkl")).unwrap();
    let entries: Vec<_> = pickle.root().entries().unwrap().collect();
    assert_eq!(
        entries.iter().map(|(key, _)| key.text().unwrap()).collect::<Vec<_>>(),
        ["a", "b", "a"]
    );
    let parts: Vec<_> = entries[1].1.elements().unwrap().collect();
    assert_eq!((parts[0].int(), parts[1].float(), parts[1].int()), (Some(-2), Some(0.5), None));
    let said = StateDict::from_bytes(map, "map.pkl").unwrap_err().to_string();
    assert!(said.contains("neither an array nor a tensor"), "{said}");
}

#[test]
fn an_archive_is_read_whatever_the_length_of_its_folder() {
    // `torch.save` names the folder after the file; with 21 letters its padding looks like the end of an archive's prefix.
    let opened = checkpoint::open(golden("folder-of-21-letters.pt")).unwrap();
    assert_eq!(opened.format(), "PyTorch");
    let weight = Values::F32(vec![1.0, 0.0, 0.0, 1.0, -1.0, 0.0, 0.0, -1.0, 0.0, 0.0]);
    assert_eq!(opened.read("weight").unwrap().values, weight);
    assert_eq!(opened.read("bias").unwrap().values, Values::F32(vec![0.0, 0.0, 0.0, 0.0, 0.5]));
}
