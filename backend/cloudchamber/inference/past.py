"""Questions about a run's past, answered from what the capture kept.

Whatever reads the capture does so between two decodes. What takes long is cut into slices, with
a decode after each, so that the run goes on meanwhile.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final, Literal

import numpy as np

from cloudchamber.inference.control import Control
from cloudchamber.inference.memory import CacheLayout
from cloudchamber.inference.taps.capture import Capture, CaptureError
from cloudchamber.inference.taps.rollout import Rollout
from cloudchamber.telemetry.commands import MAX_HISTORY, GetFlow, GetHeadHistory, GetMoment
from cloudchamber.telemetry.events import F4, Event, Progress
from cloudchamber.telemetry.memory_readings import MemoryReadings
from cloudchamber.telemetry.messages import FlowReply, HeadHistoryReply, MomentReply

_SLICE: Final = 6e7
"""Multiplications between two decodes: about two milliseconds."""
_PROGRESS_AFTER: Final = 0.3
"""Seconds after which a long answer says how far it is."""


def _slice(cost: int, at: int) -> int:
    """Rows r from position `at` on that make a slice, of `cost` multiplications a key:
    r (at + r) cost = _SLICE."""
    return max(1, int((math.sqrt(at * at + 4 * _SLICE / max(cost, 1)) - at) / 2))


class RequestError(ValueError):
    """A question that can't be answered; the text says why."""


class Past:
    """What a run's earlier positions were like. `moment` may be called from any thread, the
    others from one at a time."""

    def __init__(
        self,
        capture: Capture,
        control: Control,
        cache: CacheLayout,
        memory: MemoryReadings,
        emit: Callable[[Event], None],
    ) -> None:
        self._capture = capture
        self._control = control
        self._cache = cache
        self._memory = memory
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
                self._memory.at(position + 1),
            )
        kept = [event for event in state if event is not None]
        return MomentReply(request=command.request, run_id=run_id, step=command.step, state=kept)

    # ------------------------------------------------------------------------ one head

    def head_history(self, command: GetHeadHistory) -> HeadHistoryReply:
        """One head over many positions. Raises `RequestError`."""
        run_id, held = self._run_id, self._positions()
        stop = min(command.stop or held, held)
        start = command.start
        if not start < stop:
            raise RequestError(f"the run holds {held:,} positions; those asked for are not among them")
        if not command.stop:  # up to the newest: the newest of what would be too many
            start = max(start, stop - MAX_HISTORY)
        stop = min(stop, start + MAX_HISTORY)
        parts: list[tuple[F4, F4, F4]] = []
        at = start

        def follow() -> bool:
            nonlocal at
            end = min(stop, at + self._rows(command.layer, at))
            parts.append(self._capture.head_history(command.layer, command.head, at, end))
            at = end
            return at == stop

        self._errand(run_id, follow)
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
        return _slice(int(heads[layer]["size"]) if 0 <= layer < len(heads) else 1, at)

    # ---------------------------------------------------------------------------- flow

    def flow(self, command: GetFlow) -> FlowReply:
        """Where one position's attention goes. Raises `RequestError`."""
        run_id, held = self._run_id, self._positions()
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
        weights, sink, _, _ = self._between(
            run_id,
            lambda: self._capture.attention_block(
                command.layer, command.head if mode == "head" else 0, mode,
                position, position + 1, 0, position + 1, position + 1,
            ),
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

        def extend() -> bool:
            nonlocal said
            self._extend(rollout, count)
            percent = int(100 * (rollout.length / count) ** 2)
            if percent > said and time.monotonic() - began > _PROGRESS_AFTER:
                said = percent
                self._say(percent / 100)
            return rollout.length >= count

        self._errand(run_id, extend)
        weights = rollout.row(position)
        if said >= 0:
            self._say(1.0, done=True)
        return weights

    def _extend(self, rollout: Rollout, count: int) -> None:
        """A slice of the rows of the first `count` positions. Raises `RequestError`."""
        cost, room = max(self._cost), _SLICE
        most = _slice(cost, rollout.length)
        while room > 0 and (wanted := rollout.next_rows(count, most)) is not None:
            layer, start, stop = wanted
            if not rollout.take(self._capture.mean_rows(layer, start, stop)):
                raise RequestError("the run's oldest queries are no longer kept, and rollout needs them all")
            room -= cost * (stop - start) * stop

    def _say(self, fraction: float, *, done: bool = False) -> None:
        message = "" if done else "Rolling attention out through the layers"
        self._emit(Progress(task="rollout", fraction=fraction, message=message, done=done))

    def _between[T](self, run_id: str, work: Callable[[], T]) -> T:
        """What `work` finds between two decodes. Raises as `_errand`."""
        found: list[T] = []

        def once() -> bool:
            found.append(work())
            return True

        self._errand(run_id, once)
        return found[0]

    def _errand(self, run_id: str, step: Callable[[], bool]) -> None:
        """Have `step` called between decodes until it is true. Raises `RequestError` if the run is
        not `run_id` any more, and for what the capture can't answer."""

        def checked() -> bool:
            if run_id != self._run_id:
                raise RequestError("another run has begun")
            return step()

        try:
            self._control.errand(checked)
        except CaptureError as error:
            raise RequestError(str(error)) from error
