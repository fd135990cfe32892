import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, type Page } from "@playwright/test";
import { HERE } from "../../pictures";
import { RECORDING, STEPS, test } from "../../still";

/** What the GPU holds of each token's light, against the distribution as Python decodes it. */

test.describe.configure({ timeout: 120_000 });

const ROOT = join(HERE, "..");

/** The probability of every token at `step` of the recorded run, by the server's own decoder. */
function decodedByPython(step: number): Float32Array {
  const script = `
import sys
from pathlib import Path
from cloudchamber.telemetry import codec, distribution, typed
from cloudchamber.telemetry.recording import read_recording
for _, data in read_recording(Path(sys.argv[1])).frames:
    for event in codec.decode(data)["state"]:
        if event["kind"] == "distribution" and event["stage"] == "model" and event["step"] == int(sys.argv[2]):
            sys.stdout.buffer.write(distribution.decode(typed.event(event)).astype("<f4").tobytes())
`;
  const python = join(ROOT, ".venv/bin/python");
  const bytes = execFileSync(python, ["-c", script, RECORDING, String(step)], { maxBuffer: 1 << 26 });
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

/** Before the page's own scripts: remember the buffer that holds the light. */
async function rememberLight(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const { createBuffer } = GPUDevice.prototype;
    GPUDevice.prototype.createBuffer = function (descriptor) {
      const buffer = createBuffer.call(this, descriptor);
      if (descriptor.label === "light") Object.assign(window, { light: { device: this, buffer } });
      return buffer;
    };
  });
}

/** Of each token in turn: its light at the last keyframe, and the light it eases to. */
async function lightOnGpu(page: Page): Promise<Float32Array> {
  const text = await page.evaluate(async () => {
    const { device, buffer } = (window as unknown as { light: { device: GPUDevice; buffer: GPUBuffer } })
      .light;
    const usage = GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ;
    const copy = device.createBuffer({ label: "light read back", size: buffer.size, usage });
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, 0, copy, 0, buffer.size);
    device.queue.submit([encoder.finish()]);
    await copy.mapAsync(GPUMapMode.READ);
    let text = "";
    for (const byte of new Uint8Array(copy.getMappedRange())) text += String.fromCharCode(byte);
    return btoa(text);
  });
  const bytes = Buffer.from(text, "base64");
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

for (const step of [STEPS.confident, STEPS.uncertain]) {
  test(`every token's light at step ${step} is the root of its probability`, async ({ still, page }) => {
    await rememberLight(page);
    await still.open({ view: "nebula" });
    await still.at(step);
    const light = await lightOnGpu(page);
    const expected = decodedByPython(step);
    expect(expected).toHaveLength(49_152);
    expect(light).toHaveLength(2 * expected.length);
    let sum = 0;
    let worst = 0;
    expected.forEach((p, token) => {
      const shown = light[2 * token + 1]! ** 2;
      sum += shown;
      worst = Math.max(worst, Math.abs(shown - p) / (p + 1e-9));
    });
    expect(sum, "all light together").toBeCloseTo(1, 2);
    expect(worst, "greatest relative error of a token's light").toBeLessThan(1e-4);
  });
}
