"""Where to look: the fewest points of a graph at which all wanted tensors are still whole.

Looking at a node splits the graph there and makes all threads meet, which is what capture
costs. A wanted tensor lives from the node that makes it to the node that writes over its
memory; stabbing these intervals with the fewest points (earliest end first) usually leaves
one point a layer: at the sum after attention, Q and the layer's input are both intact.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

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
    Do.ENTRY: NORMS, Do.MIDDLE: NORMS, Do.OUT: NORMS, Do.ROWS: NORMS,
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


@dataclass(frozen=True, slots=True)
class Plan:
    """A graph's program for the callback, as flat arrays; see `callback.py`."""

    signature: NDArray[np.int64]
    """[n_nodes] what each node must be for the plan to hold."""
    slot: NDArray[np.int32]
    """[n_nodes, 2] first slot the node fills, and how many."""
    point: NDArray[np.int32]
    """[n_nodes, 3] first action due at the node, how many, and their modes; 0 is no point."""
    slots: NDArray[np.int32]
    """[n_slots, 3] operand watched, mode, point at which it is read."""
    actions: NDArray[np.int32]
    """[n_slots, 4] what, layer, slot, group; in order of point."""
    n_points: int


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


def choose_points(graph: Graph, wanted: list[Wanted], growth: int, *, sparing: bool) -> list[int]:
    """The node at which each wanted tensor is read.

    `sparing` uses the recorded addresses to share points; without it every tensor is read
    where it is made, which is right whatever the addresses are.
    """
    if not sparing:
        return [one.node for one in wanted]
    last: list[int] = []
    for one in wanted:
        node = graph.nodes[one.node]
        tensor = node if one.operand < 0 else graph.source(node, one.operand)
        assert tensor is not None
        # What an attention node reads is whole once it has run, unless it wrote over it itself.
        after = one.node if one.operand < 0 else one.node - 1
        last.append(max(graph.first_writer(after, tensor, growth) - 1, one.node))
    points = [-1] * len(wanted)
    order = sorted(range(len(wanted)), key=lambda i: last[i])
    open_ones = set(order)
    for i in order:
        if i not in open_ones:
            continue
        together = [j for j in open_ones if wanted[j].node <= last[i]]
        at = max(wanted[j].node for j in together)
        for j in together:
            points[j] = at
        open_ones.difference_update(together)
    return points


def make_plan(
    graph: Graph, roles: Roles, signature: NDArray[np.int64], n_ubatch: int, *, sparing: bool = True
) -> Plan:
    """Compile what was found in a graph into the callback's program."""
    wanted = wanted_tensors(roles)
    tokens = graph.nodes[roles.entry].ne[1] if roles.entry is not None else 1
    points = choose_points(graph, wanted, max(1, n_ubatch // tokens), sparing=sparing)
    n_nodes = len(graph.nodes)
    slot = np.zeros((n_nodes, 2), np.int32)
    slots = np.zeros((len(wanted), 3), np.int32)
    for number, (one, at) in enumerate(zip(wanted, points, strict=True)):
        if slot[one.node, 1] == 0:
            slot[one.node, 0] = number
        slot[one.node, 1] += 1
        slots[number] = one.operand, one.mode, at
    order = sorted(range(len(wanted)), key=lambda i: (points[i], wanted[i].layer, _rank(wanted[i].do)))
    actions = np.zeros((len(wanted), 4), np.int32)
    point = np.zeros((n_nodes, 3), np.int32)
    for place, number in enumerate(order):
        one, at = wanted[number], points[number]
        actions[place] = one.do, one.layer, number, one.group
        if point[at, 1] == 0:
            point[at, 0] = place
        point[at, 1] += 1
        point[at, 2] |= one.mode
    return Plan(signature, slot, point, slots, actions, len(set(points)))


def _rank(do: Do) -> int:
    """Place of an action among its layer's: the stream in the order it flows."""
    return {Do.ROWS: 0, Do.ENTRY: 1, Do.MIDDLE: 2, Do.OUT: 3}.get(do, 4)
