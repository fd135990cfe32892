"""Models on the machine: the folders of other programs, built from real small files."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from cloudchamber.model.discovery import (
    FoundModel,
    ModelNotFoundError,
    Places,
    bundled,
    discover,
    find,
    of_path,
    resolve,
)
from tests.model.gguf_files import random_embedding, smollm2, write_model, write_split_model

DIGEST = "sha256:" + "ab" * 32


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """A machine with models of all four kinds, and files beside them that are none."""
    model = write_model(tmp_path / "model.gguf", random_embedding(4, 32), list("abcd"))
    hub, studio, ollama = tmp_path / "hub", tmp_path / "studio", tmp_path / "ollama"
    _fill_hub(hub, model)
    _put(model, studio / "lmstudio-community/Qwen3-GGUF/Qwen3-0.6B-Q8_0.gguf")
    _put(model, studio / "lmstudio-community/Qwen3-GGUF/mmproj-F16.gguf")
    (studio / "broken.gguf").write_bytes(b"not a model")
    os.mkfifo(studio / "pipe.gguf")  # nobody writes to it: one who opens it waits for ever
    _fill_ollama(ollama, model)
    return Places([hub], [studio, tmp_path / "none"], [ollama], bundled=True, hub="http://127.0.0.1:9")


def _put(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def _fill_hub(hub: Path, model: Path) -> None:
    """Two revisions of a repository, linked to blobs as huggingface-hub does; one split model."""
    repository = hub / "models--unsloth--gemma-3-270m-it-GGUF"
    _put(model, repository / "blobs/b1")
    for revision in ("1111", "2222"):
        snapshot = repository / "snapshots" / revision
        snapshot.mkdir(parents=True)
        (snapshot / "gemma-Q4_0.gguf").symlink_to("../../blobs/b1")
        os.utime(snapshot, (int(revision), int(revision)))  # so that the newest is not main's
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text("1111")
    split = hub / "models--org--big" / "snapshots" / "3333" / "Q8_0"
    split.mkdir(parents=True)
    write_split_model(split, "big")
    dangling = hub / "models--org--gone" / "snapshots" / "4444"
    dangling.mkdir(parents=True)
    (dangling / "gone.gguf").symlink_to("../../blobs/missing")


def _fill_ollama(store: Path, model: Path) -> None:
    _put(model, store / "blobs" / DIGEST.replace(":", "-"))
    layer = {"mediaType": "application/vnd.ollama.image.model", "digest": DIGEST}
    manifests = {
        "registry.ollama.ai/library/llama3.2/1b": {"layers": [{"mediaType": "x", "digest": "y"}, layer]},
        "registry.ollama.ai/someone/tuned/latest": {"layers": [layer]},
        "hf.co/bartowski/Qwen/Q4_K_M": {"layers": [layer]},
        "registry.ollama.ai/library/evil/latest": {"layers": [layer | {"digest": "sha256:../../../etc"}]},
        "registry.ollama.ai/library/odd/latest": {"layers": "none"},
        "registry.ollama.ai/library/gone/latest": {"layers": [layer | {"digest": "sha256:" + "0" * 64}]},
    }
    for name, manifest in manifests.items():
        path = store / "manifests" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(manifest))
    (store / "manifests/registry.ollama.ai/library/odd/text").write_text("{")


def by_name(models: list[FoundModel]) -> dict[str, FoundModel]:
    return {model.name: model for model in models}


def test_models_of_every_program_are_found_and_nothing_else(places: Places) -> None:
    found = discover(places)
    assert {model.name: model.source for model in found} == {
        "SmolLM2-135M-Instruct.Q4_1": "bundled",
        "unsloth/gemma-3-270m-it-GGUF/gemma-Q4_0.gguf": "huggingface",
        "org/big/Q8_0/big-00001-of-00002.gguf": "huggingface",
        "lmstudio-community/Qwen3-GGUF/Qwen3-0.6B-Q8_0.gguf": "lmstudio",
        "llama3.2:1b": "ollama",
        "someone/tuned:latest": "ollama",
        "hf.co/bartowski/Qwen:Q4_K_M": "ollama",
    }
    assert found[0].source == "bundled"
    assert all(model.path.is_file() for model in found)


def test_a_split_models_size_is_that_of_all_parts(places: Places) -> None:
    model = by_name(discover(places))["org/big/Q8_0/big-00001-of-00002.gguf"]
    assert model.bytes == sum(part.stat().st_size for part in model.path.parent.iterdir())


def test_the_revision_that_main_points_to_is_taken(places: Places) -> None:
    model = by_name(discover(places))["unsloth/gemma-3-270m-it-GGUF/gemma-Q4_0.gguf"]
    assert model.path.parent.name == "1111"


def test_ids_stay_and_are_each_models_own(places: Places) -> None:
    first, second = discover(places), discover(places)
    assert first == second
    assert len({model.id for model in first}) == len(first)
    assert all("/" not in model.id and len(model.id) == 16 for model in first)


def test_the_bundled_model_is_the_installed_one() -> None:
    model = bundled()
    assert model is not None
    assert model.path == smollm2()
    assert model.bytes == smollm2().stat().st_size


def test_a_machine_without_models_has_none(tmp_path: Path) -> None:
    assert discover(Places([tmp_path / "a"], [tmp_path / "b"], [tmp_path / "c"], bundled=False)) == []


@pytest.mark.parametrize(
    "text",
    [
        "llama3.2:1b",
        "LLAMA3.2",
        "llama3",
        "Qwen3",
        "smollm2",
        "unsloth/gem",
        "gemma-Q4",
        "someone/tuned:latest",
    ],
)
def test_a_name_or_the_start_of_one_is_enough(places: Places, text: str) -> None:
    assert text.lower() in find(text, places).name.lower()


def test_an_id_names_its_model(places: Places) -> None:
    for model in discover(places):
        assert find(model.id, places) == model


def test_an_ambiguous_name_lists_what_it_could_be(places: Places) -> None:
    with pytest.raises(ModelNotFoundError, match=r"could be any of these: .*Qwen3-0\.6B.*Type more"):
        find("qwen", places)


def test_an_unknown_name_says_what_there_is(places: Places) -> None:
    with pytest.raises(ModelNotFoundError, match=r"No model is called 'mistral'.*llama3\.2:1b"):
        find("mistral", places)
    with pytest.raises(ModelNotFoundError, match="No model is called ''"):
        find("", places)


def test_a_path_is_taken_as_it_is(places: Places, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    assert resolve(str(path), places) == path
    assert find(str(path), places).source == "file"
    assert find(str(path), places).id == of_path(path).id


def test_a_path_may_be_relative_or_begin_at_home(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve("model.gguf", places) == tmp_path / "model.gguf"
    assert resolve("~/model.gguf", places) == tmp_path / "model.gguf"


def test_any_part_of_a_split_model_names_it(places: Places, tmp_path: Path) -> None:
    first, second = write_split_model(tmp_path)
    assert resolve(str(second), places) == first
    first.unlink()
    with pytest.raises(ModelNotFoundError, match="first file"):
        find(str(second), places)


def test_what_is_not_a_model_is_refused_in_words(places: Places, tmp_path: Path) -> None:
    text = tmp_path / "text.gguf"
    text.write_text("hello")
    with pytest.raises(ModelNotFoundError, match="is not a GGUF file"):
        find(str(text), places)
    with pytest.raises(ModelNotFoundError, match=r"is a folder.*model\.gguf"):
        find(str(tmp_path), places)
    with pytest.raises(ModelNotFoundError, match=r"There is no file absent\.gguf"):
        find("absent.gguf", places)


def test_the_usual_folders_follow_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME", "OLLAMA_MODELS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Places().hugging_face == [tmp_path / ".cache/huggingface/hub"]
    assert tmp_path / ".ollama/models" in Places().ollama
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "o"))
    assert Places().hugging_face == [tmp_path / "hf/hub"]
    assert Places().ollama[0] == tmp_path / "o"
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    assert Places().hugging_face == [tmp_path / "cache"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_skipped(places: Places, tmp_path: Path) -> None:
    (tmp_path / "studio").chmod(0)
    try:
        assert "llama3.2:1b" in by_name(discover(places))
    finally:
        (tmp_path / "studio").chmod(0o700)
