#!/usr/bin/env python3
"""Makes tests/data/forward/generation.json: how transformers lets models of tests/data/forward go on under keys of
generation_config.json, by the first token each time.

    VENV/bin/python analyses/golden_generation.py

The environment is that of golden_forward.py. Each entry has `model`, `settings`, `prompt` (the encoder's text, where there is an
encoder), `limit` (how many tokens may come) and `new`, what came; `plain` says whether that is what comes without the settings.
"""

import json

import torch
import transformers as tf

from golden_forward import ROOT

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
    lines = ",\n".join(json.dumps(fact) for fact in facts)
    (ROOT / "generation.json").write_text(f'{{"made_by": "{made}", "cases": [\n{lines}\n]}}\n')
    print(f"{len(facts)} cases, {sum(not f['plain'] for f in facts)} of them unlike those without settings")


if __name__ == "__main__":
    tf.utils.logging.set_verbosity_error()
    torch.set_num_threads(1)
    main()
