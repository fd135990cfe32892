"""Who is in by which link: a link that ends takes its open connections with it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from cloudchamber.server.limits import Bucket
from cloudchamber.server.rights import EXPIRED, REVOKED, UNAUTHORISED, Access, Grant, Refusal
from cloudchamber.sessions.shares import Shares

LONGEST_SLEEP = 3600.0
RUNS = (1.0, 10.0)
"""Runs that all guests together may begin, a second and at once: each ends the one before."""


class Admissions:
    """The links, and the connections that hold on to them. One event loop."""

    def __init__(self, shares: Shares, now: Callable[[], float] = time.time) -> None:
        self.shares = shares
        self._now = now
        self._open: dict[str, set[asyncio.Event]] = {}
        self.runs = Bucket(*RUNS)

    def admit(self, secret: str) -> Access:
        """What a link's secret allows."""
        share = self.shares.of(secret)
        if share is None:
            return UNAUTHORISED
        if share.revoked is not None:
            return REVOKED
        if share.over(self._now()):
            return EXPIRED
        return Grant(share.right, of=share.session, share=share.id, until=share.expires)

    async def over(self, grant: Grant) -> Refusal:
        """Wait until a grant ends; why it did. The owner's never does."""
        if not grant.share:
            await asyncio.Event().wait()
        revoked = asyncio.Event()
        waiting = self._open.setdefault(grant.share, set())
        waiting.add(revoked)
        try:
            while (left := grant.until - self._now()) > 0:
                try:
                    async with asyncio.timeout(min(left, LONGEST_SLEEP)):
                        await revoked.wait()
                        return REVOKED
                except TimeoutError:
                    continue
            return EXPIRED
        finally:
            waiting.discard(revoked)
            if not waiting:
                self._open.pop(grant.share, None)

    def revoke(self, share_id: str) -> bool:
        """End a link, and now the connections of those who came by it."""
        done = self.shares.revoke(share_id)
        self._cut(share_id)
        return done

    def revoke_session(self, session: str) -> None:
        """End all links of a session that is no more."""
        for share_id in self.shares.revoke_session(session):
            self._cut(share_id)

    def viewers(self, share_id: str) -> int:
        """Open connections that came by a link."""
        return len(self._open.get(share_id, ()))

    def _cut(self, share_id: str) -> None:
        for event in self._open.get(share_id, ()):
            event.set()
