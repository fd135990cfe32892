// What the HUD draws: one list of items. TypeScript packs through this file's own layout. Each item is a
// quad, pulled by vertex index; its numbers go to its pixels unchanged, so that a pixel loads nothing.

struct View {
  // Of the target, in device pixels.
  pixels: vec2f,
  // Device pixels per logical pixel.
  scale: f32,
  // How strongly a glow shows.
  glow: f32,
}

struct Item {
  // Shape dependent, logical pixels. Fill, box, pattern, heat: left, top, right, bottom. Line, dash: start,
  // end. Arc: centre, radius, width. Glyph: left, top (logical), width, height (device). Area: start and end
  // of its top.
  place: vec4f,
  // Box: corner radius, corner cut, stroke width, glow radius. Line: the points before and after (the line's
  // own where there are none). Dash: on, off, phase. Arc: start, sweep, segments, gap share. Glyph: left,
  // top in the atlas, 1 if turned clockwise. Area: base line, top of the gradient. Pattern: which, spacing,
  // size. Heat: left, top in the heat texture, columns, rows.
  form: vec4f,
  // Fill: 1 if its gradient runs down, else right. Line: width, glow radius. Arc: glow radius. Heat: gamma, gap.
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

const FILL = 0u;
const BOX = 1u;
const ARC = 2u;
const LINE = 3u;
const DASH = 4u;
const AREA = 5u;
const PATTERN = 6u;
const HEAT = 7u;
const GLYPH = 8u;

// An item as its pixels see it.
struct Corner {
  @builtin(position) position: vec4f,
  @location(0) @interpolate(flat) place: vec4f,
  @location(1) @interpolate(flat) form: vec4f,
  @location(2) @interpolate(flat) more: vec3f,
  @location(3) @interpolate(flat) kind: u32,
  @location(4) @interpolate(flat) colors: vec4u,
}

// The item's box with the room its glow and smooth edge need.
fn bounds(item: Item, kind: u32) -> vec4f {
  let pad = 1.0 / view.scale;
  switch kind {
    case FILL: {
      return item.place + vec4f(-pad, -pad, pad, pad) * 0.5;
    }
    case BOX: {
      let room = item.form.w + pad;
      return item.place + vec4f(-room, -room, room, room);
    }
    case LINE, DASH: {
      let room = item.more.x * 0.5 + item.more.y + pad;
      return vec4f(min(item.place.xy, item.place.zw) - room, max(item.place.xy, item.place.zw) + room);
    }
    case ARC: {
      let reach = item.place.z + item.place.w * 0.5 + item.more.x + pad;
      return vec4f(item.place.xy - reach, item.place.xy + reach);
    }
    case GLYPH: {
      let origin = floor(item.place.xy * view.scale + 0.5);
      return vec4f(origin, origin + item.place.zw) / view.scale;
    }
    case AREA: {
      return vec4f(item.place.x, min(item.place.y, item.place.w) - pad, item.place.z, item.form.x);
    }
    default: {
      return item.place;
    }
  }
}

@vertex
fn place_corner(@builtin(vertex_index) vertex: u32) -> Corner {
  let item = items[vertex / 6u];
  // 0 1 2, 2 1 3: two triangles of a quad.
  let which = array<u32, 6>(0u, 1u, 2u, 2u, 1u, 3u)[vertex % 6u];
  let kind = item.kind & 0xffu;
  let box = bounds(item, kind);
  let clip = clips[item.kind >> 8u];
  // Clipping is here, where it costs nothing: the quad ends at its clip rectangle.
  let low = clamp(box.xy, clip.xy, clip.zw);
  let high = clamp(box.zw, clip.xy, clip.zw);
  let at = select(low, high, vec2<bool>((which & 1u) == 1u, (which & 2u) == 2u));
  let ndc = at * view.scale / view.pixels * 2.0 - 1.0;
  let position = vec4f(ndc.x, -ndc.y, 0.0, 1.0);
  return Corner(position, item.place, item.form, item.more, kind, item.colors);
}

// Where a pixel is, in logical pixels. From the pixel, not interpolated: neighbouring items must agree to the
// last bit on which of them is nearer.
fn logical(corner: Corner) -> vec2f {
  return corner.position.xy / view.scale;
}

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

// Light around a thing: full at its edge, nothing at `radius`. Adds light without hiding as much. Without a
// radius there is none: at the very edge it would come or go by the last bit of a distance.
fn halo(distance: f32, radius: f32, c: vec4f) -> vec4f {
  if (radius <= 0.0) { return vec4f(0.0); }
  let t = clamp(1.0 - max(distance, 0.0) / max(radius, 1e-3), 0.0, 1.0);
  let light = c.a * view.glow * t * t * t;
  return vec4f(c.rgb * light, light * 0.6);
}
