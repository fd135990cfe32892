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

from numba import carray, cfunc, types

from cloudchamber.inference.taps import ggml
from cloudchamber.inference.taps.attention_readers import read_keys, read_mask, read_queries
from cloudchamber.inference.taps.compiled import STAMP, compiled
from cloudchamber.inference.taps.following import (
    BLIND,
    RECORD,
    begin_graph,
    find_plan,
    ints,
    record,
    shorts,
    signature_of,
)
from cloudchamber.inference.taps.homes import ALIGNMENT
from cloudchamber.inference.taps.memory import call_nbytes, load_i32, load_i64, pointer, store_i64
from cloudchamber.inference.taps.readers import (
    read_chosen,
    read_hidden,
    read_router,
    read_rows,
    read_stream,
)
from cloudchamber.inference.taps.state import MAX_NODES, MAX_PENDING, STATE
from cloudchamber.inference.taps.wanted import Do

_OP, _DATA, _SRC = ggml.OP, ggml.DATA, ggml.SRC
_CPY = ggml.OPS["CPY"]
_PASSIVE = tuple(ggml.PASSIVE_OPS)
_OUT, _MASK = int(Do.OUT), int(Do.MASK)
_ATTENTION, _PROBABILITIES, _CHOSEN = int(Do.ATTENTION), int(Do.PROBABILITIES), int(Do.CHOSEN)
_ROWS = int(Do.ROWS)
_VIEW_SRC, _VIEW_OFFS = ggml.VIEW_SRC, ggml.VIEW_OFFS


@compiled()
def _meet(s: Any, tensor: int, first: int, count: int) -> None:
    """A node that makes or reads wanted tensors: from here on watch their memory."""
    slots = shorts(s.slots_at, 5 * (first + count))
    for slot in range(first, first + count):
        operand = slots[5 * slot]
        watched = tensor if operand < 0 else load_i64(tensor + _SRC + 8 * operand)
        if (slots[5 * slot + 1] & s.mode) == 0 or s.n_pending >= MAX_PENDING:
            continue
        low = load_i64(watched + _DATA)
        pending = s.n_pending
        ints(s.slot_tensor_at, MAX_NODES)[slot] = watched
        ints(s.slot_node_at, MAX_NODES)[slot] = tensor
        shorts(s.slot_lost_at, MAX_NODES)[slot] = 0
        shorts(s.pending_at, MAX_PENDING)[pending] = slot
        ints(s.low_at, MAX_PENDING)[pending] = low
        ints(s.high_at, MAX_PENDING)[pending] = low + call_nbytes(s.nbytes, watched)
        s.n_pending = pending + 1


@compiled()
def _check_writes(s: Any, tensor: int) -> None:
    """Give up watched tensors that this node writes over."""
    op = load_i32(tensor + _OP)
    if op in _PASSIVE:
        return
    start = load_i64(tensor + _DATA)
    end = start + call_nbytes(s.nbytes, tensor)
    low, high = ints(s.low_at, MAX_PENDING), ints(s.high_at, MAX_PENDING)
    for i in range(s.n_pending):
        if start < high[i] and end > low[i]:
            slot = shorts(s.pending_at, MAX_PENDING)[i]
            shorts(s.slot_lost_at, MAX_NODES)[slot] = 1


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
    slots = shorts(s.slots_at, 5 * (first + count))
    for slot in range(first, first + count):
        operand, do = slots[5 * slot], slots[5 * slot + 3]
        if (slots[5 * slot + 1] & s.mode) == 0:
            continue
        watched = tensor if operand < 0 else load_i64(tensor + _SRC + 8 * operand)
        ints(s.slot_tensor_at, MAX_NODES)[slot] = watched
        ints(s.slot_node_at, MAX_NODES)[slot] = tensor
        shorts(s.slot_lost_at, MAX_NODES)[slot] = 0
        if do == _ROWS:
            read_rows(s, watched)
        elif do == _MASK:
            read_mask(s, _unconverted(watched), slots[5 * slot + 4])


@compiled()
def _ask(s: Any, tensor: int) -> Any:
    signature = signature_of(tensor)
    # A graph has no mark of its end, but its first node, the embedding, comes but once.
    over = s.tracing or s.index >= s.n_nodes
    if s.index == 0 or (over and signature == s.first_signature):
        begin_graph(s, tensor, signature)
    index = s.index
    s.index = index + 1
    if s.tracing == RECORD:
        record(s, tensor)
    if s.late:
        _follow(s, tensor)
    if s.tracing:
        return False
    known = index < s.n_nodes and ints(s.signature_at, s.n_nodes)[index] == signature
    if not known and not find_plan(s, index, signature):
        s.tracing = BLIND
        s.trace_wanted = 1
        s.unknown += 1
        return False
    if index == s.hidden_node:
        s.hidden_tensor = load_i64(tensor + _SRC + 8)
    if s.n_pending:
        _check_writes(s, tensor)
    slot = shorts(s.slot_at + 12 * index, 3)
    if s.late:
        if slot[2]:
            _settle(s, tensor)
        if slot[1]:
            _note(s, tensor, slot[0], slot[1])
        return False
    if slot[1]:
        _meet(s, tensor, slot[0], slot[1])
    point = shorts(s.point_at + 12 * index, 3)
    return point[1] != 0 and (point[2] & s.mode) != 0


@compiled()
def _forget_read(s: Any, index: int) -> None:
    """Drop the slots that were due at a node from the watch."""
    pending = shorts(s.pending_at, MAX_PENDING)
    low, high = ints(s.low_at, MAX_PENDING), ints(s.high_at, MAX_PENDING)
    slots = shorts(s.slots_at, 5 * MAX_NODES)
    kept = 0
    for i in range(s.n_pending):
        if slots[5 * pending[i] + 2] != index:
            pending[kept], low[kept], high[kept] = pending[i], low[i], high[i]
            kept += 1
    s.n_pending = kept


@compiled()
def _read(s: Any, do: int, layer: int, slot: int, group: int) -> None:
    """Take one wanted tensor's content into the stores."""
    slots = shorts(s.slots_at, 5 * MAX_NODES)
    if (slots[5 * slot + 1] & s.mode) == 0:
        return
    if shorts(s.slot_lost_at, MAX_NODES)[slot]:
        s.losses += 1
        return
    tensor = ints(s.slot_tensor_at, MAX_NODES)[slot]
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
        node = ints(s.slot_node_at, MAX_NODES)[slot]
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
    point = shorts(s.point_at + 12 * index, 3)
    actions = shorts(s.actions_at, 4 * (point[0] + point[1]))
    for number in range(point[0], point[0] + point[1]):
        at = 4 * number
        _read(s, actions[at], actions[at + 1], actions[at + 2], actions[at + 3])
    _forget_read(s, index)


@compiled(cache=True, nogil=True)
def begin(state: int, position: int, n_tokens: int) -> None:
    """A decode of tokens at positions from `position` on is about to begin."""
    s = carray(pointer(state), (1,), STATE)[0]
    s.index, s.n_tokens, s.position = 0, 0, position
    s.opened, s.late = n_tokens, 0
    s.losses, s.unknown, s.irregular = 0, 0, 0
    s.hidden_tensor, s.has_hidden = 0, 0


@compiled(cache=True, nogil=True)
def finish(state: int) -> Any:
    """The decode is over: read what a graph that ran in one go computed. `state` is the address
    of a `STATE` record. Returns how much of the decode could not be read."""
    s = carray(pointer(state), (1,), STATE)[0]
    if s.late and not s.tracing:
        actions = shorts(s.late_at, 4 * s.n_late)
        for number in range(s.n_late):
            at = 4 * number
            _read(s, actions[at], actions[at + 1], actions[at + 2], actions[at + 3])
        s.late = 0
    if s.hidden_tensor and not s.tracing:
        read_hidden(s, s.hidden_tensor)
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
