#!/usr/bin/env python3
"""Makes tests/data/tokenizers/text: tokenizers that one file does not describe, and what their own packages make of texts.

    pip install transformers==5.24.0 tokenizers==0.23.3 sentencepiece==0.2.3 tiktoken rjieba protobuf gguf
    python3 analyses/golden_text.py

`pairs.json`: two texts as transformers joins them, with the segments of the tokens, by the tokenizers of tests/data/tokenizers.
`marian`: the models of two languages and their common vocabulary; `marian-separate`: with a vocabulary each (MarianTokenizer).
`qwen.tiktoken`: bytes with ranks; `tiktoken.json` has, for each family, the ids of the package tiktoken.
`kept.txt`: ids of pieces of sentence-piece/unigram.model that are kept; `kept.json`: the ids that the package sentencepiece gives
by a model cut down to them. `cpm`: a model; its golden.json has texts, the words that jieba makes of them, and CpmTokenizer's ids.
"""

import base64
import io
import json
import pathlib
import random
import shutil
import tempfile
import unicodedata

import sentencepiece
import tiktoken
import tokenizers
from sentencepiece import sentencepiece_model_pb2
from tokenizers import processors
from transformers import AlbertTokenizer, BertTokenizer, CpmTokenizer, MarianTokenizer, PreTrainedTokenizerFast, XLMRobertaTokenizer, XLNetTokenizer

from tokenizer_golden import OUT, SENTENCES, TEXTS, byte_level, merges_of

FOLDER = OUT / "text"
PAIRS = [("The river was high", "the bus did not come."), ("A small dog", " "), ("", "the rain"), ("the late bus", "  three  blanks ")]
GERMAN = """
Der Fluss stand hoch, und die Fähre fuhr heute nicht.
Er zählte die Äpfel zweimal und schrieb die Zahl über die Tür.
Ein kleiner Hund schläft vor dem grünen Haus, wenn es schön ist.
Größere Brücken führen über die breiten Straßen der Stadt.
Wir hörten am frühen Morgen die Vögel und später den Zug.
""".strip().splitlines()


def dump(name, value):
    path = FOLDER / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("},{", "},\n{") + "\n")


def train(path, sentences, **how):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(sentences * 3), model_writer=model, minloglevel=2,
                                             hard_vocab_limit=False, normalization_rule_name="identity", **how)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.getvalue())


def pairs():
    unigram = str(OUT / "sentence-piece" / "unigram.model")
    whole = tokenizers.Tokenizer.from_file(str(OUT / "unigram" / "tokenizer.json"))
    def processed(processor):
        whole.post_processor = processor
        return PreTrainedTokenizerFast(tokenizer_object=whole)
    names = [("<s>", 0), ("</s>", 1)]
    found = {
        "word-piece": BertTokenizer.from_pretrained(OUT / "word-piece"),
        "bert": processed(processors.BertProcessing(("</s>", 1), ("<pad>", 0))),
        "roberta": processed(processors.RobertaProcessing(("</s>", 1), ("<pad>", 0), trim_offsets=False)),
        "template": processed(processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B:1 </s>:1", special_tokens=names[1:])),
    }
    for name, kind, file in [("albert", AlbertTokenizer, "spiece.model"), ("xlnet", XLNetTokenizer, "spiece.model"),
                             ("xlm-roberta", XLMRobertaTokenizer, "sentencepiece.bpe.model")]:
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(unigram, pathlib.Path(folder) / file)
            pathlib.Path(folder, "config.json").write_text(json.dumps({"model_type": name}))
            found[name] = kind.from_pretrained(folder)
    rows = {}
    for name, tokenizer in found.items():
        rows[name] = []
        for first, second in PAIRS:
            out = tokenizer(first, second, return_token_type_ids=True)
            rows[name].append(dict(first=first, second=second, ids=out["input_ids"], segments=out["token_type_ids"]))
    dump("pairs.json", rows)


def marian():
    texts = [t for t in TEXTS if "<" not in t] + ["漢 und Fluß", ">>deu<< The river", ">>fra<<The bus, the bus", "a >>deu<< b", "the</s>river"]
    targets = [t for t in GERMAN + TEXTS if "<" not in t] + ["Die Brücke"]
    for name, separate in [("marian", False), ("marian-separate", True)]:
        folder = FOLDER / name
        if separate:
            # The same models; the test takes them from the other folder.
            for side in ("source.spm", "target.spm"):
                folder.mkdir(exist_ok=True)
                shutil.copy(FOLDER / "marian" / side, folder / side)
        else:
            train(folder / "source.spm", SENTENCES, vocab_size=120, model_type="unigram")
            train(folder / "target.spm", GERMAN, vocab_size=110, model_type="unigram")
        pieces = lambda file: [p.piece for p in _model(folder / file).pieces if p.piece not in ("<s>", "</s>", "<unk>")]
        source, target = pieces("source.spm"), pieces("target.spm")
        number = lambda listed: {p: i for i, p in enumerate(["</s>", "<unk>", *listed, "<pad>"])}
        if separate:
            json.dump(number(source), open(folder / "vocab.json", "w"))
            json.dump(number(target), open(folder / "target_vocab.json", "w"))
        else:
            # The languages' pieces are mixed, so that no id is that of a model.
            both = sorted(set(source + target)) + [">>deu<<", ">>fra<<"]
            random.Random(1).shuffle(both)
            json.dump(number(both), open(folder / "vocab.json", "w"))
        (folder / "config.json").write_text('{"model_type": "marian"}\n')
        (folder / "tokenizer_config.json").write_text(json.dumps({"separate_vocabs": separate, "tokenizer_class": "MarianTokenizer"}) + "\n")
        tokenizer = MarianTokenizer.from_pretrained(folder)
        rows = []
        for text in texts:
            if separate and ">>" in text:
                continue
            rows.append(dict(text=text, ids=tokenizer(text)["input_ids"]))
        outs = []
        for text in targets:
            ids = tokenizer(text_target=text)["input_ids"]
            known = tokenizer.unk_token_id not in ids
            outs.append(dict(text=text, ids=ids, decoded=tokenizer.decode(ids, skip_special_tokens=True) if known else None))
        dump(f"{name}/golden.json", dict(source=rows, target=outs))
        if separate:
            (folder / "source.spm").unlink()
            (folder / "target.spm").unlink()


def _model(path):
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString(path.read_bytes())
    return model


QWEN = r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
LLAMA = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
WHISPER = r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""


def ranks():
    trained = byte_level(digits=False)
    alphabet = {c: b for b, c in _bytes_to_unicode().items()}
    tokens = [bytes([b]) for b in range(256)]
    random.Random(2).shuffle(tokens)
    for merge in merges_of(trained):
        tokens.append(bytes(alphabet[c] for c in merge.replace(" ", "")))
    # Runs of one letter, so that unions overlap.
    tokens += [b"aa", b"aaa", b"aaaaa", b"ab", b"aab", b"bab"]
    (FOLDER / "qwen.tiktoken").write_text("".join(f"{base64.b64encode(t).decode()} {i}\n" for i, t in enumerate(tokens)))
    ranks = {t: i for i, t in enumerate(tokens)}
    n = len(ranks)
    special = dict(
        qwen={name: n + i for i, name in enumerate(["<|endoftext|>", "<|im_start|>", "<|im_end|>", *[f"<|extra_{i}|>" for i in range(205)]])},
        llama={"<|begin_of_text|>": n, "<|end_of_text|>": n + 1, "<|start_header_id|>": n + 6, "<|end_header_id|>": n + 7, "<|eot_id|>": n + 9},
        whisper={"<|endoftext|>": n, "<|startoftranscript|>": n + 1},
    )
    draw = random.Random(3)
    drawn = ["".join(draw.choice("aab ") for _ in range(draw.randrange(1, 60))) for _ in range(20)]
    drawn += ["".join(draw.choice("aB1'\n é漢\u0301\r\t🙂.") for _ in range(40)) for _ in range(20)]
    texts = TEXTS + drawn + ["a" * 300, "<|im_start|>user\nHi<|im_end|>\n<|endoftext|>", "<|eot_id|><|extra_1|><|extra_10|>"]
    rows = {}
    for name, pattern in dict(qwen=QWEN, llama=LLAMA, whisper=WHISPER).items():
        encoding = tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=ranks, special_tokens=special[name])
        rows[name] = []
        for text in texts:
            given = unicodedata.normalize("NFC", text) if name == "qwen" else text
            ids = encoding.encode(given, allowed_special="all")
            if name == "llama":
                ids = [n, *ids]
            rows[name].append(dict(text=text, ids=ids, decoded=encoding.decode(ids)))
    dump("tiktoken.json", rows)


def _bytes_to_unicode():
    """GPT-2's characters for bytes."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table, extra = {b: chr(b) for b in printable}, 0
    for b in range(256):
        if b not in table:
            table[b] = chr(256 + extra)
            extra += 1
    return table


def kept():
    model = _model(OUT / "sentence-piece" / "unigram.model")
    draw = random.Random(4)
    rest = [i for i, p in enumerate(model.pieces) if p.type == 1 and len(p.piece) > 1]
    single = [i for i, p in enumerate(model.pieces) if p.type == 1 and len(p.piece) == 1]
    ids = [model.trainer_spec.unk_id, model.trainer_spec.eos_id, *single, *draw.sample(rest, len(rest) // 2)]
    (FOLDER / "kept.txt").write_text("\n".join(map(str, ids)) + "\n")
    cut = sentencepiece_model_pb2.ModelProto()
    cut.CopyFrom(model)
    del cut.pieces[:]
    cut.pieces.extend(model.pieces[i] for i in ids)
    cut.trainer_spec.unk_id, cut.trainer_spec.eos_id, cut.trainer_spec.bos_id, cut.trainer_spec.pad_id = 0, 1, -1, -1
    package = sentencepiece.SentencePieceProcessor(model_proto=cut.SerializeToString())
    rows = []
    for text in TEXTS:
        if any(name in text for name in ("<s>", "</s>", "[MASK]", "<mask>")):
            continue
        ids = package.encode(text)
        rows.append(dict(text=text, ids=[*ids, 1], decoded=package.decode(ids).replace(" \u2047 ", "<unk>")))
    dump("kept.json", rows)


CHINESE = """
今天天气很好，我们去公园散步。
他在图书馆里看书，一直看到晚上。
这条河的水位很高，渡船今天不开。
小狗睡在绿色的房子前面。
我们早上听到鸟叫，后来听到火车。
""".strip().splitlines()


def cpm():
    import rjieba
    cut = lambda text: " ".join(x.translate(str.maketrans(" \n", "\u2582\u2583")) for x in rjieba.cut(text, False))
    folder = FOLDER / "cpm"
    train(folder / "spiece.model", [cut(t) for t in CHINESE + SENTENCES], vocab_size=300, model_type="unigram",
          user_defined_symbols=["<sep>", "<pad>", "<cls>", "<mask>", "<eop>", "<eod>", "\u2582", "\u2583"])
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "CpmTokenizer"}\n')
    (folder / "config.json").write_text('{"model_type": "gpt2"}\n')
    tokenizer = CpmTokenizer.from_pretrained(folder)
    rows = []
    for text in CHINESE + ["今天 天气\n很好", "The river 河 12, high", *[t for t in TEXTS if "<" not in t and t.strip() == t]]:
        # Of transformers 5.24 neither class cuts a text any more, as those before did, so that it is done here.
        ids = tokenizer(cut(text))["input_ids"]
        rows.append(dict(text=text, words=cut(text), ids=ids, decoded=tokenizer.decode(ids, skip_special_tokens=True)))
    dump("cpm/golden.json", rows)


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    pairs()
    marian()
    ranks()
    kept()
    cpm()


if __name__ == "__main__":
    main()
