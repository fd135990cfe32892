// Needs gas_grid.wgsl and two bindings: `gas_grid` and `gas_density` (four sums a cell: red, green,
// blue, and ember, whose colour is the palette's darkest).

fn gas_add(cell: u32, light: vec3f) {
  let steps = vec3u(light * GAS_FIXED + 0.5);
  if (steps.x > 0u) { atomicAdd(&gas_density[cell * 4u], steps.x); }
  if (steps.y > 0u) { atomicAdd(&gas_density[cell * 4u + 1u], steps.y); }
  if (steps.z > 0u) { atomicAdd(&gas_density[cell * 4u + 2u], steps.z); }
}

// Shared between the four nearest cells by bilinear weight.
fn gas_deposit_level(index: u32, position: vec2f, light: vec3f) {
  let level = gas_grid.levels[index];
  let place = position / level.cell + (GAS_PAD - 0.5);
  let corner = floor(place);
  let inside = all(corner >= vec2f(0.0)) && all(corner + 1.0 < vec2f(f32(level.width), f32(level.height)));
  let f = place - corner;
  let at = level.base + u32(corner.y) * level.width + u32(corner.x);
  for (var k = select(4u, 0u, inside); k < 4u; k++) {
    let step = vec2u(k & 1u, k >> 1u);
    let share = mix(1.0 - f, f, vec2f(step));
    gas_add(at + step.y * level.width + step.x, light * (share.x * share.y));
  }
}

// The level whose blur is the widest that is not wider than `sigma`, and how much of the light belongs on
// the next one: the mixture of the two blurs has the variance asked for.
struct GasPlace {
  index: u32,
  wide_share: f32,
}

fn gas_place(sigma: f32) -> GasPlace {
  let ratio = max(sigma / (GAS_SIGMA * gas_grid.levels[0].cell), 1.0);
  let index = min((bitcast<u32>(ratio) >> 23u) - 127u, GAS_LEVELS - 2u); // floor(log2(ratio))
  let over = ratio / f32(1u << index);
  return GasPlace(index, clamp((over * over - 1.0) / 3.0, 0.0, 1.0));
}

// Light of spread `sigma` pixels; its total stays what it is.
fn gas_deposit(position: vec2f, sigma: f32, light: vec3f) {
  let place = gas_place(sigma);
  let share = place.wide_share;
  for (var k = select(0u, 1u, share >= 1.0); k < select(1u, 2u, share > 0.0); k++) {
    gas_deposit_level(place.index + k, position, light * select(1.0 - share, share, k == 1u));
  }
}

// A light too faint to be seen by itself, of the darkest colour: one cell of one level, chosen by
// `chance` (0 to 1, always the same for a particle) so that many together come out right.
fn gas_deposit_ember(position: vec2f, sigma: f32, light: f32, chance: f32) {
  let place = gas_place(sigma);
  let level = gas_grid.levels[place.index + select(0u, 1u, chance < place.wide_share)];
  let cell = floor(position / level.cell + GAS_PAD);
  if (any(cell < vec2f(0.0)) || any(cell >= vec2f(f32(level.width), f32(level.height)))) { return; }
  let at = level.base + u32(cell.y) * level.width + u32(cell.x);
  atomicAdd(&gas_density[at * 4u + 3u], u32(light * GAS_FIXED + 0.5));
}
