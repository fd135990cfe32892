"""Where to look: the fewest points of a graph at which all wanted tensors are still whole.

Looking at a node splits the graph there and makes all threads meet, which is what capture
costs. A wanted tensor lives from the node that makes it to the node that writes over its
memory; stabbing these intervals with the fewest points (earliest end first) usually leaves
one point a layer: at the sum after attention, Q and the layer's input are both intact.
Small graphs need no point at all where they may compute into memory of ours; see `homes.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloudchamber.inference.taps.graph import Graph
from cloudchamber.inference.taps.homes import AT_ONCE, find_homes, home_bytes
from cloudchamber.inference.taps.output import find_output
from cloudchamber.inference.taps.roles import Roles
from cloudchamber.inference.taps.wanted import Wanted, wanted_tensors


@dataclass(frozen=True, slots=True)
class Plan:
    """A graph's program for the callback, as flat arrays; see `callback.py`."""

    signature: NDArray[np.int64]
    """[n_nodes] what each node must be for the plan to hold."""
    slot: NDArray[np.int32]
    """[n_nodes, 3] first slot the node fills, how many, 1 if the node is given a home."""
    point: NDArray[np.int32]
    """[n_nodes, 3] first action due at the node, how many, and their modes; 0 is no point."""
    slots: NDArray[np.int32]
    """[n_slots, 5] operand watched, mode, point at which it is read, what to do then, group."""
    actions: NDArray[np.int32]
    """[n_slots, 4] what, layer, slot, group; in order of point."""
    late: NDArray[np.int32]
    """[n, 4] the actions when the decode is over; none where the graph must be looked into."""
    home_bytes: int
    n_points: int
    hidden_node: int = -1
    """The node whose operand 1 is the hidden state; -1 where the graph's end is none we know."""


def choose_points(graph: Graph, wanted: list[Wanted], growth: int, *, sparing: bool) -> list[int]:
    """The node at which each wanted tensor is read.

    `sparing` uses the recorded addresses to share points; without it every tensor is read
    where it is made, which is right whatever the addresses are.
    """
    if not sparing:
        return [one.node for one in wanted]
    last: list[int] = []
    for one in wanted:
        # What an attention node reads is whole once it has run, unless it wrote over it itself.
        after = one.node if one.operand < 0 else one.node - 1
        last.append(max(graph.first_writer(after, one.tensor(graph), growth) - 1, one.node))
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
    slot = np.zeros((n_nodes, 3), np.int32)
    slots = np.zeros((len(wanted), 5), np.int32)
    for number, (one, at) in enumerate(zip(wanted, points, strict=True)):
        if slot[one.node, 1] == 0:
            slot[one.node, 0] = number
        slot[one.node, 1] += 1
        slots[number] = one.operand, one.mode, at, one.do, one.group
    order = sorted(range(len(wanted)), key=lambda i: (points[i], *wanted[i].order))
    actions = np.zeros((len(wanted), 4), np.int32)
    point = np.zeros((n_nodes, 3), np.int32)
    for place, number in enumerate(order):
        one, at = wanted[number], points[number]
        actions[place] = one.do, one.layer, number, one.group
        if point[at, 1] == 0:
            point[at, 0] = place
        point[at, 1] += 1
        point[at, 2] |= one.mode
    late, size = np.zeros((0, 4), np.int32), 0
    homes = find_homes(graph, wanted)
    if homes is not None:
        slot[:, 2] = homes
        late = _late_actions(wanted)
        size = home_bytes(graph, homes, tokens, roles.n_embd)
    output = find_output(graph)
    hidden = -1 if output is None else output.node
    return Plan(signature, slot, point, slots, actions, late, size, len(set(points)), hidden)


def _late_actions(wanted: list[Wanted]) -> NDArray[np.int32]:
    order = sorted(range(len(wanted)), key=lambda i: wanted[i].order)
    rows = [(wanted[i].do, wanted[i].layer, i, wanted[i].group) for i in order if wanted[i].do not in AT_ONCE]
    return np.array(rows, np.int32).reshape(-1, 4)
