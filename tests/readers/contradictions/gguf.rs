//! GGUF files: which have a head, by their architecture and their metadata.

use super::*;
use unargmax::checkpoint::bytes::Bytes;
use unargmax::error::Result;

/// A GGUF file of version 3 with these matrices of six rows (or vectors of four numbers) and these pairs.
fn gguf(pairs: &[(&str, Pair)], tensors: &[(&str, bool)]) -> Vec<u8> {
    let text = |s: &str| [&(s.len() as u64).to_le_bytes()[..], s.as_bytes()].concat();
    let mut bytes = b"GGUF\x03\0\0\0".to_vec();
    bytes.extend((tensors.len() as u64).to_le_bytes());
    bytes.extend((pairs.len() as u64).to_le_bytes());
    for (key, value) in pairs {
        bytes.extend(text(key));
        match value {
            Pair::Text(value) => bytes.extend([&8u32.to_le_bytes()[..], &text(value)].concat()),
            Pair::Float(value) => {
                bytes.extend(6u32.to_le_bytes());
                bytes.extend(value.to_le_bytes());
            }
            Pair::Count(value) => {
                bytes.extend(4u32.to_le_bytes());
                bytes.extend(value.to_le_bytes());
            }
            Pair::Truth(value) => {
                bytes.extend(7u32.to_le_bytes());
                bytes.push(u8::from(*value));
            }
        }
    }
    // The contiguous dimension first; element type 0 is f32, and data lie 32 bytes apart at least.
    let mut at = 0u64;
    for (name, matrix) in tensors {
        bytes.extend(text(name));
        let shape: &[u64] = if *matrix { &[4, 6] } else { &[4] };
        bytes.extend((shape.len() as u32).to_le_bytes());
        shape.iter().for_each(|n| bytes.extend(n.to_le_bytes()));
        bytes.extend([&0u32.to_le_bytes()[..], &at.to_le_bytes()].concat());
        at += (shape.iter().product::<u64>() * 4).next_multiple_of(32);
    }
    bytes.resize(bytes.len().next_multiple_of(32), 0);
    for (_, matrix) in tensors {
        let shape: &[usize] = if *matrix { &[6, 4] } else { &[4] };
        bytes.extend(numbers(shape, 0));
        bytes.resize(bytes.len().next_multiple_of(32), 0);
    }
    bytes
}

enum Pair {
    Text(&'static str),
    Float(f32),
    Count(u32),
    Truth(bool),
}

const TIED: &[(&str, bool)] = &[("token_embd.weight", true), ("output_norm.weight", false)];
const OWN: &[(&str, bool)] =
    &[("token_embd.weight", true), ("output.weight", true), ("output_norm.weight", false)];

fn located(pairs: &[(&str, Pair)], tensors: &[(&str, bool)]) -> Result<Located> {
    let opened = checkpoint::from_bytes(Bytes::new(gguf(pairs, tensors), "m.gguf"))?;
    locate(opened.as_ref(), Path::new("m.gguf"), &Choice::default())
}

fn refusal(pairs: &[(&str, Pair)], tensors: &[(&str, bool)]) -> String {
    located(pairs, tensors).unwrap_err().to_string()
}

fn architecture(name: &'static str) -> (&'static str, Pair) {
    ("general.architecture", Pair::Text(name))
}

#[test]
fn an_encoder_in_gguf_is_refused_and_a_decoder_is_tied() {
    for name in
        ["nomic-bert", "eurobert", "modern-bert", "gemma-embedding", "t5encoder", "llama-embed"]
    {
        let said = refusal(&[architecture(name)], TIED);
        let words = format!("{name} is an encoder without an output layer");
        assert!(said.contains(&words) && said.contains("--weight"), "{said}");
    }
    let cap = ("gemma2.final_logit_softcapping", Pair::Float(30.0));
    let located = located(&[architecture("gemma2"), cap], TIED).unwrap();
    assert_eq!(located.tying, Tying::Tied("token_embd.weight".into()));
    assert_eq!(located.notes, ["a soft-cap at 30 follows; it keeps the order of logits"]);
}

#[test]
fn metadata_tell_an_embedding_model_of_any_architecture() {
    let pooling = |n| ("qwen3.pooling_type", Pair::Count(n));
    for n in 1..=4 {
        let said = refusal(&[architecture("qwen3"), pooling(n)], TIED);
        assert!(said.contains(&format!("embedding model here (qwen3.pooling_type {n})")), "{said}");
    }
    // 0 is no pooling, and an output layer of its own is one.
    assert!(located(&[architecture("qwen3"), pooling(0)], TIED).is_ok());
    let own = located(&[architecture("qwen3"), pooling(3)], OWN).unwrap();
    assert_eq!((own.weight.as_str(), own.tying), ("output.weight", Tying::Separate));
    assert!(own.notes[0].contains("but an output layer is stored"), "{:?}", own.notes);

    let causal = |truth| ("gemma3.attention.causal", Pair::Truth(truth));
    let said = refusal(&[architecture("gemma3"), causal(false)], TIED);
    assert!(said.contains("gemma3.attention.causal false"), "{said}");
    assert!(located(&[architecture("gemma3"), causal(true)], TIED).is_ok());
    let classifier = [TIED, &[("cls.output.weight", true)]].concat();
    let said = refusal(&[architecture("qwen3")], &classifier);
    assert!(said.contains("a classifier here (`cls.output.weight`)"), "{said}");
    for kind in ["adapter", "mmproj", "imatrix"] {
        let said = refusal(&[architecture("llama"), ("general.type", Pair::Text(kind))], OWN);
        assert!(said.contains(&format!("not a model (general.type {kind})")), "{said}");
    }
    assert!(refusal(&[architecture("wavtokenizer-dec")], OWN).contains("no logits of tokens"));
    assert!(refusal(&[architecture("chameleon")], OWN).contains("Chameleon"));
}

#[test]
fn a_diffusion_language_model_has_a_head_although_it_is_not_causal() {
    for (name, causal) in [
        ("llada", "llada.attention.causal"),
        ("dream", "dream.attention.causal"),
        ("rnd1", "rnd1.attention.causal"),
    ] {
        for tensors in [TIED, OWN] {
            let located =
                located(&[architecture(name), (causal, Pair::Truth(false))], tensors).unwrap();
            assert!(located.notes[0].contains("diffusion language model"), "{:?}", located.notes);
        }
    }
}

#[test]
fn an_architecture_that_is_not_listed_is_told_and_its_norm_is_not_known() {
    let epsilon = |key| (key, Pair::Float(1e-6));
    let known = epsilon("llama.attention.layer_norm_rms_epsilon");
    let known = located(&[architecture("llama"), known], TIED).unwrap();
    assert_eq!(known.final_norm.unwrap().kind.to_string(), "RMSNorm");
    let other = epsilon("llama9.attention.layer_norm_rms_epsilon");
    let other = located(&[architecture("llama9"), other], TIED).unwrap();
    assert_eq!(other.final_norm, None);
    assert!(
        other.notes[0].contains("the architecture `llama9` is not one of those"),
        "{:?}",
        other.notes
    );
    assert!(refusal(&[architecture("some-new-bert")], TIED).contains("is an encoder"));
}

#[test]
fn a_norm_without_gain_and_one_under_another_name_are_known() {
    let olmo = ("olmo.attention.layer_norm_epsilon", Pair::Float(1e-5));
    let olmo = located(&[architecture("olmo"), olmo], &OWN[..2]).unwrap().final_norm.unwrap();
    assert_eq!(
        (olmo.kind.to_string().as_str(), olmo.weight, olmo.gain),
        ("LayerNorm", None, vec![1.0; 4])
    );
    let lfm2 = ("lfm2.attention.layer_norm_rms_epsilon", Pair::Float(1e-5));
    let tensors = [("token_embd.weight", true), ("token_embd_norm.weight", false)];
    let lfm2 = located(&[architecture("lfm2"), lfm2], &tensors).unwrap().final_norm.unwrap();
    assert_eq!(lfm2.weight.as_deref(), Some("token_embd_norm.weight"));
    // Both epsilons at once do not tell the kind, but for T5.
    let both = |a, b| [(a, Pair::Float(1e-5)), (b, Pair::Float(1e-6))];
    let mut pairs =
        both("llama.attention.layer_norm_epsilon", "llama.attention.layer_norm_rms_epsilon")
            .into_iter()
            .collect::<Vec<_>>();
    pairs.push(architecture("llama"));
    assert_eq!(located(&pairs, TIED).unwrap().final_norm.unwrap().kind.to_string(), "norm");
}

#[test]
fn a_scale_that_changes_the_order_of_logits_is_refused() {
    for (scale, why) in
        [(-1.0, "reverses the order"), (0.0, "all logits equal"), (f32::NAN, "not a finite number")]
    {
        let key = ("command-r.logit_scale", Pair::Float(scale));
        let said = refusal(&[architecture("command-r"), key], TIED);
        assert!(said.contains("command-r.logit_scale") && said.contains(why), "{said}");
    }
    let key = ("command-r.logit_scale", Pair::Float(0.0625));
    let located = located(&[architecture("command-r"), key], TIED).unwrap();
    assert_eq!(
        located.notes,
        ["a scale (logit_scale 0.0625) follows; it keeps the order of logits"]
    );
}

#[test]
fn rows_that_are_not_as_many_as_the_metadata_say_are_refused() {
    let rows = |n| ("llama.vocab_size", Pair::Count(n));
    for tensors in [TIED, OWN] {
        let said = refusal(&[architecture("llama"), rows(8)], tensors);
        for part in ["llama.vocab_size 8", "has 6 rows", "--weight"] {
            assert!(said.contains(part), "{said}");
        }
        assert!(located(&[architecture("llama"), rows(6)], tensors).is_ok());
    }
    let bytes = gguf(&[architecture("llama"), rows(8)], OWN);
    let opened = checkpoint::from_bytes(Bytes::new(bytes, "m.gguf")).unwrap();
    let choice = weight("output.weight");
    let found = locate(opened.as_ref(), Path::new("m.gguf"), &choice).unwrap();
    assert_eq!(found.weight, "output.weight");
}
