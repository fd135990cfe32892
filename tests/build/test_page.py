"""When the built page counts as fresh."""

from __future__ import annotations

from pathlib import Path

import pytest

import page


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "frontend/src").mkdir(parents=True)
    (tmp_path / "wgsl").mkdir()
    (tmp_path / "package-lock.json").write_text("{}")
    (tmp_path / "frontend/src/main.ts").write_text("1")
    (tmp_path / "wgsl/a.wgsl").write_text("fn a() {}")
    built = tmp_path / "page"
    built.mkdir()
    (built / "index.html").write_text("<html>")
    monkeypatch.setattr(page, "ROOT", tmp_path)
    monkeypatch.setattr(page, "PAGE", built)
    monkeypatch.setattr(page, "STAMP", built / ".inputs")
    page.mark_fresh()
    return tmp_path


def test_a_page_just_built_is_fresh(checkout: Path) -> None:
    assert page.is_fresh()


@pytest.mark.parametrize(
    "name", ["frontend/src/main.ts", "wgsl/a.wgsl", "package-lock.json", "wgsl/new.wgsl"]
)
def test_a_changed_or_new_source_makes_it_stale(checkout: Path, name: str) -> None:
    (checkout / name).write_text("changed")
    assert not page.is_fresh()


def test_a_moved_source_makes_it_stale(checkout: Path) -> None:
    (checkout / "wgsl/a.wgsl").rename(checkout / "wgsl/b.wgsl")
    assert not page.is_fresh()


def test_tests_and_installed_packages_do_not(checkout: Path) -> None:
    for name in ("frontend/test/a.test.ts", "frontend/node_modules/x/index.js"):
        (checkout / name).parent.mkdir(parents=True)
        (checkout / name).write_text("x")
    assert page.is_fresh()


def test_no_page_is_not_fresh(checkout: Path) -> None:
    (checkout / "page/index.html").unlink()
    assert not page.is_fresh()
