// What every pass of the nebula knows about the frame being drawn. Lengths in device pixels
// unless named otherwise; "units" are those of the particles' layout.
struct Frame {
  world_to_view: mat4x4f, // layout units to camera units; the camera looks along -z
  centre: vec2f,          // where the camera's target falls on the canvas
  size: vec2f,            // of the canvas
  focal: f32,             // pixels per unit at depth 1
  depth: f32,             // of the camera's target, units
  scale: f32,             // height the cloud fills / 720: every size of the recipe is multiplied by it
  exposure: f32,          // light to radiance times square pixels, for what grows with the zoom
  point_exposure: f32,    // the same for points, which grow less
  mark_exposure: f32,     // and for trail and flare, which stay as they are
  light_ease: f32,        // 0 shows the light of the previous keyframe, 1 of the newest
  morph: f32,             // 0 shows the previous layout, 1 the newest
  count: u32,             // particles
  brightness: f32,        // of the whole nebula, below 1 behind the instruments
}

// A point of the layout as the camera sees it.
struct Projected {
  position: vec2f, // pixels
  depth: f32,      // units; behind the camera when not positive
  unit: f32,       // pixels per unit at this depth
}

fn project(frame: Frame, point: vec3f) -> Projected {
  let view = frame.world_to_view * vec4f(point, 1.0);
  let depth = -view.z;
  let unit = frame.focal / max(depth, 1e-3);
  return Projected(frame.centre + vec2f(view.x, -view.y) * unit, depth, unit);
}

// Blur in pixels of what lies before or behind the plane the camera looks at.
fn defocus(frame: Frame, depth: f32) -> f32 {
  return 9.0 * frame.scale * abs(frame.depth / max(depth, 1e-3) - 1.0);
}
