#!/usr/bin/env python3
"""Makes the SentencePiece models in tests/data/tokenizers/sentence-piece, and the ids that the package gives with them.

    pip install tokenizers==0.23.3 transformers==5.24.0 sentencepiece==0.2.3 gguf
    python3 analyses/sentencepiece_golden.py

Models of unigrams, of byte pairs with byte fallback, and of words are trained on the sentences of tokenizer_golden.py.
`golden.json` has, for each family, for each text of that file, the ids that the package `sentencepiece` gives, as the
family renumbers and frames them, and the text that the package makes of its own ids.
"""

import io
import json
import unicodedata

import sentencepiece

from tokenizer_golden import OUT, SENTENCES, TEXTS

FOLDER = OUT / "sentence-piece"


def train(name, **how):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(SENTENCES * 3), model_writer=model,
                                             minloglevel=2, **how)
    (FOLDER / name).write_bytes(model.getvalue())
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


def simplified(text, accents, lower):
    """What XLNet and ALBERT do to a text first."""
    text = text.replace("``", '"').replace("''", '"')
    if not accents:
        text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return text.lower() if lower else text


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    frame = ["[CLS]", "[SEP]", "<sep>", "<cls>"]
    unigram = train("unigram.model", vocab_size=200, hard_vocab_limit=False, model_type="unigram", control_symbols=frame,
                    user_defined_symbols=["<mask>"])
    pairs = train("pairs.model", vocab_size=420, hard_vocab_limit=False, model_type="bpe", byte_fallback=True, character_coverage=0.99,
                  normalization_rule_name="identity", remove_extra_whitespaces=False)
    train("words.model", vocab_size=60, model_type="word", hard_vocab_limit=False, normalization_rule_name="identity")
    of = unigram.piece_to_id
    shift = lambda ids: [3 if i == unigram.unk_id() else i + 1 for i in ids]

    def rows(model, frame, change=lambda text: text):
        out = []
        for text in TEXTS:
            # Written in a text, the package splits a special token; here, as in transformers, it is that token.
            if any(name in text for name in ("<s>", "</s>", "[CLS]", "[SEP]", "<sep>", "<cls>", "<mask>")):
                continue
            ids = model.encode(change(text))
            # The package writes an unknown piece as " ⁇ "; here it keeps its name.
            decoded = model.decode(ids).replace(" \u2047 ", "<unk>")
            out.append(dict(text=text, ids=frame(ids), decoded=decoded))
        return out

    golden = {
        "t5": rows(unigram, lambda ids: ids + [unigram.eos_id()]),
        "mt5": rows(unigram, lambda ids: ids + [unigram.eos_id()]),
        "llama": rows(pairs, lambda ids: [pairs.bos_id(), *ids, pairs.eos_id()]),
        "albert": rows(unigram, lambda ids: [of("[CLS]"), *ids, of("[SEP]")], lambda t: simplified(t, False, True)),
        "xlnet": rows(unigram, lambda ids: [*ids, of("<sep>"), of("<cls>")], lambda t: simplified(t, True, False)),
        "xlm-roberta": rows(unigram, lambda ids: [0, *shift(ids), 2]),
    }
    (FOLDER / "golden.json").write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n")
    print({name: len(texts) for name, texts in golden.items()})


if __name__ == "__main__":
    main()
