"""The text of every token, as real bytes, in the packed form that the page reads.

A GGUF stores tokens in its tokenizer's own spelling: GPT-2 style vocabularies write each byte
as a printable character, SentencePiece writes a space as U+2581 and a lone byte as `<0x0A>`.
Here they are the bytes the model would print, as `llama_token_to_piece` gives them; a test
compares whole vocabularies. Two differences are meant: a character that GPT-2's spelling does
not know stays as it is, where llama.cpp prints a note about it, and unused tokens keep their
names. All of it is done on whole arrays: 262,144 tokens take a moment.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cloudchamber.model.header import GgufError, GgufHeader, read_array, read_bytes, read_header
from cloudchamber.telemetry import codec

NORMAL: Final = 1
UNKNOWN: Final = 2
CONTROL: Final = 3
USER_DEFINED: Final = 4
UNUSED: Final = 5
BYTE: Final = 6

MAX_TOKENS: Final = 1 << 22

type Bytes = NDArray[np.uint8]
type Offsets = NDArray[np.uint32]

_SPACE_MARK: Final = "▁".encode()


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Every token's bytes, end to end."""

    text: Bytes
    """u1[bytes]"""
    offsets: Offsets
    """u4[V+1]: token i is `text[offsets[i]:offsets[i+1]]`."""
    types: Bytes
    """u1[V], as in GGUF: 1 normal, 2 unknown, 3 control, 4 user defined, 5 unused, 6 byte."""
    hash: str
    """Of all of the above; 32 hexadecimal digits."""

    def __len__(self) -> int:
        return len(self.types)

    def piece(self, token: int) -> bytes:
        return self.text[self.offsets[token] : self.offsets[token + 1]].tobytes()

    def encode(self) -> bytes:
        """The body of `GET api/vocabulary/{hash}`."""
        parts = {"size": len(self), "text": self.text, "offsets": self.offsets, "types": self.types}
        return codec.encode(parts)


def read_vocabulary(source: Path | GgufHeader) -> Vocabulary:
    """Read a model's vocabulary.

    A model without a tokenizer gives tokens without text. Raises `GgufError`.
    """
    header = source if isinstance(source, GgufHeader) else read_header(source)
    text, offsets = _stored_tokens(header)
    size = len(offsets) - 1
    types = _types(header, size)
    kind = header.text("tokenizer.ggml.model", "none")
    if kind in ("gpt2", "gemma4"):
        decode = _decode_byte_alphabet if kind == "gpt2" else _decode_space_mark
        text, offsets = decode(text, offsets, types == NORMAL)
    elif kind == "rwkv":
        text, offsets = _join([_unescape_rwkv(piece) for piece in _pieces(text, offsets)])
    elif kind != "none":
        text, offsets = _decode_space_mark(text, offsets, types == NORMAL)
    text, offsets = _decode_byte_tokens(text, offsets, np.flatnonzero(types == BYTE))
    return Vocabulary(text, offsets, types, _hash(text, offsets, types))


def _hash(text: Bytes, offsets: Offsets, types: Bytes) -> str:
    digest = hashlib.blake2b(digest_size=16, person=b"vocabulary")
    for part in (text, offsets, types):
        digest.update(part.tobytes())
    return digest.hexdigest()


def _types(header: GgufHeader, size: int) -> Bytes:
    stored = read_array(header, "tokenizer.ggml.token_type")
    types = np.full(size, NORMAL, np.uint8)
    if stored is not None:
        count = min(size, len(stored))
        types[:count] = stored[:count]
    return types


def _stored_tokens(header: GgufHeader) -> tuple[Bytes, Offsets]:
    """Tokens as the file spells them, end to end, with their offsets."""
    key = "tokenizer.ggml.tokens"
    small = header.metadata.get(key)
    if isinstance(small, list):
        return _join([str(token).encode() for token in small])
    field = header.arrays.get(key)
    if field is None or field.element != 8:
        size = header.n_vocab
        _check_size(size)
        return np.zeros(0, np.uint8), np.zeros(size + 1, np.uint32)
    _check_size(field.count)
    raw = read_bytes(header.path, field.offset, field.nbytes)
    return _strip_lengths(raw, field.count)


def _check_size(size: int) -> None:
    if not 0 <= size <= MAX_TOKENS:
        raise GgufError(f"its vocabulary claims {size:,} tokens; at most {MAX_TOKENS:,} are read")


def _strip_lengths(raw: bytes, count: int) -> tuple[Bytes, Offsets]:
    """Strings that each follow their u64 length, as one run of bytes and offsets."""
    starts = [0] * count
    position = 0
    unpack = struct.Struct("<Q").unpack_from
    for index in range(count):
        starts[index] = position
        position += 8 + unpack(raw, position)[0]
    heads = np.array(starts, np.int64)
    keep = np.ones(len(raw), bool)
    keep[(heads[:, None] + np.arange(8)).ravel()] = False
    offsets = np.append(heads, len(raw)) - 8 * np.arange(count + 1)
    return np.frombuffer(raw, np.uint8)[keep], offsets.astype(np.uint32)


def _join(pieces: list[bytes]) -> tuple[Bytes, Offsets]:
    lengths = np.array([len(piece) for piece in pieces], np.int64)
    offsets = np.zeros(len(pieces) + 1, np.uint32)
    np.cumsum(lengths, out=offsets[1:])
    return np.frombuffer(b"".join(pieces), np.uint8), offsets


def _pieces(text: Bytes, offsets: Offsets) -> list[bytes]:
    raw, bounds = text.tobytes(), offsets.tolist()
    return [raw[start:stop] for start, stop in pairwise(bounds)]


def _drop(text: Bytes, offsets: Offsets, dropped: NDArray[np.bool_]) -> tuple[Bytes, Offsets]:
    """The text without the bytes marked, and where its tokens then are."""
    before = np.zeros(len(text) + 1, np.int64)
    np.cumsum(dropped, out=before[1:])
    return text[~dropped], (offsets - before[offsets]).astype(np.uint32)


def _of_tokens(offsets: Offsets, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Spread one flag a token to one flag a byte."""
    return np.repeat(chosen, np.diff(offsets))


def byte_alphabet() -> list[int]:
    """Code point of each byte in GPT-2's spelling, where all bytes are printable.

    From `bytes_to_unicode` of https://github.com/openai/gpt-2/blob/master/src/encoder.py:
    printable Latin-1 stands for itself, the rest are numbered from U+0100 on.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = (byte for byte in range(256) if byte not in printable)
    moved = {byte: 0x100 + index for index, byte in enumerate(others)}
    return [moved.get(byte, byte) for byte in range(256)]


def _decode_byte_alphabet(text: Bytes, offsets: Offsets, chosen: NDArray[np.bool_]) -> tuple[Bytes, Offsets]:
    """Undo GPT-2's spelling in the chosen tokens. Characters outside it stay as they are."""
    byte_of = np.full(0x800, -1, np.int16)
    byte_of[byte_alphabet()] = np.arange(256)
    following = np.append(text[1:], np.uint8(0))
    lead = (text & 0xE0 == 0xC0) & (following & 0xC0 == 0x80)
    point = np.where(lead, (text & 0x1F).astype(np.int16) << 6 | (following & 0x3F), text & 0x7F)
    byte = byte_of[point]
    spelled = _of_tokens(offsets, chosen) & (lead | (text < 0x80)) & (byte >= 0)
    decoded = np.where(spelled, byte, text).astype(np.uint8)
    second = np.zeros(len(text), bool)
    second[1:] = (spelled & lead)[:-1]
    return _drop(decoded, offsets, second)


def _decode_space_mark(text: Bytes, offsets: Offsets, chosen: NDArray[np.bool_]) -> tuple[Bytes, Offsets]:
    """Make U+2581 a space in the chosen tokens."""
    if len(text) < len(_SPACE_MARK):
        return text, offsets
    first, second, third = _SPACE_MARK
    mark = np.zeros(len(text), bool)
    mark[:-2] = (text[:-2] == first) & (text[1:-1] == second) & (text[2:] == third)
    mark &= _of_tokens(offsets, chosen)
    tail = np.zeros(len(text), bool)
    tail[1:] |= mark[:-1]
    tail[2:] |= mark[:-2]
    return _drop(np.where(mark, np.uint8(0x20), text), offsets, tail)


def _decode_byte_tokens(text: Bytes, offsets: Offsets, tokens: NDArray[np.intp]) -> tuple[Bytes, Offsets]:
    """Make tokens spelled `<0x0A>` the byte they name."""
    if len(tokens) == 0:
        return text, offsets
    text = text.copy()
    dropped = np.zeros(len(text), bool)
    for token in tokens.tolist():
        start, stop = int(offsets[token]), int(offsets[token + 1])
        spelling = text[start:stop].tobytes()
        if stop - start == 6 and spelling.startswith(b"<0x") and spelling.endswith(b">"):
            try:
                text[start] = int(spelling[3:5], 16)
            except ValueError:
                continue
            dropped[start + 1 : stop] = True
    return _drop(text, offsets, dropped)


def _unescape_rwkv(spelling: bytes) -> bytes:
    """RWKV's escapes: tab, line breaks, backslash and \\xNN."""
    known = {ord("t"): b"\t", ord("n"): b"\n", ord("r"): b"\r"}
    out, index = bytearray(), 0
    while index < len(spelling):
        byte = spelling[index]
        if byte != ord("\\") or index + 1 == len(spelling):
            out.append(byte)
            index += 1
            continue
        escape = spelling[index + 1]
        digits = spelling[index + 2 : index + 4]
        if escape == ord("x") and len(digits) == 2 and digits.isalnum():
            try:
                out.append(int(digits, 16))
            except ValueError:
                out += digits
            index += 4
        else:
            out += known.get(escape, bytes((escape,)))
            index += 2
    return bytes(out)
