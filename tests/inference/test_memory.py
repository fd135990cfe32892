"""The account of memory, against llama.cpp's own log and the models' headers."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from llama_cpp import llama_cpp

from cloudchamber.inference.engine import Engine
from cloudchamber.inference.load_log import LoadLog
from cloudchamber.inference.memory import CacheLayout, cache_layout
from cloudchamber.inference.options import EngineOptions
from cloudchamber.telemetry.commands import Generate
from cloudchamber.telemetry.events import CacheStatus, MemoryUsage, Sampling
from tests.inference.listening import Listener

MIB = 1 << 20


def test_cache_bytes_are_the_logs(engine: Engine, heard: Listener) -> None:
    engine.want(["cache", "memory"])
    cache, memory = heard.all(CacheStatus)[-1], heard.all(MemoryUsage)[-1]
    log = engine.load_log
    # 30 layers x 1024 cells x 3 heads x 64 numbers x 2 bytes, for keys and for values.
    assert cache.key_bytes.tolist() == [1024 * 3 * 64 * 2] * 30
    assert cache.value_bytes.tolist() == [1024 * 3 * 64 * 2] * 30
    assert cache.memory_bytes == pytest.approx(
        sum(block.key_bytes + block.value_bytes for block in log.caches)
    )
    assert cache.memory_bytes == pytest.approx(log.bytes_of("KV"), abs=0.01 * MIB)
    assert memory.cache_total == log.bytes_of("KV")
    assert memory.weights == pytest.approx(92.1 * MIB, abs=0.1 * MIB)
    assert memory.activations == log.bytes_of("compute", "output") > 0
    assert memory.process_resident > 100 * MIB
    assert memory.gpu_allocated == 0
    assert [(device.name, device.weights) for device in memory.devices] == [("CPU", memory.weights)]


@pytest.mark.parametrize("kind", ["f16", "q8_0", "q4_0"])
def test_quantised_caches(tiny_model: Callable[[str], Path], kind: str) -> None:
    listener = Listener()
    options = EngineOptions(n_ctx=4096, cache_type_k=kind, cache_type_v=kind)
    with Engine.load(tiny_model("llama"), options, listener) as engine:
        engine.want(["cache"])
        cache = listener.all(CacheStatus)[-1]
        (block,) = engine.load_log.caches
        assert block.key_type == kind
        bits = {"f16": 16, "q8_0": 8.5, "q4_0": 4.5}[kind]
        assert cache.key_bytes.tolist() == [4096 * 2 * 32 * bits / 8] * 3
        assert cache.memory_bytes == pytest.approx(engine.load_log.bytes_of("KV"), abs=0.01 * MIB)


def test_every_familys_cache_is_the_logs(tiny_model: Callable[[str], Path]) -> None:
    expected = {
        # family: windows, cells of each layer, key numbers and value numbers a cell
        "llama": ([0, 0, 0], 64, 64),
        "mixtral": ([0, 0, 0], 64, 64),
        "deepseek2": None,
        "mamba": ([-1, -1, -1], 0, 0),
    }
    for family, facts in expected.items():
        listener = Listener()
        with Engine.load(tiny_model(family), EngineOptions(n_ctx=2048), listener) as engine:
            engine.want(["cache"])
            cache = listener.all(CacheStatus)[-1]
            total = engine.load_log.bytes_of("KV")
            assert cache.memory_bytes == pytest.approx(total, abs=0.015 * MIB), family
            assert engine.info.windows.shape == cache.layer.shape
            if facts is not None:
                windows, keys, values = facts
                assert engine.info.windows.tolist()[:3] == windows, family
                assert set(cache.key_bytes.tolist()) == {2048 * keys * 2}, family
                assert set(cache.value_bytes.tolist()) == {2048 * values * 2}, family


def test_a_sliding_window_moves_its_offset(tiny_model: Callable[[str], Path]) -> None:
    listener = Listener()
    with Engine.load(tiny_model("gemma3"), EngineOptions(n_ctx=512), listener) as engine:
        windows = engine.info.windows
        assert (windows > 0).any()
        assert (windows == 0).any()
        engine.want(["cache"])
        sampling = Sampling(temperature=0)
        engine.generate(
            Generate(prompt="the cat sat on a mat " * 8, raw=True, max_tokens=20, sampling=sampling)
        )
        cache = listener.all(CacheStatus)[-1]
        used = int(cache.seq_len[0])
        assert used > windows.max()
        for layer, window in enumerate(windows.tolist()):
            assert cache.window[layer] == window
            assert cache.offset[layer] == (used - window + 1 if window else 0)


def test_layouts_of_other_models_from_their_log() -> None:
    log = LoadLog()
    for line in (
        "print_info: n_embd_k_gqa          = [64, 128, 64]",
        "print_info: n_embd_v_gqa          = 64",
        "load_tensors: layer   0 assigned to device CPU, is_swa = 1",
        "load_tensors: layer   1 assigned to device CUDA0, is_swa = 0",
        "load_tensors: layer   2 assigned to device CUDA0, is_swa = 1",
        "load_tensors:        CUDA0 model buffer size =   100.00 MiB",
        "llama_kv_cache: layer   1: dev = CUDA0",
        "llama_kv_cache: size =    0.38 MiB (  1024 cells,   1 layers,  1/1 seqs), "
        "K (f16):    0.25 MiB, V (f16):    0.13 MiB",
        "llama_kv_cache: layer   0: dev = CPU",
        "llama_kv_cache: layer   2: dev = CUDA0",
        "llama_kv_cache: size =    0.25 MiB (   512 cells,   2 layers,  1/1 seqs), "
        "K (f16):    0.13 MiB, V (f16):    0.13 MiB",
    ):
        log.feed(2, line)
    layout = cache_layout(log, 3, 300, "gemma3")
    assert layout.windows.tolist() == [300, 0, 300]
    assert layout.cells.tolist() == [512, 1024, 512]
    assert layout.key_bytes.tolist() == [512 * 64 * 2, 1024 * 128 * 2, 512 * 64 * 2]
    assert log.bytes_of("model") == 100 * MIB


def test_chunks_begin_at_multiples_of_the_window() -> None:
    one = np.ones(1, np.uint64)
    layout = CacheLayout(np.array([8], np.int32), np.array([64], np.uint32), one, one, chunked=True)
    assert [int(layout.status("", used).offset[0]) for used in (0, 7, 8, 20)] == [0, 0, 8, 16]


def test_a_program_that_takes_the_log_itself_leaves_the_next_load_heard(
    tiny_model: Callable[[str], Path],
) -> None:
    """What the cache reserves is known from llama.cpp's log alone, and there is one for the process."""
    silent = llama_cpp.llama_log_callback(lambda *_: None)
    llama_cpp.llama_log_set(silent, ctypes.c_void_p(0))
    with Engine.load(tiny_model("llama"), EngineOptions(n_ctx=256), Listener()) as engine:
        assert engine.load_log.caches
