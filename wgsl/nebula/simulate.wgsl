// Each particle's light, place and size for this frame, and the visible ones in a dense list.
//
// `survey` counts, `scan` turns the counts into places, `emit` writes. The list keeps the
// vocabulary's order, so that blending adds in the same order in every run.

@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var<uniform> gas_grid: GasGrid;
@group(0) @binding(2) var<storage, read> layout_from: array<vec4f>; // place, smoothing radius h
@group(0) @binding(3) var<storage, read> layout_to: array<vec4f>;
@group(0) @binding(4) var<storage, read> light: array<vec2f>;       // sqrt(p) before, and to come
@group(0) @binding(5) var<storage, read_write> groups: array<vec2u>; // sprites, spikes: counts, then first places
@group(0) @binding(6) var<storage, read_write> sprites: array<Sprite>;
@group(0) @binding(7) var<storage, read_write> spikes: array<u32>;   // sprites that outshine the lens
@group(0) @binding(8) var<storage, read_write> draws: array<u32, 8>; // indirect arguments: sprites, spikes
@group(0) @binding(9) var<storage, read_write> gas_density: array<atomic<u32>>;

const GROUP = 256u;
const DARKEST = 3e-6; // a light below this adds nothing that can be seen
const MAX_SPIKES = 4096u;

// A bit for each thread of the group: eight words for sprites, eight for spikes.
const SPIKE_WORDS = 8u;
var<workgroup> bits: array<atomic<u32>, 16>;

// A particle in this frame, before it is known whether it is seen.
struct Particle {
  sprite: Sprite,
  place: Projected,
  radius: f32,    // h in pixels
  tone: f32,      // place on the palette
  light: f32,
  glow: f32,      // weight of the glow
  diffuse: f32,   // share of the glow that goes to the gas instead of a sprite
  visible: bool,
  spiked: bool,
}

fn light_of(index: u32) -> f32 {
  if (index >= frame.count) { return 0.0; }
  let ends = light[index];
  return mix(ends.x, ends.y, frame.light_ease);
}

fn particle(index: u32, a: f32) -> Particle {
  let shape = mix(layout_from[index], layout_to[index], frame.morph);
  let scale = frame.scale;
  var p: Particle;
  p.light = a;
  p.place = project(frame, shape.xyz);
  p.radius = shape.w * p.place.unit;
  p.tone = palette_place(a);
  let blur = defocus(frame, p.place.depth);
  let root = sqrt(a);
  let core = 0.60 * pow(scale, 0.4) + 1.3 * pow(a, 0.8) * pow(scale, 0.8) + 0.4 * blur;
  let glow = 0.9 * p.radius * (0.5 + 1.6 * root) + 1.2 * scale + blur;
  p.diffuse = 1.0 - smoothstep(GLOW_FAINT, GLOW_CLEAR, a);
  let sharp = smoothstep(CORE_FAINT, CORE_CLEAR, a);
  // Faint particles keep less of their light in the point: many of them flow instead of sparkling.
  let point = mix(0.6, 1.0, smoothstep(0.01, 0.1, a));
  p.glow = 2.05 - point;
  let light = a * vec2f(frame.point_exposure * point * sharp, frame.exposure * p.glow * (1.0 - p.diffuse));
  let peak = light / (TAU * vec2f(core * core, glow * glow));
  p.sprite = Sprite(p.place.position, vec2f(core, glow), peak, p.tone, sprite_reach(peak, vec2f(core, glow), p.tone));
  let edge = p.sprite.reach;
  let inside = all(p.place.position > vec2f(-edge)) && all(p.place.position < frame.size + edge);
  p.visible = inside && edge > 0.0 && p.place.depth > 0.5;
  p.spiked = p.visible && peak.x > SPIKE_THRESHOLD;
  return p;
}

// Always the same number from 0 to 1 for a particle.
fn chance(index: u32) -> f32 {
  var h = index * 0x9e3779b1u;
  h = (h ^ (h >> 15u)) * 0x85ebca77u;
  return f32((h ^ (h >> 13u)) & 0xffffu) / 65536.0;
}

// Gas and veil of every particle, and the glow of the faint ones.
fn shed(p: Particle, index: u32) {
  if (p.place.depth <= 0.5) { return; }
  let scale = frame.scale;
  let at = p.place.position;
  if (p.tone <= 0.0) {
    let c = chance(index);
    gas_deposit_ember(at, 2.6 * p.radius + 5.0 * scale, 3.0 * p.light, c);
    gas_deposit_ember(at, 5.0 * p.radius + 12.0 * scale, 2.25 * p.light, c);
    gas_deposit_ember(at, p.sprite.sigma.y, p.glow * p.light, c);
    return;
  }
  gas_deposit(at, 2.6 * p.radius + 5.0 * scale, 3.0 * p.light * palette(0.70 * p.tone));
  gas_deposit(at, 5.0 * p.radius + 12.0 * scale, 2.25 * p.light * palette(0.50 * p.tone));
  if (p.diffuse > 0.0) {
    gas_deposit(at, p.sprite.sigma.y, p.glow * p.diffuse * p.light * palette(0.86 * p.tone));
  }
}

fn mark(p: Particle, local: u32) {
  let bit = 1u << (local % 32u);
  if (p.visible) { atomicOr(&bits[local / 32u], bit); }
  if (p.spiked) { atomicOr(&bits[SPIKE_WORDS + local / 32u], bit); }
}

// Marks of the threads before this one.
fn marks_below(first_word: u32, local: u32) -> u32 {
  let word = first_word + local / 32u;
  var count = countOneBits(atomicLoad(&bits[word]) & ((1u << (local % 32u)) - 1u));
  for (var i = first_word; i < word; i++) { count += countOneBits(atomicLoad(&bits[i])); }
  return count;
}

@compute @workgroup_size(GROUP)
fn survey(@builtin(global_invocation_id) id: vec3u, @builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u) {
  let a = light_of(id.x);
  if (a > DARKEST) {
    let p = particle(id.x, a);
    mark(p, local.x);
    shed(p, id.x);
  }
  workgroupBarrier();
  if (local.x == 0u) {
    var count = vec2u(0u);
    for (var i = 0u; i < 8u; i++) {
      count += vec2u(countOneBits(atomicLoad(&bits[i])), countOneBits(atomicLoad(&bits[SPIKE_WORDS + i])));
    }
    groups[group.x] = count;
  }
}

var<workgroup> sums: array<vec2u, 256>;

// Exclusive prefix sum over the groups, by one workgroup; each thread takes a run of them.
@compute @workgroup_size(GROUP)
fn scan(@builtin(local_invocation_id) local: vec3u) {
  let total = (frame.count + GROUP - 1u) / GROUP;
  let run = (total + 255u) / 256u;
  let first = local.x * run;
  let end = min(first + run, total);
  var sum = vec2u(0u);
  for (var i = first; i < end; i++) { sum += groups[i]; }
  sums[local.x] = sum;
  workgroupBarrier();
  var before = vec2u(0u);
  for (var i = 0u; i < local.x; i++) { before += sums[i]; }
  for (var i = first; i < end; i++) {
    let count = groups[i];
    groups[i] = before;
    before += count;
  }
  if (local.x == 255u) {
    draws[0] = before.x * 6u;
    draws[1] = 1u;
    draws[4] = min(before.y, MAX_SPIKES) * 12u;
    draws[5] = 1u;
  }
}

@compute @workgroup_size(GROUP)
fn emit(@builtin(global_invocation_id) id: vec3u, @builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u) {
  let a = light_of(id.x);
  var p: Particle;
  if (a > DARKEST) {
    p = particle(id.x, a);
    mark(p, local.x);
  }
  workgroupBarrier();
  if (!p.visible) { return; }
  let first = groups[group.x];
  let place = first.x + marks_below(0u, local.x);
  sprites[place] = p.sprite;
  if (p.spiked) {
    let spike = first.y + marks_below(SPIKE_WORDS, local.x);
    if (spike < MAX_SPIKES) { spikes[spike] = place; }
  }
}
