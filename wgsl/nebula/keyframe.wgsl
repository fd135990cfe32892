// A new keyframe: what is shown now becomes the start, the new distribution the goal.
struct Keyframe {
  codebook: array<vec4f, 4>,     // probability of each 4-bit code
  top_ids: array<vec4u, 5>,      // the token event's exact top 20
  top_p: array<vec4f, 5>,
  block_counts: array<vec4u, 16>, // listed tokens in each block of 65,536 ids
  low: f32,                      // log probability of value 0
  high: f32,                     // and of value 65,535
  count: u32,                    // tokens of the vocabulary
  listed: u32,                   // tokens listed one by one
  top: u32,                      // exact ones, at most 20
  light_ease: f32,               // how far the previous keyframe had come
}

@group(0) @binding(0) var<uniform> keyframe: Keyframe;
@group(0) @binding(1) var<storage, read> codes: array<u32>;     // eight tokens a word
@group(0) @binding(2) var<storage, read> index_low: array<u32>; // two ids modulo 65,536 a word
@group(0) @binding(3) var<storage, read> values: array<u32>;    // two log probabilities a word
@group(0) @binding(4) var<storage, read_write> light: array<vec2f>; // sqrt(p) before, and to come

const GROUP = 64u;

fn half_of(word: u32, index: u32) -> u32 {
  return (word >> ((index & 1u) * 16u)) & 0xffffu;
}

@compute @workgroup_size(GROUP)
fn decode_codes(@builtin(global_invocation_id) id: vec3u) {
  let token = id.x;
  if (token >= keyframe.count) { return; }
  let code = (codes[token / 8u] >> ((token % 8u) * 4u)) & 15u;
  let shown = mix(light[token].x, light[token].y, keyframe.light_ease);
  light[token] = vec2f(shown, sqrt(keyframe.codebook[code / 4u][code % 4u]));
}

@compute @workgroup_size(GROUP)
fn scatter_listed(@builtin(global_invocation_id) id: vec3u) {
  let entry = id.x;
  if (entry >= keyframe.listed) { return; }
  var block = 0u;
  var end = keyframe.block_counts[0].x;
  while (entry >= end && block < 63u) {
    block++;
    end += keyframe.block_counts[block / 4u][block % 4u];
  }
  let token = block * 65536u + half_of(index_low[entry / 2u], entry);
  if (token >= keyframe.count) { return; }
  let value = f32(half_of(values[entry / 2u], entry)) / 65535.0;
  light[token].y = exp(0.5 * mix(keyframe.low, keyframe.high, value));
}

@compute @workgroup_size(32)
fn scatter_top(@builtin(local_invocation_id) id: vec3u) {
  let rank = id.x;
  if (rank >= keyframe.top) { return; }
  let token = keyframe.top_ids[rank / 4u][rank % 4u];
  if (token >= keyframe.count) { return; }
  light[token].y = sqrt(keyframe.top_p[rank / 4u][rank % 4u]);
}
