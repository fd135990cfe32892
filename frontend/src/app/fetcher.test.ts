import { beforeEach, expect, it } from "vitest";
import { createState } from "../state/initial";
import type { AppState } from "../state/state";
import type { Positions, Resources } from "../telemetry/resources";
import { Fetcher } from "./fetcher";

let state: AppState;
let now: number;
let asked: string[];
let failing: boolean;
let arrived: (string | null)[];
let fetcher: Fetcher;

const resources: Resources = {
  async vocabulary(hash) {
    asked.push(`vocabulary ${hash}`);
    if (failing) throw new Error("The server answered 503.");
    return { hash } as never;
  },
  async positions(hash, method, signal) {
    asked.push(`${method} ${hash}`);
    await Promise.resolve();
    signal.throwIfAborted();
    return { hash, method } as Positions;
  },
  models: async () => [],
};

const settle = () => new Promise((done) => setTimeout(done, 0));
const offer = (hash: string, method: "pca" | "umap") => {
  state.positions = { kind: "positions_ready", embedding_hash: hash, method };
};

beforeEach(() => {
  state = createState();
  now = 0;
  asked = [];
  arrived = [];
  failing = false;
  fetcher = new Fetcher(
    state,
    resources,
    () => now,
    (positions) => arrived.push(positions && `${positions.method} ${positions.hash}`),
    () => {},
  );
});

it("fetches each thing once, however often it is asked", async () => {
  fetcher.update();
  expect(asked).toEqual([]);
  state.model = { vocabulary_hash: "v" } as never;
  offer("e", "pca");
  for (let i = 0; i < 5; i++) {
    fetcher.update();
    await settle();
  }
  expect(asked).toEqual(["vocabulary v", "pca e"]);
  expect(arrived).toEqual(["pca e"]);
  expect(state.vocabulary?.hash).toBe("v");
});

it("takes the better layout when it comes, and only the newest of two at once", async () => {
  offer("e", "pca");
  fetcher.update();
  offer("e", "umap");
  fetcher.update();
  await settle();
  expect(asked).toEqual(["pca e", "umap e"]);
  expect(arrived).toEqual(["umap e"]);
});

it("lets the layout of another model go at once", async () => {
  offer("e", "umap");
  fetcher.update();
  await settle();
  offer("f", "pca");
  fetcher.update();
  await settle();
  expect(arrived).toEqual(["umap e", null, "pca f"]);
});

it("says what failed, and tries again later until it comes", async () => {
  failing = true;
  state.model = { vocabulary_hash: "v" } as never;
  fetcher.update();
  await settle();
  expect(fetcher.notice?.message).toMatch(/names of the tokens .* 503/);
  fetcher.update();
  expect(asked).toHaveLength(1);
  now = 1;
  failing = false;
  fetcher.update();
  await settle();
  expect(asked).toHaveLength(2);
  expect(fetcher.notice).toBeNull();
  expect(state.vocabulary?.hash).toBe("v");
});
