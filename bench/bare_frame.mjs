// What of a frame's heap no page can spare: WebGPU's own objects. Which of them a frame makes is seen in the page that
// is measured; another page makes the same ones and nothing else, to be held against it.

/** Calls that hand out an object of WebGPU; a frame is written down in their numbers. */
export const MAKES = [
  "GPUDevice.createCommandEncoder",
  "GPUCommandEncoder.beginComputePass",
  "GPUCommandEncoder.beginRenderPass",
  "GPUCommandEncoder.finish",
  "GPUCanvasContext.getCurrentTexture",
  "GPUTexture.createView",
];

/**
 * Runs in a page: which objects each of its next `count` frames makes, as numbers of `makes`. A frame ends where it is
 * submitted. The page's calls are slower from then on, so it is measured first.
 */
export function seenFrames([makes, count]) {
  const seen = Promise.withResolvers();
  const frames = [];
  let frame = null;
  for (const type of Object.getOwnPropertyNames(window).filter((name) => /^GPU[A-Z]/.test(name))) {
    const prototype = window[type].prototype ?? {};
    for (const [name, { value: call }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
      if (typeof call !== "function" || name === "constructor") continue;
      prototype[name] = function (...words) {
        const made = call.apply(this, words);
        if (made?.constructor.name.startsWith("GPU")) {
          const number = makes.indexOf(`${type}.${name}`);
          if (number < 0) seen.reject(new Error(`a frame calls ${type}.${name}, which bare frames do not`));
          frame?.push(number);
        }
        if (type === "GPUQueue" && name === "submit") {
          if (frame) frames.push(frame);
          frame = [];
          if (frames.length === count) seen.resolve(frames);
        }
        return made;
      };
    }
  }
  return seen.promise;
}

/**
 * Runs in a page that is one canvas: makes the objects of `frames`, those of one in each animation frame, over and over.
 * All passes are empty. `window.bare.draw()` is one frame more, `window.bare.frames` how many there were.
 */
export async function bareFrames(frames) {
  const adapter = await navigator.gpu.requestAdapter();
  const device = await adapter.requestDevice();
  const context = document.querySelector("canvas").getContext("webgpu");
  context.configure({ device, format: navigator.gpu.getPreferredCanvasFormat(), alphaMode: "opaque" });
  const usage = GPUTextureUsage.RENDER_ATTACHMENT;
  const view = device.createTexture({ size: [64, 64], format: "rgba16float", usage }).createView();
  const encoderLabel = { label: "frame" };
  const computePass = { label: "compute" };
  const renderPass = { label: "render", colorAttachments: [{ view, loadOp: "clear", storeOp: "store" }] };
  const submission = [];
  const all = frames.map((frame) => Uint8Array.from(frame));
  const bare = { frames: 0, draw };
  window.bare = bare;
  let encoder;
  let texture;

  function make(number) {
    if (number === 0) encoder = device.createCommandEncoder(encoderLabel);
    else if (number === 1) encoder.beginComputePass(computePass).end();
    else if (number === 2) encoder.beginRenderPass(renderPass).end();
    else if (number === 3) submission[0] = encoder.finish();
    else if (number === 4) texture = context.getCurrentTexture();
    else texture.createView();
  }

  function draw() {
    const frame = all[bare.frames++ % all.length];
    for (let i = 0; i < frame.length; i++) make(frame[i]);
    device.queue.submit(submission);
  }

  function step() {
    requestAnimationFrame(step);
    draw();
  }
  step();
}
