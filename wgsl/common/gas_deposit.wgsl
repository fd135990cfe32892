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
  if (any(corner < vec2f(0.0)) || any(corner + 1.0 >= vec2f(f32(level.width), f32(level.height)))) {
    return;
  }
  let f = place - corner;
  let at = level.base + u32(corner.y) * level.width + u32(corner.x);
  gas_add(at, light * ((1.0 - f.x) * (1.0 - f.y)));
  gas_add(at + 1u, light * (f.x * (1.0 - f.y)));
  gas_add(at + level.width, light * ((1.0 - f.x) * f.y));
  gas_add(at + level.width + 1u, light * (f.x * f.y));
}

// Light of spread `sigma` pixels; its total stays what it is.
fn gas_deposit(position: vec2f, sigma: f32, light: vec3f) {
  let finest = GAS_SIGMA * gas_grid.levels[0].cell;
  let place = clamp(log2(sigma / finest), 0.0, f32(GAS_LEVELS - 1u));
  let index = min(u32(place), GAS_LEVELS - 2u);
  let narrow = finest * exp2(f32(index));
  // The mixture of the two blurs has the variance asked for.
  let wide_share = clamp((sigma * sigma / (narrow * narrow) - 1.0) / 3.0, 0.0, 1.0);
  if (wide_share < 1.0) { gas_deposit_level(index, position, light * (1.0 - wide_share)); }
  if (wide_share > 0.0) { gas_deposit_level(index + 1u, position, light * wide_share); }
}

// A light too faint to be seen by itself, of the darkest colour: one cell of one level, chosen by
// `chance` (0 to 1, always the same for a particle) so that many together come out right.
fn gas_deposit_ember(position: vec2f, sigma: f32, light: f32, chance: f32) {
  let finest = GAS_SIGMA * gas_grid.levels[0].cell;
  let place = clamp(log2(sigma / finest), 0.0, f32(GAS_LEVELS - 1u));
  var index = min(u32(place), GAS_LEVELS - 2u);
  let narrow = finest * exp2(f32(index));
  if (chance * 3.0 < sigma * sigma / (narrow * narrow) - 1.0) { index++; }
  let level = gas_grid.levels[index];
  let cell = floor(position / level.cell + GAS_PAD);
  if (any(cell < vec2f(0.0)) || any(cell >= vec2f(f32(level.width), f32(level.height)))) { return; }
  let at = level.base + u32(cell.y) * level.width + u32(cell.x);
  atomicAdd(&gas_density[at * 4u + 3u], u32(light * GAS_FIXED + 0.5));
}
