"""Positions on disk: whole or absent, and never a reason to stop."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from cloudchamber.model import positions_cache
from cloudchamber.model.positions_cache import CacheError, PositionsCache

HASH = "0123456789abcdef" * 2


def test_what_is_written_is_read(tmp_path: Path) -> None:
    cache = PositionsCache(tmp_path / "new" / "folder")
    assert cache.read(HASH, "pca") is None
    cache.write(HASH, "pca", b"body")
    cache.write(HASH, "umap", b"other")
    assert cache.read(HASH, "pca") == b"body"
    assert PositionsCache(cache.folder).read(HASH, "umap") == b"other"


def test_damage_counts_as_absence(tmp_path: Path) -> None:
    cache = PositionsCache(tmp_path)
    cache.write(HASH, "pca", b"x" * 1_000)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    for damaged in (b"", whole[:-1], whole + b"!", whole[:500] + b"y" + whole[501:], b"?" + whole[1:]):
        file.write_bytes(damaged)
        assert cache.read(HASH, "pca") is None
    cache.write(HASH, "pca", b"again")
    assert cache.read(HASH, "pca") == b"again"


def test_another_algorithms_positions_are_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = PositionsCache(tmp_path)
    cache.write(HASH, "umap", b"old")
    monkeypatch.setattr(positions_cache, "ALGORITHM", positions_cache.ALGORITHM + 1)
    assert cache.read(HASH, "umap") is None


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "0" * 31, "G" * 32, HASH + "\n"])
def test_only_hashes_become_file_names(tmp_path: Path, name: str) -> None:
    cache = PositionsCache(tmp_path / "cache")
    with pytest.raises(CacheError):
        cache.write(name, "pca", b"body")
    assert cache.read(name, "pca") is None
    assert not (tmp_path / "cache").exists()


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    cache = PositionsCache(blocked / "positions")
    with pytest.raises(CacheError, match="can't be written"):
        cache.write(HASH, "pca", b"body")
    assert cache.read(HASH, "pca") is None


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def on_full_disk(*_args: object, **_options: object) -> tuple[int, str]:
        part = tmp_path / ".part-full"
        part.symlink_to("/dev/full")
        return os.open(part, os.O_WRONLY), str(part)

    monkeypatch.setattr(tempfile, "mkstemp", on_full_disk)
    with pytest.raises(CacheError, match="No space left"):
        PositionsCache(tmp_path).write(HASH, "pca", b"x" * 100_000)
    assert list(tmp_path.iterdir()) == []


def test_the_oldest_files_are_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(positions_cache, "KEPT_FILES", 3)
    cache = PositionsCache(tmp_path)
    for number in range(5):
        cache.write(f"{number:032x}", "pca", b"body")
        os.utime(tmp_path / f"{number:032x}-pca-{positions_cache.ALGORITHM}", (number, number))
    cache.write(f"{9:032x}", "pca", b"body")
    kept = [cache.read(f"{number:032x}", "pca") is not None for number in (0, 1, 2, 3, 4, 9)]
    assert kept == [False, False, False, True, True, True]
