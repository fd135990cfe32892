/** Why the page can have no GPU; each needs its own words and its own way back. */
export type GpuFailureCode = "no-webgpu" | "insecure" | "no-adapter" | "device-failed";

export class GpuFailure extends Error {
  constructor(
    readonly code: GpuFailureCode,
    message: string,
    readonly hint: string,
  ) {
    super(message);
    this.name = "GpuFailure";
  }
}

/** The page's one device and the canvas it draws to. Default limits, no required features. */
export interface Gpu {
  readonly device: GPUDevice;
  readonly context: GPUCanvasContext;
  readonly format: GPUTextureFormat;
  readonly limits: GPUSupportedLimits;
  /** `timestamp-query` was there for the taking. */
  readonly timed: boolean;
  readonly adapter: string;
  /** Resolves when the device is gone: then nothing made from it works any more. */
  readonly lost: Promise<GPUDeviceLostInfo>;
}

/**
 * The device for a canvas. Errors the device raises later, outside any scope, go to `onError`.
 *
 * @throws GpuFailure
 */
export async function acquireGpu(
  canvas: HTMLCanvasElement,
  onError: (message: string) => void = (message) => console.error(message),
): Promise<Gpu> {
  if (!globalThis.isSecureContext) {
    throw new GpuFailure(
      "insecure",
      "The browser gives a page the GPU only over https or from localhost.",
      "Open it as http://localhost, through an SSH tunnel, or over https: the server does that with --share.",
    );
  }
  if (!navigator.gpu) {
    throw new GpuFailure(
      "no-webgpu",
      "This browser has no WebGPU.",
      "Use a recent Chrome or Edge (135 or newer), Safari 26 or Firefox 141.",
    );
  }
  const adapter = await requestAdapter();
  const timed = adapter.features.has("timestamp-query");
  const device = await requestDevice(adapter, timed);
  device.addEventListener("uncapturederror", (event) => onError(event.error.message));
  const context = canvas.getContext("webgpu");
  if (!context) {
    device.destroy();
    throw new GpuFailure("device-failed", "The canvas gave no WebGPU context.", "Reload the page.");
  }
  const format = navigator.gpu.getPreferredCanvasFormat();
  context.configure({ device, format, alphaMode: "opaque" });
  const { vendor, architecture } = adapter.info;
  return {
    device,
    context,
    format,
    limits: device.limits,
    timed,
    adapter: [vendor, architecture].filter(Boolean).join("/"),
    lost: device.lost,
  };
}

async function requestAdapter(): Promise<GPUAdapter> {
  const adapter = await navigator.gpu
    .requestAdapter({ powerPreference: "high-performance" })
    .catch(() => null);
  if (adapter) return adapter;
  throw new GpuFailure(
    "no-adapter",
    "The browser refused access to the GPU.",
    "Look at chrome://gpu: hardware acceleration may be off, or the driver blocked.",
  );
}

async function requestDevice(adapter: GPUAdapter, timed: boolean): Promise<GPUDevice> {
  try {
    return await adapter.requestDevice({
      label: "cloud chamber",
      requiredFeatures: timed ? ["timestamp-query"] : [],
    });
  } catch (error) {
    throw new GpuFailure(
      "device-failed",
      `The GPU could not be opened: ${error instanceof Error ? error.message : String(error)}`,
      "Close other pages that use the GPU, then reload.",
    );
  }
}
