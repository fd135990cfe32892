"""The eval callback: compiled, allocates nothing, touches no Python.

llama.cpp asks about every node in the order they will run (`ask`), and for nodes that were
answered with `True` it calls again when their data is there. On ask the callback follows the
plan of the graph, remembers where wanted tensors are, and checks that no node writes over one
before it is read. On data it reads what is due.

A graph that may compute into memory of ours (`homes.py`) runs in one go: on ask the callback
gives wanted tensors their homes, and `finish` reads them when the decode is over.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, cfunc, types

from cloudchamber.inference.taps import ggml
from cloudchamber.inference.taps.compiled import STAMP, compiled
from cloudchamber.inference.taps.homes import ALIGNMENT, MOST_TOKENS
from cloudchamber.inference.taps.memory import call_nbytes, load_i32, load_i64, pointer, store_i64
from cloudchamber.inference.taps.readers import (
    read_chosen,
    read_keys,
    read_mask,
    read_queries,
    read_router,
    read_rows,
    read_stream,
)
from cloudchamber.inference.taps.state import MAX_NODES, MAX_PENDING, PLAN_FIELDS, STATE
from cloudchamber.inference.taps.wanted import Do

_NODE_BYTES = ggml.TENSOR_BYTES
_OP, _DATA, _NE, _SRC, _NAME = ggml.OP, ggml.DATA, ggml.NE, ggml.SRC, ggml.NAME
_NONE, _CPY = ggml.OPS["NONE"], ggml.OPS["CPY"]
_PASSIVE = tuple(ggml.PASSIVE_OPS)
_OUT, _MASK = int(Do.OUT), int(Do.MASK)
_ATTENTION, _PROBABILITIES, _CHOSEN = int(Do.ATTENTION), int(Do.PROBABILITIES), int(Do.CHOSEN)
_ROWS = int(Do.ROWS)
_N_SRC = ggml.MAX_SRC
_RECORD, _BLIND = 1, 2
_PLAN_BYTES = 8 * len(PLAN_FIELDS)
_VIEW_SRC, _VIEW_OFFS = ggml.VIEW_SRC, ggml.VIEW_OFFS


@compiled(inline="always")
def _ints(address: int, count: int) -> Any:
    return carray(pointer(address), (count,), np.int64)


@compiled(inline="always")
def _shorts(address: int, count: int) -> Any:
    return carray(pointer(address), (count,), np.int32)


@compiled(inline="always")
def _signature(tensor: int) -> Any:
    """Op and the beginning of the name: enough to notice that a graph is another one."""
    return load_i64(tensor + _NAME) ^ (np.int64(load_i32(tensor + _OP)) << np.int64(56))


@compiled()
def _take_plan(s: Any, number: int) -> None:
    """Make plan `number` the current one."""
    fields = _ints(s.plans_at + number * _PLAN_BYTES, 8)
    s.plan = number
    s.n_nodes = fields[0]
    s.signature_at = fields[1]
    s.slot_at = fields[2]
    s.point_at = fields[3]
    s.slots_at = fields[4]
    s.actions_at = fields[5]
    s.late_at = fields[6]
    s.n_late = fields[7]


@compiled()
def _find_plan(s: Any, index: int, signature: int) -> bool:
    """Change to a plan that agrees with the current one so far and knows this node."""
    for number in range(s.n_plans):
        fields = _ints(s.plans_at + number * _PLAN_BYTES, 8)
        if number == s.plan or index >= fields[0]:
            continue
        theirs = _ints(fields[1], fields[0])
        if theirs[index] != signature:
            continue
        ours = _ints(s.signature_at, s.n_nodes)
        same = True
        for i in range(index):
            same = same and ours[i] == theirs[i]
        our_slots, their_slots = _shorts(s.slot_at, 3 * index), _shorts(fields[2], 3 * index)
        our_points, their_points = _shorts(s.point_at, 3 * index), _shorts(fields[3], 3 * index)
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
def _begin_graph(s: Any, tensor: int, signature: int) -> None:
    """The first node of a graph: its tokens follow the last graph's."""
    s.position += s.n_tokens
    s.n_tokens = load_i64(tensor + _NE + 8)
    s.index = 0
    s.n_pending = 0
    s.has_middle = -1
    s.has_out = -1
    s.first_signature = signature
    s.late = 0
    s.home_used = 0
    if s.trace_wanted or s.n_plans == 0:
        s.tracing = _RECORD
        s.unknown += 1
        s.n_nodes_traced = 0
        s.n_leaves_traced = 0
        return
    s.tracing = 0
    _take_plan(s, s.plan)
    # A decode of several graphs is looked into: the next one may use this one's structs.
    alone = s.n_tokens == s.opened and s.n_tokens <= MOST_TOKENS
    s.late = np.int64(alone and s.n_late > 0 and not s.copy_always)
    lost = _shorts(s.slot_lost_at, MAX_NODES)
    for i in range(s.n_nodes):
        lost[i] = 1


@compiled()
def _copy_words(source: int, destination: int) -> None:
    theirs, ours = _ints(source, _NODE_BYTES // 8), _ints(destination, _NODE_BYTES // 8)
    for i in range(_NODE_BYTES // 8):
        ours[i] = theirs[i]


@compiled()
def _record(s: Any, tensor: int) -> None:
    """Keep a copy of a node and of the leaves it reads."""
    count = s.n_nodes_traced
    if count >= MAX_NODES:
        return
    _copy_words(tensor, s.trace_nodes_at + count * _NODE_BYTES)
    _ints(s.trace_node_addresses_at, MAX_NODES)[count] = tensor
    s.n_nodes_traced = count + 1
    for i in range(_N_SRC):
        source = load_i64(tensor + _SRC + 8 * i)
        leaves = s.n_leaves_traced
        if source != 0 and load_i32(source + _OP) == _NONE and leaves < MAX_NODES:
            _copy_words(source, s.trace_leaves_at + leaves * _NODE_BYTES)
            _ints(s.trace_leaf_addresses_at, MAX_NODES)[leaves] = source
            s.n_leaves_traced = leaves + 1


@compiled()
def _meet(s: Any, tensor: int, first: int, count: int) -> None:
    """A node that makes or reads wanted tensors: from here on watch their memory."""
    slots = _shorts(s.slots_at, 5 * (first + count))
    for slot in range(first, first + count):
        operand = slots[5 * slot]
        watched = tensor if operand < 0 else load_i64(tensor + _SRC + 8 * operand)
        if (slots[5 * slot + 1] & s.mode) == 0 or s.n_pending >= MAX_PENDING:
            continue
        low = load_i64(watched + _DATA)
        pending = s.n_pending
        _ints(s.slot_tensor_at, MAX_NODES)[slot] = watched
        _ints(s.slot_node_at, MAX_NODES)[slot] = tensor
        _shorts(s.slot_lost_at, MAX_NODES)[slot] = 0
        _shorts(s.pending_at, MAX_PENDING)[pending] = slot
        _ints(s.low_at, MAX_PENDING)[pending] = low
        _ints(s.high_at, MAX_PENDING)[pending] = low + call_nbytes(s.nbytes, watched)
        s.n_pending = pending + 1


@compiled()
def _check_writes(s: Any, tensor: int) -> None:
    """Give up watched tensors that this node writes over."""
    op = load_i32(tensor + _OP)
    if op in _PASSIVE:
        return
    start = load_i64(tensor + _DATA)
    end = start + call_nbytes(s.nbytes, tensor)
    low, high = _ints(s.low_at, MAX_PENDING), _ints(s.high_at, MAX_PENDING)
    for i in range(s.n_pending):
        if start < high[i] and end > low[i]:
            slot = _shorts(s.pending_at, MAX_PENDING)[i]
            _shorts(s.slot_lost_at, MAX_NODES)[slot] = 1


@compiled()
def _unconverted(tensor: int) -> int:
    """K in the cache or the mask, where the graph reads it through a conversion."""
    while load_i32(tensor + _OP) == _CPY:
        tensor = load_i64(tensor + _SRC)
    return tensor


@compiled()
def _settle(s: Any, tensor: int) -> None:
    """Give a tensor its home. llama.cpp uses a graph again for the next token, so that it
    often has it already."""
    at = s.home_at + s.home_used
    size = call_nbytes(s.nbytes, tensor)
    s.home_used += (size + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
    if s.home_used <= s.home_bytes:
        store_i64(tensor + _DATA, at)


@compiled()
def _follow(s: Any, tensor: int) -> None:
    """Move a view along with a tensor that was given a home."""
    root = load_i64(tensor + _VIEW_SRC)
    if root == 0:
        return
    data = load_i64(root + _DATA)
    if data >= s.home_at and data < s.home_at + s.home_bytes:
        store_i64(tensor + _DATA, data + load_i64(tensor + _VIEW_OFFS))


@compiled()
def _note(s: Any, tensor: int, first: int, count: int) -> None:
    """A node that makes or reads wanted tensors: remember it, and read inputs at once."""
    slots = _shorts(s.slots_at, 5 * (first + count))
    for slot in range(first, first + count):
        operand, do = slots[5 * slot], slots[5 * slot + 3]
        if (slots[5 * slot + 1] & s.mode) == 0:
            continue
        watched = tensor if operand < 0 else load_i64(tensor + _SRC + 8 * operand)
        _ints(s.slot_tensor_at, MAX_NODES)[slot] = watched
        _ints(s.slot_node_at, MAX_NODES)[slot] = tensor
        _shorts(s.slot_lost_at, MAX_NODES)[slot] = 0
        if do == _ROWS:
            read_rows(s, watched)
        elif do == _MASK:
            read_mask(s, _unconverted(watched), slots[5 * slot + 4])


@compiled()
def _ask(s: Any, tensor: int) -> Any:
    signature = _signature(tensor)
    # A graph has no mark of its end, but its first node, the embedding, comes but once.
    over = s.tracing or s.index >= s.n_nodes
    if s.index == 0 or (over and signature == s.first_signature):
        _begin_graph(s, tensor, signature)
    index = s.index
    s.index = index + 1
    if s.tracing == _RECORD:
        _record(s, tensor)
    if s.late:
        _follow(s, tensor)
    if s.tracing:
        return False
    known = index < s.n_nodes and _ints(s.signature_at, s.n_nodes)[index] == signature
    if not known and not _find_plan(s, index, signature):
        s.tracing = _BLIND
        s.trace_wanted = 1
        s.unknown += 1
        return False
    if s.n_pending:
        _check_writes(s, tensor)
    slot = _shorts(s.slot_at + 12 * index, 3)
    if s.late:
        if slot[2]:
            _settle(s, tensor)
        if slot[1]:
            _note(s, tensor, slot[0], slot[1])
        return False
    if slot[1]:
        _meet(s, tensor, slot[0], slot[1])
    point = _shorts(s.point_at + 12 * index, 3)
    return point[1] != 0 and (point[2] & s.mode) != 0


@compiled()
def _forget_read(s: Any, index: int) -> None:
    """Drop the slots that were due at a node from the watch."""
    pending = _shorts(s.pending_at, MAX_PENDING)
    low, high = _ints(s.low_at, MAX_PENDING), _ints(s.high_at, MAX_PENDING)
    slots = _shorts(s.slots_at, 5 * MAX_NODES)
    kept = 0
    for i in range(s.n_pending):
        if slots[5 * pending[i] + 2] != index:
            pending[kept], low[kept], high[kept] = pending[i], low[i], high[i]
            kept += 1
    s.n_pending = kept


@compiled()
def _read(s: Any, do: int, layer: int, slot: int, group: int) -> None:
    """Take one wanted tensor's content into the stores."""
    slots = _shorts(s.slots_at, 5 * MAX_NODES)
    if (slots[5 * slot + 1] & s.mode) == 0:
        return
    if _shorts(s.slot_lost_at, MAX_NODES)[slot]:
        s.losses += 1
        return
    tensor = _ints(s.slot_tensor_at, MAX_NODES)[slot]
    if s.late:
        data = load_i64(tensor + _DATA)
        if data < s.home_at or data >= s.home_at + s.home_bytes:
            s.losses += 1
            return
    if do <= _OUT:
        read_stream(s, tensor, do, layer)
    elif do == _ROWS:
        read_rows(s, tensor)
    elif do == _MASK:
        read_mask(s, tensor, group)
    elif do == _ATTENTION:
        node = _ints(s.slot_node_at, MAX_NODES)[slot]
        operand = 1 if slots[5 * slot] == 0 else 0
        read_queries(s, tensor, layer)
        read_keys(s, _unconverted(load_i64(node + _SRC + 8 * operand)), layer)
    elif do == _CHOSEN:
        read_chosen(s, tensor, layer)
    else:
        read_router(s, tensor, layer, do == _PROBABILITIES)


@compiled()
def _data(s: Any) -> None:
    """Read what is due at the node just asked about."""
    index = s.index - 1
    point = _shorts(s.point_at + 12 * index, 3)
    actions = _shorts(s.actions_at, 4 * (point[0] + point[1]))
    for number in range(point[0], point[0] + point[1]):
        at = 4 * number
        _read(s, actions[at], actions[at + 1], actions[at + 2], actions[at + 3])
    _forget_read(s, index)


@compiled(cache=True, nogil=True)
def finish(state: int) -> Any:
    """The decode is over: read what a graph that ran in one go computed. `state` is the address
    of a `STATE` record. Returns how much of the decode could not be read."""
    s = carray(pointer(state), (1,), STATE)[0]
    if s.late and not s.tracing:
        actions = _shorts(s.late_at, 4 * s.n_late)
        for number in range(s.n_late):
            at = 4 * number
            _read(s, actions[at], actions[at + 1], actions[at + 2], actions[at + 3])
        s.late = 0
    return s.losses + s.unknown


_SIGNATURE = types.boolean(types.int64, types.boolean, types.int64)


def _compile(stamp: int) -> Any:
    """The closure over the stamp makes it part of the cached code's key."""

    @cfunc(_SIGNATURE, cache=True, nopython=True)  # type: ignore[untyped-decorator]
    def eval_callback(tensor: int, ask: bool, user_data: int) -> bool:
        """`ggml_backend_sched_eval_callback`; `user_data` is the address of a `STATE` record."""
        s = carray(pointer(user_data), (1,), STATE)[0]
        if s.mode == 0 or stamp == 0:
            return not ask
        if ask:
            return bool(_ask(s, tensor))
        _data(s)
        return True

    return eval_callback


eval_callback = _compile(STAMP)
