//! Refuses checkpoints whose head cannot be read, each kind by name.

use super::configuration::Configuration;
use super::stored::Stored;
use crate::checkpoint::Dtype;
use crate::error::{Error, Result};

/// Refuses adapters, which change a head that is in another checkpoint.
pub(super) fn adapters(stored: &Stored) -> Result<()> {
    let tensors = stored.checkpoint.tensors();
    let lora = |name: &str| {
        [".lora_A", ".lora_B", ".lora_embedding_A", ".lora_magnitude_vector"]
            .iter()
            .any(|mark| name.contains(mark))
    };
    let adapted = tensors.iter().find(|t| lora(&t.name));
    let config = stored.checkpoint.side_file("adapter_config.json")?.is_some();
    let only = adapted.is_some()
        && tensors.iter().all(|t| lora(&t.name) || t.name.contains("modules_to_save"));
    // An adapter_config.json next to a whole model counts as well: transformers would apply the adapter to it.
    if config || only {
        let found = adapted
            .map_or_else(|| "adapter_config.json beside it".into(), |t| format!("`{}`", t.name));
        return Err(Error::head(
            stored.path,
            format!(
                "this is a LoRA adapter ({found}), which may change the head of its base model: merge it (merge_and_unload \
                 of peft) and name the result"
            ),
        ));
    }
    Ok(())
}

/// Suffixes of tensors that only packed or scaled numbers have, and their methods, the most telling first.
const PARTS: [(&str, &str); 27] = [
    (".quant_state", "bitsandbytes"),
    (".absmax", "bitsandbytes"),
    (".quant_map", "bitsandbytes"),
    (".nested_absmax", "bitsandbytes"),
    (".SCB", "bitsandbytes"),
    (".W_q", "HQQ"),
    ("._data", "Quanto"),
    ("._scale", "Quanto"),
    (".codebooks", "AQLM"),
    (".codes", "AQLM"),
    (".qweight", "GPTQ or AWQ"),
    (".qzeros", "GPTQ or AWQ"),
    (".g_idx", "GPTQ"),
    (".weight_packed", "compressed-tensors"),
    (".weight_shape", "compressed-tensors"),
    (".weight_zero_point", "compressed-tensors"),
    (".weight_scale_2", "NVFP4"),
    (".weight_blocks", "MXFP4"),
    ("_blocks", "MXFP4"),
    (".weight_scale_inv", "FP8 with a scale"),
    (".weight_scale", "a scale"),
    (".scale_weight", "FP8 with a scale"),
    ("_scale_inv", "FP8 with a scale"),
    (".weight_scales", "EETQ"),
    ("_scales", "a scale a block"),
    (".scales", "a scale a group"),
    ("_scale", "a scale"),
];

/// Refuses a weight whose stored elements are not numbers of the head: packed integers, or small floats with a scale.
pub(super) fn packed(stored: &Stored, weight: &str, config: Option<&Configuration>) -> Result<()> {
    let Some(Dtype::Other(element)) = stored.get(weight).map(|info| &info.dtype) else {
        return Ok(());
    };
    let stem = weight.strip_suffix(".weight").unwrap_or(weight);
    let names = || stored.checkpoint.tensors().iter().map(|t| t.name.as_str());
    let beside = |part: &str| {
        names().find(|name| {
            [stem, weight]
                .iter()
                .any(|start| name.strip_prefix(start).is_some_and(|rest| rest.starts_with(part)))
        })
    };
    // GPTQ's scales come with a `qweight`; MLX's mxfp4 has no biases.
    let words = element.eq_ignore_ascii_case("u32") || element.eq_ignore_ascii_case("uint32");
    let mlx = beside(".scales").is_some() && (beside(".biases").is_some() || words);
    let stated = config.and_then(Configuration::quantisation_stated);
    let (method, part) = match PARTS
        .iter()
        .find_map(|(part, method)| Some((*method, beside(part)?)))
    {
        Some((_, part)) if mlx => ("MLX", part),
        Some((_, part)) if element.to_ascii_uppercase().starts_with("F8") => {
            ("FP8 with a scale", part)
        }
        Some(found) => found,
        None => {
            let floats = element.to_ascii_uppercase().starts_with("F8");
            let stated =
                stated.map(|s| format!(" (the configuration says {s})")).unwrap_or_default();
            let what = match floats {
                true => "8-bit floats, whose scale, if there is one, is not beside it".to_owned(),
                false => format!(
                    "elements of {element}, which are not numbers of a head as they stand{stated}"
                ),
            };
            return Err(Error::head(
                stored.path,
                format!(
                    "`{weight}` holds {what}: name the unquantised model, or save this matrix in f16, bf16 or f32 by the program \
                     that wrote it"
                ),
            ));
        }
    };
    let stated = stated.map(|s| format!(", {s}")).unwrap_or_default();
    Err(Error::head(
        stored.path,
        format!(
            "`{weight}` is quantised ({method}{stated}): its {element} elements belong to `{part}`, and this is not decoded; name \
             the unquantised model, or have {} write this matrix in f16, bf16 or f32",
            if method == "MLX" {
                "MLX (mlx_lm.convert --dequantize)"
            } else {
                "the program that wrote it"
            }
        ),
    ))
}

/// Refuses a head that is stored in a form that is not decoded; `stem` is its name without `.weight`.
pub(super) fn unreadable(
    stored: &Stored,
    stem: &str,
    config: Option<&Configuration>,
) -> Result<()> {
    let quantisation = config.and_then(Configuration::quantisation);
    let part = |suffix: &str| Some(format!("{stem}{suffix}")).filter(|name| stored.has(name));
    let refuse = |what: String| {
        Err(Error::head(
            stored.path,
            format!(
                "{what}: name a checkpoint that keeps its head in f16, bf16 or f32 (most quantised ones do), or the \
                 unquantised model"
            ),
        ))
    };
    if let Some(name) = [".lora_A.weight", ".lora_A.default.weight"].iter().find_map(|s| part(s)) {
        return Err(Error::head(
            stored.path,
            format!(
                "a LoRA adapter (`{name}`) changes the head: merge it (merge_and_unload of peft) and name the result"
            ),
        ));
    }
    if let Some(name) =
        [".base_layer.weight", ".modules_to_save.default.weight"].iter().find_map(|s| part(s))
    {
        return Err(Error::head(
            stored.path,
            format!(
                "the head is wrapped by an adapter (`{name}`): merge the adapter and name the result"
            ),
        ));
    }
    if let Some(name) = part(".qweight") {
        let method = match quantisation {
            Some("awq") => "AWQ",
            Some("gptq") => "GPTQ",
            _ if part(".g_idx").is_some() => "GPTQ",
            _ => "GPTQ or AWQ",
        };
        return refuse(format!(
            "the head is quantised by {method} (`{name}`), which is not decoded"
        ));
    }
    if let Some(name) = [".weight_packed", ".weight.absmax", ".weight.quant_map", ".SCB"]
        .iter()
        .find_map(|s| part(s))
    {
        let method = quantisation.unwrap_or("packed or bitsandbytes");
        return refuse(format!("the head is quantised ({method}, `{name}`), which is not decoded"));
    }
    let weight = format!("{stem}.weight");
    if !stored.has(&weight)
        && let Some((method, name)) = part_of(stored, &weight)
    {
        let method = quantisation.unwrap_or(method);
        return refuse(format!("the head is quantised ({method}, `{name}`), which is not decoded"));
    }
    packed(stored, &weight, config)
}

/// Returns a tensor of the module of `weight` that only packed or scaled numbers have, and the method.
fn part_of<'a>(stored: &Stored<'a>, weight: &str) -> Option<(&'static str, &'a str)> {
    let stem = weight.strip_suffix(".weight").unwrap_or(weight);
    let names = || stored.checkpoint.tensors().iter().map(|t| t.name.as_str());
    PARTS.iter().find_map(|(part, method)| {
        let of = |start: &str, name: &str| {
            name.strip_prefix(start).is_some_and(|rest| rest.starts_with(part))
        };
        let beside = |name: &&str| of(weight, name) || part.starts_with('.') && of(stem, name);
        Some((*method, names().find(beside)?))
    })
}

/// Refuses an embedding as a tied head if tensors of a separate head are stored in another form, or if a part is
/// stored that changes the embedding's own numbers. `heads` are the names that the weight of a separate head may
/// have, `known` those that belong to a tied head as well.
pub(super) fn tied_beside(
    stored: &Stored,
    embedding: &str,
    heads: &[String],
    known: &[String],
) -> Result<()> {
    let names = || stored.checkpoint.tensors().iter().map(|t| t.name.as_str());
    let stems = || heads.iter().filter_map(|name| name.strip_suffix(".weight"));
    let of_head = names().find(|name| {
        let of = |stem: &str| name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('.'));
        let belongs = |known: &String| {
            name.strip_prefix(known.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        *name != embedding
            && !name.ends_with("._extra_state")
            && stems().any(of)
            && !known.iter().any(belongs)
    });
    if let Some(name) = of_head {
        let missing = heads.join("`, `");
        return Err(Error::head(
            stored.path,
            format!(
                "{} belongs to a head of its own, but `{missing}` is not stored as a matrix: the tied embedding `{embedding}` is not all of \
                 the head, or not the head. Name a checkpoint whose head is stored as one matrix, or say --weight {embedding} \
                 (and --bias) if it is the head",
                stored.described(name)
            ),
        ));
    }
    match part_of(stored, embedding) {
        Some((method, name)) => Err(Error::head(
            stored.path,
            format!(
                "{} stands beside the embedding `{embedding}` and changes its numbers in use ({method}), which is not decoded: \
                 name the unquantised model",
                stored.described(name)
            ),
        )),
        None => Ok(()),
    }
}
