import type { AppState } from "../../state/state";
import { axisLabel, labelAt, promptLength } from "../attention/tokens";
import { type Color, fade } from "../color";
import { count, percent, probability } from "../format";
import type { Hits } from "../hits";
import { brackets } from "../kit/frame";
import type { Rect } from "../layout";
import type { Scene } from "../scene";
import { color, type TextStyle, text } from "../theme";
import type { FlowModel, FlowPlaces, FlowSource } from "./flow_model";
import { type FlowPlace, FOOTER } from "./flow_place";

/** The sources: position, weight, token, and how thick its ribbon begins. Tokens answer as "position". */
export function drawSources(
  scene: Scene,
  state: AppState,
  model: FlowModel,
  places: FlowPlaces,
  place: FlowPlace,
  hits: Hits,
): void {
  const y = place.table.y - 7;
  scene.text(place.position, y, "pos", text.caption, color.muted, "right");
  scene.text(place.weight, y, "weight", text.caption, color.muted, "right");
  scene.text(place.left - 10, y, "source", text.caption, color.muted, "right");
  model.sources.forEach((source, i) => {
    drawSource(scene, state, source, places.from[i]!, places.unit, place);
    if (source.kind !== "token") return;
    const top = places.from[i]! - place.row / 2;
    hits.add("position", source.position, place.table.x, top, place.left - place.table.x, place.row);
  });
}

function drawSource(
  scene: Scene,
  state: AppState,
  source: FlowSource,
  y: number,
  unit: number,
  place: FlowPlace,
): void {
  const { table, left, word, number } = place;
  const token = source.kind === "token";
  const baseline = Math.round(y + word.size * 0.34);
  if (source.dominant) {
    const tall = place.row + 1;
    const end = left - 6 - table.x;
    scene.gradient(
      table.x,
      y - tall / 2,
      end,
      tall,
      fade(color.attention, 0.02),
      fade(color.attention, 0.16),
    );
  }
  const thick = Math.max(2, source.weight * unit);
  const stroke = source.dominant ? color.attention : token ? color.now : color.muted;
  scene.rect(left - 5, y - thick / 2, 2, thick, stroke);
  const ink = source.dominant ? color.attention : token ? color.data : color.muted;
  scene.text(place.weight, baseline, probability(source.weight), number, ink, "right");
  const room = left - 10 - (place.weight + 8);
  if (!token) {
    const many = `+ ${count(source.tokens)}`;
    const whole = source.kind === "sink" ? "sink" : `${many} others`;
    const words = scene.measure(whole, number) <= room ? whole : many;
    endingAt(scene, words, left - 10, baseline, room, number, color.muted);
    return;
  }
  scene.text(place.position, baseline, String(source.position), text.caption, color.muted, "right");
  const name = axisLabel(state, source.position);
  endingAt(scene, name, left - 10, baseline, room, word, sourceColor(state, source));
}

/** The query, and the token that it makes. */
export function drawTarget(scene: Scene, state: AppState, { position }: FlowModel, place: FlowPlace): void {
  const { target, right, word } = place;
  const centre = target.x + target.width / 2;
  scene.text(centre, target.y - 8, "query → next", text.caption, color.muted, "center");
  brackets(scene, target, 1, false, color.now);
  scene.rect(right, target.y + 2, 1, target.height - 4, fade(color.now, 0.7));
  const middle = target.y + target.height / 2;
  const apart = word.size * 1.5;
  quoted(scene, axisLabel(state, position), target, middle - apart + 4, word, color.data);
  scene.text(centre, middle + 4, "↓", word, color.muted, "center");
  const next = position + 1 < promptLength(state) + (state.run?.count ?? 0);
  const y = middle + apart + 4;
  if (next) quoted(scene, axisLabel(state, position + 1), target, y, word, color.now);
  else scene.text(centre, y, "…", word, color.muted, "center");
  const below = target.y + target.height + 14;
  scene.text(centre, below, `pos ${count(position)}`, text.caption, color.muted, "center");
}

/** What is shown of the whole, and what had no room. */
export function drawFooter(scene: Scene, { shown, crowded, leftOut }: FlowModel, { table }: FlowPlace): void {
  const y = table.y + table.height + FOOTER - 6;
  const right = table.x + table.width;
  const used = scene.text(right, y, `Σ shown ${percent(shown)}`, text.data, color.data, "right");
  if (leftOut > 0) {
    const share = percent(leftOut);
    const said = [`first token left out: ${share} of all`, `first left out: ${share}`, `without ${share}`];
    scene.textFitting(table.x, y, table.width - used - 12, said, text.caption, color.attention);
    return;
  }
  if (crowded === 0) return;
  const words = [
    `${count(crowded)} more above the threshold have no room`,
    `${count(crowded)} more, no room`,
  ];
  scene.textFitting(table.x, y, table.width - 120, words, text.caption, color.muted);
}

/** What pointing at a source tells. */
export function factsOf(state: AppState, source: FlowSource): string[] {
  const share = `weight ${source.weight.toFixed(4)}`;
  if (source.kind === "sink")
    return ["attention sink", share, "no token: a learned place to look at nothing"];
  if (source.kind === "others") return [`${count(source.tokens)} other tokens`, `${share} together`];
  const prompt = promptLength(state);
  const { position } = source;
  const where = position < prompt ? "prompt" : `answer token ${position - prompt + 1}`;
  return [labelAt(state, position), share, `position ${position} · ${where}`];
}

function sourceColor(state: AppState, source: FlowSource): Color {
  if (source.dominant) return color.attention;
  return source.position < promptLength(state) ? color.prompt : color.words;
}

function endingAt(
  scene: Scene,
  words: string,
  right: number,
  y: number,
  room: number,
  style: TextStyle,
  paint: Color,
): void {
  scene.textWithin(right - Math.min(room, scene.measure(words, style)), y, room, words, style, paint);
}

/** A token in the middle of its box: whole if it can be, without its quotes before it is cut. */
function quoted(
  scene: Scene,
  label: string,
  { x, width }: Rect,
  y: number,
  style: TextStyle,
  paint: Color,
): void {
  const room = width - 6;
  const whole = `"${label}"`;
  const words = scene.measure(whole, style) <= room ? whole : scene.cutMiddle(room, label, style);
  scene.text(x + width / 2, y, words, style, paint, "center");
}
