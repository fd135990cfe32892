"""Homes: memory of our own for wanted tensors, so that a graph runs in one go.

Looking at a node makes all threads meet. In a graph that lies whole in the processor's memory
there is no need to look: while llama.cpp asks about the nodes none of them has been computed
yet, so the callback can give each wanted tensor, and every view of it, other memory to be
computed into. Nothing writes over that, and it is read once the decode is over. The cache
holds K anyway; the graph's inputs are there from the beginning and are read at once.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from cloudchamber.inference.taps import ggml
from cloudchamber.inference.taps.ggml import PASSIVE_OPS, TensorRecord
from cloudchamber.inference.taps.graph import Graph, is_op
from cloudchamber.inference.taps.wanted import Do, Wanted

MOST_TOKENS: Final = 8
"""Larger graphs are looked into as they run: their homes would be large, and one look in a
long decode costs little."""
ALIGNMENT: Final = 64
AT_ONCE: Final = frozenset((Do.MASK, Do.ROWS))


def find_homes(graph: Graph, wanted: list[Wanted]) -> NDArray[np.bool_] | None:
    """Which nodes are to be given homes, [n_nodes]; None where the graph must be looked into."""
    if not _in_plain_memory(graph):
        return None
    homes = np.zeros(len(graph.nodes), np.bool_)
    for one in wanted:
        tensor = one.tensor(graph)
        if one.do in AT_ONCE:
            if not _is_input(graph, tensor):
                return None
            continue
        root = graph.index.get(tensor.view_src or tensor.address)
        if root is None:
            return None
        homes[root] = True
    roots = {graph.nodes[number].address for number in np.flatnonzero(homes)}
    # An operation in place would write over what is wanted.
    in_place = any(node.view_src in roots and node.op not in PASSIVE_OPS for node in graph.nodes)
    return None if in_place else homes


def home_bytes(graph: Graph, homes: NDArray[np.bool_], tokens: int, width: int) -> int:
    """Memory that `MOST_TOKENS` tokens need, where the recorded graph had `tokens` of `width`
    numbers each. The last layer may have had fewer rows than tokens."""
    growth = -(-MOST_TOKENS // max(tokens, 1))
    roots = [graph.nodes[number] for number in np.flatnonzero(homes)]
    each = sum(max(node.n_bytes * growth, 4 * width * MOST_TOKENS) + ALIGNMENT for node in roots)
    return each + ALIGNMENT


def _in_plain_memory(graph: Graph) -> bool:
    """All nodes with memory of their own share one buffer of the processor's kind."""
    buffers = {node.buffer for node in graph.nodes if node.view_src == 0}
    return len(buffers) == 1 and ggml.is_plain_memory(buffers.pop())


def _is_input(graph: Graph, tensor: TensorRecord) -> bool:
    """The tensor is an input of the graph, or one in another type."""
    while is_op(tensor, "CPY"):
        source = graph.source(tensor, 0)
        if source is None:
            return False
        tensor = source
    return tensor.address in graph.leaves and tensor.view_src == 0
