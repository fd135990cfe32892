"""A store that holds one session's file, for a server that shows it: it can be read and not changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from cloudchamber.sessions import archive
from cloudchamber.sessions.archive import (
    Archive,
    Attention,
    ExactDistribution,
    Frames,
    Manifest,
    Norms,
    Timeline,
    Tokens,
)
from cloudchamber.sessions.archive_bodies import PositionsPart, VocabularyPart
from cloudchamber.sessions.container_format import ContainerError
from cloudchamber.sessions.store import Store
from cloudchamber.sessions.store_archive import StoreArchive
from cloudchamber.sessions.store_list import SessionInfo
from cloudchamber.sessions.store_schema import StoreError
from cloudchamber.telemetry.codec import CodecError

UNNAMED: Final = "0" * 16
"""Id of a session whose own could be no address."""
_CLASSES: Final[dict[str, type]] = {
    "manifest": Manifest,
    "timeline": Timeline,
    "tokens": Tokens,
    "frames": Frames,
    "norms": Norms,
    "attention": Attention,
    "distribution": ExactDistribution,
    "vocabulary": VocabularyPart,
    "positions": PositionsPart,
}
"""Of a part, by the first word of its name."""
ONLY_READ: Final = "This is a session's file: it is shown as it is."


class FileStore(Store):
    """The one session of an archive, under its own id."""

    only_read = True

    def __init__(self, path: Path, session: Archive) -> None:
        """Raises `ContainerError` if its manifest can't be read."""
        super().__init__(path)
        try:
            manifest = archive.read(session, Manifest, archive.MANIFEST)
        except CodecError as error:
            raise ContainerError(f"The session's manifest is not valid: {error}.") from error
        if manifest is None:
            raise ContainerError("The session has no manifest.")
        self.manifest = manifest
        self.session = manifest.id if archive.is_session_id(manifest.id) else UNNAMED
        self._kept = _KeptArchive(session)
        self._bytes = path.stat().st_size

    def list(self) -> Sequence[SessionInfo]:
        info = SessionInfo(
            id=self.session,
            title=self.manifest.title,
            model=self.manifest.model.model.name,
            created=self.manifest.created,
            seconds=self.manifest.seconds,
            steps=self.manifest.steps,
            bytes=self._bytes,
            complete=True,
            running=False,
            pinned=True,
            goes_next=False,
        )
        return [info]

    def archive(self, session: str) -> StoreArchive | None:
        return self._kept if session == self.session else None

    @property
    def used(self) -> int:
        return self._bytes

    def rename(self, session: str, title: str) -> bool:
        raise StoreError("failed", ONLY_READ)

    def pin(self, session: str, pinned: bool) -> bool:
        raise StoreError("failed", ONLY_READ)

    def delete(self, session: str) -> bool:
        raise StoreError("failed", ONLY_READ)


class _KeptArchive(StoreArchive):
    """The file's parts where a session of the store would be."""

    def __init__(self, session: Archive) -> None:
        self._session = session

    def part(self, name: str) -> bytes | None:
        """A page takes what a server hands out for what it should be: here it may be a stranger's."""
        cls = _CLASSES.get(name.partition("/")[0])
        try:
            body = self._session.part(name)
            if body is not None and cls is not None:
                archive.decode(cls, body)
        except ContainerError as error:
            raise StoreError("failed", str(error)) from error
        except CodecError as error:
            raise StoreError("damaged", f"The session's {name} is not valid: {error}.") from error
        return body

    def stored(self, name: str) -> tuple[str, bytes] | None:
        """Nothing lies there as the store would have it."""
        return None

    def names(self) -> Iterable[str]:
        return self._session.names()

    @property
    def is_complete(self) -> bool:
        return True
