"""A session without its prompt, and a session of which only some parts go along.

Both are archives over an archive: what they change is told in the manifest they show.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Final

import numpy as np

from cloudchamber.sessions import archive
from cloudchamber.sessions.archive import Archive, Attention, Frames, Manifest, StoredFrame
from cloudchamber.telemetry import codec, typed
from cloudchamber.telemetry.events import RunStarted
from cloudchamber.telemetry.messages import Frame

REDACTED_ID: Final = 0xFFFFFFFF
"""Stands for each token of a prompt that was taken out: their number is kept, as positions need it."""
REDACTED_TITLE: Final = "Prompt withheld"


class Redacted:
    """An archive without the prompt's text and token ids, anywhere in it.

    What the model answered stays, and numbers stay: a page can still show where it looked.
    """

    def __init__(self, base: Archive) -> None:
        self._base = base

    def names(self) -> Iterable[str]:
        return self._base.names()

    def part(self, name: str) -> bytes | None:
        body = self._base.part(name)
        if body is None:
            return None
        if name == archive.MANIFEST:
            return archive.encode(_without_prompt(archive.decode(Manifest, body)))
        if name.startswith("frames/"):
            return _frames_without_prompt(body)
        return body


def _without_prompt(manifest: Manifest) -> Manifest:
    return replace(
        manifest, title=REDACTED_TITLE, started=_started_without_prompt(manifest.started), redacted=True
    )


def _started_without_prompt(started: RunStarted) -> RunStarted:
    ids = np.full_like(started.prompt_ids, REDACTED_ID)
    return replace(started, prompt="", prompt_ids=ids)


def _frames_without_prompt(body: bytes) -> bytes:
    if RunStarted.kind.encode() not in body:
        return body
    frames = [StoredFrame(number, time, _frame_without_prompt(data)) for number, time, data in _read(body)]
    return archive.encode(Frames.of(frames))


def _read(body: bytes) -> Iterable[StoredFrame]:
    return archive.decode(Frames, body)


def _frame_without_prompt(data: bytes) -> bytes:
    frame = typed.message(codec.decode(data))
    if not isinstance(frame, Frame):
        raise codec.CodecError("a session's frame is none")
    if not any(isinstance(event, RunStarted) for event in frame.events):
        return data
    events = [
        _started_without_prompt(event) if isinstance(event, RunStarted) else event for event in frame.events
    ]
    return codec.encode(replace(frame, events=events))


class Excerpt:
    """An archive with the attention of some layers only, and the exact distributions if wished."""

    def __init__(self, base: Archive, layers: Collection[int], *, exact: bool = False) -> None:
        self._base = base
        self._layers = frozenset(layers)
        self._exact = exact
        self._names = [name for name in base.names() if self._goes(name)]

    def _goes(self, name: str) -> bool:
        kind, _, rest = name.partition("/")
        if kind == "attention":
            return int(rest.partition("/")[0]) in self._layers
        return self._exact or kind != "distribution"

    def names(self) -> Iterable[str]:
        return self._names

    def part(self, name: str) -> bytes | None:
        if not self._goes(name):
            return None
        body = self._base.part(name)
        if body is None or name != archive.MANIFEST:
            return body
        return archive.encode(self._manifest(archive.decode(Manifest, body)))

    def _manifest(self, manifest: Manifest) -> Manifest:
        layers = [layer for layer in manifest.attention_layers if layer in self._layers]
        error = max((self._error(name) for name in self._names if name.startswith("attention/")), default=0.0)
        exact = manifest.distribution_exact and self._exact
        return replace(manifest, attention_layers=layers, attention_error=error, distribution_exact=exact)

    def _error(self, name: str) -> float:
        part = archive.read(self._base, Attention, name)
        return 0.0 if part is None else part.error
