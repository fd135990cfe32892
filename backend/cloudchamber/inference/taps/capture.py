"""Capture: the compiled eval callback together with the store of what it saw.

Use, on the thread that decodes:

    capture = Capture(n_layer, n_embd, n_ctx, n_ubatch)
    params.cb_eval, params.cb_eval_user_data = capture.callback, capture.user_data
    ctx = llama_init_from_model(model, params)
    capture.learn(ctx)                       # decodes a few tokens, clears the cache
    capture.begin_run()
    capture.before_decode(position, n_tokens)
    llama_decode(ctx, batch)
    capture.after_decode()                   # only when it returned 0
    capture.head_summary(run_id)

The first decode of each kind of graph is recorded and studied (`roles`, `plan`); from then on
the callback follows the plan. A token's cell is its position, but in layers that `rotate` names.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Sequence
from typing import Final

import llama_cpp.llama_cpp as llama
import numpy as np
from numpy.typing import NDArray

from cloudchamber.inference.rotating_cells import NoCellError, RotatingCells
from cloudchamber.inference.taps import ggml, views
from cloudchamber.inference.taps.callback_memory import CallbackMemory
from cloudchamber.inference.taps.graph import Graph, parse
from cloudchamber.inference.taps.history import STORES, History, measure_layers
from cloudchamber.inference.taps.lacks import what_lacks
from cloudchamber.inference.taps.output import Output, find_output
from cloudchamber.inference.taps.plan import Plan, make_plan
from cloudchamber.inference.taps.roles import Roles, find_roles
from cloudchamber.inference.taps.rotation import find_rotations
from cloudchamber.inference.taps.state import MAX_PLANS
from cloudchamber.inference.taps.wanted import ATTENTION, EXPERTS, NORMS
from cloudchamber.telemetry.events import (
    AttentionWeights,
    ExpertRouting,
    HeadSummary,
    LayerActivation,
    Part,
    Rotation,
)

QUERY_BYTES: Final = 1 << 30
_ALL: Final = NORMS | ATTENTION | EXPERTS


class CaptureError(RuntimeError):
    """What was asked for can't be had; the text says why."""


class Capture:
    """Reads a llama context's tensors while its graphs run. See the module's text."""

    def __init__(
        self, n_layer: int, n_embd: int, n_ctx: int, n_ubatch: int = 512, *, query_bytes: int = QUERY_BYTES
    ) -> None:
        from cloudchamber.inference.taps.callback import begin, eval_callback, finish

        self.n_layer, self.n_embd, self.n_ctx = n_layer, n_embd, n_ctx
        self.lacks: dict[str, str] = {}
        self.rotations: list[Rotation] = []
        self.roles: Roles | None = None
        self.plans: list[Plan] = []
        self.output: Output | None = None
        """The product that makes the logits; None where it is not known."""
        self.cells: RotatingCells | None = None
        """Of the layers whose cache rotates; None where no layer's does."""
        self.recorded = 0
        """What a recorder reads, whoever looks: bits of `wanted.py`."""
        self.lost = 0
        """Decodes so far of which something could not be read."""
        self._query_bytes, self._n_ubatch = query_bytes, n_ubatch
        self._history: History | None = None
        self._memory = CallbackMemory(n_layer, n_embd, n_ctx, n_ubatch)
        self._memory.record["mode"] = _ALL
        self._opened = (0, 0)
        self._recoveries = 0
        self.user_data = ctypes.c_void_p(self._memory.address)
        self._compiled = eval_callback
        self._begin, self._finish = begin, finish
        self.callback = llama.ggml_backend_sched_eval_callback(eval_callback.address)

    def rotate(self, cells: RotatingCells, layers: Sequence[int]) -> None:
        """These layers' cache takes its cells anew. For decodes of one ubatch each, before `learn`."""
        self.cells = cells
        self._memory.hold("held", cells.positions)
        self._memory.record["n_held"] = len(cells)
        self._memory.arrays["rotates"][list(layers)] = 1

    # ------------------------------------------------------------------------- one decode

    def before_decode(self, position: int, n_tokens: int) -> None:
        """About to decode `n_tokens` tokens at positions from `position` on."""
        self._begin(self._memory.address, position, n_tokens)
        self._opened = (position, n_tokens)
        if self.cells is not None:
            with contextlib.suppress(NoCellError):  # then llama.cpp finds none either
                self._memory.arrays["cells"][:n_tokens] = self.cells.place(position, n_tokens)
        if self._history is not None:
            self._history.open(position, n_tokens)

    def after_decode(self, ctx: object = None) -> None:
        """The decode returned 0: take its positions into the run, study new graphs."""
        missed = self._finish(self._memory.address)
        position, count = self._opened
        if missed:
            self._learn_from_loss()
        if self._history is None:
            return
        mode = int(self._memory.record["mode"])
        if not missed and mode:
            self._history.close(position, count, queries=bool(mode & ATTENTION))
        self._history.length = position + count

    def _learn_from_loss(self) -> None:
        """A graph was new, or something in it could not be read."""
        s = self._memory.record
        if s["tracing"] == 1 and s["n_nodes_traced"]:
            self._study()
        elif s["losses"]:
            self._recover()
        self.lost += 1

    def _study(self) -> None:
        """Find the roles in the recorded graph and make its plan."""
        s = self._memory.record
        graph = self._recorded_graph()
        roles = find_roles(graph, self.n_layer)
        s["trace_wanted"] = 0
        self.output = self.output or find_output(graph)
        if self._history is None:
            self._allocate(roles)
            self.rotations = find_rotations(graph, self.n_layer)
        signature = np.array([node.signature for node in graph.nodes], np.int64)
        self._add_plan(make_plan(graph, roles, signature, self._n_ubatch, sparing=self._recoveries == 0))

    def _recorded_graph(self) -> Graph:
        s = self._memory.record
        n, m = int(s["n_nodes_traced"]), int(s["n_leaves_traced"])
        return parse(
            self._memory.arrays["trace_nodes"][: n * ggml.TENSOR_BYTES].tobytes(),
            self._memory.arrays["trace_node_addresses"][:n].tolist(),
            self._memory.arrays["trace_leaves"][: m * ggml.TENSOR_BYTES].tobytes(),
            self._memory.arrays["trace_leaf_addresses"][:m].tolist(),
        )

    def _allocate(self, roles: Roles) -> None:
        self.roles = roles
        self.lacks = what_lacks(roles)
        layers = measure_layers(roles, self.n_ctx)
        self._history = history = History.allocate(layers, self.n_layer, self.n_ctx, self._query_bytes)
        for name, column in layers.columns.items():
            self._memory.hold(name, column)
        for name in STORES:
            self._memory.hold(name, getattr(history, name))
        for layer in np.flatnonzero(self._memory.arrays["rotates"]):
            self._memory.arrays["group_rotates"][layers.heads[layer]["group"]] = 1
        s = self._memory.record
        s["n_blocks"], s["query_stride"] = layers.n_blocks, history.queries.shape[1]
        s["query_capacity"], s["key_stride"] = history.queries.shape[0], history.fresh.shape[1]
        s["n_expert"], s["n_used"] = history.probabilities.shape[2], history.chosen.shape[2]
        s["router_capacity"] = history.probabilities.shape[0]

    def _add_plan(self, plan: Plan) -> None:
        s = self._memory.record
        same = [i for i, old in enumerate(self.plans) if np.array_equal(old.signature, plan.signature)]
        number = same[0] if same else min(len(self.plans), MAX_PLANS - 1)
        self.plans[number : number + 1] = [plan]
        arrays = (plan.signature, plan.slot, plan.point, plan.slots, plan.actions, plan.late)
        row = self._memory.arrays["plans"][number]
        addresses = (array.ctypes.data for array in arrays)
        row[:] = [len(plan.signature), *addresses, len(plan.late), plan.hidden_node]
        self._memory.grow_home(plan.home_bytes)
        s["n_plans"], s["plan"] = len(self.plans), number

    def _recover(self) -> None:
        """Something could not be read: give more room, or look at every tensor where it is made."""
        s = self._memory.record
        if s["home_used"] > s["home_bytes"]:
            self._memory.grow_home(int(s["home_used"]))
            return
        if s["short_of"]:
            self._memory.grow_scratch(int(s["short_of"]) + (1 << 16))
            return
        if self._recoveries < 2:
            self._recoveries += 1
            s["trace_wanted"] = 1

    # -------------------------------------------------------------------------------- runs

    def begin_run(self) -> None:
        """Forget what was seen; the memory stays."""
        if self._history is not None:
            self._history.truncate(0)
        if self.cells is not None:
            self.cells.clear()

    def learn(self, ctx: object, token: int = 0) -> None:
        """Let the capture see each kind of graph once: one token, several, and several of
        which none has an output. Leaves the context's memory empty. Raises `CaptureError`."""
        memory = llama.llama_get_memory(ctx)
        for count, outputs in ((1, 1), (2, 1), (2, 0), (2, 2), (1, 1)):
            llama.llama_memory_clear(memory, True)
            batch = llama.llama_batch_init(count, 0, 1)
            batch.n_tokens = count
            for i in range(count):
                batch.token[i], batch.pos[i], batch.n_seq_id[i] = token, i, 1
                batch.seq_id[i][0] = 0
                batch.logits[i] = i >= count - outputs
            self.before_decode(0, count)
            status = llama.llama_decode(ctx, batch)
            llama.llama_batch_free(batch)
            if status != 0:
                raise CaptureError(
                    f"the model could not decode its first token (llama_decode returned {status})"
                )
            self.after_decode()
        llama.llama_memory_clear(memory, True)
        self.lost = 0
        self.begin_run()

    def set_wanted(self, parts: frozenset[Part]) -> None:
        """What somebody looks at from the next decode on.

        While nobody looks, nothing is read but what is recorded and which experts were chosen: their
        load since the start is only true if none is left out. Whoever looks at one thing may look at
        another position and another part next, so then everything is read, which is cheap beside
        what is made of it: rows and summaries only of what is asked for. The keys of what was
        decoded meanwhile are fetched from the cache; its queries and norms stay unknown.
        """
        s = self._memory.record
        routed = self.roles is not None and any(self.roles.experts)
        mode = _ALL if parts else self.recorded | (EXPERTS if routed else 0)
        if s["mode"] & ATTENTION and not mode & ATTENTION and self._history is not None:
            self._history.settle()
        s["mode"] = mode

    @property
    def history(self) -> History:
        """The stores. Raises `CaptureError` before a graph was studied."""
        if self._history is None:
            raise CaptureError("no graph of this model has run yet")
        return self._history

    def hidden_state(self) -> NDArray[np.float32] | None:
        """What the output matrix was multiplied with to make the newest logits, f4[n_embd]: a
        view that the next decode overwrites. None if it was not read."""
        return self._memory.arrays["hidden"].view(np.float32) if self._memory.record["has_hidden"] else None

    # ------------------------------------------------------------------------------ answers

    def layer_activation(self, run_id: str, position: int | None = None) -> LayerActivation | None:
        """Norms at the newest position, or another of the run."""
        at = self._position(position)
        return None if at is None else views.layer_activation(self.history, run_id, at)

    def head_summary(self, run_id: str, position: int | None = None) -> HeadSummary | None:
        """All heads' rows in brief, at the newest position or another whose query is kept."""
        at = self._position(position)
        if at is None or self.history.layers.n_head == 0:
            return None
        return views.head_summary(self.history, run_id, at)

    def expert_routing(self, run_id: str, position: int | None = None) -> ExpertRouting | None:
        """The router at the newest position, or another that is kept; None without experts."""
        at = self._position(position)
        layers = [] if self.roles is None else [e.layer for e in self.roles.experts if e is not None]
        if at is None or not layers:
            return None
        return views.expert_routing(self.history, run_id, at, layers)

    def attention_rows(self, run_id: str, layer: int, head: int, query_start: int = 0) -> AttentionWeights:
        """One head's rows of the queries from `query_start` to the newest; the event's own
        `query_start` is later where older queries are no longer kept."""
        self._check_head(layer, head)
        return views.attention_weights(self.history, run_id, layer, head, query_start)

    def attention_block(
        self,
        layer: int,
        head: int,
        mode: views.Mode,
        query_start: int,
        query_stop: int,
        key_start: int,
        key_stop: int,
        max_size: int,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], int, int]:
        """Weights [R, C], sink [R], queries and keys per cell; a stop of 0 is the newest.

        Rows whose queries are no longer kept are NaN. Raises `CaptureError`.
        """
        self._check_head(layer, head)
        end = self.history.length
        queries = _range(query_start, query_stop, end, "queries")
        keys = _range(key_start, key_stop, end, "keys")
        if max_size < 1:
            raise CaptureError("a slice needs a size of at least 1")
        return views.attention_block(self.history, layer, head, mode, queries, keys, max_size)

    def head_history(
        self, layer: int, head: int, start: int, stop: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Entropy, peak weight and sink's share of one head at positions [start, stop).

        NaN where the query is no longer kept. Raises `CaptureError`.
        """
        self._check_head(layer, head)
        _range(start, stop, self.history.length, "queries")
        return views.head_history(self.history, layer, head, start, stop)

    def mean_rows(self, layer: int, start: int, stop: int) -> NDArray[np.float32]:
        """The mean of a layer's heads at positions [start, stop), [stop - start, stop]; NaN
        where the query is no longer kept. Raises `CaptureError`."""
        self._check_head(layer, 0)
        _range(start, stop, self.history.length, "queries")
        return views.mean_rows(self.history, layer, start, stop)

    def _position(self, position: int | None) -> int | None:
        length = 0 if self._history is None else self._history.length
        at = length - 1 if position is None else position
        return at if 0 <= at < length else None

    def _check_head(self, layer: int, head: int) -> None:
        if not 0 <= layer < self.n_layer:
            raise CaptureError(f"there is no layer {layer}; the model has {self.n_layer}")
        count = int(self.history.layers.heads[layer]["n_head"])
        if count == 0:
            raise CaptureError(self.lacks.get("attention", f"layer {layer} has no attention"))
        if not 0 <= head < count:
            raise CaptureError(f"layer {layer} has no head {head}; it has {count}")


def _range(start: int, stop: int, end: int, what: str) -> tuple[int, int]:
    stop = min(stop or end, end)
    if not 0 <= start < stop:
        raise CaptureError(f"there are no {what} from {start} to {stop}; the run has {end} positions")
    return start, stop
