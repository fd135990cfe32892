"""A session that only shows a file: no model, no run, nothing to be told."""

from __future__ import annotations

from cloudchamber.server.replay import ReplaySession
from cloudchamber.sessions.file_store import FileStore
from cloudchamber.telemetry.recording import Recording


class FileSession(ReplaySession):
    """The page replays the file by itself; the server hands out its parts."""

    def __init__(self, store: FileStore) -> None:
        super().__init__(Recording())
        self.store = store
        self._model_name = store.manifest.model.model.name

    @property
    def model_name(self) -> str:
        return self._model_name
