#!/usr/bin/env python3
"""Makes the golden folders of tests/data/families: tiny random models, and what their heads must be found to be.

    python3 -m venv VENV && VENV/bin/pip install torch transformers numpy
    VENV/bin/python analyses/golden_folders.py [NAME ...]      # all of them, or these
    VENV/bin/python analyses/golden_folders.py --new           # those that are not there yet

Each folder is what `save_pretrained` of transformers 5.x (or `torch.save`, for the `.bin` files that it no longer
writes) makes of a model with seeded random numbers in every parameter, biases and gains included. What is expected does
not come from names of tensors: hooks on the model's own output embeddings and on its last norm record, in one forward
pass, the hidden states that enter the head, and the logits are those that the model returns. `expected.safetensors`
has

    weight [V, d], bias [V]     the parameters of the output embeddings; the bias is absent if the model has none
    hidden [n, d], logits [n, V]
    gain [d], shift [d], norm_in [n, d]     of the module that makes `hidden`, where that is a norm

and `expected.json` the rest. The folders of `tests/data/families-refused` are made the same way, of models whose rows in
use are not the stored ones; their `expected.json` has words that the refusal must have. The Marian and Nematus archives are not written by those programs: they are made here, by
hand, from the names in their sources (marian-dev: src/models/transformer.h, src/layers/output.cpp; Nematus 0.5:
nematus/nmt.py, theano branch), since neither program is to be had as a package. CI reads the folders and makes none.
"""

import json
import pathlib
import shutil
import sys
import zlib

import numpy as np
import torch
import transformers as tf
from safetensors.torch import save_file

ROOT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "data" / "families"
REFUSED = ROOT.parent / "families-refused"
V, D = 64, 16
COMMON = dict(vocab_size=V, pad_token_id=0, bos_token_id=1, eos_token_id=2)
CASES = {}


def case(name, **how):
    """Registers a function that makes a model and the path of its last norm."""
    def keep(build):
        CASES[name] = (build, how)
        return build
    return keep


def randomise(model, seed, dtype):
    """Seeded numbers in every parameter and in the buffer of the logits' bias, as `dtype` stores them."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        named = dict(model.named_parameters())
        named |= {n: b for n, b in model.named_buffers() if n.endswith("final_logits_bias")}
        for name in sorted(named):
            if isinstance(model, tf.MarianMTModel) and "embed_positions" in name:
                continue  # sines that are not saved
            value = named[name]
            drawn = torch.randn(value.shape, generator=generator)
            norm = "norm" in name.lower() or ".ln_" in name or "layernorm" in name.lower()
            if norm and name.endswith("weight"):
                drawn = 1.0 + 0.3 * drawn
            else:
                drawn = 0.4 * drawn
            value.copy_(drawn.to(dtype).float())


def inputs(model, seed):
    generator = torch.Generator().manual_seed(seed)
    vocabulary = min(V, getattr(model.config.get_text_config(decoder=True), "vocab_size", None) or V)
    ids = torch.randint(3, vocabulary - 4, (1, 4), generator=generator)
    if isinstance(model, tf.Speech2TextForConditionalGeneration):
        return dict(input_features=torch.randn(1, 8, model.config.input_feat_per_channel, generator=generator),
                    decoder_input_ids=ids)
    if isinstance(model, tf.VisionEncoderDecoderModel):
        return dict(pixel_values=torch.randn(1, 3, 8, 8, generator=generator), decoder_input_ids=ids)
    if isinstance(model, tf.WhisperForConditionalGeneration):
        return dict(input_features=torch.randn(1, model.config.num_mel_bins, 8, generator=generator),
                    decoder_input_ids=ids)
    if model.config.is_encoder_decoder:
        return dict(input_ids=ids, decoder_input_ids=ids)
    return dict(input_ids=ids)


def module(model, path):
    for part in path.split("."):
        model = model[int(part)] if part.lstrip("-").isdigit() else getattr(model, part)
    return model


def write_bin(folder, state, dtype, legacy, shards):
    """What transformers 4.x wrote: every name of a tied tensor is there, and they share their storage."""
    state = {name: value.to(dtype) if value.is_floating_point() else value for name, value in shared(state, dtype)}
    if shards == 1:
        torch.save(state, folder / "pytorch_model.bin", _use_new_zipfile_serialization=not legacy)
        return
    weight_map = {}
    names = sorted(state)
    for number in range(shards):
        file = f"pytorch_model-{number + 1:05}-of-{shards:05}.bin"
        part = names[number::shards]
        torch.save({n: state[n] for n in part}, folder / file, _use_new_zipfile_serialization=not legacy)
        weight_map |= {n: file for n in part}
    index = dict(metadata={}, weight_map=weight_map)
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index, indent=1) + "\n")


def shared(state, dtype):
    """The tensors in another type, each that shares its storage with another still doing so."""
    made = {}
    for name, value in state.items():
        key = (value.data_ptr(), tuple(value.shape))
        if key not in made or value.numel() == 0:
            made[key] = value.to(dtype) if value.is_floating_point() else value
        yield name, made[key]


def make(name):
    build, how = CASES[name]
    dtype = how.get("dtype", torch.float32)
    seed = 1 + zlib.crc32(name.encode()) % 100_000
    torch.manual_seed(seed)
    model, norm_path = build()
    model.eval()
    if "untie" in how:
        # T5Config of 5.x ties in any case; the checkpoints of T5 1.1 and mT5 have heads of their own all the same.
        head = module(model, how["untie"])
        head.weight = torch.nn.Parameter(head.weight.detach().clone())
    randomise(model, seed, dtype)
    output = module(model, how["output"]) if "output" in how else model.get_output_embeddings()
    seen, norms = {}, []
    hooks = [output.register_forward_hook(lambda m, a, out: seen.update(hidden=a[0], raw=out))]
    if norm_path == "last":  # the norm whose result, times the factor, enters the head
        for part in model.modules():
            if "norm" in type(part).__name__.lower() and not list(part.children()):
                hooks.append(part.register_forward_hook(lambda m, a, out: norms.append((m, a[0], out))))
    elif norm_path:
        part = module(model, norm_path)
        hooks.append(part.register_forward_hook(lambda m, a, out: norms.append((m, a[0], out))))
    given = inputs(model, seed)
    with torch.no_grad():
        made = model(**given)
    logits = made.logits
    for hook in hooks:
        hook.remove()
    if how.get("matrix_only"):  # no module multiplies by the embedding
        seen["hidden"] = norms[-1][2]
    if seen["hidden"].dim() == 4:  # ProphetNet's stream of the next token
        seen["hidden"] = seen["hidden"][:, 0]
    factor = how.get("factor", 1.0)
    fits = []
    for part, x, out in norms:  # a prompt or other streams may be cut off between the norm and the head
        count = seen["hidden"].shape[1]
        starts = {x.shape[1] - count, *range(0, x.shape[1] - count + 1, count)} if x.dim() == 3 else ()
        for cut in (slice(start, start + count) for start in sorted(starts) if start >= 0):
            if out[:, cut].shape == seen["hidden"].shape and torch.allclose(factor * out[:, cut], seen["hidden"],
                                                                            atol=1e-5):
                fits.append((part, x[:, cut], out[:, cut]))
    assert fits or norm_path is None, f"{name}: {norm_path} does not make the hidden states"
    norm = fits[-1][0] if fits else None
    if norm is not None:
        seen.update(norm_in=fits[-1][1], norm_out=fits[-1][2])

    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    width = seen["hidden"].shape[-1]
    rows = lambda x: x.detach().reshape(-1, x.shape[-1]).float().contiguous().clone()
    weight = output.weight.detach().clone()[:logits.shape[-1]]
    arrays = dict(weight=weight, hidden=rows(seen["hidden"]), logits=rows(logits))
    bias = output.bias if getattr(output, "bias", None) is not None else None
    if "bias" in how:
        bias = module(model, how["bias"])
    if getattr(model, "final_logits_bias", None) is not None:
        bias = model.final_logits_bias.reshape(-1)
    if bias is None and hasattr(model, "generator_lm_head"):
        bias = model.generator_lm_head.bias
    if bias is not None:
        arrays["bias"] = bias.detach().clone().reshape(-1)
    tied = how.get("tied")
    if tied is None:
        embedding = model.get_input_embeddings()
        tied = embedding.weight.data_ptr() == output.weight.data_ptr()
    expected = dict(family=name, tied=bool(tied), made_by=f"transformers {tf.__version__}")
    expected |= {key: how[key] for key in ("activation", "softcap", "scale") if key in how}
    if norm is not None:
        gain, shift = getattr(norm, "weight", None), getattr(norm, "bias", None)
        gain = torch.ones(width) if gain is None else gain.detach().clone()
        if how.get("one_plus"):
            gain = 1.0 + gain
        eps = [getattr(norm, a) for a in ("eps", "variance_epsilon") if hasattr(norm, a)]
        eps = how["epsilon"] if "epsilon" in how else eps[0]
        arrays |= dict(gain=gain, norm_in=rows(seen["norm_in"]))
        if shift is not None:
            arrays["shift"] = shift.detach().clone()
        with torch.no_grad():  # only what subtracts the mean does not see a constant that is added
            centred = torch.allclose(norm(seen["norm_in"] + 3.0), seen["norm_out"], atol=1e-3)
        expected["norm"] = dict(kind="LayerNorm" if centred else "RMSNorm",
                                epsilon=eps, factor=how.get("factor", 1.0))
    # The claim that the test in Rust repeats: the model's logits are those of this head, up to scale and softcap.
    again = arrays["hidden"] @ arrays["weight"].T + arrays.get("bias", torch.zeros(len(arrays["weight"])))
    again = again * how.get("scale", 1.0)
    if "softcap" in how:
        again = how["softcap"] * torch.tanh(again / how["softcap"])
    assert torch.allclose(again, arrays["logits"], atol=2e-5), f"{name}: {(again - arrays['logits']).abs().max()}"
    assert width == arrays["weight"].shape[1]

    kind = how.get("save", "safetensors")
    if kind == "safetensors":
        model.to(dtype).save_pretrained(folder)
    elif kind == "sharded":
        model.to(dtype).save_pretrained(folder, max_shard_size="12KB")
    else:
        model.config.architectures = [type(model).__name__]
        model.config.save_pretrained(folder)
        if "untie" in how:
            written = json.loads((folder / "config.json").read_text())
            (folder / "config.json").write_text(json.dumps(written | dict(tie_word_embeddings=False), indent=2) + "\n")
        write_bin(folder, model.state_dict(keep_vars=False), dtype, "legacy" in kind, 3 if "sharded" in kind else 1)
    (folder / "generation_config.json").unlink(missing_ok=True)
    # The folder is the model: loaded again it returns the same logits.
    with torch.no_grad():
        loaded = type(model).from_pretrained(folder, dtype=torch.float32).eval()
        assert torch.allclose(loaded(**given).logits, logits, atol=2e-5), f"{name}: not what was saved"
    save_file({k: v.contiguous() for k, v in arrays.items()}, folder / "expected.safetensors")
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    size = sum(f.stat().st_size for f in folder.iterdir())
    print(f"{name:28} {type(model).__name__:34} {size:7} bytes  {', '.join(sorted(f.name for f in folder.iterdir()))}")


ENCODER = dict(hidden_size=D, num_hidden_layers=1, num_attention_heads=2, intermediate_size=24,
               max_position_embeddings=16)
DECODER = dict(ENCODER, num_key_value_heads=1)
SEQ2SEQ = dict(d_model=D, encoder_layers=1, decoder_layers=2, encoder_attention_heads=2, decoder_attention_heads=2,
               encoder_ffn_dim=24, decoder_ffn_dim=24, max_position_embeddings=16)


def both(name, build, tied_how=None, untied_how=None):
    """The family with tied and with untied weights."""
    for tie, suffix, how in ((True, "", tied_how), (False, "-untied", untied_how)):
        if how is not None:
            case(name + suffix, tied=tie, **how)(lambda tie=tie: build(tie))


def config(cls, *parts, **more):
    made = {}
    for part in parts:
        made |= part
    return cls(**(made | more))


both("bert", lambda tie: (tf.BertForMaskedLM(config(tf.BertConfig, COMMON, ENCODER, tie_word_embeddings=tie)),
                          "cls.predictions.transform.LayerNorm"), {}, dict(save="bin-legacy"))
both("roberta", lambda tie: (tf.RobertaForMaskedLM(config(
    tf.RobertaConfig, COMMON, ENCODER, tie_word_embeddings=tie, max_position_embeddings=20)),
                             "lm_head.layer_norm"), dict(save="bin"), {})
both("xlm-roberta", lambda tie: (tf.XLMRobertaForMaskedLM(config(
    tf.XLMRobertaConfig, COMMON, ENCODER, tie_word_embeddings=tie, max_position_embeddings=20)),
                                 "lm_head.layer_norm"), dict(save="sharded"), None)
both("albert", lambda tie: (tf.AlbertForMaskedLM(config(
    tf.AlbertConfig, COMMON, ENCODER, embedding_size=12, tie_word_embeddings=tie)), "predictions.LayerNorm"),
     {}, dict(save="sharded"))
both("electra", lambda tie: (tf.ElectraForMaskedLM(config(
    tf.ElectraConfig, COMMON, ENCODER, embedding_size=12, tie_word_embeddings=tie)),
                             "generator_predictions.LayerNorm"), dict(save="bin"), {})
both("distilbert", lambda tie: (tf.DistilBertForMaskedLM(config(
    tf.DistilBertConfig, COMMON, dim=D, n_layers=1, n_heads=2, hidden_dim=24, max_position_embeddings=16,
    tie_word_embeddings=tie)), "vocab_layer_norm"), {}, dict(save="bin-sharded"))
both("gpt2", lambda tie: (tf.GPT2LMHeadModel(config(
    tf.GPT2Config, COMMON, n_embd=D, n_layer=1, n_head=2, n_positions=16, tie_word_embeddings=tie)),
                          "transformer.ln_f"), dict(save="bin"), dict(dtype=torch.float16))
both("gpt-neox", lambda tie: (tf.GPTNeoXForCausalLM(config(
    tf.GPTNeoXConfig, COMMON, ENCODER, tie_word_embeddings=tie)), "gpt_neox.final_layer_norm"), {}, {})
both("opt", lambda tie: (tf.OPTForCausalLM(config(
    tf.OPTConfig, COMMON, hidden_size=D, num_hidden_layers=1, num_attention_heads=2, ffn_dim=24,
    word_embed_proj_dim=D, max_position_embeddings=16, tie_word_embeddings=tie)),
                         "model.decoder.final_layer_norm"), {}, {})
both("opt-projected", lambda tie: (tf.OPTForCausalLM(config(
    tf.OPTConfig, COMMON, hidden_size=D, num_hidden_layers=1, num_attention_heads=2, ffn_dim=24,
    word_embed_proj_dim=8, max_position_embeddings=16, do_layer_norm_before=False)), None), {}, None)
both("bloom", lambda tie: (tf.BloomForCausalLM(config(
    tf.BloomConfig, COMMON, hidden_size=D, n_layer=1, n_head=2, tie_word_embeddings=tie)),
                           "transformer.ln_f"), dict(dtype=torch.bfloat16), {})
both("llama", lambda tie: (tf.LlamaForCausalLM(config(
    tf.LlamaConfig, COMMON, DECODER, tie_word_embeddings=tie)), "model.norm"),
     {}, dict(save="sharded", dtype=torch.bfloat16))
both("mistral", lambda tie: (tf.MistralForCausalLM(config(
    tf.MistralConfig, COMMON, DECODER, head_dim=8, tie_word_embeddings=tie)), "model.norm"), None, {})
both("qwen2", lambda tie: (tf.Qwen2ForCausalLM(config(
    tf.Qwen2Config, COMMON, DECODER, tie_word_embeddings=tie)), "model.norm"), {}, {})
both("qwen3", lambda tie: (tf.Qwen3ForCausalLM(config(
    tf.Qwen3Config, COMMON, DECODER, head_dim=8, tie_word_embeddings=tie)), "model.norm"), {}, None)
both("gemma", lambda tie: (tf.GemmaForCausalLM(config(
    tf.GemmaConfig, COMMON, DECODER, head_dim=8)), "model.norm"), dict(one_plus=True), None)
both("gemma2", lambda tie: (tf.Gemma2ForCausalLM(config(
    tf.Gemma2Config, COMMON, DECODER, head_dim=8, final_logit_softcapping=30.0)), "model.norm"),
     dict(one_plus=True, softcap=30.0), None)
both("phi", lambda tie: (tf.PhiForCausalLM(config(
    tf.PhiConfig, COMMON, ENCODER, tie_word_embeddings=tie)), "model.final_layernorm"), None, {})
both("phi3", lambda tie: (tf.Phi3ForCausalLM(config(
    tf.Phi3Config, COMMON, DECODER, tie_word_embeddings=tie)), "model.norm"), {}, {})
both("cohere", lambda tie: (tf.CohereForCausalLM(config(
    tf.CohereConfig, COMMON, DECODER, logit_scale=0.25)), "model.norm"), dict(scale=0.25), None)
both("granite", lambda tie: (tf.GraniteForCausalLM(config(
    tf.GraniteConfig, COMMON, DECODER, logits_scaling=4.0, tie_word_embeddings=tie)), "model.norm"),
     dict(scale=0.25), None)


def gemma3(tie):
    """A model of pictures and text: the language model's configuration is nested."""
    text = config(tf.Gemma3TextConfig, COMMON, DECODER, head_dim=8)
    vision = tf.SiglipVisionConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8,
                                   image_size=8, patch_size=4)
    return (tf.Gemma3ForConditionalGeneration(tf.Gemma3Config(text_config=text, vision_config=vision,
                                                              mm_tokens_per_image=4)),
            "model.language_model.norm")


def llava(tie):
    text = config(tf.LlamaConfig, COMMON, DECODER)
    vision = tf.CLIPVisionConfig(hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=8,
                                 image_size=8, patch_size=4)
    return (tf.LlavaForConditionalGeneration(tf.LlavaConfig(
        text_config=text, vision_config=vision, image_token_index=3, tie_word_embeddings=tie)),
            "model.language_model.norm")


both("gemma3-nested", gemma3, dict(one_plus=True), None)
both("llava-nested", llava, None, {})
T5 = dict(d_model=D, d_kv=8, d_ff=24, num_layers=1, num_heads=2, relative_attention_num_buckets=8)
both("t5", lambda tie: (tf.T5ForConditionalGeneration(config(
    tf.T5Config, COMMON, T5, tie_word_embeddings=tie, decoder_start_token_id=0)), "decoder.final_layer_norm"),
     dict(factor=D ** -0.5), dict(untie="lm_head", save="bin"))
case("t5-unscaled", tied=True)(lambda: (tf.T5ForConditionalGeneration(config(
    tf.T5Config, COMMON, T5, tie_word_embeddings=False, decoder_start_token_id=0)), "decoder.final_layer_norm"))
both("mt5", lambda tie: (tf.MT5ForConditionalGeneration(config(
    tf.MT5Config, COMMON, T5, tie_word_embeddings=tie, decoder_start_token_id=0)), "decoder.final_layer_norm"),
     None, dict(untie="lm_head", save="bin"))
both("bart", lambda tie: (tf.BartForConditionalGeneration(config(tf.BartConfig, COMMON, SEQ2SEQ)),
                          "model.decoder.layers.1.final_layer_norm"), dict(save="bin"), None)
both("mbart", lambda tie: (tf.MBartForConditionalGeneration(config(tf.MBartConfig, COMMON, SEQ2SEQ)),
                           "model.decoder.layer_norm"), {}, None)
both("marian", lambda tie: (tf.MarianMTModel(config(
    tf.MarianConfig, COMMON, SEQ2SEQ, decoder_start_token_id=0)), "model.decoder.layers.1.final_layer_norm"),
     {}, None)
both("marian-bin", lambda tie: (tf.MarianMTModel(config(
    tf.MarianConfig, COMMON, SEQ2SEQ, decoder_start_token_id=0)), "model.decoder.layers.1.final_layer_norm"),
     dict(save="bin-legacy"), None)
both("fsmt", lambda tie: (tf.FSMTForConditionalGeneration(config(
    tf.FSMTConfig, SEQ2SEQ, langs=["en", "de"], src_vocab_size=V, tgt_vocab_size=V, pad_token_id=1, bos_token_id=0,
    eos_token_id=2, tie_word_embeddings=tie)), "model.decoder.layers.1.final_layer_norm"), dict(output="model.decoder.output_projection"), None)
both("m2m", lambda tie: (tf.M2M100ForConditionalGeneration(config(tf.M2M100Config, COMMON, SEQ2SEQ)),
                         "model.decoder.layer_norm"), {}, None)
both("whisper", lambda tie: (tf.WhisperForConditionalGeneration(config(
    tf.WhisperConfig, COMMON, {k: v for k, v in SEQ2SEQ.items() if k != "max_position_embeddings"}, num_mel_bins=8,
    max_source_positions=4, max_target_positions=16, decoder_start_token_id=1, suppress_tokens=None,
    begin_suppress_tokens=None)), "model.decoder.layer_norm"), {}, None)
both("xlnet", lambda tie: (tf.XLNetLMHeadModel(config(
    tf.XLNetConfig, COMMON, d_model=D, n_layer=2, n_head=2, d_inner=24, tie_word_embeddings=tie)),
                           "transformer.layer.1.ff.layer_norm"), {}, None)
case("bert-classifier", output="classifier", activation="tanh")(
    lambda: (tf.BertForSequenceClassification(config(tf.BertConfig, COMMON, ENCODER, num_labels=5)), None))
case("distilbert-classifier", output="classifier", activation="ReLU")(
    lambda: (tf.DistilBertForSequenceClassification(config(
        tf.DistilBertConfig, COMMON, dim=D, n_layers=1, n_heads=2, hidden_dim=24, max_position_embeddings=16,
        num_labels=5)), None))


# Smaller ones, of configurations whose sizes all have been made small: a row a family. -------------------------------

TINY_V, TINY_D = 24, 8
TINY = dict(
    vocab_size=TINY_V, decoder_vocab_size=TINY_V, vocab_size_per_layer_input=TINY_V, src_vocab_size=TINY_V,
    tgt_vocab_size=TINY_V, pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1, rotary_dim=4,
    max_position_embeddings=40, n_positions=40, n_ctx=40, context_length=40, max_source_positions=40,
    max_target_positions=40, max_encoder_position_embeddings=16, max_decoder_position_embeddings=16,
    sliding_window=8, type_vocab_size=2, q_lora_rank=8, kv_lora_rank=8,
    n_group=1, topk_group=1, first_k_dense_replace=1, state_size=4, mamba_d_state=4, ssm_state_size=4, mamba_n_heads=2,
    mamba_num_heads=2, mamba_n_groups=1, n_groups=1, mamba_expand=2, conv_kernel=4, chunk_size=8, mamba_chunk_size=8,
    hidden_size_per_layer_input=4, index_head_dim=4, index_n_heads=2, index_topk=4, relative_attention_num_buckets=8,
    num_nextn_predict_layers=0, moe_layer_start_index=0, position_buckets=4, attention_window=4, num_buckets=4,
)
for keys, size in (
    ("hidden_size d_model n_embd dim embed_dim embedding_size emb_dim attention_hidden_size lru_width", TINY_D),
    ("num_hidden_layers n_layer n_layers decoder_layers encoder_layers num_layers num_decoder_layers "
     "num_encoder_layers", 1),
    ("num_attention_heads n_head n_heads num_heads encoder_attention_heads decoder_attention_heads "
     "num_encoder_attention_heads num_decoder_attention_heads linear_num_key_heads linear_num_value_heads "
     "num_key_value_heads", 2),
    ("head_dim d_kv attention_head_size qk_nope_head_dim qk_rope_head_dim v_head_dim linear_key_head_dim "
     "linear_value_head_dim mamba_head_dim mamba_d_head global_head_dim attention_key_size", 4),
    ("intermediate_size ffn_dim encoder_ffn_dim decoder_ffn_dim d_ff hidden_dim n_inner d_inner dff ffn_hidden_size "
     "moe_intermediate_size shared_expert_intermediate_size block_ff_dim intermediate_size_mlp expert_ffn_hidden_size "
     "prediction_head_size", 12),
    ("num_experts n_routed_experts num_local_experts moe_num_experts", 2),
    ("num_experts_per_tok moe_topk moe_k", 1),
):
    TINY |= {key: size for key in keys.split()}


def settable(cls, key):
    """Whether a configuration keeps this value under this name."""
    return key not in cls.attribute_map and not isinstance(getattr(cls, key, None), property)


def tiny(cls, **more):
    """A configuration with small sizes, and epsilons that are no family's default."""
    base, sizes = cls(), {}
    for key, value in TINY.items():
        if getattr(base, key, None) is not None and settable(cls, key):
            sizes[key] = value
    if getattr(base, "layer_types", None) and settable(cls, "layer_types"):
        whole = "full_attention" in base.layer_types
        sizes["layer_types"] = ["full_attention"] if whole else base.layer_types[:1]
    epsilons = [key for key in vars(base) if "eps" in key and isinstance(getattr(base, key), float)
                and settable(cls, key)]
    sizes |= {key: round(1e-3 * (place + 2), 6) for place, key in enumerate(epsilons)}
    return cls(**{key: value for key, value in (sizes | more).items() if value is not None})


def small(name, model, more=None, **how):
    """A case of a class of models, by name; what stands before the head is found by its results."""
    def build():
        cls = getattr(tf, model)
        made = tiny(cls.config_class, **(more or {}))
        made._attn_implementation = "eager"
        return cls(made), how.get("norm", "last")
    case(name, **how)(build)


ONE_PLUS = dict(one_plus=True)
CAP = dict(softcap=30.0)
RECURRENT = dict(mamba_d_ssm=16, mamba_n_heads=4, mamba_d_head=4)
for row in (
    # masked language models
    ("modernbert", "ModernBertForMaskedLM"),
    ("modernbert-decoder", "ModernBertDecoderForCausalLM"),
    ("deberta", "DebertaForMaskedLM"),
    ("deberta-v2", "DebertaV2ForMaskedLM", dict(pad_token_id=0)),
    ("deberta-v2-lm-predictions", "DebertaV2ForMaskedLM", dict(legacy=False), dict(
        output="deberta.embeddings.word_embeddings", matrix_only=True, bias="lm_predictions.lm_head.bias", tied=True,
        norm="lm_predictions.lm_head.LayerNorm")),
    ("nomic-bert", "NomicBertForMaskedLM"),
    ("mpnet", "MPNetForMaskedLM", dict(relative_attention_num_buckets=32)),
    ("ernie", "ErnieForMaskedLM"),
    ("roformer", "RoFormerForMaskedLM"),
    ("rembert-untied", "RemBertForMaskedLM", dict(input_embedding_size=6, output_embedding_size=10)),
    ("esm", "EsmForMaskedLM", dict(vocab_size=TINY_V, pad_token_id=0, mask_token_id=3), dict(bias="lm_head.bias")),
    ("esmc-untied", "EsmcForMaskedLM", dict(vocab_size=TINY_V)),
    ("gte", "GteForMaskedLM"),
    ("convbert", "ConvBertForMaskedLM", dict(conv_kernel_size=3, head_ratio=1)),
    ("luke-untied", "LukeForMaskedLM", dict(entity_vocab_size=4, entity_emb_size=8), dict(tied=False)),
    ("longformer", "LongformerForMaskedLM"),
    ("funnel", "FunnelForMaskedLM", dict(
        block_sizes=[1], num_decoder_layers=1, num_hidden_layers=None, d_head=4)),
    ("xlm", "XLMWithLMHeadModel"),
    ("bert-generation", "BertGenerationDecoder", dict(is_decoder=True)),
    ("git-untied", "GitForCausalLM", dict(vision_config=dict(
        hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2, image_size=8, patch_size=4))),
    ("eurobert-untied", "EuroBertForMaskedLM"),
    ("ultrabert-untied", "UltrabertForMaskedLM", {}, dict(norm=None, output="head.decoder", activation="GELU (tanh)")),
    # decoders with the names of Llama
    ("gpt-oss", "GptOssForCausalLM"),
    ("deepseek-v3", "DeepseekV3ForCausalLM"),
    ("qwen3-next", "Qwen3NextForCausalLM", {}, ONE_PLUS),
    ("qwen3-5-text", "Qwen3_5ForCausalLM", {}, ONE_PLUS),
    ("llama4-text", "Llama4ForCausalLM"),
    ("glm4", "Glm4ForCausalLM"),
    ("olmo", "OlmoForCausalLM", {}, dict(epsilon=1e-5)),
    ("olmo3", "Olmo3ForCausalLM"),
    ("stablelm", "StableLmForCausalLM"),
    ("starcoder2", "Starcoder2ForCausalLM"),
    ("nemotron", "NemotronForCausalLM", dict(num_key_value_heads=2), ONE_PLUS),
    ("helium", "HeliumForCausalLM"),
    ("exaone4", "Exaone4ForCausalLM"),
    ("lfm2", "Lfm2ForCausalLM"),
    ("falcon-h1", "FalconH1ForCausalLM", RECURRENT | dict(lm_head_multiplier=0.5), dict(scale=0.5)),
    ("seed-oss", "SeedOssForCausalLM"),
    ("apertus", "ApertusForCausalLM"),
    ("ernie4-5", "Ernie4_5ForCausalLM"),
    ("hunyuan-dense", "HunYuanDenseV1ForCausalLM", dict(
        rope_parameters=dict(rope_type="default", rope_theta=1e4), head_dim=4, attention_head_dim=4)),
    ("bitnet", "BitNetForCausalLM"),
    ("arcee", "ArceeForCausalLM"),
    ("smollm3", "SmolLM3ForCausalLM"),
    ("vaultgemma", "VaultGemmaForCausalLM", {}, ONE_PLUS | CAP),
    ("gemma3n-text", "Gemma3nForCausalLM", dict(num_kv_shared_layers=0, laurel_rank=2), CAP),
    ("recurrent-gemma", "RecurrentGemmaForCausalLM", dict(num_hidden_layers=3), ONE_PLUS | CAP),
    ("minimax", "MiniMaxForCausalLM"),
    ("minicpm3", "MiniCPM3ForCausalLM", dict(dim_model_base=2), dict(factor=0.25)),
    ("hyperclovax", "HyperCLOVAXForCausalLM", dict(logits_scaling=0.5), dict(scale=0.5)),
    ("granitemoe", "GraniteMoeForCausalLM", dict(logits_scaling=4.0), dict(scale=0.25)),
    ("nanochat", "NanoChatForCausalLM", dict(final_logit_softcapping=15.0), dict(softcap=15.0)),
    ("phimoe", "PhimoeForCausalLM"),
    ("jamba", "JambaForCausalLM", dict(attn_layer_offset=0, attn_layer_period=1)),
    ("jais2", "Jais2ForCausalLM"),
    ("persimmon", "PersimmonForCausalLM"),
    ("xglm", "XGLMForCausalLM", dict(attention_heads=2)),
    ("inkling-text", "InklingForCausalLM", dict(
        unpadded_vocab_size=TINY_V - 3, logits_mup_width_multiplier=4.0, swa_num_attention_heads=2,
        swa_num_key_value_heads=2, swa_head_dim=4, rel_extent=8, sliding_window_size=8), dict(factor=0.25)),
    ("apertus1p5-text", "Apertus1p5TextForCausalLM", dict(output_vocab_size=TINY_V - 5)),
    # decoders with names of their own
    ("codegen", "CodeGenForCausalLM"),
    ("mpt", "MptForCausalLM"),
    ("falcon", "FalconForCausalLM"),
    ("openai-gpt", "OpenAIGPTLMHeadModel"),
    ("ctrl", "CTRLLMHeadModel"),
    ("biogpt", "BioGptForCausalLM"),
    ("gpt-bigcode", "GPTBigCodeForCausalLM"),
    ("gpt-neox-japanese", "GPTNeoXJapaneseForCausalLM"),
    ("mamba", "MambaForCausalLM"),
    ("mamba2-untied", "Mamba2ForCausalLM", dict(num_heads=4)),
    ("nemotron-h-untied", "NemotronHForCausalLM", dict(layers_block_type=["attention"])),
    ("rwkv-untied", "RwkvForCausalLM", dict(num_hidden_layers=2)),
    # encoders and decoders
    ("blenderbot", "BlenderbotForConditionalGeneration"),
    ("blenderbot-small", "BlenderbotSmallForConditionalGeneration"),
    ("longt5", "LongT5ForConditionalGeneration", {}, dict(factor=TINY_D ** -0.5)),
    ("umt5", "UMT5ForConditionalGeneration", {}, dict(factor=TINY_D ** -0.5)),
    ("switch", "SwitchTransformersForConditionalGeneration", dict(tie_word_embeddings=True),
     dict(factor=TINY_D ** -0.5)),
    ("led", "LEDForConditionalGeneration", dict(attention_window=4)),
    ("pegasus-x", "PegasusXForConditionalGeneration", dict(block_size=4, stagger_local_blocks=False)),
    ("bigbird-pegasus", "BigBirdPegasusForConditionalGeneration", dict(attention_type="original_full")),
    ("prophetnet", "ProphetNetForConditionalGeneration", dict(num_hidden_layers=None)),
    ("trocr", "TrOCRForCausalLM"),
    ("speech-to-text", "Speech2TextForConditionalGeneration",
     dict(input_feat_per_channel=8, conv_channels=8, num_conv_layers=1, conv_kernel_sizes=[3])),
):
    small(row[0], row[1], row[2] if len(row) > 2 else {}, **(row[3] if len(row) > 3 else {}))


def trocr_in_two():
    """A decoder within a model of its own: names and configuration lie under `decoder`."""
    vision = tf.ViTConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, image_size=8,
                          patch_size=4)
    text = tiny(tf.TrOCRConfig, cross_attention_hidden_size=8)
    made = tf.VisionEncoderDecoderConfig.from_encoder_decoder_configs(vision, text, decoder_start_token_id=1,
                                                                      pad_token_id=0)
    return tf.VisionEncoderDecoderModel(made), "last"


case("trocr-nested", tied=True)(trocr_in_two)


def refused(name, model, words, more=None):
    """A model whose rows in use are not the stored ones, and what the refusal must say."""
    cls = getattr(tf, model)
    made = cls(tiny(cls.config_class, **(more or {})))
    randomise(made, 7, torch.float32)
    folder = REFUSED / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    made.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    (folder / "expected.json").write_text(json.dumps(dict(words=words), indent=1) + "\n")
    print(f"{name:28} refused: {words}")


def all_refused():
    refused("dory", "DoryForCausalLM", ["Dory multiplies each logit", "lm_head.logit_scale"])
    refused("mobilebert", "MobileBertForMaskedLM", ["two tensors side by side", "cls.predictions.dense.weight"],
            dict(embedding_size=6, hidden_size=8, intra_bottleneck_size=8, true_hidden_size=8))
    refused("musicgen-decoder", "MusicgenForCausalLM", ["lm_heads.0.weight", "--weight"], dict(num_codebooks=2))


# By hand, from documented names ----------------------------------------------------------------------------------

def numpy_case(name, arrays, head, bias, expected):
    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    np.savez(folder / "model.npz", **arrays)
    made = dict(weight=torch.from_numpy(np.ascontiguousarray(head)), bias=torch.from_numpy(bias.reshape(-1)))
    save_file(made, folder / "expected.safetensors")
    expected = dict(family=name, made_by="by hand, from the names in the program's sources", **expected)
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    print(f"{name:28} by hand")


def special(text):
    return np.frombuffer(text.encode() + b"\0", dtype=np.int8)


def by_hand():
    rng = np.random.default_rng(7)
    draw = lambda *shape: rng.standard_normal(shape, dtype=np.float32)
    bias, scale, shift = draw(1, V), 1 + draw(1, D) / 4, draw(1, D)
    norm = {"decoder_l1_ffn_ffn_ln_scale": draw(1, D), "decoder_l1_ffn_ffn_ln_bias": draw(1, D),
            "decoder_l2_ffn_ffn_ln_scale": scale, "decoder_l2_ffn_ffn_ln_bias": shift}
    options = "type: transformer\ntransformer-postprocess: dan\ntransformer-postprocess-top: \"\"\ndec-depth: 2\n"
    embedding, output = draw(V, D), draw(D, V)
    numpy_case("marian-npz-tied-all", norm | {
        "Wemb": embedding, "decoder_ff_logit_out_b": bias,
        "special:model.yml": special(options + "tied-embeddings-all: true\ntied-embeddings: false\n")},
        embedding, bias, dict(tied=True, tensor="Wemb", norm="decoder_l2_ffn_ffn_ln"))
    numpy_case("marian-npz-tied", norm | {
        "encoder_Wemb": draw(V, D), "decoder_Wemb": embedding, "decoder_ff_logit_out_b": bias,
        "special:model.yml": special(options + "tied-embeddings-all: false\ntied-embeddings: true\n")},
        embedding, bias, dict(tied=True, tensor="decoder_Wemb", norm="decoder_l2_ffn_ffn_ln"))
    numpy_case("marian-npz-untied", norm | {
        "encoder_Wemb": draw(V, D), "decoder_Wemb": embedding, "decoder_ff_logit_out_W": output,
        "decoder_ff_logit_out_b": bias,
        "special:model.yml": special(options + "tied-embeddings-all: false\ntied-embeddings: false\n")},
        output.T, bias, dict(tied=False, tensor="decoder_ff_logit_out_W", norm="decoder_l2_ffn_ffn_ln"))
    nematus = {"Wemb": draw(V, D), "Wemb_dec": embedding, "ff_logit_lstm_W": draw(D, D), "ff_logit_lstm_b": draw(D),
               "ff_logit_prev_W": draw(D, D), "ff_logit_prev_b": draw(D), "ff_logit_ctx_W": draw(2 * D, D),
               "ff_logit_ctx_b": draw(D), "ff_logit_b": bias.reshape(-1)}
    numpy_case("nematus-npz", nematus | {"ff_logit_W": output}, output.T, bias,
               dict(tied=False, tensor="ff_logit_W", activation="tanh"))
    numpy_case("nematus-npz-tied", nematus, embedding, bias,
               dict(tied=True, tensor="Wemb_dec", activation="tanh"))


if __name__ == "__main__":
    tf.utils.logging.disable_progress_bar()
    chosen = sys.argv[1:]
    if chosen == ["--new"]:
        chosen = [name for name in CASES if not (ROOT / name / "expected.json").is_file()]
    failed = []
    for name in chosen or CASES:
        if name in CASES:
            try:
                make(name)
            except Exception as error:  # one line a failure, and the rest is still made
                failed.append(name)
                print(f"{name:28} FAILED: {type(error).__name__}: {error}")
    if not chosen or "by-hand" in chosen:
        by_hand()
    if not chosen or "refused" in chosen:
        all_refused()
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)
