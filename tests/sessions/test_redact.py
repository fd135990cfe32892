"""Taking the prompt out, taking a part along, and choosing the layer that goes with it."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cloudchamber.sessions import archive
from cloudchamber.sessions.archive import Attention, Frames, Manifest
from cloudchamber.sessions.from_recording import MemoryArchive, from_recording
from cloudchamber.sessions.informative import choose_layer, head_score, layer_score
from cloudchamber.sessions.redact import REDACTED_ID, Excerpt, Redacted
from cloudchamber.telemetry import codec, typed
from cloudchamber.telemetry.events import RunStarted
from cloudchamber.telemetry.messages import Frame
from cloudchamber.telemetry.recording import read_recording

FIXTURE = Path(__file__).parents[2] / "playwright/fixtures/smollm2.chamber"
PROMPT = "Wolpertinger zyzzyva: the vault opens with quixotry-7731"
WORDS = ("Wolpertinger", "zyzzyva", "vault opens", "quixotry-7731")
IDS = np.arange(30_011, 30_055, dtype=np.uint32)


@pytest.fixture(scope="module")
def session() -> MemoryArchive:
    """The recorded run as if that prompt had been given."""
    recording = read_recording(FIXTURE)
    recording.frames = [(time, with_prompt(data)) for time, data in recording.frames]
    return from_recording(recording)


def with_prompt(data: bytes) -> bytes:
    frame = typed.message(codec.decode(data))
    assert isinstance(frame, Frame)
    events = [
        replace(event, prompt=PROMPT, prompt_ids=IDS) if isinstance(event, RunStarted) else event
        for event in frame.events
    ]
    return codec.encode(replace(frame, events=events))


def traces(body: bytes) -> list[str]:
    """What of the prompt is in these bytes: its words, or two of its ids that follow one another."""
    found = [word for word in WORDS if word.encode() in body]
    for dtype in ("<u4", "<u2", "<i8", "<f4"):
        pairs = ((a, b) for a, b in itertools.pairwise(IDS.astype(dtype)))
        found += [f"ids as {dtype}" for a, b in pairs if a.tobytes() + b.tobytes() in body]
    return found


def everything(held: archive.Archive) -> bytes:
    return b"".join(held.part(name) or b"" for name in held.names())


def test_the_prompt_is_in_the_session_and_nowhere_in_the_redacted_one(session: MemoryArchive) -> None:
    assert {*WORDS, "ids as <u4"} <= set(traces(everything(session)))
    assert traces(everything(Redacted(session))) == []


def test_the_redacted_session_is_otherwise_the_same(session: MemoryArchive) -> None:
    redacted = Redacted(session)
    assert list(redacted.names()) == list(session.names())
    changed = [name for name in session.names() if session.part(name) != redacted.part(name)]
    assert changed == ["manifest", "frames/0"]
    manifest = archive.read(redacted, Manifest, "manifest")
    assert manifest is not None
    assert manifest.redacted
    assert manifest.started.prompt_ids.tolist() == [REDACTED_ID] * len(IDS)
    before, after = (archive.read(held, Frames, "frames/0") for held in (session, redacted))
    assert before is not None
    assert after is not None
    for kept, shown in zip(before, after, strict=True):
        assert (shown.number, shown.time) == (kept.number, kept.time)
        was, now = codec.decode(kept.data), codec.decode(shown.data)
        assert [event["kind"] for event in now["events"]] == [event["kind"] for event in was["events"]]
        assert len(now["state"]) == len(was["state"])
    assert redacted.part("frames/99") is None


def with_layers(
    session: MemoryArchive, weights: dict[int, np.ndarray[tuple[int, int], np.dtype[np.uint8]]]
) -> MemoryArchive:
    """The session with one head's attention u1[64, 64] in each of these layers, and exact distributions."""
    manifest = archive.read(session, Manifest, "manifest")
    assert manifest is not None
    parts = {name: session.part(name) or b"" for name in session.names()}
    for layer, rows in weights.items():
        totals = np.maximum(rows.sum(1, dtype=np.float32), 1)[:, None]
        part = Attention(
            query_start=0,
            rows=64,
            heads=1,
            keys=64,
            scale=(1 / totals).astype(np.float32),
            sink=np.zeros((64, 1), np.float32),
            weights=rows[:, None, :],
        )
        parts[f"attention/{layer}/0"] = archive.encode(part)
    parts["distribution/0"] = b"x"
    layers = sorted({23, *weights})
    parts["manifest"] = archive.encode(replace(manifest, attention_layers=layers, distribution_exact=True))
    return MemoryArchive(parts)


def rows_of(kind: str) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    rows = np.zeros((64, 64), np.uint8)
    for query in range(64):
        match kind:
            case "first":
                rows[query, 0] = 255
            case "previous":
                rows[query, max(query - 1, 0)] = 255
            case "even":
                rows[query, : query + 1] = 1
            case "tokens":
                rows[query, np.random.default_rng(query).integers(0, query + 1)] = 255
    return rows


def test_an_excerpt_takes_some_layers_along_and_says_so(session: MemoryArchive) -> None:
    whole = with_layers(session, {2: rows_of("even"), 3: rows_of("previous")})
    excerpt = Excerpt(whole, {3})
    left_out = set(whole.names()) - set(excerpt.names())
    assert left_out == {"attention/2/0", "attention/23/0", "attention/23/1", "distribution/0"}
    assert all(excerpt.part(name) is None for name in left_out)
    manifest = archive.read(excerpt, Manifest, "manifest")
    assert manifest is not None
    assert manifest.attention_layers == [3]
    assert manifest.attention_error == pytest.approx(1 / 255 / 2)
    assert not manifest.distribution_exact


def test_rows_that_were_not_captured_make_no_number_none(session: MemoryArchive) -> None:
    whole = with_layers(session, {2: rows_of("tokens"), 3: rows_of("previous")})
    for layer in (2, 3):
        part = archive.read(whole, Attention, f"attention/{layer}/0")
        assert part is not None
        scale = part.scale.copy()
        scale[20:30] = np.nan
        body = archive.encode(replace(part, scale=scale))
        whole = MemoryArchive(whole._parts | {f"attention/{layer}/0": body})
    manifest = archive.read(Excerpt(whole, {3}), Manifest, "manifest")
    assert manifest is not None
    assert manifest.attention_error == pytest.approx(1 / 255 / 2)
    assert layer_score(whole, 2) > layer_score(whole, 3) > -1


def test_a_head_that_finds_tokens_says_more_than_one_that_only_keeps_its_distance(
    session: MemoryArchive,
) -> None:
    whole = with_layers(
        session,
        {1: rows_of("first"), 2: rows_of("even"), 3: rows_of("previous"), 4: rows_of("tokens")},
    )
    scores = {layer: layer_score(whole, layer) for layer in (1, 2, 3, 4)}
    assert scores[1] == 0
    assert scores[2] < 0.05  # the mean by distance is of rows of different lengths
    assert scores[3] == pytest.approx(0, abs=1e-9)
    assert scores[4] > 0.5
    manifest = archive.read(whole, Manifest, "manifest")
    assert manifest is not None
    chosen = choose_layer(whole, replace(manifest, attention_layers=[1, 2, 3, 4]))
    assert chosen == (4, scores[4])


def test_the_score_is_the_divergence_from_the_mean_by_distance() -> None:
    """Two queries that each put all but what they park on one key, at different distances."""
    near, far = np.array([0.5, 0, 0, 0.5]), np.array([0.5, 0.5, 0, 0])
    rows = [(3, near.astype(np.float32)), (3, far.astype(np.float32))]
    assert head_score(rows) == pytest.approx(0.5 * np.log(2))


def test_without_attention_there_is_no_layer_to_choose(session: MemoryArchive) -> None:
    manifest = archive.read(session, Manifest, "manifest")
    assert manifest is not None
    assert choose_layer(session, replace(manifest, attention_layers=[])) is None
