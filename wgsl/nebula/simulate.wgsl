// Each particle's light, place and size for this frame, and the visible ones in a dense list.
//
// `survey` marks, `scan` turns the marks into places, `emit` writes. The list keeps the
// vocabulary's order, so that blending adds in the same order in every run.
//
// A GPU in software walks through both sides of an `if` and leaves only a loop that none of its
// lanes needs: what most particles do without stands in loops.

// Thirty-two particles of the vocabulary.
struct Run {
  sprites: atomic<u32>, // a bit for each that is seen
  spikes: atomic<u32>,  // and for each that outshines the lens
  first_sprite: u32,    // places in the lists of the first of them
  first_spike: u32,
}

@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var<uniform> gas_grid: GasGrid;
@group(0) @binding(2) var<storage, read> layout_from: array<vec4f>; // place, smoothing radius h
@group(0) @binding(3) var<storage, read> layout_to: array<vec4f>;
@group(0) @binding(4) var<storage, read> light: array<vec2f>;       // sqrt(p) before, and to come
@group(0) @binding(5) var<storage, read_write> runs: array<Run>;     // dark at a frame's beginning
@group(0) @binding(6) var<storage, read_write> sprites: array<Sprite>;
@group(0) @binding(7) var<storage, read_write> spikes: array<u32>;   // sprites that outshine the lens
@group(0) @binding(8) var<storage, read_write> draws: array<u32, 8>; // indirect arguments: sprites, spikes
@group(0) @binding(9) var<storage, read_write> gas_density: array<atomic<u32>>;

const GROUP = 256u;
const DARKEST = 3e-6; // a light below this adds nothing that can be seen
const MAX_SPIKES = 4096u;
const RUN = 32u;

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
  let scale = frame.scale;
  let at = p.place.position;
  let sigma = array<f32, 3>(2.6 * p.radius + 5.0 * scale, 5.0 * p.radius + 12.0 * scale, p.sprite.sigma.y);
  let weight = array<f32, 3>(3.0 * p.light, 2.25 * p.light, p.glow * p.diffuse * p.light);
  let hue = array<f32, 3>(0.70, 0.50, 0.86);
  let c = chance(index);
  let seen = p.place.depth > 0.5;
  let ember = p.tone <= 0.0;
  for (var k = select(3u, 0u, seen && ember); k < 3u; k++) { gas_deposit_ember(at, sigma[k], weight[k], c); }
  for (var k = select(3u, 0u, seen && !ember); k < 3u; k++) {
    gas_deposit(at, sigma[k], weight[k] * palette(hue[k] * p.tone));
  }
}

@compute @workgroup_size(GROUP)
fn survey(@builtin(global_invocation_id) id: vec3u) {
  let index = id.x;
  let a = light_of(index);
  for (var lit = a > DARKEST; lit; lit = false) {
    let p = particle(index, a);
    let bit = 1u << (index % RUN);
    if (p.visible) { atomicOr(&runs[index / RUN].sprites, bit); }
    if (p.spiked) { atomicOr(&runs[index / RUN].spikes, bit); }
    shed(p, index);
  }
}

var<workgroup> sums: array<vec2u, 256>;

fn marks(run: u32) -> vec2u {
  return vec2u(countOneBits(atomicLoad(&runs[run].sprites)), countOneBits(atomicLoad(&runs[run].spikes)));
}

// Exclusive prefix sum over the runs, by one workgroup; each thread takes a stretch of them.
@compute @workgroup_size(GROUP)
fn scan(@builtin(local_invocation_id) local: vec3u) {
  let total = (frame.count + RUN - 1u) / RUN;
  let stretch = (total + GROUP - 1u) / GROUP;
  let first = local.x * stretch;
  let end = min(first + stretch, total);
  var sum = vec2u(0u);
  for (var i = first; i < end; i++) { sum += marks(i); }
  sums[local.x] = sum;
  workgroupBarrier();
  var before = vec2u(0u);
  for (var i = 0u; i < local.x; i++) { before += sums[i]; }
  for (var i = first; i < end; i++) {
    runs[i].first_sprite = before.x;
    runs[i].first_spike = before.y;
    before += marks(i);
  }
  if (local.x == GROUP - 1u) {
    draws[0] = before.x * 6u;
    draws[1] = 1u;
    draws[4] = min(before.y, MAX_SPIKES) * 12u;
    draws[5] = 1u;
  }
}

@compute @workgroup_size(GROUP)
fn emit(@builtin(global_invocation_id) id: vec3u) {
  let index = id.x;
  let run = index / RUN;
  let bit = 1u << (index % RUN);
  let seen = index < frame.count && (atomicLoad(&runs[run].sprites) & bit) != 0u;
  for (var visible = seen; visible; visible = false) {
    let p = particle(index, light_of(index));
    let place = runs[run].first_sprite + countOneBits(atomicLoad(&runs[run].sprites) & (bit - 1u));
    sprites[place] = p.sprite;
    let spike = runs[run].first_spike + countOneBits(atomicLoad(&runs[run].spikes) & (bit - 1u));
    if (p.spiked && spike < MAX_SPIKES) { spikes[spike] = place; }
  }
}
