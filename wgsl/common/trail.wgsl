// The way of the chosen tokens: a Hermite curve between each and the next.
const TRAIL_SEGMENTS = 20u;
const FLARES = 4u;

struct TrailSegment {
  start: vec3f,         // layout units
  start_light: f32,     // fade at its start
  end: vec3f,
  end_light: f32,
  start_tangent: vec3f,
  progress: f32,        // 0 not begun, 1 whole: where the head is
  end_tangent: vec3f,
  weight: f32,          // of the whole segment: thin where the model was sure
}

struct Flare {
  place: vec3f,  // layout units
  light: f32,    // sqrt(p) of the chosen token
  amount: f32,   // 0 to 1, by its age
  broad: f32,    // of its wide parts
}

struct Trail {
  segments: array<TrailSegment, TRAIL_SEGMENTS>,
  flares: array<Flare, FLARES>,
}

struct TrailPoint {
  place: vec2f, // pixels
  fade: f32,
}

fn trail_world(segment: TrailSegment, s: f32) -> vec3f {
  let s2 = s * s;
  let s3 = s2 * s;
  return segment.start * (2.0 * s3 - 3.0 * s2 + 1.0) + segment.start_tangent * (s3 - 2.0 * s2 + s)
    + segment.end * (3.0 * s2 - 2.0 * s3) + segment.end_tangent * (s3 - s2);
}

fn trail_point(frame: Frame, segment: TrailSegment, s: f32) -> TrailPoint {
  let place = project(frame, trail_world(segment, s));
  let shown = select(0.0, 1.0, place.depth > 0.5);
  return TrailPoint(place.position, mix(segment.start_light, segment.end_light, s) * shown);
}
