// The wide light of trail and flares, given to the gas.
@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var<uniform> gas_grid: GasGrid;
@group(0) @binding(2) var<uniform> trail: Trail;
@group(0) @binding(3) var<storage, read_write> gas_density: array<atomic<u32>>;

const SAMPLES = 96u; // a segment

@compute @workgroup_size(SAMPLES)
fn shed_trail(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let segment = trail.segments[group.x];
  if (segment.progress <= 0.0 || max(segment.start_light, segment.end_light) < 0.0005) { return; }
  let width = segment.progress / f32(SAMPLES);
  let s = (f32(local.x) + 0.5) * width;
  let here = trail_point(frame, segment, s);
  let arc = distance(
    trail_point(frame, segment, s - 0.5 * width).place,
    trail_point(frame, segment, s + 0.5 * width).place,
  ) / frame.scale;
  let light = frame.mark_exposure / frame.exposure * 0.85 * min(arc, 60.0) / 0.625 * pow(here.fade, 1.35) * segment.weight;
  gas_deposit(here.place, 7.0 * frame.scale, palette(0.55) * 0.0034 * light);
  gas_deposit(here.place, 26.0 * frame.scale, palette(0.4) * 0.0052 * light);
}

@compute @workgroup_size(FLARES)
fn shed_flares(@builtin(local_invocation_id) local: vec3u) {
  let flare = trail.flares[local.x];
  let place = project(frame, flare.place);
  if (flare.amount <= 0.0 || place.depth <= 0.5) { return; }
  let broad = frame.mark_exposure / frame.exposure * flare.amount * flare.broad;
  gas_deposit(place.position, 32.0 * frame.scale, palette(0.85) * broad * (0.5 + 1.2 * flare.light));
  gas_deposit(place.position, 90.0 * frame.scale, palette(0.6) * broad * (0.4 + 1.5 * flare.light));
}
