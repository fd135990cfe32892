// What the HUD draws: one list of items, in order. TypeScript packs through this file's own layout.

struct View {
  // Of the target, in device pixels.
  pixels: vec2f,
  // Device pixels per logical pixel.
  scale: f32,
  // How strongly a glow shows.
  glow: f32,
}

struct Item {
  // Shape dependent, logical pixels. Box, pattern, heat: left, top, right, bottom. Line: start, end.
  // Arc: centre, radius, width. Glyph: left, top (logical), width, height (device). Area: start and end of the top.
  place: vec4f,
  // Box: corner radius, corner cut, stroke width, glow radius. Line: the points before and after (the
  // line's own where there are none). Dash: on, off, phase. Arc: start, sweep, segments, gap share.
  // Glyph: left, top in the atlas. Area: base line, top of the gradient. Pattern: which, spacing, size.
  // Heat: left, top in the heat texture, columns, rows.
  form: vec4f,
  // Box: 1 if the gradient runs down, else right. Line: width, glow radius. Arc: glow radius. Heat: gamma, gap.
  more: vec3f,
  // Low byte: which shape. The rest: index of its clip rectangle.
  kind: u32,
  // Packed sRGB, straight alpha: fill, second fill (of a pattern: its ground), stroke, glow.
  colors: vec4u,
}

@group(0) @binding(0) var<uniform> view: View;
@group(0) @binding(1) var<storage, read> items: array<Item>;
// Left, top, right, bottom in logical pixels.
@group(0) @binding(2) var<storage, read> clips: array<vec4f>;
// Coverage of every glyph, at device size.
@group(0) @binding(3) var glyphs: texture_2d<f32>;
// Matrices on show, one value a texel.
@group(0) @binding(4) var heat: texture_2d<f32>;
// The heat ramp, one row.
@group(0) @binding(5) var ramp: texture_2d<f32>;

const BOX = 0u;
const LINE = 1u;
const DASH = 2u;
const ARC = 3u;
const GLYPH = 4u;
const AREA = 5u;
const PATTERN = 6u;
const HEAT = 7u;

fn color_of(packed: u32) -> vec4f {
  return unpack4x8unorm(packed);
}

fn premultiplied(c: vec4f, coverage: f32) -> vec4f {
  let alpha = c.a * coverage;
  return vec4f(c.rgb * alpha, alpha);
}

fn over(front: vec4f, back: vec4f) -> vec4f {
  return front + back * (1.0 - front.a);
}

// How much of a device pixel lies inside, from a signed distance in logical pixels.
fn coverage(distance: f32) -> f32 {
  return clamp(0.5 - distance * view.scale, 0.0, 1.0);
}

// Light around a thing: full at its edge, nothing at `radius`. Adds light without hiding as much.
fn halo(distance: f32, radius: f32, c: vec4f) -> vec4f {
  if (radius <= 0.0 || distance >= radius) {
    return vec4f(0.0);
  }
  let t = 1.0 - max(distance, 0.0) / radius;
  let light = c.a * view.glow * t * t * t;
  return vec4f(c.rgb * light, light * 0.6);
}
