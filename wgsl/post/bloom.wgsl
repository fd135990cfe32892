// Bloom by a mip pyramid: halve, then climb back adding each level at its own weight.
struct Rung {
  weight: f32,    // of this level's own light
  carry: f32,     // of what comes from the coarser one
}
@group(0) @binding(0) var source: texture_2d<f32>; // prefilter: sprites; down: the finer level; up: this level
@group(0) @binding(1) var wide: texture_2d<f32>;   // prefilter: gas; up: the coarser level, climbed
@group(0) @binding(2) var smooth_sampler: sampler;
@group(0) @binding(3) var<uniform> rung: Rung;
@group(0) @binding(4) var<uniform> gas_view: GasView;

fn bright(colour: vec3f) -> vec3f {
  let m = max(colour.r, max(colour.g, colour.b));
  return colour * (m / (m + 1.2));
}

@fragment
fn prefilter(@builtin(position) at: vec4f) -> @location(0) vec4f {
  let last = vec2i(textureDimensions(source)) - 1;
  let corner = vec2i(at.xy) * 2;
  let gas = textureSampleLevel(wide, smooth_sampler, gas_uv(gas_view, at.xy * 2.0), 0.0).rgb;
  var sum = bright(textureLoad(source, min(corner, last), 0).rgb + gas);
  sum += bright(textureLoad(source, min(corner + vec2i(1, 0), last), 0).rgb + gas);
  sum += bright(textureLoad(source, min(corner + vec2i(0, 1), last), 0).rgb + gas);
  sum += bright(textureLoad(source, min(corner + vec2i(1, 1), last), 0).rgb + gas);
  return vec4f(sum * 0.25, 1.0);
}

@fragment
fn halve(@builtin(position) at: vec4f) -> @location(0) vec4f {
  let texel = 1.0 / vec2f(textureDimensions(source));
  let uv = at.xy * 2.0 * texel;
  var sum = textureSampleLevel(source, smooth_sampler, uv + vec2f(-1.0, -1.0) * texel, 0.0).rgb;
  sum += textureSampleLevel(source, smooth_sampler, uv + vec2f(1.0, -1.0) * texel, 0.0).rgb;
  sum += textureSampleLevel(source, smooth_sampler, uv + vec2f(-1.0, 1.0) * texel, 0.0).rgb;
  sum += textureSampleLevel(source, smooth_sampler, uv + vec2f(1.0, 1.0) * texel, 0.0).rgb;
  return vec4f(sum * 0.25, 1.0);
}

@fragment
fn climb(@builtin(position) at: vec4f) -> @location(0) vec4f {
  let texel = 1.0 / vec2f(textureDimensions(wide));
  let uv = at.xy * 0.5 * texel;
  var sum = textureSampleLevel(wide, smooth_sampler, uv + vec2f(-0.5, -0.5) * texel, 0.0).rgb;
  sum += textureSampleLevel(wide, smooth_sampler, uv + vec2f(0.5, -0.5) * texel, 0.0).rgb;
  sum += textureSampleLevel(wide, smooth_sampler, uv + vec2f(-0.5, 0.5) * texel, 0.0).rgb;
  sum += textureSampleLevel(wide, smooth_sampler, uv + vec2f(0.5, 0.5) * texel, 0.0).rgb;
  let own = textureLoad(source, vec2i(at.xy), 0).rgb;
  return vec4f(own * rung.weight + sum * (0.25 * rung.carry), 1.0);
}
