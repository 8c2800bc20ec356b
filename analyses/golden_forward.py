#!/usr/bin/env python3
"""Makes tests/data/forward: tiny random models, and what the Python package transformers computes with them.

    python3 -m venv VENV && VENV/bin/pip install torch transformers safetensors gguf sentencepiece accelerate
    VENV/bin/python analyses/golden_forward.py [NAME ...]

Each folder is a model with seeded random numbers in every parameter, biases and gains included (`config.json` and
`model.safetensors`), with `golden.json`, what was asked, and `golden.safetensors`, what came out. tests/data/forward/README.md
says what they hold. `rxnmapper` and `smollm2` are published models that analyses/fetch_heads.py fetches.
"""

import json
import pathlib
import shutil
import sys

import torch
import transformers as tf
from safetensors.torch import load_file, save_file

from golden_folders import config, module

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
ROOT = REPOSITORY / "tests" / "data" / "forward"
V, D, T, S = 70, 32, 10, 11  # tokens, width, length of a text, length of a source of an encoder-decoder
LENGTHS, SOURCE_LENGTHS = [10, 7], [11, 8]
COMMON = dict(vocab_size=V, pad_token_id=0, bos_token_id=1, eos_token_id=2, attn_implementation="eager")
ENCODER = dict(hidden_size=D, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48,
               max_position_embeddings=16)
FORBIDDEN = torch.finfo(torch.float32).min
CASES = {}


def case(name, **how):
    """Registers a function that makes a model."""
    def keep(build):
        CASES[name] = (build, how)
        return build
    return keep


def randomise(model, seed):
    """Seeded numbers in every parameter: weights keep the size of what passes through them, gains are about 1."""
    generator = torch.Generator().manual_seed(seed)
    named = dict(model.named_parameters())
    named |= {n: b for n, b in model.named_buffers() if n.endswith("final_logits_bias")}
    with torch.no_grad():
        for name in sorted(named):
            if "embed_positions" in name and "whisper" not in type(model).__module__:
                continue  # Marian's sines, which are not saved
            value = named[name]
            drawn = torch.randn(value.shape, generator=generator)
            norm = "norm" in name.lower() or ".ln_" in name
            if norm and name.endswith("weight"):
                drawn = 1.0 + 0.3 * drawn
            elif "embed" in name or "shared" in name or ".wte" in name or ".wpe" in name or "mask_emb" in name:
                drawn = 0.7 * drawn
            elif value.dim() < 2 or "_bias" in name:
                drawn = 0.3 * drawn
            else:
                drawn = drawn * value.shape[-1 if name.endswith("weight") and "c_" not in name else 0] ** -0.5
            value.copy_(drawn)


def ids(model, seed, length, lengths):
    """Two rows of random tokens, padded on the right, and their attention mask."""
    drawn = torch.randint(3, V, (2, length), generator=torch.Generator().manual_seed(seed))
    mask = (torch.arange(length)[None] < torch.tensor(lengths)[:, None]).long()
    return torch.where(mask.bool(), drawn, model.config.pad_token_id), mask


# Masks, as which position may look at which ----------------------------------------------------------------------

def allowed(kind, length, **how):
    """`[B, T, T]`: whether position i (second index) may look at position j (third)."""
    i, j = torch.arange(length)[:, None], torch.arange(length)[None]
    if kind == "bidirectional":
        rows = [(i >= 0) & (j >= 0)] * 2
    elif kind == "causal":
        rows = [j <= i] * 2
    elif kind == "prefix":  # UniLM: the source is seen by all, the rest is causal
        rows = [(j < source) | (j <= i) for source in how["source"]]
    elif kind == "permutation":  # XLNet's content stream: what comes no later in the order
        rows = []
        for order in how["order"]:
            rank = torch.empty(length, dtype=torch.long)
            rank[torch.tensor(order)] = torch.arange(length)
            rows.append(rank[None, :] <= rank[:, None])
    elif kind == "latent":  # UniVAE: source and target see position 0 and, of the rest, only themselves
        rows = [((i < source) & (j < source)) | ((i >= source) & ((j == 0) | ((j >= source) & (j <= i))))
                for source in how["source"]]
    return torch.stack(rows)


def additive(seen, attention_mask):
    """The `[B, 1, T, T]` mask that is added to the attention scores; a padded row looks at itself."""
    seen = (seen & attention_mask[:, None, :].bool()) | torch.eye(seen.shape[-1], dtype=torch.bool)
    return torch.where(seen, 0.0, FORBIDDEN)[:, None]


MASKS = dict(
    causal={},
    bidirectional={},
    prefix=dict(source=[4, 3]),
    permutation=dict(order=[[3, 0, 7, 9, 2, 5, 8, 1, 6, 4], [6, 2, 0, 5, 1, 4, 3, 7, 8, 9]]),
    latent=dict(source=[5, 3]),
)


# What a model is asked -------------------------------------------------------------------------------------------

def ask(model, **given):
    """One forward pass: logits, hidden states, and what meets the output matrix."""
    seen = {}
    if hasattr(model, "lm_predictions"):  # DeBERTa multiplies by its embedding, of which no module is the output layer
        norm = model.lm_predictions.lm_head.LayerNorm
        hook = norm.register_forward_hook(lambda m, a, out: seen.update(state=out))
    else:
        hook = model.get_output_embeddings().register_forward_hook(lambda m, a, out: seen.update(state=a[0]))
    with torch.no_grad():
        out = model(**given, output_hidden_states=True)
    hook.remove()
    arrays = dict(logits=out.logits, state=seen["state"])
    if model.config.is_encoder_decoder:
        arrays |= {f"hidden.{i}": h for i, h in enumerate(out.decoder_hidden_states)}
        arrays |= {f"encoder.{i}": h for i, h in enumerate(out.encoder_hidden_states)}
    else:
        arrays |= {f"hidden.{i}": h for i, h in enumerate(out.hidden_states)}
    return arrays


def single_stack(model, seed, how):
    """Models of one stack: the mask of their kind with padding, other masks, segments, input vectors."""
    tokens, mask = ids(model, seed, T, LENGTHS)
    # A model's own mask comes from the package; the others are handed to it.
    own = how["own"]
    facts, arrays = {}, {}

    def keep(name, given, **fact):
        facts[name] = dict(ids=tokens.tolist(), lengths=LENGTHS, **fact)
        arrays.update({f"{name}.{key}": value for key, value in ask(model, **given).items()})

    keep(own, dict(input_ids=tokens, attention_mask=mask), mask=own)
    for kind, details in MASKS.items():
        if kind in how["masks"]:
            shape = allowed(kind, T, **details)
            keep(kind, dict(input_ids=tokens, attention_mask=additive(shape, mask)), mask=kind, **details)
    # The same mask handed over gives the same logits, so that the shape of an explicit mask is understood.
    if not how.get("windows"):
        again = ask(model, input_ids=tokens, attention_mask=additive(allowed(own, T), mask))
        real = mask.bool()
        assert torch.allclose(again["logits"][real], arrays[f"{own}.logits"][real], atol=1e-5)
    if how.get("segments"):
        segments = (torch.arange(T)[None] >= torch.tensor([[4], [3]])).long() * mask
        keep("segments", dict(input_ids=tokens, attention_mask=mask, token_type_ids=segments), mask=own,
             segments=segments.tolist())
    vectors = torch.randn(2, T, model.get_input_embeddings().weight.shape[1],
                          generator=torch.Generator().manual_seed(seed + 1000))
    # Granite multiplies the vectors that it is given; here they stand for rows that were multiplied.
    factor = getattr(model.config, "embedding_multiplier", 1.0)
    keep("vectors", dict(inputs_embeds=vectors / factor, attention_mask=mask), mask=own)
    del facts["vectors"]["ids"]
    arrays["vectors.vectors"] = vectors
    if own == "causal":
        facts["greedy"] = greedy(model, tokens[:1, :5])
    if how.get("buckets"):
        facts["buckets"] = deberta_buckets()
    return facts, arrays


def deberta_buckets():
    """DeBERTa's buckets of the distances -700 to 700 (query less key), with the numbers of the published models."""
    bucket = tf.models.deberta_v2.modeling_deberta_v2.make_log_bucket_position
    return dict(first=-700, count=256, furthest=512, bucket=bucket(torch.arange(-700, 701), 256, 512).long().tolist())


def greedy(model, prompt, steps=8, **given):
    """Greedy decoding with the package's key/value cache, which must say what one pass without it says."""
    text, new, cache, rows = prompt, prompt, None, []
    key = "decoder_input_ids" if model.config.is_encoder_decoder else "input_ids"
    with torch.no_grad():
        for _ in range(steps):
            out = model(**{key: new}, cache=cache, use_cache=True, **given)
            cache = out.cache
            rows.append(out.logits)
            new = out.logits[:, -1:].argmax(-1)
            text = torch.cat([text, new], 1)
        logits = torch.cat(rows, 1)
        whole = model(**{key: text[:, :-1]}, use_cache=False, **given).logits
    assert torch.allclose(whole, logits, atol=1e-4), "the cache changes the logits"
    best = logits[:, prompt.shape[1] - 1:].topk(2).values
    assert (best[..., 0] - best[..., 1]).min() > 1e-3, "greedy decoding hangs on a near tie"
    return dict(prompt=prompt[0].tolist(), text=text[0].tolist())


def buckets(model):
    """T5's buckets of the distances -200 to 200 (key less query), with the numbers of the published models."""
    bucket = model.decoder.block[0].layer[0].SelfAttention._relative_position_bucket
    distances = torch.arange(-200, 201)
    return dict(first=-200, count=32, max_distance=128,
                bidirectional=bucket(distances, True, 32, 128).tolist(), causal=bucket(distances, False, 32, 128).tolist())


def encoder_decoder(model, seed, how):
    source, source_mask = ids(model, seed, S, SOURCE_LENGTHS)
    target, target_mask = ids(model, seed + 1, T, LENGTHS)
    target[:, 0] = model.config.decoder_start_token_id
    both = dict(attention_mask=source_mask, decoder_input_ids=target, decoder_attention_mask=target_mask)
    shared = dict(mask="causal", lengths=LENGTHS, source_lengths=SOURCE_LENGTHS, ids=target.tolist())
    facts, arrays = {}, {}

    def keep(name, given, **fact):
        facts[name] = shared | fact
        arrays.update({f"{name}.{key}": value for key, value in ask(model, **(both | given)).items()})

    keep("causal", dict(input_ids=source), source=source.tolist())
    draw = lambda n: torch.randn(2, n, D, generator=torch.Generator().manual_seed(seed + 1000 + n))
    vectors = draw(S)
    keep("source_vectors", dict(inputs_embeds=vectors))
    arrays["source_vectors.source_vectors"] = vectors
    if how["target_vectors"]:
        vectors = draw(T)
        keep("vectors", dict(input_ids=source, decoder_input_ids=None, decoder_inputs_embeds=vectors),
             source=source.tolist())
        del facts["vectors"]["ids"]
        arrays["vectors.vectors"] = vectors
    facts["greedy"] = greedy(model, target[:1, :1], input_ids=source[:1])
    facts["greedy"]["source"] = source[0].tolist()
    if hasattr(model.config, "relative_attention_num_buckets"):
        facts["buckets"] = buckets(model)
    return facts, arrays


def sound(model, seed, how):
    """Whisper: features for the encoder, tokens or vectors for the decoder."""
    settings = model.config
    features = torch.randn(2, settings.num_mel_bins, 2 * settings.max_source_positions,
                           generator=torch.Generator().manual_seed(seed + 1000))
    target, target_mask = ids(model, seed + 1, T, LENGTHS)
    target[:, 0] = settings.decoder_start_token_id
    given = dict(input_features=features, decoder_attention_mask=target_mask)
    shared = dict(mask="causal", lengths=LENGTHS, source_lengths=[settings.max_source_positions] * 2)
    vectors = torch.randn(2, T, D, generator=torch.Generator().manual_seed(seed + 1001))
    facts = dict(causal=shared | dict(ids=target.tolist()), vectors=dict(shared))
    arrays = {f"causal.{key}": value for key, value in ask(model, **given, decoder_input_ids=target).items()}
    arrays |= {f"vectors.{key}": value for key, value in ask(model, **given, decoder_inputs_embeds=vectors).items()}
    arrays |= {"causal.source_features": features, "vectors.source_features": features, "vectors.vectors": vectors}
    facts["greedy"] = greedy(model, target[:1, :1], input_features=features[:1])
    return facts, arrays


def xlnet(model, seed, how):
    """XLNet: both streams under `perm_mask`, the content stream alone, and no permutation."""
    tokens, mask = ids(model, seed, T, LENGTHS)
    real = mask.bool()
    given = dict(input_ids=tokens, attention_mask=mask.float())
    facts, arrays = {}, {}
    fact = dict(ids=tokens.tolist(), lengths=LENGTHS)

    def keep(name, out, **more):
        facts[name] = fact | more
        arrays.update({f"{name}.{key}": value for key, value in out.items()})

    keep("bidirectional", ask(model, **given), mask="bidirectional")
    segments = (torch.arange(T)[None] >= torch.tensor([[4], [3]])).long() * mask
    keep("segments", ask(model, **given, token_type_ids=segments), mask="bidirectional", segments=segments.tolist())
    order = MASKS["permutation"]["order"]
    for name, mask_kind, details in (("permutation", "permutation", MASKS["permutation"]), ("causal", "causal", {})):
        # The content stream sees itself; the package adds that. The query stream, which predicts, must not.
        perm_mask = (~allowed(mask_kind, T, **details)).float()
        own = torch.eye(T).expand(2, T, T)
        perm_mask = torch.maximum(perm_mask, own)
        keep(f"{name}", ask(model, **given, perm_mask=perm_mask), mask=mask_kind, **details)
        out = ask(model, **given, perm_mask=perm_mask, target_mapping=own.clone())
        count = sum(key.startswith("hidden.") for key in out) // 2
        states = [out.pop(f"hidden.{i}") for i in range(2 * count)]
        for i in range(count):  # the package lays content and query states in turn
            out[f"query.{i}"] = states[2 * i + 1]
            assert torch.allclose(states[2 * i][real], arrays[f"{name}.hidden.{i}"][real], atol=1e-5)
        keep(f"{name}_query", out, mask=mask_kind, stream="query", **details)
    # A target_mapping of some positions says the same of them, so that positions can be picked afterwards.
    picked = torch.tensor(order)[:, [4, 6]]
    mapping = torch.nn.functional.one_hot(picked, T).float()
    perm_mask = torch.maximum((~allowed("permutation", T, order=order)).float(), torch.eye(T))
    some = ask(model, **given, perm_mask=perm_mask, target_mapping=mapping)["logits"]
    rows = torch.gather(arrays["permutation_query.logits"], 1, picked[..., None].expand(-1, -1, V))
    assert torch.allclose(some, rows, atol=1e-5)
    vectors = torch.randn(2, T, D, generator=torch.Generator().manual_seed(seed + 1000))
    keep("vectors", ask(model, inputs_embeds=vectors, attention_mask=mask.float()), mask="bidirectional")
    del facts["vectors"]["ids"]
    arrays["vectors.vectors"] = vectors
    return facts, arrays


# Models ----------------------------------------------------------------------------------------------------------

ALL = ("prefix", "permutation", "latent")

case("bert", own="bidirectional", masks=ALL + ("causal",), segments=True)(
    lambda: tf.BertForMaskedLM(config(tf.BertConfig, COMMON, ENCODER)))
case("roberta", own="bidirectional", masks=("prefix", "causal"))(
    lambda: tf.RobertaForMaskedLM(config(tf.RobertaConfig, COMMON, ENCODER, max_position_embeddings=20,
                                         type_vocab_size=1, pad_token_id=1, bos_token_id=0)))
case("xlm-roberta", own="bidirectional", masks=("prefix", "causal"))(
    lambda: tf.XLMRobertaForMaskedLM(config(tf.XLMRobertaConfig, COMMON, ENCODER, max_position_embeddings=20,
                                            type_vocab_size=1)))
case("albert", own="bidirectional", masks=("prefix", "causal"), segments=True)(
    lambda: tf.AlbertForMaskedLM(config(tf.AlbertConfig, COMMON, ENCODER, embedding_size=20, num_hidden_layers=3)))
case("albert-groups", own="bidirectional", masks=())(
    lambda: tf.AlbertForMaskedLM(config(tf.AlbertConfig, COMMON, ENCODER, embedding_size=20, num_hidden_layers=4,
                                        num_hidden_groups=2, inner_group_num=2)))
case("gpt2", own="causal", masks=("prefix", "bidirectional"))(
    lambda: tf.GPT2LMHeadModel(config(tf.GPT2Config, COMMON, n_embd=D, n_layer=2, n_head=4, n_positions=16)))
LLAMA = dict(ENCODER, num_key_value_heads=2, intermediate_size=64)
case("llama", own="causal", masks=("prefix", "bidirectional"))(
    lambda: tf.LlamaForCausalLM(config(tf.LlamaConfig, COMMON, LLAMA, tie_word_embeddings=True)))
case("llama-untied", own="causal", masks=("prefix",), old_rope=True)(
    lambda: tf.LlamaForCausalLM(config(tf.LlamaConfig, COMMON, LLAMA, tie_word_embeddings=False, head_dim=10,
                                       rms_norm_eps=1e-5,
                                       rope_parameters=dict(rope_type="default", rope_theta=500.0))))
# Scaled positions, and biases of attention and feed-forward layers, which randomise() draws.
case("llama-linear", own="causal", masks=("prefix",), seed=201)(
    lambda: tf.LlamaForCausalLM(config(tf.LlamaConfig, COMMON, LLAMA, tie_word_embeddings=True, attention_bias=True,
                                       mlp_bias=True, rope_parameters=dict(rope_type="linear", rope_theta=700.0, factor=4.0))))
# Of its four waves one is short, one of the middle, and two are long.
LLAMA3 = dict(rope_type="llama3", rope_theta=10000.0, factor=4.0, low_freq_factor=1.0, high_freq_factor=8.0,
              original_max_position_embeddings=256)
case("llama3", own="causal", masks=("prefix",), old_rope=True, seed=202)(
    lambda: tf.LlamaForCausalLM(config(tf.LlamaConfig, COMMON, LLAMA, tie_word_embeddings=True, rope_parameters=LLAMA3)))
T5 = dict(d_model=D, d_kv=6, d_ff=48, num_layers=2, num_decoder_layers=3, num_heads=4,
          relative_attention_num_buckets=8, relative_attention_max_distance=12, decoder_start_token_id=0)
case("t5", ask=encoder_decoder, target_vectors=True)(
    lambda: tf.T5ForConditionalGeneration(config(tf.T5Config, COMMON, T5, tie_word_embeddings=True)))
case("t5-v1_1", ask=encoder_decoder, target_vectors=True, untie=True)(
    lambda: tf.T5ForConditionalGeneration(config(tf.T5Config, COMMON, T5, tie_word_embeddings=False,
                                                 feed_forward_proj="gated-gelu")))
case("mt5", ask=encoder_decoder, target_vectors=True, untie=True)(
    lambda: tf.MT5ForConditionalGeneration(config(tf.MT5Config, COMMON, T5, tie_word_embeddings=False)))
MARIAN = dict(d_model=D, encoder_layers=2, decoder_layers=3, encoder_attention_heads=4, decoder_attention_heads=2,
              encoder_ffn_dim=48, decoder_ffn_dim=40, max_position_embeddings=16, decoder_start_token_id=0,
              scale_embedding=True, activation_function="swish")
case("marian", ask=encoder_decoder, target_vectors=False)(
    lambda: tf.MarianMTModel(config(tf.MarianConfig, COMMON, MARIAN)))
case("marian-two-vocabularies", ask=encoder_decoder, target_vectors=False)(
    lambda: tf.MarianMTModel(config(tf.MarianConfig, COMMON, MARIAN, vocab_size=V + 6, decoder_vocab_size=V,
                                    share_encoder_decoder_embeddings=False)))
case("xlnet", ask=xlnet)(
    lambda: tf.XLNetLMHeadModel(config(tf.XLNetConfig, COMMON, d_model=D, n_layer=2, n_head=4, d_inner=48)))


# Decoders of today, each with what sets it apart, and with options that its published configurations have.
DECODER = dict(ENCODER, num_key_value_heads=2, intermediate_size=40, num_hidden_layers=3)
ROPE = dict(rope_type="default", rope_theta=300.0)
YARN = dict(rope_type="yarn", rope_theta=300.0, factor=4.0, original_max_position_embeddings=8)
# Texts of more tokens than the original context take the long factors.
LONG = dict(sliding_window=6, tie_word_embeddings=False,
            rope_parameters=dict(rope_type="longrope", rope_theta=300.0, partial_rotary_factor=0.75,
                                 short_factor=[1.0, 1.3, 1.9], long_factor=[1.5, 4.0, 7.0]))
DECODERS = {
    "qwen2": (tf.Qwen2ForCausalLM, tf.Qwen2Config, DECODER, dict(tie_word_embeddings=True)),
    "qwen2-window": (tf.Qwen2ForCausalLM, tf.Qwen2Config, DECODER,
                     dict(use_sliding_window=True, sliding_window=4, max_window_layers=1, rope_parameters=YARN)),
    "qwen3": (tf.Qwen3ForCausalLM, tf.Qwen3Config, DECODER, dict(head_dim=12, rope_parameters=ROPE)),
    "mistral": (tf.MistralForCausalLM, tf.MistralConfig, DECODER, dict(sliding_window=5, head_dim=6)),
    "ministral": (tf.MinistralForCausalLM, tf.MinistralConfig, DECODER,
                  dict(sliding_window=4, layer_types=["full_attention", "sliding_attention", "full_attention"],
                       head_dim=8)),
    "smollm3": (tf.SmolLM3ForCausalLM, tf.SmolLM3Config, DECODER,
                dict(no_rope_layer_interval=2, rope_parameters=ROPE)),
    "gemma": (tf.GemmaForCausalLM, tf.GemmaConfig, DECODER, dict(head_dim=10, rope_parameters=ROPE)),
    "gemma2": (tf.Gemma2ForCausalLM, tf.Gemma2Config, DECODER,
               dict(head_dim=10, query_pre_attn_scalar=14, sliding_window=4, attn_logit_softcapping=2.0,
                    final_logit_softcapping=20.0)),
    "gemma3": (tf.Gemma3ForCausalLM, tf.Gemma3TextConfig, DECODER,
               dict(head_dim=10, query_pre_attn_scalar=14, sliding_window=4,
                    layer_types=["sliding_attention", "full_attention", "sliding_attention"],
                    rope_parameters=dict(
                        full_attention=dict(rope_type="linear", rope_theta=900.0, factor=2.0),
                        sliding_attention=dict(rope_type="default", rope_theta=70.0)))),
    "phi": (tf.PhiForCausalLM, tf.PhiConfig, DECODER, dict(qk_layernorm=True, tie_word_embeddings=False)),
    "phi3": (tf.Phi3ForCausalLM, tf.Phi3Config, DECODER, dict(LONG, original_max_position_embeddings=4)),
    "phi3-short": (tf.Phi3ForCausalLM, tf.Phi3Config, DECODER, dict(LONG, original_max_position_embeddings=14)),
    "gpt-neox": (tf.GPTNeoXForCausalLM, tf.GPTNeoXConfig, ENCODER,
                 dict(rope_parameters=dict(ROPE, partial_rotary_factor=0.5))),
    "gpt-neox-sequential": (tf.GPTNeoXForCausalLM, tf.GPTNeoXConfig, ENCODER,
                            dict(use_parallel_residual=False, attention_bias=False)),
    "olmo2": (tf.Olmo2ForCausalLM, tf.Olmo2Config, DECODER, dict(rope_parameters=ROPE)),
    "granite": (tf.GraniteForCausalLM, tf.GraniteConfig, DECODER,
                dict(embedding_multiplier=3.0, attention_multiplier=0.2, residual_multiplier=0.4, logits_scaling=2.5)),
    "cohere": (tf.CohereForCausalLM, tf.CohereConfig, DECODER, dict(logit_scale=0.3, use_qk_norm=True)),
    "cohere2": (tf.Cohere2ForCausalLM, tf.Cohere2Config, DECODER,
                dict(sliding_window=4, layer_types=["sliding_attention", "full_attention", "sliding_attention"])),
    "stablelm": (tf.StableLmForCausalLM, tf.StableLmConfig, DECODER, dict(use_qkv_bias=True)),
    "stablelm-parallel": (tf.StableLmForCausalLM, tf.StableLmConfig, DECODER, dict(use_parallel_residual=True)),
    "starcoder2": (tf.Starcoder2ForCausalLM, tf.Starcoder2Config, DECODER, dict(sliding_window=5)),
    "gpt-j": (tf.GPTJForCausalLM, tf.GPTJConfig,
              dict(n_embd=D, n_layer=2, n_head=4, n_positions=16, rotary_dim=4), {}),
    "gpt-neo": (tf.GPTNeoForCausalLM, tf.GPTNeoConfig,
                dict(hidden_size=D, num_layers=3, num_heads=4, max_position_embeddings=16, window_size=4,
                     attention_types=[[["global", "local"], 1], [["local"], 1]]), {}),
    "opt": (tf.OPTForCausalLM, tf.OPTConfig,
            dict(hidden_size=D, num_hidden_layers=2, num_attention_heads=4, ffn_dim=48, max_position_embeddings=16), {}),
    "opt-after": (tf.OPTForCausalLM, tf.OPTConfig,
                  dict(hidden_size=D, num_hidden_layers=2, num_attention_heads=4, ffn_dim=48,
                       max_position_embeddings=16, do_layer_norm_before=False, word_embed_proj_dim=20), {}),
    "bloom": (tf.BloomForCausalLM, tf.BloomConfig, dict(hidden_size=D, n_layer=2, n_head=4), {}),
    "falcon": (tf.FalconForCausalLM, tf.FalconConfig,
               dict(hidden_size=D, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=16), {}),
    "falcon-new": (tf.FalconForCausalLM, tf.FalconConfig,
                   dict(hidden_size=D, num_hidden_layers=2, num_attention_heads=4, num_kv_heads=2,
                        new_decoder_architecture=True, max_position_embeddings=16), {}),
    "falcon-sequential": (tf.FalconForCausalLM, tf.FalconConfig,
                          dict(hidden_size=D, num_hidden_layers=2, num_attention_heads=4, multi_query=False,
                               parallel_attn=False, bias=True, max_position_embeddings=16), {}),
    "mixtral": (tf.MixtralForCausalLM, tf.MixtralConfig, dict(DECODER, num_hidden_layers=2),
                dict(num_local_experts=4, rope_parameters=ROPE)),
    "qwen2-moe": (tf.Qwen2MoeForCausalLM, tf.Qwen2MoeConfig, dict(DECODER, num_hidden_layers=2),
                  dict(num_experts=5, num_experts_per_tok=2, moe_intermediate_size=12,
                       shared_expert_intermediate_size=20, mlp_only_layers=[0])),
    "qwen3-moe": (tf.Qwen3MoeForCausalLM, tf.Qwen3MoeConfig, dict(DECODER, num_hidden_layers=2),
                  dict(num_experts=6, num_experts_per_tok=3, moe_intermediate_size=12, norm_topk_prob=True,
                       head_dim=8, decoder_sparse_step=2)),
}
for number, (name, (architecture, settings, sizes, more)) in enumerate(DECODERS.items()):
    # Where layers have windows or positions by the mask, a mask that is handed over replaces these too.
    windows = bool({"sliding_window", "window_size"} & (sizes | more).keys()) or name in ("bloom", "opt", "opt-after")
    case(name, own="causal", masks=() if windows else ("prefix",), windows=windows, seed=300 + number)(
        lambda a=architecture, c=settings, s=sizes, m=more: a(config(c, COMMON, s, **m)))
# A low limit, so that the experts' clamps take effect, and a ramp of YaRN that ends between two waves.
case("gpt-oss", own="causal", masks=(), windows=True, seed=372)(
    lambda: tf.GptOssForCausalLM(config(tf.GptOssConfig, COMMON, DECODER, intermediate_size=20, head_dim=8,
                                        num_local_experts=4, num_experts_per_tok=2, sliding_window=4, swiglu_limit=0.8,
                                        rope_parameters=dict(YARN, truncate=False,
                                                             original_max_position_embeddings=40))))
# Experts as the published files hold them.
case("gpt-oss-mxfp4", own="causal", masks=(), windows=True, packed=True, seed=373)(
    lambda: tf.GptOssForCausalLM(config(tf.GptOssConfig, COMMON, DECODER, num_hidden_layers=2, intermediate_size=32,
                                        head_dim=8, num_local_experts=3, num_experts_per_tok=2, sliding_window=4)))
# Slopes are added once by sdpa, the default, and twice by eager.
case("falcon-alibi", own="causal", masks=(), windows=True, attention="sdpa", seed=374)(
    lambda: tf.FalconForCausalLM(config(tf.FalconConfig, COMMON, hidden_size=24, num_hidden_layers=2,
                                        num_attention_heads=6, alibi=True, bias=True, parallel_attn=False,
                                        multi_query=False, max_position_embeddings=16, attn_implementation="sdpa")))
case("stablelm-norms", own="causal", masks=("prefix",), seed=371)(
    lambda: tf.StableLmForCausalLM(config(tf.StableLmConfig, COMMON, dict(DECODER, num_hidden_layers=2), qk_layernorm=True,
                                          use_parallel_residual=True)))
BART = dict(MARIAN, activation_function="gelu", decoder_start_token_id=2, pad_token_id=1, bos_token_id=0)
SEQUENCES = {
    "bart": (tf.BartForConditionalGeneration, tf.BartConfig),
    "mbart": (tf.MBartForConditionalGeneration, tf.MBartConfig),
    "pegasus": (tf.PegasusForConditionalGeneration, tf.PegasusConfig),
    "m2m-100": (tf.M2M100ForConditionalGeneration, tf.M2M100Config),
}
for number, (name, (architecture, settings)) in enumerate(SEQUENCES.items()):
    case(name, ask=encoder_decoder, target_vectors=False, seed=350 + number)(
        lambda a=architecture, c=settings: a(config(c, COMMON, BART)))
# The reference reads scale_embedding, and multiplies nothing by it.
case("whisper", ask=sound, seed=370)(
    lambda: tf.WhisperForConditionalGeneration(config(
        tf.WhisperConfig, COMMON, d_model=D, encoder_layers=2, decoder_layers=3, encoder_attention_heads=4,
        decoder_attention_heads=2, encoder_ffn_dim=48, decoder_ffn_dim=40, max_source_positions=9, max_target_positions=16,
        num_mel_bins=6, decoder_start_token_id=1, begin_suppress_tokens=None, scale_embedding=True)))
case("distilbert", own="bidirectional", masks=("causal",), seed=360)(
    lambda: tf.DistilBertForMaskedLM(config(tf.DistilBertConfig, COMMON, dim=D, n_layers=2, n_heads=4, hidden_dim=48,
                                            max_position_embeddings=16)))
case("electra", own="bidirectional", masks=("prefix", "causal"), segments=True, seed=361)(
    lambda: tf.ElectraForMaskedLM(config(tf.ElectraConfig, COMMON, ENCODER, embedding_size=20)))
case("modernbert", own="bidirectional", masks=(), windows=True, seed=362)(
    lambda: tf.ModernBertForMaskedLM(config(tf.ModernBertConfig, COMMON, ENCODER, num_hidden_layers=4,
                                            local_attention=6, global_attn_every_n_layers=3)))
case("modernbert-biases", own="bidirectional", masks=(), windows=True, seed=363)(
    lambda: tf.ModernBertForMaskedLM(config(tf.ModernBertConfig, COMMON, ENCODER, norm_bias=True, mlp_bias=True,
                                            attention_bias=True, classifier_bias=True, local_attention=6)))
# As v3: shared maps, a norm of the distances, buckets, no positions in the embedding; and v2's convolution.
DEBERTA = dict(ENCODER, relative_attention=True, pos_att_type=["p2c", "c2p"], position_biased_input=False,
               position_buckets=6, max_relative_positions=9, norm_rel_ebd="layer_norm", share_att_key=True)
DEBERTAS = {
    "deberta-v2": dict(DEBERTA, conv_kernel_size=3, conv_act="gelu"),
    "deberta-v3": dict(DEBERTA, legacy=False),
    # Distances without buckets, with maps of their own, of one kind; segments and a table of positions.
    "deberta-v2-own": dict(ENCODER, relative_attention=True, pos_att_type=["p2c", "c2p"], type_vocab_size=2,
                           max_relative_positions=4),
    "deberta-v2-keys": dict(DEBERTA, pos_att_type=["c2p"], share_att_key=False, norm_rel_ebd="none", conv_kernel_size=5,
                            conv_groups=4),
    "deberta-v2-absolute": dict(ENCODER, pos_att_type=["p2c"]),
}
for number, (name, sizes) in enumerate(DEBERTAS.items()):
    case(name, own="bidirectional", masks=(), windows=True, buckets=name == "deberta-v2", segments="own" in name,
         seed=380 + number)(lambda s=sizes: tf.DebertaV2ForMaskedLM(config(tf.DebertaV2Config, COMMON, s)))


def pack(model, seed):
    """Random MXFP4 in the experts: the tensors of a file, and in the model what transformers makes of them."""
    from transformers.integrations.mxfp4 import convert_moe_packed_tensors
    generator = torch.Generator().manual_seed(seed)
    packed = {}
    for name, value in model.named_parameters():
        if name.endswith(("gate_up_proj", "down_proj")):
            count, inputs, outputs = value.shape
            shape = (count, outputs, inputs // 32)
            blocks = torch.randint(0, 256, shape + (16,), generator=generator, dtype=torch.uint8)
            scales = torch.randint(121, 125, shape, generator=generator, dtype=torch.uint8)
            with torch.no_grad():
                value.copy_(convert_moe_packed_tensors(blocks, scales, dtype=torch.float32))
            packed |= {f"{name}_blocks": blocks, f"{name}_scales": scales}
    return packed


def make(name):
    build, how = CASES[name]
    # Cases that came later have seeds of their own, so that those of the others stay.
    seed = how.get("seed") or 100 + sorted(n for n in CASES if "seed" not in CASES[n][1]).index(name)
    torch.manual_seed(seed)
    model = build().eval()
    if how.get("untie"):
        # The configurations of T5 in 5.x tie in any case; the checkpoints of T5 1.1 and mT5 have heads of their own.
        head = model.lm_head
        head.weight = torch.nn.Parameter(head.weight.detach().clone())
    randomise(model, seed)
    packed = pack(model, seed) if how.get("packed") else {}
    questions = how.get("ask", single_stack)
    facts, arrays = questions(model, seed, how)

    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    written = json.loads((folder / "config.json").read_text())
    if how.get("untie"):
        written["tie_word_embeddings"] = False
        assert "lm_head.weight" in load_file(folder / "model.safetensors")
    if how.get("old_rope"):  # as versions before 5 wrote it
        scaling = written.pop("rope_parameters")
        written["rope_theta"] = scaling.pop("rope_theta")
        if scaling["rope_type"] != "default":
            written["rope_scaling"] = scaling
    (folder / "config.json").write_text(json.dumps(written, indent=2) + "\n")
    # The folder is the model: loaded again it says the same.
    loaded = type(model).from_pretrained(folder, dtype=torch.float32, attn_implementation=how.get("attention", "eager")).eval()
    again, repeated = questions(loaded, seed, how)
    assert again == facts
    for key in arrays:
        assert torch.allclose(arrays[key], repeated[key], atol=1e-5), f"{name}: {key} is not what was saved"
    if packed:
        held = load_file(folder / "model.safetensors")
        for key in packed:
            held.pop(key.removesuffix("_blocks").removesuffix("_scales"), None)
        save_file(held | packed, folder / "model.safetensors", metadata=dict(format="pt"))
        written["quantization_config"] = dict(quant_method="mxfp4", modules_to_not_convert=["lm_head"])
        (folder / "config.json").write_text(json.dumps(written, indent=2) + "\n")
    sizes = [value.abs().max().item() for key, value in arrays.items() if "logits" in key]
    apart = {key: facts.pop(key) for key in ("greedy", "buckets") if key in facts}
    write(folder, dict(architecture=type(model).__name__, cases=facts) | apart, arrays)
    size = sum(f.stat().st_size for f in folder.iterdir())
    print(f"{name:24} {size:7} bytes, logits up to {max(sizes):.1f}: {', '.join(facts)}", flush=True)


def write(folder, facts, arrays):
    made = f"transformers {tf.__version__}, torch {torch.__version__.split('+')[0]}"
    (folder / "golden.json").write_text(json.dumps(dict(made_by=made) | facts) + "\n")
    save_file({k: v.detach().float().contiguous().clone() for k, v in arrays.items()}, folder / "golden.safetensors")


if __name__ == "__main__":
    tf.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    ROOT.mkdir(exist_ok=True)
    failed = []
    for name in sys.argv[1:] or CASES:
        try:
            make(name)
        except Exception as error:  # one line a failure, and the rest is still made
            failed.append(name)
            print(f"{name:24} FAILED: {type(error).__name__}: {error}")
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)
