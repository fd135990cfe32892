// A visible particle: a sharp core in a soft glow, two Gaussians drawn as one quad.
struct Sprite {
  position: vec2f, // pixels
  sigma: vec2f,    // of core and glow, pixels
  peak: vec2f,     // radiance of core and glow in the middle, before the palette
  tone: f32,       // place on the palette
  reach: f32,      // half the quad's edge, pixels; 0 when nothing can be seen
}

// Between these lights a particle's own glow, and below that its core, give way to the gas.
const GLOW_FAINT = 0.003;
const GLOW_CLEAR = 0.012;
const CORE_FAINT = 0.00003;
const CORE_CLEAR = 0.0003;
const SPRITE_SEEN = 0.0006; // radiance that still shows on the ground

fn gaussian_reach(peak: f32, sigma: f32) -> f32 {
  if (peak <= SPRITE_SEEN) { return 0.0; }
  return sigma * min(sqrt(2.0 * log(peak / SPRITE_SEEN)), 3.5);
}

fn sprite_reach(peak: vec2f, sigma: vec2f, tone: f32) -> f32 {
  let bright = mix(0.34, 1.0, min(tone * 2.0, 1.0));
  let reach = max(gaussian_reach(peak.x * bright, sigma.x), gaussian_reach(peak.y * bright, sigma.y));
  return select(0.0, reach + 0.5, reach > 0.0);
}
