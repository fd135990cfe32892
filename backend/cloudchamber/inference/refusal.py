"""Files that can't be a model, known by their header before a worker is started for them.

A worker takes seconds to start, and starting one ends the model that runs. What a header already
gives away costs neither.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cloudchamber.model.embedding import TENSOR
from cloudchamber.model.header import GgufError, GgufHeader, read_header
from cloudchamber.telemetry.events import Problem

CODE: Final = "model-refused"

_MOST: Final = {
    "embedding_length": 1 << 18,
    "feed_forward_length": 1 << 22,
    "attention.head_count": 1 << 14,
    "attention.head_count_kv": 1 << 14,
}
"""More than ten times those of any model there is; products of them still fit 64 bits."""


def refusal(path: Path) -> Problem | None:
    """Why a file can't be loaded, if its header says so. Reads the header only."""
    why = _why(path)
    return None if why is None else Problem(code=CODE, message=sentence(why), hint=load_hint(why))


def _why(path: Path) -> str | None:
    if path.exists() and not path.is_file():  # one that is opened may never answer
        return f"{path.name} is not a file"
    try:
        header = read_header(path)
    except GgufError as error:
        return str(error)
    except OSError as error:
        return f"{path.name} can't be read: {error.strerror or error}"
    wrong = _wrong(header)
    return None if wrong is None else f"{path.name} can't be loaded: {wrong}"


def _wrong(header: GgufHeader) -> str | None:
    """What of a header that can be read is not so of any model."""
    if not header.tensors:
        return "it holds no weights"
    if header.n_layer == 0:
        return "it names no layers"
    for key, most in _MOST.items():
        if not 0 <= (number := header.integer(key, 0)) <= most:
            return f"its {key} of {number:,} can't be true"
    embedding = header.tensors.get(TENSOR)
    if embedding is not None and embedding.shape and header.n_embd not in (0, embedding.shape[0]):
        return f"it claims a width of {header.n_embd:,}, and its embedding's is {embedding.shape[0]:,}"
    return None


def sentence(error: BaseException | str) -> str:
    """An error's text with a capital letter and a full stop."""
    text = str(error).strip() or type(error).__name__
    if text.split(maxsplit=1)[0].isalpha():  # and not the name of a file
        text = text[0].upper() + text[1:]
    return text + ("" if text.endswith((".", "!", "?")) else ".")


def load_hint(error: BaseException | str) -> str:
    if isinstance(error, MemoryError) or "alloc" in str(error) or "context" in str(error):
        return "Choose a smaller model or a smaller context."
    return "Choose another model; this file may be damaged, incomplete or of an unknown kind."
