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
const T0 = 0.25812;
const T1 = 0.20940;
const T2 = 0.11179;
const T3 = 0.03928;
const T4 = 0.00908;
const T5 = 0.00138;

// What each of the 14 lights about four neighbours gives to each of them.
const SHARES = array<vec4f, 14>(
  vec4f(T5, 0.0, 0.0, 0.0),
  vec4f(T4, T5, 0.0, 0.0),
  vec4f(T3, T4, T5, 0.0),
  vec4f(T2, T3, T4, T5),
  vec4f(T1, T2, T3, T4),
  vec4f(T0, T1, T2, T3),
  vec4f(T1, T0, T1, T2),
  vec4f(T2, T1, T0, T1),
  vec4f(T3, T2, T1, T0),
  vec4f(T4, T3, T2, T1),
  vec4f(T5, T4, T3, T2),
  vec4f(0.0, T5, T4, T3),
  vec4f(0.0, 0.0, T5, T4),
  vec4f(0.0, 0.0, 0.0, T5),
);

fn spread_over(light: vec3f, shares: vec4f) -> mat4x3f {
  return mat4x3f(light * shares.x, light * shares.y, light * shares.z, light * shares.w);
}

fn density(cell: i32) -> vec3f {
  let sums = gas_density[max(cell, 0)];
  return vec3f(sums.rgb) + f32(sums.a) * PALETTE_EMBER;
}

// Four cells of a row at once; rows are as long as a multiple of four. Past a row's ends it reads what
// is not its own: that reaches five cells of the GAS_PAD round the canvas.
@compute @workgroup_size(GROUP)
fn blur_rows(@builtin(global_invocation_id) id: vec3u) {
  let cell = 4u * id.x;
  if (cell >= gas_grid.cells) { return; }
  var index = 0u;
  while (index + 1u < GAS_LEVELS && cell >= gas_grid.levels[index + 1u].base) { index++; }
  let edge = gas_grid.levels[index].cell;
  var shares = SHARES;
  var sum = mat4x3f();
  for (var k = 0; k < 14; k++) { sum += spread_over(density(i32(cell) + k - 5), shares[k]); }
  let scale = frame.exposure / (GAS_FIXED * edge * edge);
  for (var k = 0u; k < 4u; k++) { rows[cell + k] = vec4f(sum[k] * scale, 0.0); }
}

// A row of the next coarser level where the fine column is: a quarter of a cell beside a middle.
fn coarser_row(level: GasLevel, row: u32, x: u32) -> vec3f {
  let at = level.base + row * level.width + (x + 7u) / 2u;
  return mix(blurred[at].rgb, blurred[at + 1u].rgb, select(0.25, 0.75, x % 2u == 0u));
}

// What the coarser levels have gathered, for four cells of a column.
fn coarser(level: GasLevel, x: u32, y: u32) -> mat4x3f {
  let row = y / 2u + 3u;
  let a = coarser_row(level, row, x);
  let b = coarser_row(level, row + 1u, x);
  let c = coarser_row(level, row + 2u, x);
  let d = coarser_row(level, row + 3u, x);
  return mat4x3f(mix(a, b, 0.75), mix(b, c, 0.25), mix(b, c, 0.75), mix(c, d, 0.25));
}

// Four cells of a column at once, in the same way.
@compute @workgroup_size(GROUP)
fn blur_columns(@builtin(global_invocation_id) id: vec3u) {
  let level = gas_grid.levels[step.level];
  let x = id.x % level.width;
  let y = 4u * (id.x / level.width);
  if (y >= level.height) { return; }
  let first = i32(level.base + x) + (i32(y) - 5) * i32(level.width);
  var shares = SHARES;
  var sum = mat4x3f();
  for (var k = 0; k < 14; k++) { sum += spread_over(rows[max(first + k * i32(level.width), 0)].rgb, shares[k]); }
  if (step.level + 1u < GAS_LEVELS) { sum += coarser(gas_grid.levels[step.level + 1u], x, y); }
  for (var k = 0u; k < 4u; k++) {
    let light = vec4f(sum[k], 0.0);
    blurred[level.base + (y + k) * level.width + x] = light;
    if (step.level == 0u) { textureStore(gas, vec2u(x, y + k), light); }
  }
}
