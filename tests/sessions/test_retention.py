"""What goes when room is needed: the oldest, but nothing pinned, running, or not named before."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudchamber.sessions.retention import (
    NOTICE_SECONDS,
    TELL_BEFORE,
    TELL_FROM,
    goes_next,
    goes_now,
    in_words,
    is_due,
    size_of,
    tells_from,
)


@dataclass(frozen=True)
class Session:
    """What retention looks at."""

    id: str
    created: float
    bytes: int
    complete: bool = True
    pinned: bool = False


sessions = st.lists(
    st.builds(
        Session,
        id=st.uuids().map(str),
        created=st.floats(0, 1e9),
        bytes=st.integers(0, 1000),
        complete=st.booleans(),
        pinned=st.booleans(),
    ),
    max_size=12,
)


@given(sessions, st.integers(0, 5000), st.integers(0, 5000))
def test_just_enough_goes_oldest_first(kept: list[Session], used: int, limit: int) -> None:
    going = goes_next(kept, used, limit)
    removable = sorted(
        (session for session in kept if session.complete and not session.pinned), key=lambda one: one.created
    )
    assert going == removable[: len(going)]
    excess = used - int(limit * TELL_FROM)
    freed = sum(session.bytes for session in going)
    assert freed >= excess or going == removable
    if going:
        assert freed - going[-1].bytes < excess, "one less would have done"


@given(st.integers(0, 10**12), st.floats(0, 1e9))
def test_a_quick_run_names_earlier(limit: int, pace: float) -> None:
    start = tells_from(limit, pace)
    assert int(limit * TELL_BEFORE) <= start <= int(limit * TELL_FROM)
    in_time = start + pace * NOTICE_SECONDS <= limit
    assert in_time or start == int(limit * TELL_BEFORE)


def test_what_was_named_goes_a_minute_later() -> None:
    assert [is_due(1000, now) for now in (1000, 1059, 1060, 5000)] == [False, False, True, True]
    assert is_due(1000, 900), "a clock that was set back keeps nothing for ever"


@given(sessions, st.integers(0, 5000), st.integers(0, 5000), st.sets(st.integers(0, 11)))
def test_only_what_was_named_goes(kept: list[Session], used: int, limit: int, named: set[int]) -> None:
    told = {session.id for i, session in enumerate(kept) if i in named}
    gone = goes_now(kept, told, used, limit)
    assert {session.id for session in gone} <= told
    assert used > limit or not gone


@pytest.mark.parametrize(
    ("text", "size"),
    [("10GB", 10**10), ("500 MB", 5 * 10**8), ("1.5TiB", 3 << 39), ("4096", 4096), ("2k", 2000), ("7 b", 7)],
)
def test_sizes_are_read_as_people_write_them(text: str, size: int) -> None:
    assert size_of(text) == size


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "1e9", "ten", "1.2.3GB", "5 XB", "²GB"])
def test_other_words_are_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="no size"):
        size_of(text)


def test_a_few_titles_are_named() -> None:
    assert in_words(["a"]) == "“a”"
    assert in_words(["a", "b", "c", "d", "e"]) == "“a”, “b”, “c” and 2 more"
