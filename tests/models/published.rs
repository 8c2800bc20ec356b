//! Trained models exactly as their packages publish them, without an option: the right head is found, and what stands
//! before it.
//!
//! The heads that the
//! script exported, which other tests audit, are what is found here to the last bit; so are their verdicts.

use std::path::{Path, PathBuf};

use unargmax::audit::{Audit, Counts, Options, audit};
use unargmax::checkpoint;
use unargmax::checkpoint::vocabulary::{Vocabulary, from_side_file};
use unargmax::domain::Domain;
use unargmax::locate::final_norm::NormKind;
use unargmax::locate::{BiasChoice, Choice, Located, locate};

/// The path of a fetched file or folder.
fn fetched(path: &str) -> PathBuf {
    let models = std::env::var_os("UNARGMAX_MODELS").unwrap_or_else(|| "models".into());
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(models).join(path);
    assert!(path.exists(), "{} is missing; fetch it by analyses/fetch_heads.py", path.display());
    path
}

fn found(path: &Path, choice: &Choice) -> Located {
    let opened = checkpoint::open(path).unwrap();
    locate(opened.as_ref(), path, choice).unwrap()
}

fn published(path: &str) -> Located {
    found(&fetched(path), &Choice::default())
}

/// The hash of the head that `fetch_heads.py` exported.
fn exported(model: &str) -> String {
    published(&format!("{model}/head.safetensors")).head.sha256()
}

fn verdicts(audit: &Audit) -> Vec<&'static str> {
    audit.verdicts().iter().map(|(_, verdict)| verdict.name()).collect()
}

fn over(located: &Located, domain: &Domain) -> Audit {
    audit(&located.head, domain, Options::default()).unwrap()
}

fn free(located: &Located) -> Audit {
    over(located, &Domain::free(located.head.dim()))
}

fn counts(tied: usize, unargmaxable: usize, tokens: usize) -> Counts {
    Counts { argmaxable: tokens - tied - unargmaxable, tied, unargmaxable, undecided: 0 }
}

#[test]
#[ignore = "needs models fetched by analyses/fetch_heads.py"]
fn rxnmappers_folder_is_a_tied_albert_with_its_bias_and_norm() {
    let located = published("rxnmapper/published");
    assert_eq!(located.family, Some("ALBERT"));
    assert_eq!(located.tying.is_tied(), Some(true));
    let norm = located.final_norm.as_ref().unwrap();
    assert_eq!(
        (norm.kind, norm.epsilon, norm.gain.len(), norm.shift.len()),
        (NormKind::LayerNorm, Some(1e-12), 128, 128)
    );
    let committed =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/rxnmapper/head.safetensors");
    let exported = found(&committed, &Choice::default());
    assert_eq!(located.head.sha256(), exported.head.sha256());
    let audit = free(&located);
    assert_eq!(verdicts(&audit), verdicts(&free(&exported)));
    assert_eq!(audit.counts(), counts(0, 0, 591));
    let opened = checkpoint::open(fetched("rxnmapper/published")).unwrap();
    let (vocabulary, name) = from_side_file(opened.as_ref()).unwrap().unwrap();
    assert_eq!((vocabulary.tokens.len(), name), (591, "vocab.txt"));
}

#[test]
#[ignore = "needs models fetched by analyses/fetch_heads.py"]
fn pp_ocrv4s_graph_has_a_swish_before_its_head() {
    let path = fetched("pp-ocrv4/published/ch_PP-OCRv4_rec_infer.onnx");
    let located = found(&path, &Choice::default());
    assert_eq!(located.head.sha256(), exported("pp-ocrv4"));
    let (domain, reason) = located.domain().unwrap();
    assert_eq!(domain.to_string(), "range:-0.2784645427610738:inf");
    assert!(reason.contains("Swish"), "{reason}");
    assert_eq!(over(&located, &domain).counts(), counts(0, 217, 6625));
    assert_eq!(free(&located).counts(), counts(0, 202, 6625));
    // Its characters are those that the script exported.
    let opened = checkpoint::open(&path).unwrap();
    let own = Vocabulary::from_onnx(opened.graph().unwrap(), 6625).unwrap();
    let exported = Vocabulary::from_file(fetched("pp-ocrv4/vocab.json")).unwrap();
    assert!(own.tokens.iter().map(|t| &t.piece).eq(exported.tokens.iter().map(|t| &t.piece)));
}

#[test]
#[ignore = "needs models fetched by analyses/fetch_heads.py"]
fn smollm2s_gguf_is_tied_behind_an_rms_norm() {
    let located = published("smollm2/published/SmolLM2-135M-Instruct.Q4_1.gguf");
    assert_eq!(located.weight, "token_embd.weight");
    assert_eq!(located.tying.is_tied(), Some(true));
    let norm = located.final_norm.as_ref().unwrap();
    assert_eq!((norm.kind, norm.gain.len(), norm.shift.len()), (NormKind::RmsNorm, 576, 0));
    assert!(norm.gain.iter().all(|g| g.is_finite() && *g != 0.0));
    assert_eq!(free(&located).counts(), counts(15, 0, 49152));
}

#[test]
#[ignore = "needs models fetched by analyses/fetch_heads.py"]
fn whispers_ctranslate2_folder_is_tied_behind_a_layer_norm() {
    for path in ["whisper-tiny-en/published", "whisper-tiny-en/published/model.bin"] {
        let located = published(path);
        assert_eq!(located.head.sha256(), exported("whisper-tiny-en"));
        assert_eq!(located.tying.is_tied(), Some(true));
        let norm = located.final_norm.as_ref().unwrap();
        assert_eq!((norm.kind, norm.gain.len(), norm.shift.len()), (NormKind::LayerNorm, 384, 384));
    }
    let located = published("whisper-tiny-en/published");
    assert_eq!(free(&located).counts(), counts(78, 0, 51864));
    let opened = checkpoint::open(fetched("whisper-tiny-en/published")).unwrap();
    let (vocabulary, name) = from_side_file(opened.as_ref()).unwrap().unwrap();
    assert_eq!((vocabulary.tokens.len(), name), (51864, "vocabulary.txt"));
    assert_eq!(
        (vocabulary.tokens[262].piece.as_str(), vocabulary.tokens[262].text.as_str()),
        ("Ġthe", " the")
    );
}

#[test]
#[ignore = "needs models fetched by analyses/fetch_heads.py"]
fn g2pms_pickle_is_read_by_the_names_of_its_tensors() {
    let path = fetched("g2pm/published/np_ckpt.pkl");
    let choice = Choice {
        weight: Some("logit_layer.2.weight".into()),
        bias: BiasChoice::Named("logit_layer.2.bias".into()),
        transpose: false,
    };
    let located = found(&path, &choice);
    assert_eq!(located.head.sha256(), exported("g2pm"));
    assert_eq!(free(&located).counts(), counts(0, 225, 876));
    let relu = Domain::range(32, 0.0, f64::INFINITY).unwrap();
    assert_eq!(over(&located, &relu).counts(), counts(0, 229, 876));
    let own = Vocabulary::from_file(fetched("g2pm/published/class2idx.pkl")).unwrap();
    assert_eq!(own, Vocabulary::from_file(fetched("g2pm/vocab.json")).unwrap());
}

#[test]
#[ignore = "needs models fetched by analyses/fetch_heads.py"]
fn minilms_folder_is_an_encoder_without_a_head() {
    let path = fetched("minilm/published");
    let opened = checkpoint::open(&path).unwrap();
    let said = locate(opened.as_ref(), &path, &Choice::default()).unwrap_err().to_string();
    for part in ["BERT without an output layer", "BertModel", "--weight", "word_embeddings.weight"]
    {
        assert!(said.contains(part), "{said}");
    }
}
