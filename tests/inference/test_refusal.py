"""Files refused by their header, before a worker is started for them."""

from __future__ import annotations

import asyncio
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudchamber.inference.options import EngineOptions
from cloudchamber.inference.refusal import CODE, refusal
from cloudchamber.inference.supervisor import Supervisor
from cloudchamber.telemetry.events import Event, ModelLoaded, Problem
from tests import tiny_models

OPTIONS = EngineOptions(n_ctx=256)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("good") / "good.gguf"
    tiny_models.write("llama", path)
    return path.read_bytes()


def with_number(good: bytes, key: str, value: int) -> bytes:
    """The file with another whole number under a key of its architecture's."""
    data = bytearray(good)
    name = f"llama.{key}".encode()
    at = data.find(struct.pack("<Q", len(name)) + name) + 8 + len(name)
    assert struct.unpack_from("<I", data, at) == (4,)
    struct.pack_into("<I", data, at + 4, value)
    return bytes(data)


@pytest.mark.parametrize("family", tiny_models.FAMILIES)
def test_a_model_that_runs_is_not_refused(tiny_model: Callable[[str], Path], family: str) -> None:
    assert refusal(tiny_model(family)) is None


def test_the_real_model_is_not_refused(smollm2: Path) -> None:
    assert refusal(smollm2) is None


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("block_count", 0, "names no layers"),
        ("block_count", 1 << 20, "claims 1,048,576 layers"),
        ("embedding_length", 1 << 20, "embedding_length of 1,048,576 can't be true"),
        ("embedding_length", 64, "claims a width of 64, and its embedding's is 128"),
        ("feed_forward_length", 0x7FFFFFFF, "feed_forward_length of 2,147,483,647 can't"),
        ("attention.head_count", 0xFFFFFFFF, "attention.head_count of 4,294,967,295 can't"),
        ("attention.head_count_kv", 1 << 20, "attention.head_count_kv of 1,048,576 can't"),
    ],
)
def test_numbers_that_no_model_has_are_refused(
    tmp_path: Path, good: bytes, key: str, value: int, words: str
) -> None:
    path = tmp_path / "absurd.gguf"
    path.write_bytes(with_number(good, key, value))
    problem = refusal(path)
    assert problem is not None
    assert problem.code == CODE
    assert words in problem.message
    assert problem.message.endswith(".")
    assert problem.hint


def test_what_is_no_model_is_refused(tmp_path: Path, good: bytes) -> None:
    contents = {
        "not a GGUF": b"PK and so on",
        "holds no weights": struct.pack("<4sIQQ", b"GGUF", 3, 0, 0),
        "the file ends before its tensor": good[: len(good) // 2],
        "can't be true": good[:8] + struct.pack("<Q", 1 << 63) + good[16:],
    }
    path = tmp_path / "none.gguf"
    for words, content in contents.items():
        path.write_bytes(content)
        problem = refusal(path)
        assert problem is not None
        assert words in problem.message


def test_what_never_answers_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.gguf")
    problem = refusal(tmp_path / "pipe.gguf")
    assert problem is not None
    assert problem.message == "pipe.gguf is not a file."
    gone = refusal(tmp_path / "gone.gguf")
    assert gone is not None
    assert "No such file" in gone.message


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(patches=st.lists(st.tuples(st.integers(0, 12_000), st.binary(min_size=1, max_size=8)), max_size=8))
def test_whatever_a_header_says_the_answer_comes_at_once(
    tmp_path: Path, good: bytes, patches: list[tuple[int, bytes]]
) -> None:
    data = bytearray(good)
    for at, patch in patches:
        data[at : at + len(patch)] = patch
    path = tmp_path / "wild.gguf"
    path.write_bytes(data)
    began = time.monotonic()
    problem = refusal(path)
    assert time.monotonic() - began < 1
    assert problem is None or problem.message.endswith((".", "?"))


def test_a_refused_file_leaves_what_runs_alone(tmp_path: Path, good: bytes) -> None:
    bad, fine = tmp_path / "bad.gguf", tmp_path / "fine.gguf"
    bad.write_bytes(good[:999])
    fine.write_bytes(good)
    heard: list[Event] = []

    async def scene() -> None:
        keeper = Supervisor(OPTIONS, heard.append, lambda _request, _reply: None)
        try:
            assert not await keeper.accepts(bad)
            assert keeper.state == "failed"
            assert keeper.pid is None
            assert await keeper.accepts(fine)
            assert await keeper.load(fine, "fine")
            pid = keeper.pid
            began = time.monotonic()
            assert not await keeper.accepts(bad)
            assert time.monotonic() - began < 1
            assert (keeper.state, keeper.pid) == ("ready", pid)
        finally:
            await keeper.close()

    asyncio.run(scene())
    assert [event.code for event in heard if isinstance(event, Problem)] == [CODE, CODE]
    assert sum(isinstance(event, ModelLoaded) for event in heard) == 1
