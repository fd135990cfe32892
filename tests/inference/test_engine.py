"""Runs of the real model: what is said is true, and the controls are obeyed."""

from __future__ import annotations

import threading
import time
from itertools import pairwise

import numpy as np
import pytest

from cloudchamber.inference.engine import Engine
from cloudchamber.inference.hook import InferenceHook
from cloudchamber.inference.past import RequestError
from cloudchamber.telemetry.commands import Generate, GetAttention
from cloudchamber.telemetry.events import (
    AttentionWeights,
    CacheStatus,
    Event,
    HeadSummary,
    LayerActivation,
    Part,
    Problem,
    Progress,
    PromptProcessed,
    RunStarted,
    RunState,
    Sampling,
    TokenGenerated,
)
from tests.inference.listening import Listener

GREEDY = Sampling(temperature=0)
STORY = Generate(prompt="Tell me a long story about a dragon.", max_tokens=12, sampling=GREEDY)
ENDLESS = Generate(prompt="1, 2, 3, 4, 5, 6,", raw=True, sampling=GREEDY)


def test_the_hook_protocol(heard: Listener) -> None:
    assert isinstance(heard, InferenceHook)


def test_what_is_known_of_the_model(engine: Engine) -> None:
    info = engine.info
    assert (info.id, info.architecture, info.quantization) == ("real", "llama", "Q4_1")
    assert (info.n_layer, info.n_head, info.n_head_kv, info.n_embd) == (30, 9, 3, 576)
    assert (info.n_vocab, info.n_ctx, info.n_ctx_train, info.n_expert) == (49152, 1024, 8192, 0)
    assert info.flash_attention
    assert info.chat_template
    assert set(info.lacks) == {"router"}
    assert info.rope.kind == "normal"
    assert (info.rope.base, info.rope.dimensions, info.rope.scaling) == (100_000.0, 64, "none")
    assert len(info.embedding_hash) == len(info.vocabulary_hash) == 32


def test_a_run_tells_its_story_in_order(engine: Engine, heard: Listener) -> None:
    engine.generate(STORY)
    kinds = [event.kind for event in heard.events if not isinstance(event, Progress)]
    assert kinds == [
        "run_started",
        "run_state",
        "prompt_processed",
        "run_state",
        *["token"] * 12,
        "run_state",
    ]
    assert [state.phase for state in heard.all(RunState)] == ["prefill", "running", "finished"]
    assert heard.ending().reason == "length"
    (started,) = heard.all(RunStarted)
    (processed,) = heard.all(PromptProcessed)
    assert not started.raw
    assert started.prompt == STORY.prompt
    assert processed.n_tokens == len(started.prompt_ids) > 20
    assert processed.seconds > 0
    tokens = heard.all(TokenGenerated)
    assert [token.step for token in tokens] == list(range(12))
    assert [token.position for token in tokens] == [len(started.prompt_ids) + i for i in range(12)]
    assert tokens[0].tokens_per_sec == 0
    assert tokens[0].decode_seconds == processed.seconds
    assert all(token.decode_seconds > 0 for token in tokens)
    measured = [token.decode_seconds for token in tokens[1:]]
    assert tokens[-1].tokens_per_sec == pytest.approx(len(measured) / sum(measured))
    assert {event.run_id for event in heard.events if hasattr(event, "run_id")} == {started.run_id}


def test_the_numbers_of_a_token_are_those_of_its_softmax(engine: Engine, heard: Listener) -> None:
    engine.generate(Generate(prompt="Hello", max_tokens=8, sampling=Sampling(temperature=1.3, seed=4)))
    for token in heard.all(TokenGenerated):
        p = engine.distribution(token.step).astype(np.float64)
        assert p.sum() == pytest.approx(1, abs=1e-6)
        assert token.probability == pytest.approx(p[token.token_id], rel=1e-6)
        held = p[p > 0]
        assert token.entropy == pytest.approx(-(held * np.log(held)).sum(), abs=1e-5)
        assert token.rank == 1 + (p > p[token.token_id]).sum()
        np.testing.assert_allclose(token.top_p, np.sort(p)[::-1][:20], rtol=1e-6)
        np.testing.assert_allclose(p[token.top_ids], token.top_p, rtol=1e-6)
        left = engine.survivors(token.step)
        assert len(left.ids) == token.sampled_count <= 40
        assert left.p.sum() == pytest.approx(1, abs=1e-5)
        assert left.p[left.ids == token.token_id][0] == pytest.approx(token.sampled_probability)
    with pytest.raises(RequestError):
        engine.distribution(8)


def test_greedy_is_the_most_probable(engine: Engine, heard: Listener) -> None:
    engine.generate(STORY)
    for token in heard.all(TokenGenerated):
        assert token.rank == 1
        assert token.token_id == token.top_ids[0] == engine.distribution(token.step).argmax()
        assert (token.sampled_count, token.sampled_probability, token.sampled_entropy) == (1, 1.0, 0.0)


def test_the_same_seed_gives_the_same_text(engine: Engine, heard: Listener) -> None:
    texts = []
    for seed in (11, 11, 12, 0):
        heard.clear()
        engine.generate(Generate(prompt="Once", max_tokens=20, sampling=Sampling(temperature=1.5, seed=seed)))
        texts.append(heard.tokens())
        drawn = heard.all(RunStarted)[0].sampling.seed
    assert texts[0] == texts[1] != texts[2]
    heard.clear()
    engine.generate(Generate(prompt="Once", max_tokens=20, sampling=Sampling(temperature=1.5, seed=drawn)))
    assert heard.tokens() == texts[3]


def test_the_template_and_the_raw_prompt(engine: Engine, heard: Listener) -> None:
    engine.generate(Generate(prompt="Hi", max_tokens=1))
    templated = heard.all(RunStarted)[0]
    heard.clear()
    engine.generate(Generate(prompt="Hi", raw=True, max_tokens=1))
    raw = heard.all(RunStarted)[0]
    assert len(templated.prompt_ids) > 10
    assert templated.prompt_ids[0] == 1  # <|im_start|>
    assert len(raw.prompt_ids) == 1
    assert raw.raw


def test_bytes_of_a_token_are_exact_and_text_is_readable(engine: Engine, heard: Listener) -> None:
    engine.generate(
        Generate(prompt="🎉🎊🥳 日本語 🎉🎊🥳 日本語 🎉🎊", raw=True, max_tokens=12, sampling=GREEDY)
    )
    tokens = heard.all(TokenGenerated)
    whole = b"".join(token.token_bytes for token in tokens)
    broken = [token for token in tokens if "\ufffd" in token.token_text]
    assert broken, "the model was to repeat what does not fit in a token"
    assert "🥳" in whole.decode("utf-8", "ignore")
    assert all(token.token_text == token.token_bytes.decode("utf-8", "replace") for token in tokens)


def test_an_end_of_text_ends_the_run(engine: Engine, heard: Listener) -> None:
    engine.generate(Generate(prompt="Say only the word yes.", max_tokens=200, sampling=GREEDY))
    assert heard.ending().reason == "end"
    assert [token.eog for token in heard.all(TokenGenerated)].index(True) == len(heard.tokens()) - 1


# ------------------------------------------------------------------------------ overflow


def test_the_cache_of_a_run_that_never_began_is_empty(engine: Engine, heard: Listener) -> None:
    engine.want(["cache"])
    engine.generate(Generate(prompt="the cat", raw=True, max_tokens=2))
    assert heard.all(CacheStatus)[-1].seq_len.max() > 0
    engine.generate(Generate(prompt="word " * 2_000, raw=True))
    last = heard.all(CacheStatus)[-1]
    assert last.run_id == heard.all(RunStarted)[-1].run_id
    assert last.seq_len.max() == 0


def test_a_full_context_ends_the_run_in_words(engine: Engine, heard: Listener) -> None:
    prompt = "word " * 1018
    engine.generate(Generate(prompt=prompt, raw=True, sampling=GREEDY))
    state = heard.ending()
    assert (state.phase, state.reason) == ("finished", "context")
    assert "1,024" in state.message
    assert heard.all(TokenGenerated)[-1].position == 1024
    assert not heard.all(Problem)


def test_a_prompt_too_long_is_told_before_decoding(engine: Engine, heard: Listener) -> None:
    engine.generate(Generate(prompt="word " * 3000, raw=True))
    state = heard.ending()
    assert (state.phase, state.reason) == ("finished", "context")
    assert "3,00" in state.message
    assert "1,024" in state.message
    assert not heard.all(PromptProcessed)
    assert not heard.tokens()
    heard.clear()
    engine.generate(STORY)
    assert heard.ending().reason == "length"


# ------------------------------------------------------------------------------ controls


def in_background(engine: Engine, command: Generate) -> threading.Thread:
    thread = threading.Thread(target=engine.generate, args=(command,), daemon=True)
    thread.start()
    return thread


def _wait_for_step(heard: Listener, step: int) -> None:
    heard.wait_for(TokenGenerated, lambda token: token.step == step)


def test_pause_step_resume_stop(engine: Engine, heard: Listener) -> None:
    thread = in_background(engine, ENDLESS)
    heard.wait_for(TokenGenerated, lambda token: token.step == 5)
    engine.pause()
    heard.wait_for(RunState, lambda state: state.phase == "paused")
    held = len(heard.tokens())
    time.sleep(0.2)
    assert len(heard.tokens()) == held
    for more in (1, 2, 3):
        engine.step()
        _wait_for_step(heard, held + more - 1)
        time.sleep(0.15)
        assert len(heard.tokens()) == held + more
    engine.resume()
    heard.wait_for(TokenGenerated, lambda token: token.step == held + 10)
    assert [s.phase for s in heard.all(RunState)][:3] == ["prefill", "running", "paused"]
    assert heard.all(RunState)[-1].phase == "running"
    engine.stop()
    thread.join(10)
    assert (heard.ending().phase, heard.ending().reason) == ("stopped", "stopped")


def test_a_paused_run_can_be_stopped(engine: Engine, heard: Listener) -> None:
    thread = in_background(engine, ENDLESS)
    heard.wait_for(TokenGenerated)
    engine.pause()
    heard.wait_for(RunState, lambda state: state.phase == "paused")
    engine.stop()
    thread.join(10)
    assert heard.ending().phase == "stopped"


def test_controls_without_a_run_do_nothing(engine: Engine, heard: Listener) -> None:
    engine.pause()
    engine.stop()
    engine.step()
    engine.generate(STORY)
    assert len(heard.tokens()) == 12


def test_a_stop_between_the_promise_and_the_run_counts(engine: Engine, heard: Listener) -> None:
    engine.reserve()
    engine.stop()
    engine.generate(STORY)
    assert heard.ending().phase == "stopped"
    assert not heard.tokens()


@pytest.mark.parametrize("delay", [0.0, 0.15])
def test_a_stop_in_a_long_prefill_takes_under_100_ms(engine: Engine, heard: Listener, delay: float) -> None:
    taken = []
    for _ in range(3):
        heard.clear()
        thread = in_background(engine, Generate(prompt="word " * 1000, raw=True))
        heard.wait_for(RunState, lambda state: state.phase == "prefill")
        time.sleep(delay)
        assert not heard.all(PromptProcessed)
        began = time.perf_counter()
        engine.stop()
        thread.join(20)
        taken.append(time.perf_counter() - began)
        assert heard.ending().phase == "stopped"
        assert not heard.tokens()
    # The middle of three: the machine that tests this may be busy.
    assert sorted(taken)[1] < 0.1
    heard.clear()
    engine.generate(STORY)
    assert heard.ending().reason == "length"


# --------------------------------------------------------------------------------- state


ALL: list[Part] = ["attention", "heads", "layers", "experts", "cache", "memory"]


def test_only_what_is_wanted_is_said(engine: Engine, heard: Listener) -> None:
    engine.want(["layers"])
    engine.generate(STORY)
    assert heard.all(LayerActivation)
    assert {event.part for event in heard.events if not event.lossless} <= {"layers", None}
    # The last token is chosen but not decoded: the last state is of the one before.
    last = heard.all(TokenGenerated)[-1]
    assert heard.all(LayerActivation)[-1].position == last.position - 1


def test_a_paused_page_is_exact(engine: Engine, heard: Listener) -> None:
    engine.want(ALL, [(3, 4), (29, 8)])
    thread = in_background(engine, ENDLESS)
    heard.wait_for(TokenGenerated, lambda token: token.step == 7)
    engine.pause()
    heard.wait_for(RunState, lambda state: state.phase == "paused")
    # The pass that made the newest token, as everywhere else on the page.
    position = heard.all(TokenGenerated)[-1].position - 1
    assert heard.all(LayerActivation)[-1].position == position
    assert heard.all(HeadSummary)[-1].position == position
    for pair in ((3, 4), (29, 8)):
        rows = [event for event in heard.all(AttentionWeights) if (event.layer, event.head) == pair]
        assert rows[-1].query_start + len(rows[-1].weights) == position + 1
        # No row is missing between the first emission and the last.
        for before, after in pairwise(rows):
            assert after.query_start <= before.query_start + len(before.weights)
    # A new selection shows at once, paused or not.
    heard.events.clear()
    began = time.perf_counter()
    engine.want(ALL, [(12, 1)])
    assert time.perf_counter() - began < 0.1
    (row,) = heard.all(AttentionWeights)
    assert (row.layer, row.head) == (12, 1)
    assert row.weights.astype(np.float32)[-1].sum() + row.sink[-1] == pytest.approx(1, abs=5e-3)
    engine.stop()
    thread.join(10)


def test_state_comes_thirty_times_a_second_at_most(engine: Engine, heard: Listener) -> None:
    at: list[float] = []

    def note(event: Event) -> None:
        if isinstance(event, LayerActivation):
            at.append(time.monotonic())

    heard.reactions.append(note)
    engine.want(["layers"])
    engine.generate(Generate(prompt="1, 2, 3,", raw=True, max_tokens=90, sampling=GREEDY))
    # The last one comes at the run's end, whenever that is.
    for i in range(len(at) - 1):
        within = [t for t in at[:-1] if at[i] <= t < at[i] + 1]
        assert len(within) <= 31
    assert len(at) > 3


def test_a_slice_of_attention(engine: Engine, heard: Listener) -> None:
    engine.want(["heads"])
    engine.generate(STORY)
    held = heard.all(TokenGenerated)[-1].position
    reply = engine.attention(GetAttention(request=7, layer=2, head=5))
    assert (reply.request, reply.query_stop, reply.key_stop) == (7, held, held)
    assert reply.weights.shape == (held, held)
    assert (reply.query_block, reply.key_block) == (1, 1)
    np.testing.assert_allclose(reply.weights.sum(1) + reply.sink, 1, atol=1e-4)
    assert np.triu(reply.weights, 1).max() == 0
    small = engine.attention(GetAttention(request=8, layer=2, head=5, query_start=4, key_stop=9, max_size=4))
    assert small.weights.shape[1] <= 4
    assert small.key_block * small.weights.shape[1] >= 9
    for bad in (
        GetAttention(request=1, layer=30, head=0),
        GetAttention(request=1, layer=0, head=9),
        GetAttention(request=1, layer=0, head=0, query_start=held),
    ):
        with pytest.raises(RequestError):
            engine.attention(bad)


def test_a_question_is_answered_between_two_tokens(engine: Engine, heard: Listener) -> None:
    thread = in_background(engine, ENDLESS)
    heard.wait_for(TokenGenerated, lambda token: token.step == 3)
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        engine.attention(GetAttention(request=1, layer=1, head=1))
        taken.append(time.perf_counter() - began)
    assert sorted(taken)[2] < 0.1
    engine.stop()
    thread.join(10)
