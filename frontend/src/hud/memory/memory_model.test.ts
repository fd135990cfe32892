import { describe, expect, it } from "vitest";
import { stateAfter } from "../../../test/monitor_run";
import { createState } from "../../state/initial";
import type { AppState } from "../../state/state";
import type { MemoryUsage } from "../../telemetry/protocol.gen";
import { bytes } from "../format";
import { memoryAccount } from "./memory_model";

const state = stateAfter(24);
const real = state.memory!;
const changed = (change: Partial<MemoryUsage>): AppState => ({ ...state, memory: { ...real, ...change } });

describe("the account of a real run's memory", () => {
  const account = memoryAccount(state)!;

  it("adds up what llama.cpp reserved", () => {
    expect(account.uses.map((one) => one.bytes)).toEqual([real.weights, real.cache_total, real.activations]);
    expect(account.sum).toBe(real.weights + real.cache_total + real.activations);
    expect(account.sumShown).toBe(bytes(account.sum));
  });

  it("shows what the system counts beyond that, or short of it, as the difference", () => {
    expect(account.difference).toBe(real.process_resident - account.sum);
    const [weights, cache, compute, rest] = account.shares;
    const whole = Math.max(real.process_resident, account.sum);
    expect(weights! * whole).toBeCloseTo(real.weights, -2);
    expect(cache! + compute!).toBeCloseTo((real.cache_total + real.activations) / whole, 6);
    expect(rest).toBeCloseTo(Math.max(account.difference, 0) / whole, 6);
  });

  it("says how much of the cache is in use: every layer's cells by their bytes", () => {
    const cache = state.cache!;
    let used = 0;
    cache.max_len.data.forEach((cells, i) => {
      const reserved = Number(cache.key_bytes.data[i]! + cache.value_bytes.data[i]!);
      used += (reserved / cells) * cache.seq_len.data[i]!;
    });
    expect(account.uses[1]!.notes).toEqual([`${bytes(used)} of it in use`, `${bytes(used)} in use`]);
  });

  it("gives each device its own bar, other uses of the machine among it", () => {
    expect(account.devices.map(({ name }) => name)).toEqual(real.devices.map(({ name }) => name));
    const [one] = real.devices;
    const [bar] = account.devices;
    const filled = bar!.shares.reduce((sum, share) => sum + share, 0);
    expect(filled).toBeCloseTo((one!.total - one!.free) / one!.total, 5);
  });
});

describe("the account", () => {
  it("marks a resident size short of what is reserved: weights mapped, not read yet", () => {
    const account = memoryAccount(changed({ process_resident: 50 * 2 ** 20 }))!;
    expect(account.difference).toBeLessThan(0);
    expect(account.differenceShown).toMatch(/^−/);
    for (const note of account.differenceNotes) expect(note).toContain("not touched");
    expect(account.shares[3]).toBe(0);
    expect(account.residentAt).toBeCloseTo((50 * 2 ** 20) / account.sum, 6);
  });

  it("compares the process with what lies in the host's memory alone", () => {
    const gpu = { name: "CUDA0", free: 4e9, total: 8e9, weights: 900e6, cache: 90e6, compute: 10e6 };
    const cpu = { name: "CPU", free: 9e9, total: 16e9, weights: 100e6, cache: 0, compute: 5e6 };
    const account = memoryAccount(
      changed({
        weights: 1000e6,
        cache_total: 90e6,
        activations: 15e6,
        gpu_allocated: 1000e6,
        process_resident: 400e6,
        devices: [gpu, cpu],
      }),
    )!;
    expect(account.difference).toBe(400e6 - 105e6);
    expect(account.onDevices).toBe(1000e6);
    expect(account.shares[0]).toBeCloseTo(0.25, 6);
  });

  it("is nothing before a model is there", () => {
    expect(memoryAccount(createState())).toBeNull();
  });
});
