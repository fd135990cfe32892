import { describe, expect, it } from "vitest";
import { Camera, type Pose } from "./camera";
import { CLOUD_RADIUS } from "./particle_layout";

const HEIGHT = 720;

function yawOf(pose: Pose): number {
  return Math.atan2(pose.view[8]!, pose.view[0]!);
}

function snapshot(camera: Camera, time: number, still = false): Pose {
  camera.height = HEIGHT;
  const pose = camera.at(time, still);
  return { ...pose, view: pose.view.slice() };
}

describe("Camera", () => {
  it("looks at the middle of the cloud and frames it", () => {
    const pose = snapshot(new Camera(), 0);
    const middle = pose.view.slice(12, 15);
    expect(middle[0]).toBeCloseTo(0, 5);
    expect(middle[1]).toBeCloseTo(0, 5);
    expect(-middle[2]!).toBeCloseTo(pose.depth, 4);
    const reach = (CLOUD_RADIUS * pose.focal) / pose.depth;
    expect(reach / (HEIGHT / 2)).toBeGreaterThan(1);
    expect(reach / (HEIGHT / 2)).toBeLessThan(1.6);
  });

  it("drifts slower than a degree a second, and not at all when motion is unwelcome", () => {
    const camera = new Camera();
    for (let t = 0; t < 80; t += 0.5) {
      const turned = Math.abs(yawOf(snapshot(camera, t + 0.5)) - yawOf(snapshot(camera, t)));
      expect(turned / 0.5).toBeLessThan(Math.PI / 180);
    }
    expect(snapshot(camera, 3, true)).toEqual(snapshot(camera, 40, true));
  });

  it("goes on turning when let go in motion, and comes to rest", () => {
    const camera = new Camera();
    const start = yawOf(snapshot(camera, 1, true));
    for (let i = 1; i <= 6; i++) camera.orbit(0.05, 0, 1 + i / 60);
    camera.release(1 + 7 / 60);
    const rest = yawOf(snapshot(camera, 10, true));
    expect(Math.abs(rest - start)).toBeGreaterThan(0.45);
    expect(yawOf(snapshot(camera, 20, true))).toBeCloseTo(rest, 6);
  });

  it("stays where it is when the hand rested before it let go", () => {
    const camera = new Camera();
    const start = yawOf(snapshot(camera, 1, true));
    for (let i = 1; i <= 6; i++) camera.orbit(0.05, 0, 1 + i / 60);
    camera.release(2);
    expect(Math.abs(yawOf(snapshot(camera, 10, true)) - start)).toBeCloseTo(0.3, 4);
  });

  it("keeps its distance within bounds and resets to its home", () => {
    const camera = new Camera();
    const home = snapshot(camera, 0, true);
    camera.zoomBy(1e9, 0);
    camera.pan(5, -5, 0);
    camera.orbit(9, 9, 0);
    const far = snapshot(camera, 5, true);
    expect(far.zoom).toBeLessThan(30);
    expect([...far.view].every(Number.isFinite)).toBe(true);
    camera.reset(5);
    const back = snapshot(camera, 15, true);
    expect(back.zoom).toBeCloseTo(1, 5);
    home.view.forEach((value, i) => {
      expect(back.view[i]).toBeCloseTo(value, 4);
    });
  });

  it("moves the picture with the hand when panned", () => {
    const camera = new Camera();
    camera.pan(0.1, 0, 0);
    const pose = snapshot(camera, 5, true);
    const x = (pose.view[12]! * pose.focal) / -pose.view[14]!;
    expect(x / HEIGHT).toBeCloseTo(0.1, 3);
  });
});
