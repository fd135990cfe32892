"""Share links: who may come in by which, until when. Only hashes of the secrets are kept."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import apsw

type SharedRight = Literal["viewer", "controller"]

SECRET_BYTES: Final = 18
"""144 random bits, 24 characters."""
SHARES_FILE: Final = "shares.db"
"""Beside the sessions."""
MEMORY: Final = ":memory:"
REMEMBERED: Final = 30 * 86400.0
"""Seconds for which a link that is over is still told from one that never was."""
BUSY_MILLISECONDS: Final = 1000
MAX_SHARES: Final = 1000

_TABLE: Final = """
create table if not exists share (
    id text primary key,
    secret_hash blob not null unique,
    access text not null,
    session text not null,
    place text not null,
    created real not null,
    expires real not null,
    revoked real
) strict, without rowid
"""
_COLUMNS: Final = "id, access, session, created, expires, revoked"


class SharesError(Exception):
    """A link that can't be made; the text is a sentence for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One link. Times are Unix seconds."""

    id: str
    right: SharedRight
    session: str
    """A kept session's id, or "live"."""
    created: float
    expires: float
    revoked: float | None

    def over(self, now: float) -> bool:
        return self.revoked is not None or now >= self.expires


class Shares:
    """All links of a data folder.

    `place` is where this server is found, `host:port`: a link to the live chamber of one server
    is none to another's that uses the same folder, but lives on when the server starts anew.
    """

    def __init__(
        self, path: Path | str = MEMORY, place: str = "", now: Callable[[], float] = time.time
    ) -> None:
        """Raises `apsw.Error` if the file can't be used."""
        self._place = place
        self._now = now
        self._connection = apsw.Connection(str(path))
        self._connection.set_busy_timeout(BUSY_MILLISECONDS)
        self._connection.execute(_TABLE)
        if not self._connection.readonly("main"):
            self._connection.execute("delete from share where expires < ?", (now() - REMEMBERED,))

    def close(self) -> None:
        self._connection.close()

    def make(self, *, session: str, right: SharedRight, seconds: float) -> tuple[Share, str]:
        """A new link and its secret, which is told this once. Raises `SharesError`."""
        if len(self.valid()) >= MAX_SHARES:
            raise SharesError(f"There are {MAX_SHARES:,} links already; withdraw some.")
        secret = secrets.token_urlsafe(SECRET_BYTES)
        now = self._now()
        share = Share(
            id=secrets.token_hex(8),
            right=right,
            session=session,
            created=now,
            expires=now + seconds,
            revoked=None,
        )
        place = self._place if session == "live" else ""
        row = (share.id, _hash(secret), right, session, place, now, share.expires)
        try:
            self._connection.execute("insert into share values (?, ?, ?, ?, ?, ?, ?, null)", row)
        except apsw.Error as error:
            raise SharesError(f"The link can't be kept: {error}.") from error
        return share, secret

    def of(self, secret: str) -> Share | None:
        """The link of a secret, be it over or not; None if there never was one here."""
        return self._one("secret_hash = ? and place in ('', ?)", (_hash(secret), self._place))

    def valid(self) -> list[Share]:
        """Links that still let someone in, the newest first."""
        where = "revoked is null and expires > ? and place in ('', ?) order by created desc, id"
        return self._some(where, (self._now(), self._place))

    def revoke(self, share_id: str) -> bool:
        """End a link. False if there is none of that id, or it is over already."""
        share = self._one("id = ? and place in ('', ?)", (share_id, self._place))
        if share is None or share.over(self._now()):
            return False
        self._connection.execute("update share set revoked = ? where id = ?", (self._now(), share_id))
        return True

    def revoke_session(self, session: str) -> list[str]:
        """End all links of a session that is no more; their ids."""
        ended = [share.id for share in self.valid() if share.session == session]
        for share_id in ended:
            self.revoke(share_id)
        return ended

    def _one(self, where: str, values: tuple[bytes | str | float, ...]) -> Share | None:
        return next(iter(self._some(where, values)), None)

    def _some(self, where: str, values: tuple[bytes | str | float, ...]) -> list[Share]:
        rows = self._connection.execute(f"select {_COLUMNS} from share where {where}", values)  # noqa: S608
        return [
            Share(id=id_, right=right, session=session, created=created, expires=expires, revoked=revoked)
            for id_, right, session, created, expires, revoked in rows
        ]


def withdraw_links(folder: Path, session: str) -> None:
    """End the links of a session that is no more, as far as their file can be used: they lead nowhere."""
    if not (folder / SHARES_FILE).exists():
        return
    with suppress(apsw.Error), closing(Shares(folder / SHARES_FILE)) as shares:
        shares.revoke_session(session)


def _hash(secret: str) -> bytes:
    """Of 144 random bits, so that no salt and no slow hash is needed."""
    return hashlib.sha256(secret.encode()).digest()
