"""The generated TypeScript types are those of the schema as it is now."""

from __future__ import annotations

import generate_protocol


def test_generated_types_are_fresh() -> None:
    assert generate_protocol.stale() == [], "run `python build/generate_protocol.py`"
