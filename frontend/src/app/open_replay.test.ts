import { expect, it } from "vitest";
import type { Manifest } from "../telemetry/archive.gen";
import { lackingIn } from "./open_replay";

const manifest = (changed: Partial<Manifest>) =>
  ({
    redacted: false,
    distribution_exact: true,
    attention_layers: [0, 1, 2],
    model: { model: { n_layer: 3 } },
    ...changed,
  }) as Manifest;

it("says nothing of a session that has everything", () => {
  expect(lackingIn(manifest({}))).toBe("");
});

it("says what was left out of an exported one", () => {
  const said = lackingIn(manifest({ redacted: true, distribution_exact: false, attention_layers: [2] }));
  expect(said).toContain("prompt is withheld");
  expect(said).toContain("attention of layer 2.");
  expect(said).toContain("exact ones are left out");
  expect(lackingIn(manifest({ attention_layers: [] }))).toContain("no attention");
  expect(lackingIn(manifest({ attention_layers: [0, 2] }))).toContain("2 of 3 layers");
});
