// Everything together: light to colour, over the ground, under the instruments.
@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var<uniform> gas_view: GasView;
@group(0) @binding(2) var smooth_sampler: sampler;
@group(0) @binding(3) var sprites: texture_2d<f32>;
@group(0) @binding(4) var gas: texture_2d<f32>;
@group(0) @binding(5) var bloom: texture_2d<f32>;
@group(0) @binding(6) var hud: texture_2d<f32>; // premultiplied

const GROUND = vec3f(0.0196, 0.0275, 0.0431); // #05070B

fn tone(light: vec3f) -> vec3f {
  let luminance = dot(light, vec3f(0.2126, 0.7152, 0.0722));
  let burnt = mix(light, vec3f(luminance), pow(luminance / (luminance + 16.0), 1.8));
  let curve = pow(1.0 - exp(-0.9 * burnt), vec3f(1.0 / 1.85));
  return mix(curve, curve * curve * (3.0 - 2.0 * curve), 0.35);
}

// Two independent numbers from 0 to 1 for a pixel, the same in every frame.
fn noise(pixel: vec2u) -> vec2f {
  var h = (pixel.x * 0x9e3779b1u) ^ (pixel.y * 0x85ebca77u + 0x165667b1u);
  h = (h ^ (h >> 15u)) * 0x2c1b3c6du;
  h = (h ^ (h >> 12u)) * 0x297a2d39u;
  h = h ^ (h >> 15u);
  return vec2f(f32(h & 0xffffu), f32(h >> 16u)) / 65535.0;
}

@fragment
fn composite(@builtin(position) at: vec4f) -> @location(0) vec4f {
  let pixel = vec2i(at.xy);
  let uv = at.xy / frame.size;
  var light = textureLoad(sprites, pixel, 0).rgb;
  light += textureSampleLevel(gas, smooth_sampler, gas_uv(gas_view, at.xy), 0.0).rgb;
  light += textureSampleLevel(bloom, smooth_sampler, at.xy * 0.5 / vec2f(textureDimensions(bloom)), 0.0).rgb;
  let random = noise(vec2u(pixel));
  let out_from_middle = (uv - 0.5) * vec2f(frame.size.x / frame.size.y, 1.0) * 1.1;
  let vignette = 1.0 - 0.25 * smoothstep(0.25, 1.1, dot(out_from_middle, out_from_middle));
  let shown = tone(light * frame.brightness);
  var colour = GROUND + shown * (1.0 - GROUND);
  colour *= vignette * (1.0 + 0.02 * (random.x - 0.5));
  colour += (random.y - 0.5) / 255.0;
  let over = textureLoad(hud, pixel, 0);
  return vec4f(colour * (1.0 - over.a) + over.rgb, 1.0);
}
