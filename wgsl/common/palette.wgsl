// Dark ember through amber to white, linear light.
const PALETTE_EMBER = vec3f(0.34, 0.05, 0.012);
const PALETTE = array<vec3f, 5>(
  PALETTE_EMBER,
  vec3f(0.66, 0.16, 0.022),
  vec3f(1.0, 0.38, 0.05),
  vec3f(1.0, 0.62, 0.22),
  vec3f(1.0, 0.92, 0.78),
);

fn palette(t: f32) -> vec3f {
  var stops = PALETTE;
  let x = clamp(t, 0.0, 1.0) * 4.0;
  let i = min(u32(x), 3u);
  return mix(stops[i], stops[i + 1u], x - f32(i));
}

// Place on the palette of a light a = sqrt(p): 1e-7 is darkest, 0.3 is white.
fn palette_place(light: f32) -> f32 {
  return clamp((2.0 * log2(max(light, 1e-12)) * 0.30103 + 7.0) / 6.5, 0.0, 1.0);
}
