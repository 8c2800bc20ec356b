//! The tensors of published models, each in its own container, against those that
//! `analyses/fetch_heads.py` took out of them with Python.

use std::path::PathBuf;

use unargmax::checkpoint::onnx::Attribute;
use unargmax::checkpoint::pickle::Pickle;
use unargmax::checkpoint::{self, Checkpoint, Dtype, Tensor, Values};

/// A folder of the fetched models.
fn fetched(model: &str) -> PathBuf {
    let models = std::env::var_os("UNARGMAX_MODELS").unwrap_or_else(|| "models".into());
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(models).join(model);
    assert!(folder.is_dir(), "{} is missing; see tests/models/main.rs", folder.display());
    folder
}

fn published(model: &str, file: &str) -> Box<dyn Checkpoint> {
    checkpoint::open(fetched(model).join("published").join(file)).unwrap()
}

/// A tensor of the head that Python took out.
fn exported(model: &str, name: &str) -> Tensor {
    checkpoint::open(fetched(model).join("head.safetensors")).unwrap().read(name).unwrap()
}

/// The bits of all numbers.
fn bits(values: &Values) -> Vec<u64> {
    match values {
        Values::F32(numbers) => numbers.iter().map(|x| u64::from(x.to_bits())).collect(),
        Values::F64(numbers) => numbers.iter().map(|x| x.to_bits()).collect(),
    }
}

/// The matrix turned over.
fn transposed(tensor: &Tensor) -> Values {
    let [rows, columns] = tensor.info.shape[..] else { panic!("{:?}", tensor.info) };
    let Values::F32(numbers) = &tensor.values else { panic!("{:?}", tensor.info) };
    let turned = (0..columns).flat_map(|c| (0..rows).map(move |r| numbers[r * columns + c]));
    Values::F32(turned.collect())
}

fn assert_same(model: &str, stored: &Tensor, name: &str, turned: bool) {
    let wanted = exported(model, name);
    let values = if turned { transposed(stored) } else { stored.values.clone() };
    assert!(!values.is_empty());
    assert!(bits(&values) == bits(&wanted.values), "{model}: {:?} is not {name}", stored.info);
}

#[test]
#[ignore = "needs models fetched by analyses/fetch_heads.py"]
fn a_legacy_file_of_torch_in_a_folder() {
    for path in ["", "pytorch_model.bin"] {
        let opened = published("rxnmapper", path);
        assert_eq!(opened.format(), "PyTorch (legacy)");
        let weight = opened.read("predictions.decoder.weight").unwrap();
        assert_eq!(weight.info.shape, [591, 128]);
        assert_same("rxnmapper", &weight, "weight", false);
        let tied = opened.read("albert.embeddings.word_embeddings.weight").unwrap();
        assert_same("rxnmapper", &tied, "weight", false);
        assert_same("rxnmapper", &opened.read("predictions.bias").unwrap(), "bias", false);
        let config = opened.side_file("config.json").unwrap().unwrap();
        assert!(config.starts_with(b"{"));
        assert!(opened.side_file("no.json").unwrap().is_none());
    }
}

#[test]
#[ignore = "needs models fetched by analyses/fetch_heads.py"]
fn a_pickle_of_arrays_and_one_of_labels() {
    let opened = published("g2pm", "np_ckpt.pkl");
    assert_eq!(opened.format(), "pickle");
    assert_same("g2pm", &opened.read("logit_layer.2.weight").unwrap(), "weight", false);
    assert_same("g2pm", &opened.read("logit_layer.2.bias").unwrap(), "bias", false);
    for info in opened.tensors() {
        opened.read(&info.name).unwrap();
    }

    let labels = Pickle::open(fetched("g2pm").join("published/class2idx.pkl")).unwrap();
    let ids: Vec<_> = labels
        .root()
        .entries()
        .unwrap()
        .map(|(label, id)| (label.text().unwrap(), id.int().unwrap()))
        .collect();
    assert_eq!((ids.len(), ids[0], ids[2]), (876, ("bian3", 0), ("duo3", 2)));
}

#[test]
#[ignore = "needs models fetched by analyses/fetch_heads.py"]
fn an_onnx_model_with_constants_in_its_nodes() {
    let opened = published("pp-ocrv4", "ch_PP-OCRv4_rec_infer.onnx");
    let weight = opened.read("linear_85.w_0").unwrap();
    assert_eq!(weight.info.shape, [120, 6625]);
    assert_same("pp-ocrv4", &weight, "weight", true);
    assert_same("pp-ocrv4", &opened.read("linear_85.b_0").unwrap(), "bias", false);

    let graph = opened.graph().unwrap();
    let [product] = graph.users_of("linear_85.w_0").collect::<Vec<_>>()[..] else { panic!() };
    assert_eq!(product.op, "MatMul");
    let [sum] = graph.users_of(&product.outputs[0]).collect::<Vec<_>>()[..] else { panic!() };
    assert_eq!((sum.op.as_str(), sum.inputs[1].as_str()), ("Add", "linear_85.b_0"));
    assert_eq!(graph.metadata("character").unwrap().lines().count(), 6623);
    let softmax = graph.producer_of(&graph.outputs[0]).unwrap();
    assert_eq!(
        (softmax.op.as_str(), softmax.attribute("axis")),
        ("Softmax", Some(&Attribute::Int(2)))
    );
}

#[test]
#[ignore = "needs models fetched by analyses/fetch_heads.py"]
fn an_onnx_model_with_initialisers() {
    let opened = published("magika", "model.onnx");
    let weight = opened.read("jax2tf_get_logits_/Const_24:0").unwrap();
    assert_same("magika", &weight, "weight", true);
    let bias = "jax2tf_get_logits_/pjit_get_logits_/MagikaV2/Dense_1/Reshape:0";
    assert_same("magika", &opened.read(bias).unwrap(), "bias", false);
    assert!(opened.graph().unwrap().producer.starts_with("tf2onnx"));
    // The name of the folder is not one of Hugging Face's, and the file in it can be named.
    let said = checkpoint::open(fetched("magika").join("published")).err().unwrap().to_string();
    assert!(said.contains("name one file inside it: model.onnx"), "{said}");
}

#[test]
#[ignore = "needs models fetched by analyses/fetch_heads.py"]
fn a_ctranslate2_model() {
    for path in ["", "model.bin"] {
        let opened = published("whisper-tiny-en", path);
        assert_eq!((opened.format(), opened.model_kind()), ("CTranslate2", Some("WhisperSpec")));
        let tied = ("decoder/projection/weight".to_owned(), "decoder/embeddings/weight".to_owned());
        assert!(opened.aliases().contains(&tied), "{:?}", opened.aliases());
        let weight = opened.read(&tied.0).unwrap();
        assert_eq!(
            (weight.info.dtype.clone(), &*weight.info.shape),
            (Dtype::F16, &[51864, 384][..])
        );
        assert_same("whisper-tiny-en", &weight, "weight", false);
        assert!(opened.side_file("vocabulary.txt").unwrap().is_some());
    }
}
