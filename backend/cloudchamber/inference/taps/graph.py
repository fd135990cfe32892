"""A compute graph as it was recorded, to look things up in: nodes in order, and their leaves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cloudchamber.inference.taps.ggml import OPS, PASSIVE_OPS, TensorRecord

_LAYER = re.compile(r"-(\d+)(?: \(.*\))?$")


@dataclass(slots=True)
class Graph:
    """Nodes in the order they run, and the leaves they read (weights, inputs, the cache)."""

    nodes: list[TensorRecord]
    leaves: dict[int, TensorRecord]
    index: dict[int, int] = field(init=False)
    """Node number by tensor address."""
    _low: NDArray[np.uint64] = field(init=False)
    _size: NDArray[np.uint64] = field(init=False)
    """The memory each node writes; no bytes for views."""
    _own: NDArray[np.bool_] = field(init=False)
    """The node writes a tensor of its own and not into the cache."""

    def __post_init__(self) -> None:
        self.index = {node.address: number for number, node in enumerate(self.nodes)}
        sizes = [0 if node.op in PASSIVE_OPS else node.n_bytes for node in self.nodes]
        self._low = np.array([node.data for node in self.nodes], np.uint64)
        self._size = np.array(sizes, np.uint64)
        self._own = np.array([node.view_src == 0 for node in self.nodes])

    def tensor(self, address: int) -> TensorRecord | None:
        """Node or leaf at an address."""
        number = self.index.get(address)
        return self.leaves.get(address) if number is None else self.nodes[number]

    def source(self, tensor: TensorRecord, number: int) -> TensorRecord | None:
        """Operand `number` of a tensor's operation."""
        return self.tensor(tensor.src[number]) if tensor.src[number] else None

    def sources(self, tensor: TensorRecord) -> Iterator[TensorRecord]:
        """All operands."""
        for address in tensor.src:
            found = self.tensor(address) if address else None
            if found is not None:
                yield found

    def last_named(self, name: str) -> int | None:
        """Number of the last node of that name: llama.cpp renames as it goes along."""
        for number in range(len(self.nodes) - 1, -1, -1):
            if self.nodes[number].name == name:
                return number
        return None

    def layer_after(self, number: int) -> int | None:
        """Layer of the first node from `number` on whose name tells it."""
        for node in self.nodes[number:]:
            layer = layer_of(node.name)
            if layer is not None:
                return layer
        return None

    def first_writer(self, after: int, tensor: TensorRecord, growth: int) -> int:
        """Number of the first node after `after` that writes over a tensor's memory.

        llama.cpp lays addresses out once, for the largest batch, and a small graph uses the
        beginning of each place. `growth` is how many times larger the tensors may become.
        """
        size = np.where(self._own, self._size * np.uint64(growth), self._size)[after + 1 :]
        start = self._low[after + 1 :]
        low, high = np.uint64(tensor.data), np.uint64(tensor.data + tensor.n_bytes * growth)
        over = (start < high) & (start + size > low)
        return after + 1 + int(np.argmax(over)) if over.any() else len(self.nodes)


def layer_of(name: str) -> int | None:
    """Layer number that a tensor's name ends in: `l_out-7` is of layer 7."""
    match = _LAYER.search(name)
    return int(match.group(1)) if match else None


def is_op(tensor: TensorRecord | None, *names: str) -> bool:
    """The tensor is the result of one of these operations."""
    return tensor is not None and any(tensor.op == OPS[name] for name in names)


def parse(raw_nodes: bytes, addresses: Sequence[int], raw_leaves: bytes, leaves: Sequence[int]) -> Graph:
    """From recorded structs, 336 bytes each, and where they were."""
    size = 336
    nodes = [TensorRecord.parse(a, raw_nodes[i * size : (i + 1) * size]) for i, a in enumerate(addresses)]
    found: dict[int, TensorRecord] = {}
    for i, address in enumerate(leaves):
        if address not in found:
            found[address] = TensorRecord.parse(address, raw_leaves[i * size : (i + 1) * size])
    return Graph(nodes, found)
