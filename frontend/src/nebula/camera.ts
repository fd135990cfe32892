import { mat4 } from "wgpu-matrix";
import { Glide } from "./motion";
import { CLOUD_RADIUS } from "./particle_layout";

/** Distance of the camera, in radii of the cloud. */
const FRAMING = 3;
const DEPTH = FRAMING * CLOUD_RADIUS;
/** Share of the frame's height that the cloud's radius takes when the camera stands at its home. */
const HOME_RADIUS = 0.7;
const HOME_YAW = 0.35;
const HOME_PITCH = 0.22;
const MAX_PITCH = 1.45;
const MIN_ZOOM = 0.25;
const MAX_ZOOM = 24;
/** The drift: a slow sway, at most 0.6 degrees a second. */
const SWAY = 0.12;
const SWAY_SECONDS = 75;
/** Seconds a flung camera goes on for, and after which a resting hand flings no more. */
const FLING = 0.22;
const REST = 0.08;

/** The camera's state for one frame. */
export interface Pose {
  /** Layout units to camera units. */
  readonly view: Float32Array;
  /** Device pixels per unit at depth 1. */
  focal: number;
  /** Device pixels per unit at the target. */
  unit: number;
  /** Distance to the target, units. */
  depth: number;
  zoom: number;
}

/**
 * Orbits the cloud's middle. All motion follows the clock that is passed in, so a pose is a
 * function of what was done and of the time.
 */
export class Camera {
  /** Of the frame that the cloud is to fill, device pixels. */
  height = 1;
  private readonly yaw = new Glide(HOME_YAW, 14);
  private readonly pitch = new Glide(HOME_PITCH, 14);
  private readonly logZoom = new Glide(0, 14);
  private readonly panX = new Glide(0, 14);
  private readonly panY = new Glide(0, 14);
  private readonly glides = [this.yaw, this.pitch, this.logZoom, this.panX, this.panY];
  private readonly pose: Pose = { view: new Float32Array(16), focal: 1, unit: 1, depth: DEPTH, zoom: 1 };
  private readonly eye = new Float32Array(3);
  private readonly target = new Float32Array(3);
  private readonly up = new Float32Array([0, 1, 0]);
  private yawSpeed = 0;
  private pitchSpeed = 0;
  private draggedAt = Number.NEGATIVE_INFINITY;

  /** Turns by radians, as a hand drags. */
  orbit(yaw: number, pitch: number, time: number): void {
    this.yaw.aim(this.yaw.target + yaw, time, 24);
    this.pitch.aim(clampPitch(this.pitch.target + pitch), time, 24);
    const elapsed = Math.min(REST, Math.max(1 / 240, time - this.draggedAt));
    const share = Math.min(1, elapsed / 0.05);
    this.yawSpeed += (yaw / elapsed - this.yawSpeed) * share;
    this.pitchSpeed += (pitch / elapsed - this.pitchSpeed) * share;
    this.draggedAt = time;
  }

  /** The hand lets go: the turn goes on and dies away. */
  release(time: number): void {
    if (time - this.draggedAt > REST) return;
    this.yaw.aim(this.yaw.target + this.yawSpeed * FLING, time, 5);
    this.pitch.aim(clampPitch(this.pitch.target + this.pitchSpeed * FLING), time, 5);
    this.draggedAt = Number.NEGATIVE_INFINITY;
  }

  /** 2 makes everything twice as large. */
  zoomBy(factor: number, time: number): void {
    const goal = this.logZoom.target + Math.log(factor);
    this.logZoom.aim(Math.min(Math.log(MAX_ZOOM), Math.max(Math.log(MIN_ZOOM), goal)), time, 12);
  }

  /** Moves the picture by shares of the frame's height, right and down. */
  pan(right: number, down: number, time: number): void {
    const unit = (HOME_RADIUS / CLOUD_RADIUS) * Math.exp(this.logZoom.target);
    const reach = 2 * CLOUD_RADIUS;
    const x = Math.max(-reach, Math.min(reach, this.panX.target - right / unit));
    const y = Math.max(-reach, Math.min(reach, this.panY.target + down / unit));
    this.panX.aim(x, time, 18);
    this.panY.aim(y, time, 18);
  }

  /** Where it is going: yaw, pitch, log of the zoom, target right and up; null at its home. */
  get goal(): readonly number[] | null {
    const { yaw, pitch, logZoom, panX, panY } = this;
    const turned = Math.abs(Math.sin((yaw.target - HOME_YAW) / 2)) > 1e-3 || pitch.target !== HOME_PITCH;
    const moved = logZoom.target !== 0 || panX.target !== 0 || panY.target !== 0;
    return turned || moved ? this.glides.map(({ target }) => target) : null;
  }

  /** Goes where `goal` said. */
  goTo(goal: readonly number[], time: number): void {
    const [yaw = HOME_YAW, pitch = HOME_PITCH, zoom = 0, right = 0, up = 0] = goal;
    const reach = 2 * CLOUD_RADIUS;
    this.yaw.aim(yaw, time, 6);
    this.pitch.aim(clampPitch(pitch), time, 6);
    this.logZoom.aim(Math.min(Math.log(MAX_ZOOM), Math.max(Math.log(MIN_ZOOM), zoom)), time, 6);
    this.panX.aim(Math.max(-reach, Math.min(reach, right)), time, 6);
    this.panY.aim(Math.max(-reach, Math.min(reach, up)), time, 6);
  }

  reset(time: number): void {
    const turns = Math.round((this.yaw.at(time) - HOME_YAW) / (2 * Math.PI));
    this.yaw.aim(HOME_YAW + turns * 2 * Math.PI, time, 6);
    this.pitch.aim(HOME_PITCH, time, 6);
    this.logZoom.aim(0, time, 6);
    this.panX.aim(0, time, 6);
    this.panY.aim(0, time, 6);
  }

  /**
   * The pose at a time; the same object every time.
   *
   * @param still no drift.
   * @param drifted the clock of the drift: a replay has its own.
   */
  at(time: number, still: boolean, drifted = time): Pose {
    for (let i = 0; i < this.glides.length; i++) this.glides[i]!.follow(time);
    const sway = still ? 0 : SWAY * Math.sin((2 * Math.PI * drifted) / SWAY_SECONDS);
    const yaw = this.yaw.value + sway;
    const pitch = clampPitch(this.pitch.value + 0.3 * sway);
    const { pose, eye, target } = this;
    pose.zoom = Math.exp(this.logZoom.value);
    pose.unit = (HOME_RADIUS / CLOUD_RADIUS) * this.height * pose.zoom;
    pose.focal = pose.unit * DEPTH;
    const right = this.panX.value;
    const up = this.panY.value;
    const cy = Math.cos(yaw);
    const sy = Math.sin(yaw);
    const cp = Math.cos(pitch);
    const sp = Math.sin(pitch);
    target[0] = cy * right - sy * sp * up;
    target[1] = cp * up;
    target[2] = -sy * right - cy * sp * up;
    eye[0] = target[0] + sy * cp * DEPTH;
    eye[1] = target[1] + sp * DEPTH;
    eye[2] = target[2] + cy * cp * DEPTH;
    mat4.lookAt(eye, target, this.up, pose.view);
    return pose;
  }
}

function clampPitch(pitch: number): number {
  return Math.min(MAX_PITCH, Math.max(-MAX_PITCH, pitch));
}
