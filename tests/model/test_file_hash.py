"""A model's hash is that of its file, read once, a piece at a time, and never another file's."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cloudchamber.model import file_hash
from cloudchamber.model.file_hash import MORE, HashCache, digest, is_there, mark_of


def test_it_is_what_sha256sum_gives(tmp_path: Path) -> None:
    model = tmp_path / "model.gguf"
    model.write_bytes(os.urandom(3_000_001))
    assert digest(mark_of(model)) == hashlib.sha256(model.read_bytes()).hexdigest()


def test_of_a_split_model_it_is_that_of_its_files_in_order(tmp_path: Path) -> None:
    parts = [tmp_path / f"m-{number:05d}-of-00003.gguf" for number in (1, 2, 3)]
    for number, part in enumerate(parts):
        part.write_bytes(bytes([number]) * 1000)
    mark = mark_of(parts[0])
    assert digest(mark) == hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()
    parts[2].unlink()
    assert mark_of(parts[0]) == ""
    assert not is_there(mark)


def test_another_file_in_its_place_is_not_taken_for_it(tmp_path: Path) -> None:
    model = tmp_path / "model.gguf"
    model.write_bytes(b"one")
    mark = mark_of(model)
    model.write_bytes(b"two")
    os.utime(model, ns=(0, 1))
    assert digest(mark) == ""


def test_a_file_that_changes_while_it_is_read_has_no_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_hash, "PIECE_BYTES", 1 << 20)
    model = tmp_path / "model.gguf"
    model.write_bytes(bytes(3 << 20))
    reading = file_hash.pieces(mark_of(model))
    assert next(reading) == MORE
    os.utime(model, ns=(0, 1))
    assert list(reading)[-1] == ""


def test_what_is_known_is_kept_and_what_is_damaged_is_not_believed(tmp_path: Path) -> None:
    cache = HashCache(tmp_path / "new" / "hashes.json")
    assert cache.get("mark") == ""
    cache.put("mark", "a" * 64)
    cache.put("other", "b" * 64)
    assert HashCache(cache.path).get("mark") == "a" * 64
    for text in ("", "[]", "{", '{"mark": 5}', '{"mark": "\\u001b[31m"}', "[" * 100_000):
        cache.path.write_text(text)
        assert cache.get("mark") == ""


def test_the_process_reads_only_when_it_is_asked_to(tmp_path: Path) -> None:
    model = tmp_path / "model.gguf"
    with model.open("wb") as file:
        file.truncate(2 * file_hash.PIECE_BYTES + 1)
    command = [sys.executable, "-m", "cloudchamber.model.file_hash"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(mark_of(model) + "\n")
        answers = []
        for _ in range(3):
            process.stdin.write("\n")
            process.stdin.flush()
            answers.append(process.stdout.readline().strip())
        assert answers == [MORE, MORE, hashlib.sha256(bytes(2 * file_hash.PIECE_BYTES + 1)).hexdigest()]
        process.stdin.close()
        assert process.wait(10) == 0


def test_a_name_of_no_parts_has_no_mark(tmp_path: Path) -> None:
    (tmp_path / "odd-00000-of-00000.gguf").write_bytes(b"GGUF")
    assert mark_of(tmp_path / "odd-00000-of-00000.gguf") == ""
