// The HUD in one draw: six vertices pulled per item, each shape shaded by its distance.

struct Corner {
  @builtin(position) position: vec4f,
  @location(0) @interpolate(flat) index: u32,
}

// The item's box with the room its glow and smooth edge need.
fn bounds(item: Item, kind: u32) -> vec4f {
  let pad = 1.0 / view.scale;
  switch kind {
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
  let index = vertex / 6u;
  let item = items[index];
  // 0 1 2, 2 1 3: two triangles of a quad.
  let which = array<u32, 6>(0u, 1u, 2u, 2u, 1u, 3u)[vertex % 6u];
  let box = bounds(item, item.kind & 0xffu);
  let clip = clips[item.kind >> 8u];
  // Clipping is here, where it costs nothing: the quad ends at its clip rectangle.
  let low = clamp(box.xy, clip.xy, clip.zw);
  let high = clamp(box.zw, clip.xy, clip.zw);
  let at = select(low, high, vec2<bool>((which & 1u) == 1u, (which & 2u) == 2u));
  let ndc = at * view.scale / view.pixels * 2.0 - 1.0;
  return Corner(vec4f(ndc.x, -ndc.y, 0.0, 1.0), index);
}

@fragment
fn shade(corner: Corner) -> @location(0) vec4f {
  let item = items[corner.index];
  // From the pixel, not interpolated: neighbours must agree to the last bit on which of them is nearer.
  let at = corner.position.xy / view.scale;
  switch item.kind & 0xffu {
    case BOX: { return shade_box(item, at); }
    case LINE: { return shade_line(item, at); }
    case DASH: { return shade_dash(item, at); }
    case ARC: { return shade_arc(item, at); }
    case GLYPH: { return shade_glyph(item, corner.position.xy); }
    case AREA: { return shade_area(item, at); }
    case PATTERN: { return shade_pattern(item, at); }
    default: { return shade_heat(item, at); }
  }
}
