// Shapes that repeat or look something up: glyphs, grounds, matrices.

// Glyphs were rasterised at device size and lie on whole pixels: one texel is one pixel.
fn shade_glyph(item: Item, pixel: vec2f) -> vec4f {
  let origin = floor(item.place.xy * view.scale + 0.5);
  let texel = vec2i(floor(pixel - origin) + item.form.xy);
  return premultiplied(color_of(item.colors.x), textureLoad(glyphs, texel, 0).r);
}

const DOTS = 0.0;
const SCANLINES = 1.0;

// A ground with something that repeats on it: one item, since a large one's cost is its pixels.
fn shade_pattern(item: Item, p: vec2f) -> vec4f {
  let spacing = item.form.y;
  let width = item.form.z;
  let q = p - item.place.xy;
  let into = q - floor(q / spacing) * spacing;
  var d = 0.0;
  if (item.form.x == DOTS) {
    d = length(into - spacing * 0.5) - width * 0.5;
  } else if (item.form.x == SCANLINES) {
    d = into.y - width;
  } else {
    let along = (q.x + q.y) * 0.70710678;
    d = abs(along - floor(along / spacing) * spacing - spacing * 0.5) - width * 0.5;
  }
  let ground = premultiplied(color_of(item.colors.y), 1.0);
  return over(premultiplied(color_of(item.colors.x), coverage(d)), ground);
}

// One cell of a matrix a texel, through the ramp; cells of 6 pixels and more keep a gap.
fn shade_heat(item: Item, p: vec2f) -> vec4f {
  let extent = item.place.zw - item.place.xy;
  let cells = (p - item.place.xy) / extent * item.form.zw;
  let cell = clamp(floor(cells), vec2f(0.0), item.form.zw - 1.0);
  let value = textureLoad(heat, vec2i(item.form.xy + cell), 0).r;
  let at = pow(clamp(value, 0.0, 1.0), item.more.x) * f32(textureDimensions(ramp).x - 1u);
  let low = textureLoad(ramp, vec2i(i32(floor(at)), 0), 0);
  let high = textureLoad(ramp, vec2i(i32(ceil(at)), 0), 0);
  let size = extent / item.form.zw;
  let inside = (cells - cell) * size;
  let gap = item.more.y;
  let d = max(gap * 0.5 - min(inside.x, size.x - inside.x), gap * 0.5 - min(inside.y, size.y - inside.y));
  let kept = select(1.0, coverage(d), gap > 0.0);
  // Not a number: the model has no such cell.
  return premultiplied(mix(low, high, fract(at)), select(kept, 0.0, value != value));
}
