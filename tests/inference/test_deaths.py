"""Last words of a process, made readable."""

from __future__ import annotations

import pytest

from cloudchamber.inference.deaths import explain

ASSERT = "/root/src/llama-model.cpp:1362: GGML_ASSERT(n_expert_used_max <= hparams.n_expert) failed"


@pytest.mark.parametrize(
    ("returncode", "said", "code", "part"),
    [
        (-9, [], "out-of-memory", "want of memory"),
        (-6, [ASSERT], "aborted", "a check failed, n_expert_used_max <= hparams.n_expert."),
        (-6, ["terminate called after throwing", "  what():  std::bad_alloc"], "aborted", "std::bad_alloc"),
        (-6, [], "aborted", "llama.cpp gave up"),
        (-11, [], "crashed", "SIGSEGV"),
        (-4, [], "illegal-instruction", "instruction this processor lacks"),
        (-15, [], "killed", "signal 15"),
        (
            1,
            ["Traceback (most recent call last):", "ValueError: no such thing."],
            "worker-failed",
            "no such thing.",
        ),
        (0, [], "worker-failed", "failed while the model ran."),
    ],
)
def test_sentences(returncode: int, said: list[str], code: str, part: str) -> None:
    problem = explain(returncode, said, loading=False)
    assert problem.code == code
    assert part in problem.message
    assert problem.message.endswith(".")
    assert not problem.message.endswith("..")
    assert problem.hint.endswith(".")
    assert "/root" not in problem.message
