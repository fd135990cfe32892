"""What is read from a graph: the tensors that play a role, and where in the graph they are."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from cloudchamber.inference.taps.ggml import TensorRecord
from cloudchamber.inference.taps.graph import Graph
from cloudchamber.inference.taps.roles import Roles


class Do(IntEnum):
    """What to do with a wanted tensor once it can be read."""

    ENTRY = 0
    MIDDLE = 1
    OUT = 2
    MASK = 3
    ATTENTION = 4
    PROBABILITIES = 5
    CHOSEN = 6
    WEIGHTS = 7
    ROWS = 8


ALWAYS, NORMS, ATTENTION, EXPERTS = 1, 2, 4, 8
"""Bits of the capture's mode; an action and its point are skipped when its bit is off."""
_MODE = {
    Do.ENTRY: NORMS, Do.MIDDLE: NORMS, Do.OUT: NORMS, Do.ROWS: NORMS | EXPERTS,
    Do.MASK: ATTENTION, Do.ATTENTION: ATTENTION,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """One tensor to read: operand `operand` of node `node`, or the node itself for -1."""

    do: Do
    layer: int
    node: int
    operand: int = -1
    group: int = 0

    @property
    def mode(self) -> int:
        return _MODE.get(self.do, EXPERTS)

    @property
    def order(self) -> tuple[int, int]:
        """Place among the others: by layer, and the stream in the order it flows."""
        return self.layer, {Do.ROWS: 0, Do.ENTRY: 1, Do.MIDDLE: 2, Do.OUT: 3}.get(self.do, 4)

    def tensor(self, graph: Graph) -> TensorRecord:
        """The tensor itself."""
        node = graph.nodes[self.node]
        tensor = node if self.operand < 0 else graph.source(node, self.operand)
        assert tensor is not None
        return tensor


def wanted_tensors(roles: Roles) -> list[Wanted]:
    """Everything the panels may ask for, in order of the graph."""
    wanted: list[Wanted] = []
    if roles.entry is not None:
        wanted.append(Wanted(Do.ENTRY, 0, roles.entry))
    if roles.output_rows is not None:
        wanted.append(Wanted(Do.ROWS, 0, roles.output_rows, 1))
    groups: dict[int, int] = {}
    for layer, (middle, out, attention, experts) in enumerate(
        zip(roles.middle, roles.out, roles.attention, roles.experts, strict=True)
    ):
        if attention is not None:
            if attention.mask not in groups:
                groups[attention.mask] = len(groups)
                wanted.append(
                    Wanted(Do.MASK, layer, attention.mask_node, attention.mask_source, groups[attention.mask])
                )
            wanted.append(Wanted(Do.ATTENTION, layer, attention.node, attention.query_source))
        if middle is not None:
            wanted.append(Wanted(Do.MIDDLE, layer, middle))
        if experts is not None:
            wanted.append(Wanted(Do.PROBABILITIES, layer, experts.probabilities))
            wanted.append(Wanted(Do.CHOSEN, layer, experts.chosen))
            wanted.append(Wanted(Do.WEIGHTS, layer, experts.weights))
        if out is not None:
            wanted.append(Wanted(Do.OUT, layer, out))
    return sorted(wanted, key=lambda one: (one.node, one.do))
