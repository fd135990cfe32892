import { expect, it } from "vitest";
import { Hits } from "./hits";

it("finds the topmost region, or the topmost of a kind", () => {
  const hits = new Hits();
  hits.add("stream", 0, 0, 0, 100, 100);
  hits.add("token", 7, 10, 10, 20, 10);
  expect(hits.find(15, 15)).toMatchObject({ kind: "token", value: 7 });
  expect(hits.find(15, 15, "stream")).toMatchObject({ kind: "stream" });
  expect(hits.find(30, 15)).toMatchObject({ kind: "stream" });
  expect(hits.find(100, 50)).toBeNull();
  hits.reset();
  expect(hits.find(15, 15)).toBeNull();
});
