"""Questions about a run's past, answered from what the capture kept.

Whatever reads the capture does so as a visitor, between two decodes. What takes long is cut
into slices, each a visit of its own, so that the run goes on meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Literal

import numpy as np

from cloudchamber.inference.control import Control
from cloudchamber.inference.memory import CacheLayout
from cloudchamber.inference.taps.capture import Capture, CaptureError
from cloudchamber.inference.taps.rollout import Rollout
from cloudchamber.telemetry.commands import MAX_HISTORY, GetFlow, GetHeadHistory, GetMoment
from cloudchamber.telemetry.events import F4, Event, Progress
from cloudchamber.telemetry.messages import FlowReply, HeadHistoryReply, MomentReply

_SLICE: Final = 2e7
"""Multiplications in one visit: a few milliseconds."""
_PROGRESS_AFTER: Final = 0.3
"""Seconds after which a long answer says how far it is."""


class RequestError(ValueError):
    """A question that can't be answered; the text says why."""


class Past:
    """What a run's earlier positions were like. `moment` may be called from any thread, the
    others from one at a time."""

    def __init__(
        self, capture: Capture, control: Control, cache: CacheLayout, emit: Callable[[Event], None]
    ) -> None:
        self._capture = capture
        self._control = control
        self._cache = cache
        self._emit = emit
        self._run_id = ""
        self._prompt = 0
        self._positions: Callable[[], int] = lambda: 0
        heads = capture.history.layers.heads
        self._sinks = bool((heads["sink_offset"][heads["n_head"] > 0] >= 0).any())
        self._attending = [int(layer) for layer in np.flatnonzero(heads["n_head"])]
        self._cost = [int(heads[layer]["n_head"] * heads[layer]["size"]) for layer in self._attending]
        self._rollout = Rollout(self._attending) if self._attending else None

    def begin_run(self, run_id: str, prompt: int, positions: Callable[[], int]) -> None:
        """A run of a prompt of so many tokens begins; `positions` says how many it holds."""
        self._run_id, self._prompt, self._positions = run_id, prompt, positions

    def moment(self, command: GetMoment) -> MomentReply:
        """The state from which a step's token was chosen, but for its distributions, which are
        not the capture's. Raises `RequestError`."""
        with self._control.visit():
            position = self._prompt + command.step - 1
            if not 0 <= position < self._positions():
                raise RequestError(f"there is no step {command.step:,} in this run")
            run_id, capture, cells = self._run_id, self._capture, self._capture.cells
            state: tuple[Event | None, ...] = (
                capture.head_summary(run_id, position),
                capture.layer_activation(run_id, position),
                capture.expert_routing(run_id, position),
                self._cache.status(run_id, position + 1, None if cells is None else cells.at(position + 1)),
            )
        kept = [event for event in state if event is not None]
        return MomentReply(request=command.request, run_id=run_id, step=command.step, state=kept)

    # ------------------------------------------------------------------------ one head

    def head_history(self, command: GetHeadHistory) -> HeadHistoryReply:
        """One head over many positions. Raises `RequestError`."""
        with self._visit() as run_id:
            held = self._positions()
        stop = min(command.stop or held, held)
        start = command.start
        if not start < stop:
            raise RequestError(f"the run holds {held:,} positions; those asked for are not among them")
        if not command.stop:  # up to the newest: the newest of what would be too many
            start = max(start, stop - MAX_HISTORY)
        stop = min(stop, start + MAX_HISTORY)
        parts: list[tuple[F4, F4, F4]] = []
        at = start
        while at < stop:
            end = min(stop, at + self._rows(command.layer, at))
            with self._visit(run_id):
                parts.append(self._capture.head_history(command.layer, command.head, at, end))
            at = end
        entropy, peak_weight, sink = (np.concatenate(each) for each in zip(*parts, strict=True))
        return HeadHistoryReply(
            request=command.request,
            run_id=run_id,
            layer=command.layer,
            head=command.head,
            start=start,
            entropy=entropy,
            peak_weight=peak_weight,
            sink=sink,
        )

    def _rows(self, layer: int, at: int) -> int:
        """Rows of one head from position `at` on that make a slice."""
        heads = self._capture.history.layers.heads
        size = int(heads[layer]["size"]) if 0 <= layer < len(heads) else 1
        return max(1, int(_SLICE / (max(size, 1) * (at + 64))))

    # ---------------------------------------------------------------------------- flow

    def flow(self, command: GetFlow) -> FlowReply:
        """Where one position's attention goes. Raises `RequestError`."""
        with self._visit() as run_id:
            held = self._positions()
        position = held - 1 if command.position < 0 else command.position
        if not 0 <= position < held:
            raise RequestError(f"the run holds {held:,} positions; {position:,} is not among them")
        if command.mode == "rollout":
            weights = self._roll_out(run_id, position)
            sink = max(0.0, 1.0 - float(weights.sum(dtype=np.float64))) if self._sinks else 0.0
        else:
            weights, sink = self._row(run_id, command, position)
        return FlowReply(
            request=command.request,
            run_id=run_id,
            position=position,
            mode=command.mode,
            layer=command.layer,
            head=command.head,
            weights=weights,
            sink=sink,
        )

    def _row(self, run_id: str, command: GetFlow, position: int) -> tuple[F4, float]:
        mode: Literal["head", "mean"] = "head" if command.mode == "head" else "mean"
        with self._visit(run_id):
            weights, sink, _, _ = self._capture.attention_block(
                command.layer, command.head if mode == "head" else 0, mode,
                position, position + 1, 0, position + 1, position + 1,
            )  # fmt: skip
        if np.isnan(weights[0, 0]):
            raise RequestError(f"the query at position {position:,} is no longer kept")
        return weights[0], float(sink[0])

    def _roll_out(self, run_id: str, position: int) -> F4:
        rollout = self._rollout
        if rollout is None:
            raise RequestError(self._capture.lacks.get("attention", "this model has no attention"))
        count = position + 1
        if count > rollout.most:
            raise RequestError(
                f"attention is rolled out through at most {rollout.most:,} positions of this model; "
                f"this is position {position:,}"
            )
        began, said = time.monotonic(), -1
        rollout.begin_run(run_id)
        while (wanted := rollout.next_rows(count, self._mean_rows(rollout.length))) is not None:
            layer, start, stop = wanted
            with self._visit(run_id):
                rows = self._capture.mean_rows(layer, start, stop)
            if not rollout.take(rows):
                raise RequestError("the run's oldest queries are no longer kept, and rollout needs them all")
            percent = int(100 * (rollout.length / count) ** 2)
            if percent > said and time.monotonic() - began > _PROGRESS_AFTER:
                said = percent
                self._say(percent / 100)
        weights = rollout.row(position)
        if said >= 0:
            self._say(1.0, done=True)
        return weights

    def _mean_rows(self, at: int) -> int:
        """Rows of all heads of one layer from position `at` on that make a slice."""
        return max(1, int(_SLICE / (max(self._cost) * (at + 64))))

    def _say(self, fraction: float, *, done: bool = False) -> None:
        message = "" if done else "Rolling attention out through the layers"
        self._emit(Progress(task="rollout", fraction=fraction, message=message, done=done))

    @contextmanager
    def _visit(self, run_id: str | None = None) -> Iterator[str]:
        """The run's id, between two decodes. Raises `RequestError` if it is not `run_id` any
        more, and for what the capture can't answer."""
        with self._control.visit():
            if run_id is not None and run_id != self._run_id:
                raise RequestError("another run has begun")
            try:
                yield self._run_id
            except CaptureError as error:
                raise RequestError(str(error)) from error
