"""What the compiled callback works on: its record, the arrays that it points to, and memory that grows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cloudchamber.inference.taps import ggml
from cloudchamber.inference.taps.homes import ALIGNMENT
from cloudchamber.inference.taps.state import MAX_NODES, MAX_PENDING, MAX_PLANS, PLAN_FIELDS, STATE


class CallbackMemory:
    """Keeps alive what compiled code knows by address alone."""

    def __init__(self, n_layer: int, n_embd: int, n_ctx: int, n_ubatch: int) -> None:
        self.arrays: dict[str, NDArray[np.generic]] = {}
        """By name; the record's field of that name with `_at` behind it is where each is."""
        self._state = np.zeros(1, STATE)
        self.record: np.void = self._state[0]
        """A view: what is written to it, the callback reads."""
        self.address = self._state.ctypes.data
        self._homes: list[NDArray[np.uint8]] = []
        s = self.record
        s["nbytes"], s["is_host"] = ggml.NBYTES_ADDRESS, ggml.IS_HOST_ADDRESS
        s["tensor_get"] = ggml.TENSOR_GET_ADDRESS
        s["n_layer"], s["n_embd"], s["n_ctx"], s["n_batch"] = n_layer, n_embd, n_ctx, n_ubatch
        for name in ("slot_tensor", "slot_node", "trace_node_addresses", "trace_leaf_addresses"):
            self.hold(name, np.empty(MAX_NODES, np.int64))
        self.hold("slot_lost", np.empty(MAX_NODES, np.int32))
        self.hold("pending", np.empty(MAX_PENDING, np.int32))
        self.hold("low", np.empty(MAX_PENDING, np.int64))
        self.hold("high", np.empty(MAX_PENDING, np.int64))
        self.hold("trace_nodes", np.empty(MAX_NODES * ggml.TENSOR_BYTES, np.uint8))
        self.hold("trace_leaves", np.empty(MAX_NODES * ggml.TENSOR_BYTES, np.uint8))
        self.hold("plans", np.zeros((MAX_PLANS, len(PLAN_FIELDS)), np.int64))
        self.hold("middle", np.zeros((n_ubatch, n_embd), np.float32))
        self.hold("out", np.zeros((n_ubatch, n_embd), np.float32))
        self.hold("hidden", np.zeros(n_embd, np.float32))
        self.hold("in_norm", np.zeros(n_ubatch, np.float32))
        self.hold("rows", np.zeros(n_ubatch, np.int32))
        self.hold("cells", np.zeros(n_ubatch, np.int32))
        self.hold("rotates", np.zeros(n_layer, np.int64))
        self.hold("group_rotates", np.zeros(n_layer, np.int64))
        self.hold("held", np.zeros(1, np.int32))
        self.grow_scratch(1 << 20)

    def hold(self, name: str, array: NDArray[np.generic]) -> None:
        """Keep an array alive and tell the callback where it is."""
        self.arrays[name] = array
        self.record[f"{name}_at"] = array.ctypes.data

    def grow_scratch(self, size: int) -> None:
        """Have so many bytes for what must be copied out of other memory."""
        self.hold("scratch", np.empty(size // 8 + 1, np.int64))
        self.record["scratch_bytes"] = size
        self.record["short_of"] = 0

    def grow_home(self, size: int) -> None:
        """Have at least so much memory for wanted tensors. What was there before is kept: a
        graph that llama.cpp uses again computes into it until its nodes are asked about."""
        s = self.record
        if size <= s["home_bytes"]:
            return
        home = np.empty(size + ALIGNMENT, np.uint8)
        self._homes.append(home)
        s["home_at"] = -(-home.ctypes.data // ALIGNMENT) * ALIGNMENT
        s["home_bytes"] = size
