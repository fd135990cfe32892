// Spikes of the lens: two thin arms a little off the axes, for whatever outshines THRESHOLD.
const SPIKE_THRESHOLD = 9.0;
const SPIKE_SHARE = 0.55;
const SPIKE_TILT = 0.12; // radians off the axes
const TAU = 6.28318531;

// Radiance times area by which a Gaussian of this peak and spread exceeds the threshold.
fn spike_excess(peak: f32, sigma: f32) -> f32 {
  let over = max(peak / SPIKE_THRESHOLD, 1.0);
  return TAU * sigma * sigma * SPIKE_THRESHOLD * (over - 1.0 - log(over));
}

// Falloff along an arm at u pixels of 720 lines, and the integral of it.
fn spike_falloff(u: f32) -> f32 {
  return exp(-abs(u) / 16.0) + 0.22 * exp(-abs(u) / 60.0);
}
const SPIKE_INTEGRAL = 58.4;

// Radiance in the middle of an arm, next to its source. Across, an arm is a Gaussian of `width`.
fn spike_strength(excess: f32, width: f32, scale: f32) -> f32 {
  return SPIKE_SHARE * excess / (SPIKE_INTEGRAL * scale * sqrt(TAU) * width);
}

// Reach at which an arm has faded below what can be seen.
fn spike_reach(strength: f32) -> f32 {
  return max(16.0 * log(max(strength / 0.0008, 1.0)), 60.0 * log(max(0.22 * strength / 0.0008, 1.0)));
}

fn spike_direction(arm: u32) -> vec2f {
  let along = vec2f(cos(SPIKE_TILT), sin(SPIKE_TILT));
  return select(along, vec2f(-along.y, along.x), arm == 1u);
}
