import { shown } from "../../state/moment";
import type { AppState } from "../../state/state";
import type { DeviceMemory, MemoryUsage } from "../../telemetry/protocol.gen";
import { usedBytes } from "../capacity_model";
import { bytes, percent } from "../format";

/** What memory is used for. */
export interface Use {
  readonly name: string;
  readonly bytes: number;
  readonly shown: string;
  /** What it is, in a few words and in fewer. */
  readonly notes: readonly string[];
}

/** A device and what of this model it holds. */
export interface DeviceAccount {
  readonly name: string;
  /** Shares of the device's memory: weights, cache, compute, other uses of the machine. */
  readonly shares: Float32Array;
  readonly shown: string;
  readonly note: string;
}

/** The account: what was reserved, and what the system counts. */
export interface MemoryAccount {
  /** Weights, KV cache, compute buffers. */
  readonly uses: readonly Use[];
  readonly sum: number;
  readonly sumShown: string;
  /** Of the sum, on devices other than the CPU. */
  readonly onDevices: number;
  /** The system's count for the worker process. */
  readonly resident: number;
  readonly residentShown: string;
  /** Resident less what the account has in the host's memory; negative where weights are mapped but not yet read. */
  readonly difference: number;
  readonly differenceShown: string;
  readonly differenceNotes: readonly string[];
  /** Weights, cache, compute in host memory, and the difference where it is positive: shares of the bar. */
  readonly shares: Float32Array;
  /** Bytes that the whole bar stands for. */
  readonly whole: number;
  /** Resident size on the same bar, 0 to 1. */
  readonly residentAt: number;
  readonly devices: readonly DeviceAccount[];
  /** For the heading: wordings, longest first. */
  readonly captions: readonly string[];
}

/** Of the moment on show; null where the memory was not read then. */
export function memoryAccount(state: AppState): MemoryAccount | null {
  const { memory, cache } = shown(state);
  if (!memory) return null;
  const {
    weights,
    cache_total: kv,
    activations: compute,
    gpu_allocated,
    process_resident: resident,
  } = memory;
  const host = hostOf(memory);
  const onHost = host.weights + host.cache + host.compute;
  const difference = resident - onHost;
  const whole = Math.max(resident, onHost);
  const sum = weights + kv + compute;
  return {
    uses: [
      use("weights", weights, "read from the model's file", "from the file"),
      use("KV cache", kv, ...cacheNotes(cache)),
      use(
        "compute",
        compute,
        "activations and scratch of one decode",
        "activations and scratch",
        "activations",
      ),
    ],
    sum,
    sumShown: bytes(sum),
    onDevices: gpu_allocated,
    resident,
    residentShown: bytes(resident),
    difference,
    differenceShown: `${difference < 0 ? "−" : "+"}${bytes(Math.abs(difference))}`,
    differenceNotes:
      difference < 0
        ? ["reserved or mapped, but not touched yet", "reserved, not touched yet", "not touched yet"]
        : ["program, libraries, tokenizer, what the taps keep", "program, libraries, taps", "program, taps"],
    shares: Float32Array.from([host.weights, host.cache, host.compute, Math.max(difference, 0)], (part) =>
      whole > 0 ? part / whole : 0,
    ),
    whole,
    residentAt: whole > 0 ? resident / whole : 0,
    devices: memory.devices.map(device),
    captions: [
      `worker process · ${percent(resident / memory.system_total)} of the machine's ${bytes(memory.system_total)}`,
      `${percent(resident / memory.system_total)} of ${bytes(memory.system_total)}`,
    ],
  };
}

function use(name: string, size: number, ...notes: string[]): Use {
  return { name, bytes: size, shown: bytes(size), notes };
}

/** What of the account lies in the host's memory: all that is on no other device. */
function hostOf(memory: MemoryUsage): { weights: number; cache: number; compute: number } {
  if (memory.gpu_allocated === 0) {
    return { weights: memory.weights, cache: memory.cache_total, compute: memory.activations };
  }
  // llama.cpp's CPU device is the one called so; what it calls otherwise has memory of its own.
  const own = memory.devices.filter(({ name }) => name.startsWith("CPU"));
  const sum = (part: (device: DeviceMemory) => number): number =>
    own.reduce((total, one) => total + part(one), 0);
  return {
    weights: sum((one) => one.weights),
    cache: sum((one) => one.cache),
    compute: sum((one) => one.compute),
  };
}

function cacheNotes(cache: AppState["cache"]): string[] {
  if (!cache) return ["reserved for the whole context", "reserved"];
  const used = bytes(usedBytes(cache));
  return [`${used} of it in use`, `${used} in use`];
}

function device({ name, free, total, weights, cache, compute }: DeviceMemory): DeviceAccount {
  const own = weights + cache + compute;
  const other = Math.max(total - free - own, 0);
  return {
    name,
    shares: Float32Array.from([weights, cache, compute, other], (part) => (total > 0 ? part / total : 0)),
    shown: total > 0 ? `${bytes(free)} free of ${bytes(total)}` : "size not known",
    note: `${bytes(own)} here`,
  };
}
