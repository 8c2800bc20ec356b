#!/usr/bin/env python3
"""Makes tests/data/forward/generation.json: how transformers lets models of tests/data/forward go on under keys of
generation_config.json, by the first token each time.

    VENV/bin/python analyses/golden_generation.py

The environment is that of golden_forward.py. Each entry has `model`, `settings`, `prompt` (the encoder's text, where there is an
encoder), `limit` (how many tokens may come) and `new`, what came; `plain` says whether that is what comes without the settings.
`spoken` are such entries of Whisper, which goes on from the first row of `causal.source_features` in its golden.safetensors; their
`config` are keys of config.json.
"""

import json

import torch
import transformers as tf
from safetensors.torch import load_file

from golden_forward import ROOT, V

LIMIT = 12
PROMPTS = {"llama": [5, 17, 9, 33], "gpt2": [41], "t5": [7, 23, 11, 2], "marian": [7, 23, 11, 2]}
SETTINGS = [
    dict(),
    dict(repetition_penalty=1.8),
    dict(no_repeat_ngram_size=1),
    dict(no_repeat_ngram_size=2),
    dict(forced_bos_token_id=20),
    dict(forced_eos_token_id=4),
    dict(forced_bos_token_id=20, begin_suppress_tokens=[13, 30, 41, 52, 60]),
]


def words(new):
    """Settings about the tokens that come without any."""
    return [
        dict(eos_token_id=new[4]),
        dict(eos_token_id=[new[6], new[5]]),
        dict(eos_token_id=new[2], min_length=9),
        dict(eos_token_id=new[2], min_new_tokens=5),
        dict(suppress_tokens=[new[0], new[3]]),
        dict(begin_suppress_tokens=new[:1]),
        dict(bad_words_ids=[[new[0]]]),
        dict(bad_words_ids=[new[:2], new[1:4]]),
        dict(bad_words_ids=[[new[0]], [new[2]]], eos_token_id=new[2], repetition_penalty=0.6),
        dict(suppress_tokens=[new[1]], no_repeat_ngram_size=2, min_new_tokens=8, eos_token_id=new[3], forced_eos_token_id=6),
    ]


def goes_on(model, prompt, settings):
    given = dict(eos_token_id=None, pad_token_id=0) | settings
    start = 1 if model.config.is_encoder_decoder else len(prompt)
    with torch.no_grad():
        text = model.generate(torch.tensor([prompt]), generation_config=tf.GenerationConfig(
            max_new_tokens=LIMIT, do_sample=False, use_cache=False, decoder_start_token_id=model.config.decoder_start_token_id
            if model.config.is_encoder_decoder else None, **given))
    return text[0, start:].tolist()


LANGUAGES = {"<|en|>": 40, "<|de|>": 41, "<|fr|>": 42}
TASKS = dict(translate=50, transcribe=51)
MULTILINGUAL = dict(lang_to_id=LANGUAGES, task_to_id=TASKS, no_timestamps_token_id=V - 1, is_multilingual=True,
                    alignment_heads=[[1, 0]], max_initial_timestamp_index=5, prev_sot_token_id=60, return_timestamps=False)
SPOKEN = [
    dict(),
    dict(no_timestamps_token_id=V - 1),
    dict(no_timestamps_token_id=V - 1, forced_decoder_ids=[[1, V - 1]]),
    dict(forced_decoder_ids=[[1, 41], [2, 51], [3, V - 1]]),
    dict(forced_decoder_ids=[[2, 41]]),
    MULTILINGUAL,
    MULTILINGUAL | dict(forced_decoder_ids=[[1, None], [2, 51]]),
    MULTILINGUAL | dict(forced_decoder_ids=[[1, 42], [2, 50]]),
    MULTILINGUAL | dict(language="de"),
    MULTILINGUAL | dict(language="<|FR|>", forced_decoder_ids=[[1, 41], [2, 50]]),
    MULTILINGUAL | dict(task="translate"),
    MULTILINGUAL | dict(language="fr", task="translate"),
    MULTILINGUAL | dict(language="en", repetition_penalty=1.8, min_new_tokens=4),
    MULTILINGUAL | dict(language="en", no_repeat_ngram_size=1),
]


def spoken():
    """What Whisper says under settings of its own generation, in one window and without times."""
    features = load_file(ROOT / "whisper" / "golden.safetensors")["causal.source_features"][:1]

    def says(settings, config={}):
        model = tf.WhisperForConditionalGeneration.from_pretrained(ROOT / "whisper", attn_implementation="eager").eval()
        for key, value in config.items():
            setattr(model.config, key, value)
        given = dict(eos_token_id=None, pad_token_id=0, decoder_start_token_id=1) | settings
        model.generation_config = tf.GenerationConfig()
        with torch.no_grad():
            text = model.generate(features, generation_config=tf.GenerationConfig(
                max_new_tokens=LIMIT, do_sample=False, use_cache=False, **given), force_unique_generate_call=True,
                return_dict_in_generate=True)
        return text.sequences[0].tolist()

    plain = says({})
    new = plain[1:]
    cases = [(settings, {}) for settings in SPOKEN] + [(settings, {}) for settings in words(new)]
    cases += [(MULTILINGUAL | dict(language="de", begin_suppress_tokens=[0, 13, 30], suppress_tokens=[new[0]]), {}),
              (dict(no_timestamps_token_id=V - 1), dict(forced_decoder_ids=[[1, 44]])),
              (MULTILINGUAL | dict(language="de"), dict(forced_decoder_ids=[[1, 44]]))]
    for settings, config in cases:
        text = says(settings, config)
        yield dict(settings=settings, config=config, limit=LIMIT, text=text, plain=text == plain)


def main():
    facts = []
    for name, prompt in PROMPTS.items():
        architecture = json.loads((ROOT / name / "config.json").read_text())["architectures"][0]
        model = getattr(tf, architecture).from_pretrained(ROOT / name, attn_implementation="eager").eval()
        model.generation_config = tf.GenerationConfig()
        plain = goes_on(model, prompt, {})
        for settings in SETTINGS + words(plain):
            new = goes_on(model, prompt, settings)
            facts.append(dict(model=name, settings=settings, prompt=prompt, limit=LIMIT, new=new, plain=new == plain))
    made = f"transformers {tf.__version__}, torch {torch.__version__.split('+')[0]}"
    lines = lambda facts: ",\n".join(json.dumps(fact) for fact in facts)
    heard = list(spoken())
    (ROOT / "generation.json").write_text(
        f'{{"made_by": "{made}", "cases": [\n{lines(facts)}\n], "spoken": [\n{lines(heard)}\n]}}\n')
    facts += heard
    print(f"{len(facts)} cases, {sum(not f['plain'] for f in facts)} of them unlike those without settings")


if __name__ == "__main__":
    tf.utils.logging.set_verbosity_error()
    torch.set_num_threads(1)
    main()
