"""Which tensor of a graph plays which role.

Names serve where llama.cpp gives them to every architecture alike (`l_out`, `ffn_moe_*`).
The rest is structure: attention is what the attention operation reads, and the middle of a
layer's residual stream is the sum that the layer's input goes into.
"""

from __future__ import annotations

from dataclasses import dataclass

from cloudchamber.inference.taps.ggml import TensorRecord
from cloudchamber.inference.taps.graph import Graph, is_op

_WEIGHT_NAMES = (
    "ffn_moe_weights_scaled",
    "ffn_moe_weights_norm",
    "ffn_moe_weights_softmax",
    "ffn_moe_weights",
)


@dataclass(frozen=True, slots=True)
class Attention:
    """One layer's attention: where its operands are read, and its constants."""

    layer: int
    node: int
    """The operation that reads Q; from here on Q is known to be whole."""
    query_source: int
    """Operand of `node` that is Q, [d, n_tokens, n_head]."""
    key_source: int
    """Operand of `node` that is K, [d, n_cells, n_head_kv]."""
    mask_node: int
    mask_source: int
    mask: int
    """Address of the mask; layers with the same mask share it."""
    n_head: int
    n_head_kv: int
    head_size: int
    scale: float
    softcap: float
    max_bias: float
    sinks: TensorRecord | None
    key_type: int


@dataclass(frozen=True, slots=True)
class Experts:
    """One layer's router; node numbers."""

    layer: int
    probabilities: int
    chosen: int
    weights: int
    n_expert: int
    n_used: int


@dataclass(frozen=True, slots=True)
class Roles:
    """All that was found in a graph. Lists are by layer; None where a layer lacks the role."""

    entry: int | None
    """Node that holds the residual stream before the first layer."""
    middle: list[int | None]
    """The stream after attention; None where attention is no step of its own."""
    out: list[int | None]
    """The stream after the layer."""
    attention: list[Attention | None]
    experts: list[Experts | None]
    output_rows: int | None
    """First node that picks, by its operand 1, the tokens whose output is asked for."""
    n_embd: int


def find_roles(graph: Graph, n_layer: int) -> Roles:
    """Read a graph's structure."""
    entry = _find_entry(graph)
    out = [graph.last_named(f"l_out-{layer}") for layer in range(n_layer)]
    attention = _find_attention(graph, n_layer)
    middle: list[int | None] = []
    before = entry
    for layer in range(n_layer):
        after = out[layer]
        found = None
        if before is not None and after is not None and attention[layer] is not None:
            found = _find_middle(graph, before, after)
        middle.append(found)
        before = after
    return Roles(
        entry=entry,
        middle=middle,
        out=out,
        attention=attention,
        experts=[_find_experts(graph, layer) for layer in range(n_layer)],
        output_rows=_find_output_rows(graph),
        n_embd=graph.nodes[entry].ne[0] if entry is not None else 0,
    )


def _find_entry(graph: Graph) -> int | None:
    """What the first norm reads is the embedding, scaled or with positions added if need be."""
    for node in graph.nodes:
        if is_op(node, "RMS_NORM", "NORM"):
            return graph.index.get(node.src[0])
    return None


def _find_output_rows(graph: Graph) -> int | None:
    for number, node in enumerate(graph.nodes):
        rows = graph.source(node, 1) if is_op(node, "GET_ROWS") else None
        if rows is not None and "out_ids" in rows.name:
            return number
    return None


def _find_middle(graph: Graph, before: int, after: int) -> int | None:
    """The sum of the layer's input and its attention, if the layer's output is built on it."""
    stream = {graph.nodes[before].address}
    for number in range(before + 1, after):
        node = graph.nodes[number]
        if is_op(node, "GET_ROWS") and node.src[0] in stream:
            stream.add(node.address)
        if is_op(node, "ADD") and (node.src[0] in stream or node.src[1] in stream):
            last = graph.nodes[after]
            return number if node.address in last.src else None
    return None


def _find_attention(graph: Graph, n_layer: int) -> list[Attention | None]:
    found: list[Attention | None] = [None] * n_layer
    for number, node in enumerate(graph.nodes):
        if is_op(node, "FLASH_ATTN_EXT"):
            one = _flash_attention(graph, number)
        elif is_op(node, "SOFT_MAX") and node.src[1]:
            one = _plain_attention(graph, number)
        else:
            continue
        if one is not None and one.layer < n_layer:
            found[one.layer] = one
    return found


def _flash_attention(graph: Graph, number: int) -> Attention | None:
    """`FLASH_ATTN_EXT(q, k, v, mask, sinks)` with scale, max_bias, logit_softcap."""
    node = graph.nodes[number]
    q, k = graph.source(node, 0), _cached_key(graph, graph.source(node, 1))
    layer = graph.layer_after(number)
    if q is None or k is None or layer is None:
        return None
    return Attention(
        layer, number, 0, 1, number, 3, node.src[3], q.ne[2], k.ne[2], q.ne[0],
        node.float_param(0), node.float_param(2), node.float_param(1), graph.source(node, 4), k.type,
    )  # fmt: skip


def _plain_attention(graph: Graph, number: int) -> Attention | None:
    """`SOFT_MAX(kq, mask, sinks)` with scale, max_bias, where kq may be soft-capped."""
    node = graph.nodes[number]
    scale, softcap = node.float_param(0), 0.0
    product = graph.source(node, 0)
    while is_op(product, "SCALE", "UNARY"):
        assert product is not None
        if is_op(product, "SCALE"):
            if not is_op(graph.source(product, 0), "UNARY"):
                scale *= product.float_param(0)
            else:  # cap * tanh(kq / cap)
                softcap = product.float_param(0)
                scale *= softcap
        product = graph.source(product, 0)
    if not is_op(product, "MUL_MAT"):
        return None
    assert product is not None
    k, q = _cached_key(graph, graph.source(product, 0)), graph.source(product, 1)
    layer = graph.layer_after(number)
    if q is None or k is None or layer is None:
        return None
    return Attention(
        layer, graph.index[product.address], 1, 0, number, 1, node.src[1], q.ne[2], k.ne[2], q.ne[0],
        scale, softcap, node.float_param(1), graph.source(node, 2), k.type,
    )  # fmt: skip


def _cached_key(graph: Graph, key: TensorRecord | None) -> TensorRecord | None:
    """K as it lies in the cache, looked for behind a conversion; None if it is not from one,
    since then it is gone when the layer has run."""
    while is_op(key, "CPY"):
        assert key is not None
        key = graph.source(key, 0)
    return key if key is not None and key.view_src in graph.leaves else None


def _find_experts(graph: Graph, layer: int) -> Experts | None:
    chosen = graph.last_named(f"ffn_moe_topk-{layer}")
    if chosen is None:
        return None
    routed = graph.last_named(f"ffn_moe_probs-{layer}")
    if routed is None:
        routed = graph.last_named(f"ffn_moe_logits-{layer}")
    weights = next(
        (n for name in _WEIGHT_NAMES if (n := graph.last_named(f"{name}-{layer}")) is not None), None
    )
    if routed is None or weights is None:
        return None
    return Experts(layer, routed, chosen, weights, graph.nodes[routed].ne[0], graph.nodes[chosen].ne[0])
