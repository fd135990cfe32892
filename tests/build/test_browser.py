"""The Chromium that the tests drive."""

from __future__ import annotations

import pytest

import browser
from steps import Log, StepError


def test_a_named_browser_that_is_not_there_is_told_and_nothing_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    monkeypatch.setattr(Log, "run", lambda *_, **__: pytest.fail("something was installed"))
    assert browser.find() is None
    with pytest.raises(StepError, match="CHROMIUM=/nowhere/chromium names no program"):
        browser.install(Log("browser"))
