"""The session a person means: by id or title in the store, or a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Final

from cloudchamber.sessions.archive import Archive
from cloudchamber.sessions.compact_store import complete
from cloudchamber.sessions.container import open_container
from cloudchamber.sessions.container_format import SUFFIX, ContainerError
from cloudchamber.sessions.from_recording import from_recording
from cloudchamber.sessions.model_hash import complete_hash
from cloudchamber.sessions.store import Store
from cloudchamber.sessions.store_list import SessionInfo
from cloudchamber.sessions.store_room import Room
from cloudchamber.telemetry.recording import RecordingError, read_recording

NEWEST: Final = "newest"
_GZIP: Final = b"\x1f\x8b"


class NotFoundError(Exception):
    """There is no such session, or more than one; the text is a sentence for a person."""


def find(infos: Sequence[SessionInfo], text: str) -> SessionInfo:
    """The one session with this id or title, or with an id or title that begins so; `newest` is
    the newest. `infos` are newest first. Raises `NotFoundError`."""
    if text == NEWEST and infos:
        return infos[0]
    words = text.casefold()
    tests: tuple[Callable[[SessionInfo], bool], ...] = (
        lambda info: info.id == text,
        lambda info: info.title.casefold() == words,
        lambda info: info.id.startswith(text) or info.title.casefold().startswith(words),
    )
    for test in tests:
        found = [info for info in infos if test(info)] if text else []
        if len(found) == 1:
            return found[0]
        if found:
            ids = ", ".join(info.id for info in found[:5])
            raise NotFoundError(f"“{text}” could be any of {len(found)} sessions; name one by its id: {ids}.")
    raise NotFoundError(f"There is no session “{text}”; `cloudchamber sessions` lists them.")


@contextmanager
def opened(
    store: Store, text: str, *, still: bool = False, tell: Callable[[Room], None] = lambda _: None
) -> Iterator[Archive]:
    """The archive of the session that `text` names: a file's path, or as `find` has it.

    A run whose server ended before it was all taken in is completed first; that can take a while, and
    older sessions may have to go for it within the store's limit, of which `tell` is told. One
    that a server completes just now grows meanwhile; if it is to be `still`, that is waited for, and
    then nothing changes it, not even that it is deleted: good for an export, not for a long look.
    Raises `NotFoundError`, `ContainerError`, `RecordingError`, `StoreError`, `OSError`.
    """
    path = Path(text)
    if path.is_file():
        with _opened_file(path) as archive:
            yield archive
        return
    try:
        info = find(store.list(), text)
    except NotFoundError:
        if path.suffix == SUFFIX:
            raise NotFoundError(f"There is no file {path}.") from None
        raise
    if info.running:
        raise NotFoundError(f"“{info.title}” still runs; wait for its end, or stop it.")
    if not info.complete:
        store.recover()
    complete(store, info.id, wait=still, tell=tell)
    if still:
        complete_hash(store, info.id)
    with store.still(info.id) if still else nullcontext(store.archive(info.id)) as held:
        if held is None:
            raise NotFoundError(f"“{info.title}” was deleted just now.")
        yield held


@contextmanager
def _opened_file(path: Path) -> Iterator[Archive]:
    with path.open("rb") as file:
        start = file.read(len(_GZIP))
    if start != _GZIP:
        with open_container(path) as container:
            yield container
        return
    try:
        yield from_recording(read_recording(path))
    except RecordingError as error:
        raise ContainerError(str(error)) from error
