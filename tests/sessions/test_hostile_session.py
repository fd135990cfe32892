"""A session's file comes from a stranger: whatever its parts say, they are read rightly or refused."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from cloudchamber.model.positions import METHODS
from cloudchamber.sessions import archive
from cloudchamber.sessions.archive import Attention, Frames, Manifest, Norms, StoredFrame, Timeline
from cloudchamber.sessions.archive_bodies import PositionsPart, VocabularyPart
from cloudchamber.sessions.reader import Session
from cloudchamber.telemetry import codec
from soak.hostile_session import small_session, use, with_part

SESSION = small_session()
NAMES = list(SESSION)
WRONG: list[Any] = [
    None, True, -1, 0, 5, 1 << 63, 1.5, float("nan"), float("inf"), "", "x", [], [1], {}, {"a": 1}, b"",
    np.zeros(3, np.float32), np.zeros((2, 2), np.uint32), np.zeros(0, np.float64), np.zeros((), np.uint32),
]  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Ways to everything in a decoded part, of long lists the beginning."""
    if path:
        yield path
    inner = (
        value.items() if isinstance(value, dict) else enumerate(value[:3]) if isinstance(value, list) else ()
    )
    for key, item in inner:
        yield from places(item, (*path, key))


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = put(value[path[0]], path[1:], new)
    return copy


@pytest.mark.parametrize("name", NAMES)
def test_a_value_of_another_kind_anywhere_is_refused_or_does_no_harm(name: str) -> None:
    part = codec.decode(SESSION[name])
    use(with_part(SESSION, name, SESSION[name]))
    chance = random.Random(name)
    ways = list(places(part))
    for path in ways:
        for wrong in chance.sample(WRONG, 6):
            use(with_part(SESSION, name, codec.encode(put(part, path, wrong))))
    for key in part:
        use(with_part(SESSION, name, codec.encode({k: v for k, v in part.items() if k != key})))


@pytest.mark.parametrize("frame", [{}, [], {"state": 1}, {"state": [1]}, {"kind": "frame", "state": None}])
def test_a_frame_that_is_none_is_refused(frame: Any) -> None:
    body = archive.encode(Frames.of([StoredFrame(1, 0.0, codec.encode(frame))]))
    with pytest.raises(codec.CodecError):
        list(Session(with_part(SESSION, "frames/0", body)).state("cache"))


REFUSED: list[tuple[type, str, dict[str, Any]]] = [
    (Manifest, "manifest", {"title": 5}),
    (Manifest, "manifest", {"steps": "9"}),
    (Manifest, "manifest", {"steps": -1}),
    (Manifest, "manifest", {"seconds": float("nan")}),
    (Manifest, "manifest", {"attention_layers": "12"}),
    (Manifest, "manifest", {"attention_layers": [1, "2"]}),
    (Manifest, "manifest", {"frame_chunks": [[0, 1, 0, 1, 0.0]]}),
    (Manifest, "manifest", {"frame_chunks": [[0, 1, 0, 1, 0.0, "later"]]}),
    (Timeline, "timeline", {"rank": np.zeros(1, np.uint32)}),
    (Frames, "frames/0", {"lengths": np.array([1 << 30, 1], np.uint32)}),
    (Frames, "frames/0", {"offsets": np.zeros(3, np.uint32)}),
    (Frames, "frames/0", {"offsets": np.zeros(0, np.uint32)}),
    (Attention, "attention/23/0", {"query_start": 1 << 60}),
    (Attention, "attention/23/0", {"rows": 3}),
    (Attention, "attention/23/0", {"scale": np.ones((1, 1), np.float32)}),
    (Norms, "norms", {"mlp_norm": np.zeros(6, np.float32)}),
    (VocabularyPart, "vocabulary", {"size": 3}),
    (VocabularyPart, "vocabulary", {"size": -1}),
    (VocabularyPart, "vocabulary", {"size": "2"}),
    (VocabularyPart, "vocabulary", {"text": "one two"}),
    (VocabularyPart, "vocabulary", {"text": np.zeros(6, np.uint8)}),
    (VocabularyPart, "vocabulary", {"types": np.zeros(3, np.uint8)}),
    (VocabularyPart, "vocabulary", {"types": np.zeros(2, np.uint16)}),
    (VocabularyPart, "vocabulary", {"offsets": np.array([0, 7], np.uint32)}),
    (VocabularyPart, "vocabulary", {"offsets": np.array([4, 3, 7], np.uint32)}),
    (VocabularyPart, "vocabulary", {"offsets": np.array([0, 3, 1 << 31], np.uint32)}),
    (VocabularyPart, "vocabulary", {"offsets": np.zeros(0, np.uint32), "size": -1}),
    *(
        (PositionsPart, f"positions/{method}", change)
        for method in METHODS
        for change in (
            {"method": "tsne"},
            {"points": np.ones((2, 2), np.float32)},
            {"points": np.ones((3, 3), np.float32)},
            {"points": np.ones(6, np.float32)},
            {"points": np.full((2, 3), np.inf, np.float32)},
            {"points": np.ones((2, 3), np.float64)},
            {"radius": np.ones(3, np.float32)},
            {"radius": np.array([1, np.nan], np.float32)},
            {"radius": np.array([1, -1], np.float32)},
            {"extent": float("nan")},
            {"extent": "wide"},
            {"extent": -1.0},
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(("cls", "name", "change"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_leads_out_of_a_part_is_refused(cls: type, name: str, change: dict[str, Any]) -> None:
    assert archive.decode(cls, SESSION[name]) is not None
    with pytest.raises(codec.CodecError):
        archive.decode(cls, codec.encode(codec.decode(SESSION[name]) | change))
