import type { AppState } from "../../state/state";
import { fade } from "../color";
import { rule } from "../kit/frame";
import type { Rect } from "../layout";
import type { Scene } from "../scene";
import { color, text } from "../theme";
import { BARS, change, norm, type PulseModel } from "./pulse_model";
import { dimness, type Pass } from "./pulse_table";

/** What leaves the last layer and the temperature; or the numbers of the layer under the pointer. */
export function drawFooter(scene: Scene, state: AppState, pass: Pass, row: number, rect: Rect): void {
  rule(scene, rect.x, rect.y, rect.width);
  const y = rect.y + 15;
  if (row >= 0) {
    const shown = row > pass.passed ? pass.before : pass.model;
    scene.textFitting(rect.x, y, rect.width, layerFacts(state, shown, row), text.data, color.words);
    return;
  }
  const under = pass.passed < pass.model.count;
  const shown = under ? pass.before : pass.model;
  const bright = under ? Math.max(dimness(pass), 0.4) : 1;
  const last = shown.layer[shown.count - 1] ?? 0;
  pair(scene, rect.x, y, "‖l_out‖", shown.output, bright, "left");
  pair(scene, rect.x + rect.width / 2, y, "Δ res", `L${last} ${shown.residual}`, bright, "center");
  const temperature = state.run?.started.sampling.temperature ?? 0;
  const said = temperature > 0 ? temperature.toFixed(2) : "greedy";
  pair(scene, rect.x + rect.width, y, "temp", said, 1, "right");
}

function pair(
  scene: Scene,
  x: number,
  y: number,
  name: string,
  value: string,
  bright: number,
  align: "left" | "center" | "right",
): void {
  const step = scene.step(text.data);
  const width = scene.measure(name, text.caption) + step + scene.measure(value, text.data);
  const left = align === "left" ? x : align === "right" ? x - width : x - width / 2;
  const used = scene.text(left, y, name, text.caption, color.muted);
  scene.text(left + used + step, y, value, text.data, fade(color.data, bright));
}

/** Wordings, longest first. */
function layerFacts(state: AppState, model: PulseModel, row: number): string[] {
  const [attention, mlp, output] = model.norms.subarray(row * BARS, (row + 1) * BARS);
  const parts = [
    part("attention", attention!, state.model?.lacks.attention_out ?? state.model?.lacks.attention),
    part("mlp", mlp!, state.model?.lacks.mlp_out),
    `out ${norm(output!)}`,
    `Δ ${change(model.change[row]!)}`,
  ];
  const name = `L${model.layer[row]}`;
  const short = `${name} · ${norm(attention!)} · ${norm(mlp!)} · ${norm(output!)} · Δ ${change(model.change[row]!)}`;
  return [`${name} · ${parts.join(" · ")}`, short];
}

function part(name: string, value: number, lacking: string | undefined): string {
  if (Number.isFinite(value)) return `${name} ${norm(value)}`;
  return lacking ? `${name}: none` : `${name} n/a`;
}
