// Blurs the pyramid of gathered light and folds it, coarse into fine, into one texture.
@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var<uniform> gas_grid: GasGrid;
@group(0) @binding(2) var<storage, read> gas_density: array<vec4u>;
@group(0) @binding(3) var<storage, read_write> rows: array<vec4f>;    // blurred along x
@group(0) @binding(4) var<storage, read_write> blurred: array<vec4f>; // and along y, with all coarser levels
@group(0) @binding(5) var gas: texture_storage_2d<rgba16float, write>;

const GROUP = 64u;

struct Step {
  level: u32,
}
@group(1) @binding(0) var<uniform> step: Step;

// exp(-x^2 / (2 * 1.546^2)), normalised: with the deposit's and the upsampling's own spread it
// makes GAS_SIGMA.
const TAPS = array<f32, 6>(0.25812, 0.20940, 0.11179, 0.03928, 0.00908, 0.00138);

fn density(cell: u32) -> vec3f {
  let sums = gas_density[cell];
  return vec3f(sums.rgb) + f32(sums.a) * PALETTE_EMBER;
}

@compute @workgroup_size(GROUP)
fn blur_rows(@builtin(global_invocation_id) id: vec3u) {
  let cell = id.x;
  if (cell >= gas_grid.cells) { return; }
  var index = 0u;
  while (index + 1u < GAS_LEVELS && cell >= gas_grid.levels[index + 1u].base) { index++; }
  let level = gas_grid.levels[index];
  let x = i32((cell - level.base) % level.width);
  let row = i32(cell) - x;
  var taps = TAPS;
  var sum = vec3f(0.0);
  for (var k = -5; k <= 5; k++) {
    let at = x + k;
    if (at >= 0 && at < i32(level.width)) { sum += density(u32(row + at)) * taps[abs(k)]; }
  }
  rows[cell] = vec4f(sum * (frame.exposure / (GAS_FIXED * level.cell * level.cell)), 0.0);
}

fn coarser(index: u32, x: u32, y: u32) -> vec3f {
  let level = gas_grid.levels[index];
  let fine = vec2f(f32(x), f32(y)) + 0.5 - GAS_PAD;
  let place = clamp(fine * 0.5 + (GAS_PAD - 0.5), vec2f(0.0), vec2f(f32(level.width - 2u), f32(level.height - 2u)));
  let corner = vec2u(place);
  let f = place - vec2f(corner);
  let at = level.base + corner.y * level.width + corner.x;
  let upper = mix(blurred[at].rgb, blurred[at + 1u].rgb, f.x);
  let lower = mix(blurred[at + level.width].rgb, blurred[at + level.width + 1u].rgb, f.x);
  return mix(upper, lower, f.y);
}

@compute @workgroup_size(GROUP)
fn blur_columns(@builtin(global_invocation_id) id: vec3u) {
  let level = gas_grid.levels[step.level];
  if (id.x >= level.width * level.height) { return; }
  let x = id.x % level.width;
  let y = id.x / level.width;
  var taps = TAPS;
  var sum = vec3f(0.0);
  for (var k = -5; k <= 5; k++) {
    let at = i32(y) + k;
    if (at >= 0 && at < i32(level.height)) {
      sum += rows[level.base + u32(at) * level.width + x].rgb * taps[abs(k)];
    }
  }
  if (step.level + 1u < GAS_LEVELS) { sum += coarser(step.level + 1u, x, y); }
  blurred[level.base + id.x] = vec4f(sum, 0.0);
  if (step.level == 0u) { textureStore(gas, vec2u(x, y), vec4f(sum, 0.0)); }
}
