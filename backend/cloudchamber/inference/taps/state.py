"""What the callback and the Python side share: one record of numbers and addresses.

Compiled code gets the record's address as `user_data`. Fields ending in `_at` are addresses of
arrays that `CallbackMemory` keeps alive.
"""

from __future__ import annotations

from typing import Final

import numpy as np

KEY_BLOCK: Final = 64
"""Positions whose keys lie together, transposed: the kernel's inner loop runs along them."""
MAX_NODES: Final = 1 << 15
MAX_PENDING: Final = 64
MAX_PLANS: Final = 4

_FIELDS = (
    # Where in a graph the callback is.
    "index",  # number of the next node to be asked about
    "n_tokens",  # tokens of this graph
    "position",  # position of its first token
    "mode",  # what to capture: bits of plan.py
    "first_signature",  # of the graph's first node
    "late",  # 1: this graph runs in one go and is read when it is over; see homes.py
    "opened",  # tokens of this decode
    "tracing",  # 1: recording this graph, 2: it fits no plan; looking at nothing either way
    "trace_wanted",  # 1: the next graph is to be recorded
    "losses",  # wanted tensors that were overwritten before they were read, this decode
    "unknown",  # graphs of this decode that no plan fits
    "short_of",  # bytes of scratch that a read would have needed
    "irregular",  # tokens whose visible keys are no single stretch that ends at themselves
    "copy_always",  # 1: read through ggml even what lies in host memory (for tests)
    # Plans; the current one's fields are copied here.
    "n_plans", "plan", "plans_at",
    "n_nodes", "signature_at", "slot_at", "point_at", "slots_at", "actions_at", "late_at", "n_late",
    "hidden_node",  # number of the node whose operand 1 is the hidden state; -1 without
    # The hidden state: its tensor in this graph, and 1 once its last row is in `hidden_at`.
    "hidden_tensor", "has_hidden", "hidden_at",
    # Homes.
    "home_at", "home_bytes", "home_used",
    # Slots: tensors met in this graph and not yet read.
    "slot_tensor_at", "slot_node_at", "slot_lost_at", "n_pending", "pending_at", "low_at", "high_at",
    # Recording.
    "n_nodes_traced", "n_leaves_traced", "trace_nodes_at", "trace_node_addresses_at",
    "trace_leaves_at", "trace_leaf_addresses_at",
    # Functions of ggml.
    "nbytes", "is_host", "tensor_get",
    # Sizes.
    "n_layer", "n_embd", "n_ctx", "n_batch", "n_blocks", "query_capacity", "query_stride",
    "n_expert", "n_used", "router_capacity",
    # Per-layer shapes, int64 [L]: heads, KV heads, head size, to_float; offsets in elements.
    "heads_at", "kv_heads_at", "head_size_at", "to_float_at", "key_type_at",
    "query_offset_at", "key_offset_at",
    # Fresh keys: where a layer's part of a row begins, int64 [L]; numbers in a row.
    "row_offset_at", "key_stride",
    # A rotating cache: which layers and which masks are of one, int64 [L] and [groups]; the cell
    # of each token of this decode, int32; the position each cell holds once they are in, int32.
    "rotates_at", "group_rotates_at", "cells_at", "held_at", "n_held",
    # Stores; see history.py.
    "queries_at", "keys_at", "fresh_at", "settled_at", "known_at", "norms_at", "first_at",
    "probabilities_at", "chosen_at", "weights_at",
    # Working memory.
    "middle_at", "out_at", "in_norm_at", "rows_at", "scratch_at", "scratch_bytes",
    "has_middle",  # layer whose middle of the stream is in `middle_at`
    "has_out",  # layer whose input is in `out_at`
)  # fmt: skip

STATE: Final = np.dtype([(name, np.int64) for name in _FIELDS])

PLAN_FIELDS: Final = (
    "n_nodes", "signature_at", "slot_at", "point_at", "slots_at", "actions_at", "late_at", "n_late",
    "hidden_node",
)  # fmt: skip
