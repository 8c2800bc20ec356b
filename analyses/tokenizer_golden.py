#!/usr/bin/env python3
"""Makes the tokenizers and golden ids in tests/data/tokenizers, with the packages that others split text with.

    pip install tokenizers==0.23.3 transformers==5.24.0 sentencepiece==0.2.3 gguf
    python3 analyses/tokenizer_golden.py

Small tokenizers are trained on the sentences below, and every text of `TEXTS` is split by them:

- `byte-level/`: byte pairs with GPT-2's pattern, as tokenizer.json (package `tokenizers`) and as vocab.json with merges.txt;
- `smollm.gguf`: byte pairs after single digits, with control tokens; golden ids by `tokenizers`;
- `llama.gguf`: SentencePiece's byte pairs with byte fallback; golden ids by the package `sentencepiece` itself;
- `word-piece/`: vocab.txt and tokenizer_config.json; golden ids by the BertTokenizer of `transformers`;
- `bert.gguf`: the same word pieces; the same golden ids;
- `unigram/`: tokenizer.json of a Unigram model with `</s>` after the text; golden ids by `tokenizers`;
- `smollm2`: golden ids only, by what `transformers` makes of the GGUF file that `analyses/fetch_heads.py smollm2 --out
  models` fetches; where that is not there, the ids that are committed stay.

`golden.json` holds for each of them, for each text, the ids and the text that they decode to. No network is used.
"""

import io
import json
import pathlib

import gguf
import sentencepiece
import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, BertTokenizer

OUT = pathlib.Path(__file__).parent.parent / "tests/data/tokenizers"

# Written for this purpose.
SENTENCES = """
The river was high after the rain, and the ferry did not run until noon.
She counted 365 steps from the harbour to the lighthouse, then 12 more.
He doesn't know who they're waiting for, but we'll ask when it's time.
A small dog barked at the baker's van; nobody answered, and it stopped.
Numbers like 3.14159 and 2026 are split into digits by some tokenizers.
If the window is open, the papers on the desk will blow away again.
The children sang the same song over and over until the bus arrived.
In the north the winters are long, and the summers are short and bright.
Großmutter hörte die Vögel früh am Morgen. Le café était fermé, déjà.
Everyone who had read the letter agreed that it should not be answered.
""".strip().splitlines()

TEXTS = [
    "",
    " ",
    "The capital of France is",
    " The river was high",
    "   three blanks before, and two  within",
    "trailing blank ",
    "It doesn't matter: they'll come at 12:45, won't they?",
    "2026 and 3.14159",
    "Line one\nline two\r\n\n\tand a tab",
    "naïve café Straße ÀÉÎ",
    "漢字とかな",
    "emoji 🙂 and family 👩‍👩‍👧",
    "a\u0301 combining, \u00a0 no-break",
    "<s> and </s>, [MASK] and <|end|> in a text",
    "unsplittable\u2028separator\u200bzero",
    "ALL CAPITALS mixedCase",
    "!?...—'\"",
]


def special_tokens(tokenizer, names):
    tokenizer.add_special_tokens(list(names))


def byte_level(digits):
    tokenizer = tokenizers.Tokenizer(models.BPE())
    parts = [pre_tokenizers.ByteLevel(add_prefix_space=False)]
    if digits:
        parts.insert(0, pre_tokenizers.Digits(individual_digits=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(parts) if digits else parts[0]
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420, special_tokens=["<|end|>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return tokenizer


def merges_of(tokenizer):
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    return [" ".join(m) if isinstance(m, list) else m for m in merges]


def pieces_of(tokenizer):
    return [p for p, _ in sorted(tokenizer.get_vocab().items(), key=lambda e: e[1])]


def golden(encode, decode):
    rows = []
    for text in TEXTS:
        ids = list(encode(text))
        rows.append({"text": text, "ids": ids, "decoded": decode(ids)})
    return rows


def by_library(tokenizer):
    return golden(lambda t: tokenizer.encode(t).ids, lambda i: tokenizer.decode(i, skip_special_tokens=False))


def writer(name, model, architecture="llama"):
    out = gguf.GGUFWriter(str(OUT / name), architecture)
    out.add_tokenizer_model(model)
    return out


def finish(out):
    # A file without tensors is not a model, but all that a tokenizer is asked for is there.
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    goldens = {}

    tokenizer = byte_level(digits=False)
    folder = OUT / "byte-level"
    folder.mkdir(exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    goldens["byte-level"] = by_library(tokenizer)
    merged = OUT / "merges"
    merged.mkdir(exist_ok=True)
    (merged / "vocab.json").write_text(json.dumps(tokenizer.get_vocab(), ensure_ascii=False, sort_keys=True))
    (merged / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges_of(tokenizer)) + "\n")
    (merged / "config.json").write_text('{"model_type": "gpt2"}\n')

    tokenizer = byte_level(digits=True)
    goldens["smollm"] = by_library(tokenizer)
    out = writer("smollm.gguf", "gpt2")
    out.add_tokenizer_pre("smollm")
    out.add_token_list(pieces_of(tokenizer))
    out.add_token_types([gguf.TokenType.CONTROL if p == "<|end|>" else gguf.TokenType.NORMAL for p in pieces_of(tokenizer)])
    out.add_token_merges(merges_of(tokenizer))
    out.add_eos_token_id(0)
    out.add_add_bos_token(False)
    finish(out)

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES), model_writer=model, model_type="bpe", vocab_size=400, byte_fallback=True,
        character_coverage=1.0, normalization_rule_name="identity", remove_extra_whitespaces=False, minloglevel=2,
    )
    pieces = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    # Control tokens within a text are not found by the package; that text is left out below.
    rows = golden(lambda t: [pieces.bos_id(), *pieces.encode(t)], pieces.decode)
    goldens["llama"] = [row for row in rows if "<s>" not in row["text"]]
    out = writer("llama.gguf", "llama")
    count = range(pieces.get_piece_size())
    kinds = [
        gguf.TokenType.BYTE if pieces.is_byte(i) else gguf.TokenType.UNKNOWN if pieces.is_unknown(i)
        else gguf.TokenType.CONTROL if pieces.is_control(i) else gguf.TokenType.NORMAL for i in count
    ]
    out.add_token_list([pieces.id_to_piece(i) for i in count])
    out.add_token_scores([pieces.get_score(i) for i in count])
    out.add_token_types(kinds)
    out.add_bos_token_id(pieces.bos_id())
    out.add_eos_token_id(pieces.eos_id())
    out.add_unk_token_id(pieces.unk_id())
    finish(out)

    tokenizer = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(SENTENCES, trainers.WordPieceTrainer(vocab_size=300, special_tokens=names, show_progress=False))
    folder = OUT / "word-piece"
    folder.mkdir(exist_ok=True)
    listed = pieces_of(tokenizer)
    (folder / "vocab.txt").write_text("\n".join(listed) + "\n")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer", "do_lower_case": true}\n')
    (folder / "config.json").write_text('{"model_type": "bert"}\n')
    bert = BertTokenizer.from_pretrained(folder)
    goldens["word-piece"] = golden(lambda t: bert(t)["input_ids"], lambda i: bert.decode(i))
    cased = BertTokenizer.from_pretrained(folder, do_lower_case=False)
    goldens["word-piece-cased"] = golden(lambda t: cased(t)["input_ids"], lambda i: cased.decode(i))
    out = writer("bert.gguf", "bert", "bert")
    special = set(names)
    out.add_token_list([p if p in special else p[2:] if p.startswith("##") else "\u2581" + p for p in listed])
    out.add_token_types([gguf.TokenType.CONTROL if p in special else gguf.TokenType.NORMAL for p in listed])
    out.add_unk_token_id(1)
    out.add_bos_token_id(2)
    out.add_sep_token_id(3)
    out.add_mask_token_id(4)
    finish(out)

    tokenizer = tokenizers.Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(tokenizers.Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.train_from_iterator(
        SENTENCES,
        trainers.UnigramTrainer(vocab_size=200, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False),
    )
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    folder = OUT / "unigram"
    folder.mkdir(exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    goldens["unigram"] = by_library(tokenizer)

    file = OUT / "golden.json"
    published = OUT.parent.parent.parent / "models/smollm2/published"
    if published.is_dir():
        smollm2 = AutoTokenizer.from_pretrained(published, gguf_file="SmolLM2-135M-Instruct.Q4_1.gguf")
        goldens["smollm2"] = golden(lambda t: smollm2(t)["input_ids"], lambda i: smollm2.decode(i))
    else:
        goldens["smollm2"] = json.loads(file.read_text())["smollm2"]

    rows = {name: rows for name, rows in sorted(goldens.items())}
    file.write_text(json.dumps(rows, ensure_ascii=True, indent=0) + "\n")


if __name__ == "__main__":
    main()
