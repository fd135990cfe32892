"""The last product of a graph: the hidden state times the output matrix is the logits.

Read so that a run's logits can be kept in a few bytes: what can be computed again from the
hidden state need not be stored.
"""

from __future__ import annotations

from dataclasses import dataclass

from cloudchamber.inference.taps import ggml
from cloudchamber.inference.taps.graph import Graph, is_op


@dataclass(frozen=True, slots=True)
class Output:
    """The node that makes the logits, and the weights it reads."""

    node: int
    tensor: str
    """Name of the matrix, as in the file."""
    type: int
    """ggml's number of the type the product is computed in."""
    width: int
    """Numbers in a hidden state."""
    rows: int
    """Logits."""


def find_output(graph: Graph) -> Output | None:
    """None where something follows the product (a soft-cap, a scale) or it is none."""
    number = len(graph.nodes) - 1
    node = graph.nodes[number] if graph.nodes else None
    if node is None or not is_op(node, "MUL_MAT") or node.type != ggml.F32:
        return None
    matrix, hidden = graph.source(node, 0), graph.source(node, 1)
    if matrix is None or hidden is None or matrix.address not in graph.leaves or hidden.type != ggml.F32:
        return None
    return Output(number, matrix.name, matrix.type, matrix.ne[0], matrix.ne[1])
