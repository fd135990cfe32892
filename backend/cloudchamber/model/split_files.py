"""The files of a split model, by the names llama.cpp gives them."""

from __future__ import annotations

import re
from typing import Final

_PART: Final = re.compile(r"(?P<stem>.*)-\d{5}-of-(?P<count>\d{5})\.gguf", re.DOTALL)


def part_names(file: str) -> list[str]:
    """All files of the split model that `file` is of, in order; or itself. None where it is of no parts."""
    match = _PART.fullmatch(file)
    if match is None:
        return [file]
    count = int(match["count"])
    return [f"{match['stem']}-{number:05d}-of-{count:05d}.gguf" for number in range(1, count + 1)]
