/** What a quantity is, in one sentence, and how it is computed. */
export interface Term {
  readonly name: string;
  readonly says: string;
  readonly formula: string;
}

const term = (
  name: string,
  says: string,
  formula: string,
  ...labels: string[]
): readonly [Term, string[]] => [{ name, says, formula }, labels];

/** By the words that stand for them in captions; with # in headings of panels. */
const TERMS: readonly (readonly [Term, string[]])[] = [
  term(
    "Next token",
    "How probable the model holds each token of its vocabulary to be the next one, before the samplers.",
    "pᵢ = e^zᵢ / Σⱼ e^zⱼ   z: logits",
    "NEXT TOKEN",
    "NEXT TOKEN ▾",
    "NEXT TOKEN ▴",
  ),
  term(
    "Entropy",
    "How undecided the model is: 0 when it is sure, ln V when every token is as likely as any other.",
    "H = −Σ p ln p   in nats;  e^H: tokens to choose from",
    "ENTROPY",
    "ENTROPY · nats",
  ),
  term(
    "Token stream",
    "Prompt and answer as the model reads and writes them; an underlined token was a surprise.",
    "rank of the chosen token > 10",
    "TOKEN STREAM",
  ),
  term(
    "KV cache",
    "Keys and values of all positions so far: what attention looks at, so that no token is computed twice.",
    "bytes = 2 · layers · KV heads · head size · cells · bytes a value",
    "KV CACHE",
    "#KV CACHE",
  ),
  term(
    "Memory",
    "What the process keeps resident: weights, KV cache, compute buffers, and what is left over as other.",
    "other = resident − weights − KV − compute",
    "MEMORY",
    "#MEMORY",
  ),
  term(
    "Network pulse",
    "What each layer adds to the residual stream at the newest position, and the token's way down through them.",
    "xₗ₊₁ = xₗ + attention(xₗ) + MLP(xₗ + attention(xₗ))",
    "#NETWORK PULSE",
  ),
  term(
    "Attention's contribution",
    "Length of the vector that the layer's attention adds to the residual stream.",
    "‖a‖₂ = √Σ aᵢ²",
    "ATTENTION",
  ),
  term(
    "MLP's contribution",
    "Length of the vector that the layer's feed-forward part adds to the residual stream.",
    "‖m‖₂ = √Σ mᵢ²",
    "MLP",
  ),
  term(
    "Output",
    "Length of the residual stream as it leaves the layer.",
    "‖l_out‖₂ = √Σ xᵢ²",
    "OUTPUT",
    "‖l_out‖",
  ),
  term(
    "Residual change",
    "How much the layer has changed the residual stream, as a share of what came in; 1 or more replaces it.",
    "Δ = ‖l_out − l_in‖₂ / ‖l_in‖₂",
    "Δ RES",
    "Δ res",
    "Δ",
  ),
  term(
    "Focus of the heads",
    "A mark per head: bright looks at few positions, dark at many.",
    "1 − H / ln n   over the newest row's n positions",
    "FOCUS",
  ),
  term(
    "Attention of one head",
    "How much each position (row) looks at each one before it (column); the upper triangle is the future.",
    "softmax(Q·Kᵀ / √d)   a row sums to 1 with its sink",
    "#ATTENTION",
  ),
  term(
    "Layers × heads",
    "Every attention head at a glance, by how focused its newest row is; click one to select it.",
    "(1 − H / ln n)^2.1",
    "LAYERS × HEADS",
  ),
  term(
    "Layer",
    "A step of the network; the selected one is followed by every instrument.",
    "[ and ] change it",
    "LAYER",
    "L",
  ),
  term(
    "Head",
    "One of a layer's attention heads; the selected one is followed everywhere.",
    "{ and } change it",
    "HEAD",
  ),
  term(
    "Sink",
    "Share of attention that goes to no position: to the model's learned sink, or to the first token.",
    "e^s / (e^s + Σ e^zⱼ)",
    "SINK",
    "sink",
  ),
  term(
    "Write head",
    "The cell that the next token's key and value go to; on a rotating cache it comes round again.",
    "cell = position, or position mod cells",
    "write",
  ),
  term("Free cells", "Cells of the layer that no token has been written to.", "cells − used", "free"),
  term(
    "Window",
    "Positions back from the newest that this layer's heads can see; older ones lie in cells nobody reads.",
    "position − window < key ≤ position",
    "window",
  ),
  term("Offset", "The oldest position that is still seen.", "position − window", "offset"),
  term(
    "Attention received",
    "How much the newest query of the selected head looks at what each cell holds.",
    "length = √w   the greatest of the spike's cells",
    "spike =",
    "√attention",
    "inner ring",
  ),
  term(
    "Probability waterfall",
    "A column per token: the most probable candidates on an absolute scale, the sampled one lit.",
    "bar = p · cell width",
    "#PROBABILITY WATERFALL",
  ),
  term(
    "Attention flow",
    "From which positions the newest token was drawn: of one head, of a layer's mean, or through all layers.",
    "rollout: Â = ∏ ½(A + I)   Abnar & Zuidema 2020",
    "#ATTENTION FLOW",
  ),
  term(
    "RoPE",
    "Positions are told by turning pairs of each query and key; fast pairs see near, slow ones far.",
    "θᵢ(m) = m · base^(−2i/d)   λᵢ = 2π · base^(2i/d)",
    "#POSITIONS · ROPE",
  ),
  term(
    "Experts",
    "Which feed-forward experts the router chose for this token, and how evenly the load has been spread.",
    "CV = σ / μ   of how often each was chosen",
    "EXPERTS",
    "#EXPERTS",
    "THIS TOKEN",
  ),
  term(
    "Attention entropy",
    "How widely each head looks: 0 is one token only, ln n is all alike.",
    "H = −Σ w ln w   share = H / ln n",
    "#ATTENTION ENTROPY",
  ),
  term(
    "Inference monitor",
    "What the model does now: its speed, its words, what comes next, and what it takes of the machine.",
    "tokens a second: of the last tokens, as measured",
    "#INFERENCE MONITOR",
  ),
  term(
    "Load",
    "How often each expert was chosen since the run began; even bars are a balanced router.",
    "CV = σ / μ   0 is perfectly even",
    "LOAD",
    "CV OF LOAD",
  ),
  term(
    "Wavelength",
    "Positions after which a pair of the rotary embedding has turned once: how far it can tell apart.",
    "λᵢ = 2π · base^(2i/d)",
    "WAVELENGTH",
  ),
  term(
    "Cosine and sine",
    "What each pair of a query or key is turned by, at each position.",
    "(x, y) → (x cos θ − y sin θ, x sin θ + y cos θ)",
    "COS",
    "SIN",
  ),
  term(
    "One token only",
    "Heads that give nearly all of their weight to one position.",
    "largest weight of the newest row",
    "ONE TOKEN ONLY",
    "ONE TOKEN",
  ),
  term("Everything", "Heads that look at nearly all positions alike.", "H / ln n near 1", "EVERYTHING"),
  term(
    "Entropy history",
    "How widely the selected layer's heads looked at each position so far; the line is the selected head.",
    "H = −Σ w ln w   at most ln n",
    "ENTROPY HISTORY",
  ),
  term(
    "By device",
    "What of the model each device holds, beside what others use of its memory.",
    "weights + KV + compute + others = total − free",
    "BY DEVICE",
  ),
  term(
    "Resident size",
    "Memory of the worker process that the system counts as present, through time.",
    "difference = resident − (weights + KV + compute)",
    "RESIDENT",
  ),
  term(
    "Entropy by layer",
    "How widely the heads of each layer look: their mean, and from the narrowest to the widest.",
    "H = −Σ w ln w   of each head's newest row, in nats",
    "ENTROPY BY LAYER",
  ),
  term(
    "Newest row",
    "Where the selected head looked for the token on show: a weight for each position.",
    "wⱼ = softmax(q·kⱼ / √d)",
    "NEWEST ROW",
  ),
  term(
    "Heads",
    "Query heads, and the key and value heads that they share.",
    "queries per KV head = Q / KV",
    "HEADS",
  ),
  term(
    "Layers",
    "Blocks of attention and feed-forward that a token passes, one after another.",
    "",
    "LAYERS",
  ),
  term("Selected", "Token, layer and head that every instrument follows.", "", "SELECTED"),
  term(
    "Temperature",
    "Divides the logits before sampling: below 1 bolder, above 1 wilder.",
    "p ∝ e^(z/T)",
    "TEMP",
    "temp",
  ),
  term("Seed", "Number from which the sampler draws: the same seed gives the same answer.", "", "SEED"),
  term(
    "Quantisation",
    "How the weights are stored: fewer bits, less memory, a little less exact.",
    "",
    "QUANT",
  ),
  term("Vocabulary", "Tokens the model can write; each is a particle of the nebula.", "", "VOCAB"),
  term("Context", "Most positions the model attends to in one run.", "", "CONTEXT"),
  term("Skipped", "State frames this viewer was too slow for; events are never skipped.", "", "SKIPPED"),
];

const ALL = TERMS.flatMap(([said, labels]) => labels.map((label) => [label, said] as const));
const BY_LABEL = new Map(ALL.filter(([label]) => !label.startsWith("#")));
const BY_TITLE = new Map(
  ALL.filter(([label]) => label.startsWith("#")).map(([label, said]) => [label.slice(1), said]),
);

/** The term that a caption stands for, or the heading of a panel, if it is one. */
export function termOf(label: string, heads: boolean): Term | undefined {
  return (heads ? BY_TITLE : BY_LABEL).get(label);
}
