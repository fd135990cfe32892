"""A session's file: what is written is read; what is damaged, cut off or hostile is never shown."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cloudchamber.sessions import container_format
from cloudchamber.sessions.container import open_container
from cloudchamber.sessions.container_format import ContainerError
from cloudchamber.sessions.container_writer import write_container
from cloudchamber.sessions.from_recording import MemoryArchive, from_recording
from cloudchamber.telemetry import codec
from cloudchamber.telemetry.recording import read_recording

FIXTURE = Path(__file__).parents[2] / "playwright/fixtures/smollm2.chamber"
PARTS = {
    "manifest": codec.encode({"format": 1, "title": "Tiny", "steps": 3}),
    "timeline": codec.encode({"p": np.linspace(0, 1, 40, dtype=np.float32)}),
    "tokens/0": codec.encode({"tokens": ["a", "b", "c"] * 30}),
    "attention/0/0": codec.encode({"weights": np.zeros((8, 8), np.uint8)}),
}


@pytest.fixture
def small(tmp_path: Path) -> bytes:
    write_container(tmp_path / "small", MemoryArchive(PARTS))
    return (tmp_path / "small").read_bytes()


def test_a_real_session_comes_back_byte_for_byte(tmp_path: Path) -> None:
    session = from_recording(read_recording(FIXTURE))
    told: list[tuple[int, int]] = []
    path = tmp_path / "run.cloudchamber"
    size = write_container(path, session, progress=lambda done, count: told.append((done, count)))
    assert size == path.stat().st_size
    assert told[0] == (0, 11)
    assert told[-1] == (11, 11)
    with open_container(path) as read:
        assert list(read.names()) == list(session.names())
        for name in session.names():
            assert read.part(name) == session.part(name)
        assert read.part("frames/99") is None


def test_some_parts_can_be_left_out(tmp_path: Path) -> None:
    write_container(tmp_path / "some", MemoryArchive(PARTS), ["tokens/0", "manifest"])
    assert list(open_container(tmp_path / "some").names()) == ["tokens/0", "manifest"]


def test_the_same_parts_make_the_same_file(tmp_path: Path, small: bytes) -> None:
    write_container(tmp_path / "again", MemoryArchive(PARTS))
    assert (tmp_path / "again").read_bytes() == small


def shown(data: bytes) -> dict[str, bytes | None]:
    """All that a reader gets to see of a file before it is refused."""
    parts: dict[str, bytes | None] = {}
    try:
        read = open_container(data)
    except ContainerError:
        return parts
    for name in [*read.names(), *PARTS]:
        try:
            parts[name] = read.part(name)
        except ContainerError:
            continue
    return parts


def test_a_file_cut_off_at_any_byte_is_refused(small: bytes) -> None:
    for length in range(len(small)):
        with pytest.raises(ContainerError):
            open_container(small[:length])


def test_with_any_bit_changed_nothing_wrong_is_shown(small: bytes) -> None:
    for at in range(len(small)):
        for bit in range(8):
            damaged = bytearray(small)
            damaged[at] ^= 1 << bit
            parts = shown(bytes(damaged))
            assert len(parts) < len(PARTS), f"bit {bit} of byte {at} went unnoticed"
            assert all(body == PARTS[name] for name, body in parts.items())


def test_with_bytes_put_in_or_taken_out_nothing_wrong_is_shown(small: bytes) -> None:
    for at in range(len(small)):
        for damaged in (small[:at] + b"\0" + small[at:], small[:at] + small[at + 1 :]):
            assert not shown(damaged)


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    path.write_bytes(b"before")
    with pytest.raises(ContainerError, match="does not hold the part frames/0"):
        write_container(path, MemoryArchive(PARTS), ["manifest", "frames/0"])
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "name", ["../etc/passwd", "/manifest", "manifest/", "a//b", "Manifest", "a.b", "", "a\nb", "x" * 97, "ä"]
)
def test_names_outside_the_alphabet_are_not_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(ContainerError, match="not the name of a part"):
        write_container(tmp_path / "bad", MemoryArchive({name: b"x"}))


# ------------------------------------------------------------------------------- hostile files


def craft(version: int = 1, body: bytes = b"", **changed: Any) -> bytes:
    """A file with right checksums and an index as wished."""
    stored = gzip.compress(PARTS["manifest"], mtime=0)
    columns: dict[str, Any] = {
        "names": np.frombuffer(b"manifest", np.uint8),
        "coding": np.array([container_format.GZIP], np.uint8),
        "stored": np.array([len(body or stored)], np.uint32),
        "raw": np.array([len(PARTS["manifest"])], np.uint32),
        "sha256": np.frombuffer(hashlib.sha256(body or stored).digest(), np.uint8).reshape(1, 32),
    }
    columns |= changed
    index = codec.encode({name: value for name, value in columns.items() if value is not None})
    header = container_format.HEADER.pack(container_format.MAGIC, version)
    footer = container_format.FOOTER.pack(
        len(index), container_format.seal(header, index), container_format.END_MAGIC
    )
    return header + (body or stored) + index + footer


def test_the_crafted_file_is_read_when_nothing_is_wrong_with_it() -> None:
    assert open_container(craft()).part("manifest") == PARTS["manifest"]


def u4(*values: int) -> Any:
    return np.array(values, np.uint32)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"version": 2}, "is of version 2"),
        ({"names": np.frombuffer(b"../x", np.uint8)}, "not the name of a part"),
        ({"names": np.frombuffer(b"\xff\xfe", np.uint8)}, "holds a name"),
        ({"names": np.frombuffer(b"a\na", np.uint8)}, "named twice"),
        ({"names": np.frombuffer(b"a\nb", np.uint8)}, "differ in length"),
        ({"names": "manifest"}, "no column names"),
        ({"coding": None}, "no column coding"),
        ({"coding": np.array([7], np.uint8)}, "in a coding"),
        ({"stored": u4(1)}, "do not fill it"),
        ({"stored": u4(0xFFFFFFFF)}, "do not fill it"),
        ({"raw": u4(0xFFFFFFFF)}, "larger than they can be"),
        ({"raw": u4(200_000)}, "larger than they can be"),
        ({"raw": np.array([40.0], np.float32)}, "no column raw"),
        ({"sha256": np.zeros((1, 31), np.uint8)}, "differ in length"),
        ({"sha256": np.zeros((32,), np.uint8)}, "no column sha256"),
    ],
)
def test_an_index_that_lies_is_refused(changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ContainerError, match=sentence):
        open_container(craft(**changed))


@pytest.mark.parametrize("raw", [len(PARTS["manifest"]) - 1, len(PARTS["manifest"]) + 1])
def test_a_part_of_another_length_than_promised_is_refused(raw: int) -> None:
    with pytest.raises(ContainerError, match="can't be unpacked"):
        open_container(craft(raw=u4(raw))).part("manifest")


def test_a_bomb_is_never_inflated_past_its_promise() -> None:
    bomb = gzip.compress(bytes(50_000_000), mtime=0)
    with pytest.raises(ContainerError, match="can't be unpacked"):
        open_container(craft(body=bomb, raw=u4(1000))).part("manifest")


def test_two_gzip_members_are_not_one_part() -> None:
    twice = gzip.compress(PARTS["manifest"], mtime=0) * 2
    with pytest.raises(ContainerError, match="can't be unpacked"):
        open_container(craft(body=twice)).part("manifest")


def test_a_nested_index_is_refused() -> None:
    header = container_format.HEADER.pack(container_format.MAGIC, 1)
    index = b"\x91" * 100_000
    footer = container_format.FOOTER.pack(
        len(index), container_format.seal(header, index), container_format.END_MAGIC
    )
    with pytest.raises(ContainerError, match="index is not valid"):
        open_container(header + index + footer)


class Vanishing:
    """An archive one of whose parts went away since it was listed."""

    def names(self) -> Iterable[str]:
        return ["manifest", "timeline"]

    def part(self, name: str) -> bytes | None:
        return PARTS["manifest"] if name == "manifest" else None


def test_a_part_that_went_away_is_told(tmp_path: Path) -> None:
    with pytest.raises(ContainerError, match="timeline"):
        write_container(tmp_path / "gone", Vanishing())
