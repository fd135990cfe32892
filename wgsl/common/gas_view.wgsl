// Where the gas texture lies on the canvas.
struct GasView {
  scale: vec2f,  // canvas pixels to texture coordinates
  offset: vec2f,
}

fn gas_uv(view: GasView, position: vec2f) -> vec2f {
  return position * view.scale + view.offset;
}
