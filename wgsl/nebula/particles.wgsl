@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var<storage, read> sprites: array<Sprite>;

struct Corner {
  @builtin(position) clip: vec4f,
  @location(0) offset: vec2f,                       // from the middle, pixels
  @location(1) @interpolate(flat) falloff: vec2f,   // 1 / (2 sigma^2) of core and glow
  @location(2) @interpolate(flat) edge: vec2f,      // what each Gaussian still has at the rim
  @location(3) @interpolate(flat) core: vec3f,      // radiance in the middle
  @location(4) @interpolate(flat) glow: vec3f,
}

@vertex
fn sprite_corner(@builtin(vertex_index) vertex: u32) -> Corner {
  let sprite = sprites[vertex / 6u];
  var out: Corner;
  out.offset = quad_corner(vertex) * sprite.reach;
  out.clip = to_clip(sprite.position + out.offset, frame.size);
  out.falloff = 0.5 / (sprite.sigma * sprite.sigma);
  out.edge = exp(-sprite.reach * sprite.reach * out.falloff);
  out.core = palette(sprite.tone) * sprite.peak.x;
  out.glow = palette(0.86 * sprite.tone) * sprite.peak.y;
  return out;
}

@fragment
fn sprite_light(in: Corner) -> @location(0) vec4f {
  let fall = max(exp(-dot(in.offset, in.offset) * in.falloff) - in.edge, vec2f(0.0));
  return vec4f(in.core * fall.x + in.glow * fall.y, 0.0);
}
