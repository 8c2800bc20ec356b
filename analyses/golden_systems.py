#!/usr/bin/env python3
"""Makes tests/data/systems: tiny random models with text, and what transformers makes of texts with them.

    python3 analyses/golden_text.py && python3 analyses/golden_systems.py

The environment is that of golden_text.py, with torch. `bert` is asked as UniLM (Dong et al., 2019: the source sees itself, the
target the source and what comes before; segments 0 and 1), as PET (Schick and Schuetze, 2021, both papers) and on two texts;
`mt5` is cut down to the pieces of kept.json; `marian` translates; `cpm` continues words that jieba has cut. `golden.json` has
what came out. `latents.safetensors` has states for UniVAE. The numbers are random, so that the texts mean nothing.
"""

import json
import math
import pathlib
import shutil

import torch
import transformers as tf
from safetensors.torch import save_file

from golden_forward import randomise
from golden_text import FOLDER, SENTENCES, _model, train

ROOT = FOLDER.parent.parent / "systems"
GOLDEN = {}
WORDS = """. , : ' the a it is was not and bus river rain dog good bad great fine poor high late came went home today very soup warm
waiter forgot our we all ##ful ##ly ##ing ##s un beauti terrib late ##r on time""".split()
PIECES = list(dict.fromkeys(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]))


def save(name, model, ask):
    """Stores a model with that of 60 seeds by which `ask(model)` grows a text of the most different tokens."""
    folder = ROOT / name
    folder.mkdir(parents=True, exist_ok=True)
    model.eval()

    def asked(seed):
        randomise(model, seed)
        return ask(model)
    best = max(range(60), key=lambda seed: (len(set(asked(seed)["grown"])), -seed))
    found = asked(best)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    print(name, best, found)
    return found


def bert():
    config = tf.BertConfig(vocab_size=len(PIECES), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
                           max_position_embeddings=24, type_vocab_size=2, pad_token_id=0)
    folder, model = ROOT / "bert", tf.BertForMaskedLM(config)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(PIECES) + "\n")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer", "do_lower_case": true}\n')
    tokenizer = tf.BertTokenizer(str(folder / "vocab.txt"), do_lower_case=True)
    GOLDEN["unilm"] = save("bert", model, lambda model: unilm(model, tokenizer, "The river was high today"))
    first, second = "The bus was late", "we all went home."
    given = tokenizer(first, second, return_tensors="pt")
    with torch.no_grad():
        logits = model(**given).logits[0]
    GOLDEN["pair"] = dict(first=first, second=second, ids=given["input_ids"][0].tolist(), segments=given["token_type_ids"][0].tolist(),
                          best=logits.argmax(-1).tolist(), largest=logits.max(-1).values.tolist())
    GOLDEN["pet"] = pet(model, tokenizer)


def unilm(model, tokenizer, source):
    ids = tokenizer(source)["input_ids"]
    start, grown = len(ids), []
    while len(grown) < 8:
        text = torch.tensor([ids + grown])
        at = torch.arange(text.shape[1])
        seen = (at[None] < start) | (at[None] <= at[:, None])
        mask = torch.where(seen, 0.0, torch.finfo(torch.float32).min)[None, None]
        with torch.no_grad():
            out = model(text, attention_mask=mask, token_type_ids=(at >= start).long()[None])
        token = out.logits[0, -1].argmax().item()
        if token == tokenizer.sep_token_id:
            break
        grown.append(token)
    return dict(source=source, ids=ids, grown=grown)


def pet(model, tokenizer):
    pattern = "{text} It was [MASK]."
    classes = {"positive": ["great", "beautiful"], "negative": ["not good", "terribly late"]}
    texts = ["The soup was warm.", "Our waiter forgot the soup", "The bus came late."]

    def score(text, word):
        tokens = tokenizer(word, add_special_tokens=False)["input_ids"]
        ids = tokenizer(pattern.format(text=text))["input_ids"]
        gap = ids.index(tokenizer.mask_token_id)
        ids[gap:gap + 1] = [tokenizer.mask_token_id] * len(tokens)
        left, log = list(range(len(tokens))), 0.0
        while left:
            with torch.no_grad():
                logs = model(torch.tensor([ids])).logits[0].double().log_softmax(-1)
            best = max(left, key=lambda i: logs[gap + i, tokens[i]].item())
            log += logs[gap + best, tokens[best]].item()
            ids[gap + best] = tokens[best]
            left.remove(best)
        return log

    rows = []
    for text in texts:
        logs = {name: [score(text, word) for word in words] for name, words in classes.items()}
        means = [sum(of) / len(of) for of in logs.values()]
        total = sum(math.exp(m) for m in means)
        rows.append(dict(text=text, log_probabilities=sum(logs.values(), []), probabilities=[math.exp(m) / total for m in means]))
    (ROOT / "texts.txt").write_text("\n".join(texts) + "\n")
    labels = ",".join(f"{name}={'|'.join(words)}" for name, words in classes.items())
    return dict(pattern=pattern, labels=labels, texts=rows)


def mt5():
    folder = ROOT / "mt5"
    folder.mkdir(parents=True, exist_ok=True)
    train(folder / "spiece.model", SENTENCES, vocab_size=200, model_type="unigram", pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
    model = _model(folder / "spiece.model")
    single = [i for i, p in enumerate(model.pieces) if i > 2 and len(p.piece.strip("\u2581")) < 2]
    longer = [i for i, p in enumerate(model.pieces) if i > 2 and i not in single]
    kept = [0, 1, 2, *sorted(single + longer[::2])]
    (folder / "kept.json").write_text(json.dumps(kept) + "\n")
    config = tf.MT5Config(vocab_size=len(kept), d_model=16, d_kv=8, d_ff=24, num_layers=1, num_decoder_layers=1, num_heads=2,
                          tie_word_embeddings=False, decoder_start_token_id=0, pad_token_id=0, eos_token_id=1)
    model = tf.MT5ForConditionalGeneration(config)
    from sentencepiece import SentencePieceProcessor
    from sentencepiece import sentencepiece_model_pb2
    cut = _model(folder / "spiece.model")
    pieces = [cut.pieces[i] for i in kept]
    whole = sentencepiece_model_pb2.ModelProto()
    whole.CopyFrom(cut)
    del whole.pieces[:]
    whole.pieces.extend(pieces)
    package = SentencePieceProcessor(model_proto=whole.SerializeToString())
    prompt = "The river was high"
    ids = package.encode(prompt) + [1]

    def ask(model):
        out = model.generate(torch.tensor([ids]), max_new_tokens=8, do_sample=False, num_beams=1)[0].tolist()[1:]
        out = out[:out.index(1)] if 1 in out else out
        return dict(prompt=prompt, ids=ids, grown=out, text=package.decode(out))
    GOLDEN["mt5"] = save("mt5", model, ask)


def marian():
    folder = ROOT / "marian"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ["source.spm", "target.spm", "vocab.json", "tokenizer_config.json"]:
        shutil.copy(FOLDER / "marian" / name, folder / name)
    vocabulary = json.load(open(folder / "vocab.json"))
    config = tf.MarianConfig(vocab_size=len(vocabulary), d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
                             decoder_attention_heads=2, encoder_ffn_dim=24, decoder_ffn_dim=24, max_position_embeddings=48,
                             pad_token_id=vocabulary["<pad>"], eos_token_id=0, decoder_start_token_id=vocabulary["<pad>"],
                             forced_eos_token_id=None, scale_embedding=True)
    model = tf.MarianMTModel(config)
    (folder / "config.json").write_text('{"model_type": "marian"}')
    tokenizer = tf.MarianTokenizer.from_pretrained(folder)
    prompt = ">>deu<< The river was high"
    ids = tokenizer(prompt)["input_ids"]

    def ask(model):
        out = model.generate(torch.tensor([ids]), max_new_tokens=10, do_sample=False, num_beams=1)[0].tolist()[1:]
        out = out[:out.index(0)] if 0 in out else out
        return dict(prompt=prompt, ids=ids, grown=out, text=tokenizer.decode(out))
    GOLDEN["marian"] = save("marian", model, ask)


def cpm():
    folder = ROOT / "cpm"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ["spiece.model", "tokenizer_config.json"]:
        shutil.copy(FOLDER / "cpm" / name, folder / name)
    (folder / "config.json").write_text('{"model_type": "gpt2"}')
    tokenizer = tf.CpmTokenizer.from_pretrained(folder)
    config = tf.GPT2Config(vocab_size=len(tokenizer), n_embd=16, n_layer=1, n_head=2, n_positions=32, bos_token_id=None, eos_token_id=None)
    words = "今天天气 很 好 ， 我们"
    ids = tokenizer(words, add_special_tokens=False)["input_ids"]

    def ask(model):
        out = model.generate(torch.tensor([ids]), max_new_tokens=8, do_sample=False)[0].tolist()
        return dict(words=words, ids=ids, grown=out[len(ids):], text=tokenizer.decode(out))
    GOLDEN["cpm"] = save("cpm", tf.GPT2LMHeadModel(config), ask)


def main():
    for build in (bert, mt5, marian, cpm):
        build()
    generator = torch.Generator().manual_seed(15)
    save_file({"latents": torch.randn(2, 16, generator=generator)}, str(ROOT / "latents.safetensors"))
    made = dict(made_by=f"transformers {tf.__version__}, torch {torch.__version__}") | GOLDEN
    (ROOT / "golden.json").write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
