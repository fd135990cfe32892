"""The parts of a session: their names, and their way through bytes and back."""

from __future__ import annotations

import numpy as np
import pytest

from cloudchamber.sessions import archive
from cloudchamber.sessions.archive import (
    FrameChunk,
    Frames,
    Manifest,
    PhaseChange,
    StoredFrame,
    Timeline,
    Tokens,
)
from cloudchamber.telemetry import codec
from cloudchamber.telemetry.messages import Frame
from tests.telemetry import samples


@pytest.mark.parametrize(
    "name",
    [
        "manifest",
        "timeline",
        "tokens/0",
        "frames/17",
        "attention/29/3",
        "distribution/4000",
        "positions/umap",
    ],
)
def test_names_of_parts_are_known(name: str) -> None:
    assert archive.is_part_name(name)


@pytest.mark.parametrize(
    "name",
    ["", "..", "../manifest", "manifest/", "tokens/", "tokens/01", "tokens/-1", "frames/1/2", "tokens/1\n",
     "attention/1", "positions/tsne", "distribution/9999999999", "tokens/１", "MANIFEST"],
)  # fmt: skip
def test_nothing_else_is_a_name(name: str) -> None:
    assert not archive.is_part_name(name)


def test_frames_come_back_whole_and_aligned() -> None:
    frames = [
        StoredFrame(number, number / 30, codec.encode(Frame(number=number, time=0.0, first_seq=1 << number)))
        for number in (3, 4, 9, 31)
    ]
    part = archive.decode(Frames, archive.encode(Frames.of(frames)))
    assert list(part) == frames
    assert not (part.offsets % 8).any()
    assert part.offsets[-1] == part.data.nbytes


def test_data_of_frames_is_aligned_in_the_message() -> None:
    encoded = archive.encode(Frames.of([StoredFrame(1, 0.0, b"\xc1" * 40)]))
    assert encoded.index(b"\xc1" * 40) % 8 == 0


def test_a_manifest_comes_back() -> None:
    manifest = Manifest(
        id="0" * 16, title="a", created=1.0, seconds=2.0, steps=513, frames=3, complete=False,
        model=samples.model_loaded(),
        started=samples.run_started(), vocabulary_hash="v", positions=["pca"],
        frame_chunks=[FrameChunk(0, 2, 0, 500, 0.0, 1.0), FrameChunk(2, 1, 500, 13, 1.1, 2.0)],
        phases=[PhaseChange(0.5, "running")],
    )  # fmt: skip
    back = archive.decode(Manifest, archive.encode(manifest))
    assert back.frame_chunks == manifest.frame_chunks
    assert back.phases == manifest.phases
    assert back.prompt is None
    assert codec.encode(back) == codec.encode(manifest)
    assert archive.parts_of(back) == [
        "manifest", "timeline", "tokens/0", "tokens/1", "frames/0", "frames/1", "vocabulary", "positions/pca",
    ]  # fmt: skip
    assert all(map(archive.is_part_name, archive.parts_of(back)))


def test_a_manifest_of_before_there_were_phases_has_none() -> None:
    manifest = Manifest(
        id="0" * 16, title="a", created=1.0, seconds=2.0, steps=0, frames=1, complete=True,
        model=samples.model_loaded(), started=samples.run_started(),
    )  # fmt: skip
    older = codec.decode(archive.encode(manifest))
    del older["phases"]
    assert archive.decode(Manifest, codec.encode(older)).phases == []


def test_a_timeline_is_of_its_tokens() -> None:
    token = samples.token(7)
    tokens = archive.decode(Tokens, archive.encode(Tokens(tokens=[token])))
    timeline = archive.decode(Timeline, archive.encode(Timeline.of([0.5], tokens.tokens)))
    assert timeline.time.tolist() == [0.5]
    assert timeline.token.tolist() == [tokens.tokens[0].token_id]
    assert timeline.p[0] == np.float32(tokens.tokens[0].probability)


@pytest.mark.parametrize(
    ("prompt", "title"),
    [
        ("  Why is\n the sky blue? ", "Why is the sky blue?"),
        ("", "Untitled"),
        ("word " * 40, "word word word word word word word word word word word…"),
        ("x" * 99, "x" * 59 + "…"),
    ],
)
def test_titles_are_the_first_words(prompt: str, title: str) -> None:
    assert archive.title_of(prompt) == title
    assert len(title) <= 60
