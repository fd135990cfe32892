// Corner of a quad pulled from its vertex number: two triangles, -1 to 1.
fn quad_corner(vertex: u32) -> vec2f {
  let k = vertex % 6u;
  let x = select(-1.0, 1.0, k == 1u || k == 2u || k == 4u);
  let y = select(-1.0, 1.0, k == 2u || k == 4u || k == 5u);
  return vec2f(x, y);
}

fn to_clip(position: vec2f, size: vec2f) -> vec4f {
  return vec4f(position.x / size.x * 2.0 - 1.0, 1.0 - position.y / size.y * 2.0, 0.0, 1.0);
}

fn nowhere() -> vec4f {
  return vec4f(2.0, 2.0, 2.0, 1.0);
}
