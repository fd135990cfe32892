"""A session in one file, `.cloudchamber`: its parts, an index of them, and checksums over all.

    magic 8 | version u32 | zeros 4                                         header
    part, part, …                                                           as stored
    index                                                                   one codec message
    index length u64 | SHA-256 of header, index and index length | magic 8  footer

little-endian. The index is a map of columns, an entry for each part:

    names   u1: UTF-8, one name a line
    coding  u1: 0 as it is, 1 gzip (what every browser can inflate by itself)
    stored  u4: bytes in the file; parts follow one another, so these are their places too
    raw     u4: bytes of the part itself, a codec message
    sha256  u1[N,32]: of the stored bytes

So each byte of the file is under a checksum, which is checked before the bytes are looked at,
and a reader needs the end of the file and the parts it wants, never the whole. A file that was
cut off is refused: it has no end.

A file may come from a stranger. Nothing in it is believed: counts and lengths are held against
the file's own size, names against a small alphabet, and a part is inflated in steps up to the
length that the index promised.
"""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from typing import Final

SUFFIX: Final = ".cloudchamber"
MAGIC: Final = b"\x89CHMBR\r\n"
"""Not ASCII, and with a line end that a transfer as text would change."""
END_MAGIC: Final = b"\x89CHMBR\n\r"
VERSION: Final = 1
PLAIN, GZIP = range(2)

MAX_PARTS: Final = 1 << 20
MAX_INDEX: Final = 1 << 27
MAX_PART: Final = 1 << 28
"""As the codec takes."""
MAX_RATIO: Final = 1040
"""Deflate itself can't do better than 1032:1, so a higher one is a lie."""
MAX_TOTAL: Final = 1 << 36
"""Of all parts, inflated."""
MAX_NAME: Final = 96

_NAME: Final = re.compile(r"[a-z0-9_]+(?:/[a-z0-9_]+)*")
HEADER: Final = struct.Struct("<8sI4x")
_LENGTH: Final = struct.Struct("<Q")
FOOTER: Final = struct.Struct("<Q32s8s")
_STEP: Final = 1 << 20


class ContainerError(ValueError):
    """A file that is no session, or a damaged one; the text is a sentence for a person."""


def seal(header: bytes, index: bytes) -> bytes:
    """The checksum over header and index that the footer holds."""
    return hashlib.sha256(header + index + _LENGTH.pack(len(index))).digest()


def check_names(names: list[str]) -> None:
    """Raises `ContainerError` unless these can be the names of a file's parts."""
    if not names or len(names) > MAX_PARTS:
        raise ContainerError(f"A session's file holds 1 to {MAX_PARTS:,} parts, not {len(names):,}.")
    for name in names:
        if not _is_name(name):
            raise ContainerError(f"{name!r} is not the name of a part.")
    if len(set(names)) < len(names):
        raise ContainerError("A part is named twice.")


def _is_name(name: str) -> bool:
    """Words of a-z, 0-9 and _, parted by slashes: more than `archive.is_part_name` knows, so that
    parts of a later version do not make a file unreadable."""
    return len(name) <= MAX_NAME and _NAME.fullmatch(name) is not None


def pack(body: bytes) -> tuple[int, bytes]:
    """The coding that makes a part smallest, and the part in it."""
    packed = gzip_bytes(body)
    return (GZIP, packed) if len(packed) < len(body) else (PLAIN, body)


def gzip_bytes(body: bytes) -> bytes:
    """As gzip, the same at every time and place."""
    deflate = zlib.compressobj(6, zlib.DEFLATED, 31)
    return deflate.compress(body) + deflate.flush()


def inflate(stored: bytes, raw: int) -> bytes | None:
    """Unpack gzip to exactly `raw` bytes, in steps and never past them; None if it is not that."""
    stream = zlib.decompressobj(31)
    body = bytearray()
    data = stored
    try:
        while data and not stream.eof:
            body += stream.decompress(data, min(_STEP, raw + 1 - len(body)))
            if len(body) > raw:
                return None
            data = stream.unconsumed_tail
    except zlib.error:
        return None
    whole = stream.eof and not stream.unused_data and len(body) == raw
    return bytes(body) if whole else None
