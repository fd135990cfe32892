// A ground with something that repeats on it: one item, since a large one's cost is its pixels.

const DOTS = 0.0;
const SCANLINES = 1.0;

@fragment
fn shade(corner: Corner) -> @location(0) vec4f {
  let q = logical(corner) - corner.place.xy;
  let spacing = corner.form.y;
  let width = corner.form.z;
  let into = q - floor(q / spacing) * spacing;
  let along = (q.x + q.y) * 0.70710678;
  let hatch = abs(along - floor(along / spacing) * spacing - spacing * 0.5) - width * 0.5;
  let dots = length(into - spacing * 0.5) - width * 0.5;
  let lines = select(hatch, into.y - width, corner.form.x == SCANLINES);
  let d = select(lines, dots, corner.form.x == DOTS);
  let ground = premultiplied(color_of(corner.colors.y), 1.0);
  return over(premultiplied(color_of(corner.colors.x), coverage(d)), ground);
}
