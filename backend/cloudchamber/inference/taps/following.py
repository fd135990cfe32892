"""Which graph is running: the plan that fits it, or a record of it where none does. Compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray

from cloudchamber.inference.taps import ggml
from cloudchamber.inference.taps.compiled import compiled
from cloudchamber.inference.taps.homes import MOST_TOKENS
from cloudchamber.inference.taps.memory import load_i32, load_i64, pointer
from cloudchamber.inference.taps.state import MAX_NODES, PLAN_FIELDS

RECORD, BLIND = 1, 2
"""Values of `tracing`."""
_NODE_BYTES = ggml.TENSOR_BYTES
_OP, _NE, _SRC, _NAME = ggml.OP, ggml.NE, ggml.SRC, ggml.NAME
_NONE = ggml.OPS["NONE"]
_N_SRC = ggml.MAX_SRC
_PLAN_BYTES = 8 * len(PLAN_FIELDS)


@compiled(inline="always")
def ints(address: int, count: int) -> Any:
    return carray(pointer(address), (count,), np.int64)


@compiled(inline="always")
def shorts(address: int, count: int) -> Any:
    return carray(pointer(address), (count,), np.int32)


@compiled(inline="always")
def signature_of(tensor: int) -> Any:
    """Op and the beginning of the name: enough to notice that a graph is another one."""
    return load_i64(tensor + _NAME) ^ (np.int64(load_i32(tensor + _OP)) << np.int64(56))


@compiled()
def _take_plan(s: Any, number: int) -> None:
    """Make plan `number` the current one."""
    fields = ints(s.plans_at + number * _PLAN_BYTES, 9)
    s.plan = number
    s.n_nodes = fields[0]
    s.signature_at = fields[1]
    s.slot_at = fields[2]
    s.point_at = fields[3]
    s.slots_at = fields[4]
    s.actions_at = fields[5]
    s.late_at = fields[6]
    s.n_late = fields[7]
    s.hidden_node = fields[8]


@compiled()
def find_plan(s: Any, index: int, signature: int) -> bool:
    """Change to a plan that agrees with the current one so far and knows this node."""
    for number in range(s.n_plans):
        fields = ints(s.plans_at + number * _PLAN_BYTES, 8)
        if number == s.plan or index >= fields[0]:
            continue
        theirs = ints(fields[1], fields[0])
        if theirs[index] != signature:
            continue
        ours = ints(s.signature_at, s.n_nodes)
        same = True
        for i in range(index):
            same = same and ours[i] == theirs[i]
        our_slots, their_slots = shorts(s.slot_at, 3 * index), shorts(fields[2], 3 * index)
        our_points, their_points = shorts(s.point_at, 3 * index), shorts(fields[3], 3 * index)
        for i in range(3 * index):
            same = same and our_slots[i] == their_slots[i]
        for i in range(3 * index):
            same = same and our_points[i] == their_points[i]
        # What was given a home is not looked at in passing.
        if same and not (s.late and fields[7] == 0):
            _take_plan(s, number)
            return True
    return False


@compiled()
def begin_graph(s: Any, tensor: int, signature: int) -> None:
    """The first node of a graph: its tokens follow the last graph's."""
    s.position += s.n_tokens
    s.n_tokens = load_i64(tensor + _NE + 8)
    s.index = 0
    s.n_pending = 0
    s.has_middle = -1
    s.has_out = -1
    s.first_signature = signature
    s.late = 0
    s.hidden_tensor = 0
    s.home_used = 0
    if s.trace_wanted or s.n_plans == 0:
        s.tracing = RECORD
        s.unknown += 1
        s.n_nodes_traced = 0
        s.n_leaves_traced = 0
        return
    s.tracing = 0
    _take_plan(s, s.plan)
    # A decode of several graphs is looked into: the next one may use this one's structs.
    alone = s.n_tokens == s.opened and s.n_tokens <= MOST_TOKENS
    s.late = np.int64(alone and s.n_late > 0 and not s.copy_always)
    lost = shorts(s.slot_lost_at, MAX_NODES)
    for i in range(s.n_nodes):
        lost[i] = 1


@compiled()
def _copy_words(source: int, destination: int) -> None:
    theirs, ours = ints(source, _NODE_BYTES // 8), ints(destination, _NODE_BYTES // 8)
    for i in range(_NODE_BYTES // 8):
        ours[i] = theirs[i]


@compiled()
def record(s: Any, tensor: int) -> None:
    """Keep a copy of a node and of the leaves it reads."""
    count = s.n_nodes_traced
    if count >= MAX_NODES:
        return
    _copy_words(tensor, s.trace_nodes_at + count * _NODE_BYTES)
    ints(s.trace_node_addresses_at, MAX_NODES)[count] = tensor
    s.n_nodes_traced = count + 1
    for i in range(_N_SRC):
        source = load_i64(tensor + _SRC + 8 * i)
        leaves = s.n_leaves_traced
        if source != 0 and load_i32(source + _OP) == _NONE and leaves < MAX_NODES:
            _copy_words(source, s.trace_leaves_at + leaves * _NODE_BYTES)
            ints(s.trace_leaf_addresses_at, MAX_NODES)[leaves] = source
            s.n_leaves_traced = leaves + 1
