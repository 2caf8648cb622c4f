#!/usr/bin/env python3
"""Makes pre_tokenizers.json and vocabularies.json: what other implementations make of hard texts.

Made with Python 3.11, regex 2026.11.15, tokenizers 0.23.3, sentencepiece 0.2.3:  make_tokenizers.py
The patterns here are those of the models' published tokenizer.json (kimi-k2: of its Python code), applied one after the other
as Hugging Face's Split with behaviour "isolated" does; none is taken from lupo's table.
"""
import base64
import io
import json
import os
import tempfile

import regex
import sentencepiece
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

TEXTS = [
    "", " ", "  ", "\n", "\t", "a", "Hello, world!", " leading and trailing  ", "The quick brown fox isn't here; it'll've gone.",
    "I'M SURE you'RE Don'T we'Ll", "'s't're've'm'll'd", "1234567890", "3.14159 1,000,000 0x1F 12ab34", "  12  345   6789",
    "a\n\nb\r\nc\r\r\n\n  d", "\n\n\tTabs\nand\n   spaces\n \n", "   \n   \n x", "trailing spaces   \n", "x  \t  y", "def f(x):\n    return x**2  # ok\n",
    "for(int i=0;i<n;++i){a[i]+=b->c;}", "https://example.com/a?b=c&d=%20#e", "$5.00 + €3 = ¥9 ^~`|<>=", "snake_case CamelCase HTTPServer iPhone ABCdef",
    "café naïve Straße ÀÉÎ", "cafe\u0301 e\u0301\u0301x \u0301y", "Привет, Мир! ёЁ", "日本語のテキスト、中文字符。混合Text", "한국어 텍스트 ㄱㄴ",
    "हिन्दी में लिखना", "ภาษาไทย ລາວ", "مرحبا بالعالم ١٢٣٤٥", "עברית שלום", "🚀 🚀🚀 👨‍👩‍👧 🇩🇪", "Ⅻ ½ ² ٣ 𝟙𝟚𝟛𝟜", "“quotes” ‘x’ — dash… «g»",
    "全角ＡＢＣ１２３！？", "a\u00a0b\u2003c\u3000d\u0085e", "zero\u200bwidth\ufeffmark\u00ad", "ǅ ʰʲ ªº 々〇 ﬁ", "x\x00y\x7fz", "<|im_start|>user\nhi<|im_end|>",
    "((a))[[b]]{{c}}...!!!???", "  - item\n  * item\n\n\n# Title\n", "1 22 333 4444 55555 666666 7777777", "IMGIMGABZ <sentinel:12>",
]

CONTRACTION = "'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = rf"(?:{CONTRACTION})|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = LLAMA3.replace("{1,3}", "")
U, L = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
GPT4O = (rf"[^\r\n\p{{L}}\p{{N}}]?{U}*{L}+(?:{CONTRACTION})?|[^\r\n\p{{L}}\p{{N}}]?{U}+{L}*(?:{CONTRACTION})?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
TEKKEN = GPT4O.replace(f"(?:{CONTRACTION})?", "").replace("{1,3}", "")
DEEPSEEK3 = r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
KANA = "[一-龥\u3040-ゟ゠-ヿ]+"
HANGUL = "[一-龥ࠀ-一가-\ud7ff]+"
NOT_HAN = r"&&[^\p{Han}]]"
KIMI = (r"[\p{Han}]+|" + GPT4O.replace(U, U[:-1] + NOT_HAN).replace(L, L[:-1] + NOT_HAN).replace("[\\r\\n/]*", "[\\r\\n]*"))
# The letters with case of Unicode 9 as the model's authors listed them: \p{Lu}, \p{Ll}, \p{Lt} of those scripts.
DEEPSEEK_LETTERS = ("A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-\\u1f7dᾀ-ᾴᾶ-ᾼ\\u1fbe"
                    "ῂ-ῄῆ-ῌῐ-\\u1fd3ῖ-\\u1fdbῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\\u2126ℨ\\u212a-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ"
                    "𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃")
DIGITS = r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))"  # threes from the right
ROWS = {
    "default": [r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"],
    "gpt-2": [GPT2],
    "llama-bpe": [LLAMA3],
    "dbrx": [LLAMA3],
    "qwen2": [QWEN2],
    "qwen35": [rf"(?:{CONTRACTION})|[^\r\n\p{{L}}\p{{N}}]?[\p{{L}}\p{{M}}]+|\p{{N}}| ?[^\s\p{{L}}\p{{M}}\p{{N}}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"],
    "smollm": [r"\p{N}", GPT2],
    "falcon": [r"[\p{P}\$\+<=>\^~\|`]+", GPT2, "[0-9][0-9][0-9]"],
    "deepseek-llm": [r"[\r\n]", rf"\s?[{DEEPSEEK_LETTERS}]+", r"\s?[!-/:-~！-／：-～‘-‟　-。]+", r"\s+$", HANGUL, r"\p{N}+"],
    "deepseek-coder": [r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", HANGUL, r"\p{N}"],
    "deepseek-v3": [r"\p{N}{1,3}", KANA, DEEPSEEK3],
    "spark2_5": [r"\p{N}{1,3}", KANA, DEEPSEEK3.replace(r"[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+", r"[\p{P}\p{S}]+|[\r\n]"), r"\p{N}"],
    "youtu": ["[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥\u3040-ゟ゠-ヿ]+", GPT4O.replace("{1,3}", "")],
    "tekken": [TEKKEN],
    "gpt-4o": [GPT4O],
    "granite-embed-multi-97m": [GPT4O],
    "tiny_aya": [DIGITS, GPT4O],
    "kimi-k2": [KIMI],
    "poro-chat": [" ?[^(\\s|.,!?…。，、।۔،)]+"],
    "viking": [" ?[^(\\s|.,!?…。，、।۔،)]+", r"\p{N}"],
    "jais-2": [LLAMA3.replace(r"\s+(?!\S)|\s+", "".join(rf"\s{{{n}}}(?!\S)|" for n in (512, 256, 128, 64, 32, 16, 8, 4)) + r"\s{1,2}(?!\S)|\s{1}")],
    "chameleon": ["<sentinel:[0-9]+>", "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z", r"([\t\n]|    |  )", r"\p{N}", r"[\p{P}!-/:-@\[-`{-~]", GPT2],
    "superbpe": [r"\p{N}+", r"(?=(\p{N}{3})+(?!\p{N}))"],
    "bailingmoe": [r"'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"],
    "seed-coder": [rf"(?:{CONTRACTION})|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1}}| ?[^\s\p{{L}}\p{{N}}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+"],
    "ufakzeka": [QWEN2.replace(f"(?:{CONTRACTION})|", "")],
    "afmoe": [DIGITS, "[一-鿿㐀-䶿\\uf900-\\ufaff\u3040-ゟ゠-ヿ･-ﾟ⼀-⿟เ-๿຀-໿ក-៿က-႟ꩠ-ꩿꧠ-꧿가-힯ᄀ-ᇿ]+", DEEPSEEK3],
    "laguna": [r"[^\n]+|[\n]+", QWEN2],
    "exaone-moe": [rf"(?:{CONTRACTION})|[^\r\n\p{{L}}\p{{N}}]?(?:\p{{L}}\p{{M}}*(?: \p{{L}}\p{{M}}*)*)+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+"],
    "minicpm5": [r"\p{N}{1,3}", LLAMA3.replace("{1,3}", "+")],
    "gemma4": [r"[^\n]+|[\n]+"],
}


def split(text, patterns):
    pieces = [text]
    for pattern in patterns:
        compiled = regex.compile(pattern, regex.V1)
        finer = []
        for piece in pieces:
            at = 0
            for match in compiled.finditer(piece):
                finer += [piece[at:match.start()], match.group()]
                at = match.end()
            finer = [x for x in finer + [piece[at:]] if x]
        pieces = finer
    assert "".join(pieces) == text
    return pieces


def ends(pieces):
    out, at = [], 0
    for piece in pieces:
        at += len(piece.encode())
        out.append(at)
    return out


def byte_level_bpe(corpus):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=600, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=["<|endoftext|>"], show_progress=False)
    tokenizer.train_from_iterator(corpus, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    merges = [" ".join(m) for m in model["merges"]]
    kinds = [3 if t == "<|endoftext|>" else 1 for t in tokens]
    return {"model": "gpt2", "pre": "gpt-2", "tokens": tokens, "merges": merges, "kinds": kinds,
            "cases": [[t, tokenizer.encode(t, add_special_tokens=False).ids] for t in TEXTS]}


def wordpiece(corpus):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(corpus, trainers.WordPieceTrainer(vocab_size=700, special_tokens=special, show_progress=False))
    vocabulary = tokenizer.get_vocab()
    tokens = sorted(vocabulary, key=vocabulary.get)
    converted = [t if t in special else t[2:] if t.startswith("##") else "\u2581" + t for t in tokens]
    return {"model": "bert", "tokens": converted, "kinds": [3 if t in special else 1 for t in tokens],
            "ids": {"unknown": 1, "cls": 2, "seperator": 3},
            "cases": [[t, tokenizer.encode(t, add_special_tokens=False).ids] for t in TEXTS]}


def sentencepiece_model(corpus, kind, rules, **options):
    path = os.path.join(tempfile.mkdtemp(), "rules.tsv")
    with open(path, "w") as file:
        for source, target in rules:
            file.write(" ".join(f"{ord(c):X}" for c in source) + "\t" + " ".join(f"{ord(c):X}" for c in target) + "\n")
    normalization = {"normalization_rule_tsv": path} if rules else {"normalization_rule_name": "identity"}
    out = io.BytesIO()
    lines = [line for text in corpus for line in text.split("\n") if line.strip()]
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(lines), model_writer=out, model_type=kind, vocab_size=500,
                                             character_coverage=0.98, minloglevel=2, **normalization, **options)
    return sentencepiece.SentencePieceProcessor(model_proto=out.getvalue()), out.getvalue()


def kind_of(model, i):
    return 6 if model.is_byte(i) else 2 if model.is_unknown(i) else 3 if model.is_control(i) else 5 if model.is_unused(i) else 1


def sentencepiece_case(name, model, extra):
    n = model.get_piece_size()
    # Its API ends a text at a zero byte; for Unigram its sums are floats, whose rounding decides between 33·3 and 3·33.
    texts = [t for t in TEXTS if "\x00" not in t and not (name == "t5" and "4444" in t)]
    return {"model": name, "tokens": [model.id_to_piece(i) for i in range(n)], "scores": [model.get_score(i) for i in range(n)],
            "kinds": [kind_of(model, i) for i in range(n)], "cases": [[t, model.encode(t)] for t in texts], **extra}


def charsmap(proto):
    """precompiled_charsmap of a serialised ModelProto: field 3 (normalizer_spec), field 2 in it."""
    def fields(data):
        at = 0
        def varint():
            nonlocal at
            value = shift = 0
            while True:
                byte = data[at]
                at += 1
                value |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    return value
        while at < len(data):
            tag = varint()
            if tag & 7 == 2:
                length = varint()
                yield tag >> 3, data[at:at + length]
                at += length
            elif tag & 7 == 0:
                varint()
            else:
                at += 4 if tag & 7 == 5 else 8
    spec = next(data for number, data in fields(proto) if number == 3)
    return next(data for number, data in fields(spec) if number == 2)


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "pre_tokenizers.json"), "w") as file:
        rows = ",\n".join(f"{json.dumps(name)}: {json.dumps([ends(split(t, patterns)) for t in TEXTS], separators=(',', ':'))}" for name, patterns in ROWS.items())
        file.write(f'{{"texts": {json.dumps(TEXTS)},\n"ends": {{\n{rows}\n}}}}\n')
    corpus = TEXTS * 3 + [open(__file__).read()]
    bpe, _ = sentencepiece_model(corpus, "bpe", [], byte_fallback=True, remove_extra_whitespaces=False)
    rules = [("\ufb01", "fi"), ("\u00a0", " "), ("\u3000", " "), ("\u2003", " "), ("\t", " "), ("\n", " "), ("\r", ""), ("½", "1/2")]
    rules += [(chr(0xFF01 + i), chr(0x21 + i)) for i in range(94)]
    unigram, proto = sentencepiece_model(corpus, "unigram", rules)
    ids = {"bos": 1, "eos": 2, "unknown": 0}
    cases = {
        "byte-level BPE (tokenizers)": byte_level_bpe(corpus),
        "WordPiece (tokenizers)": wordpiece(corpus),
        "BPE (sentencepiece)": sentencepiece_case("llama", bpe, {"ids": ids, "add_space_prefix": True}),
        "Unigram (sentencepiece)": sentencepiece_case("t5", unigram, {
            "ids": ids, "add_space_prefix": True, "remove_extra_whitespaces": True, "charsmap": base64.b64encode(charsmap(proto)).decode()}),
    }
    with open(os.path.join(here, "vocabularies.json"), "w") as file:
        file.write("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in cases.items()) + "\n}\n")


if __name__ == "__main__":
    main()
