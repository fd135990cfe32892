import { loadProgress, mayControl } from "../../state/select";
import type { AppState } from "../../state/state";
import type { FoundModel } from "../../telemetry/resources";
import type { Actions } from "../actions";
import { h, setAttribute, setDisabled, setText } from "../dom";

/** Which model runs, and which could. The list is fetched at each connection and when it gets the focus. */
export class ModelPicker {
  readonly element: HTMLElement;
  private readonly select: HTMLSelectElement;
  private readonly bar: HTMLElement;
  private readonly caption: HTMLElement;
  models: readonly FoundModel[] = [];
  private shown = "";
  private asked = "";
  /** Nobody else may see which models there are. */
  private owner = false;

  constructor(
    private readonly actions: Actions,
    private readonly list: () => Promise<readonly FoundModel[]>,
    private readonly listed: () => void,
  ) {
    this.select = h("select", {
      "aria-label": "Model",
      change: () => this.choose(),
      focus: () => void this.refresh(),
    });
    this.bar = h("span", { class: "load-bar" });
    this.caption = h("span", { class: "caption", "aria-hidden": true }, "MODEL");
    this.element = h(
      "label",
      { class: "field model", "data-tip": "The model that answers." },
      this.caption,
      this.select,
      this.bar,
    );
  }

  focus(): void {
    this.select.focus();
    try {
      this.select.showPicker();
    } catch {
      // Only a person's own press may open the list; the focus is enough.
    }
  }

  async refresh(): Promise<void> {
    if (!this.owner) return;
    try {
      this.models = await this.list();
    } catch {
      return; // The connection's own message says what is wrong.
    }
    this.shown = "";
    this.listed();
  }

  update(state: AppState): void {
    const owner = state.right === "owner";
    if (owner !== this.owner) {
      this.owner = owner;
      void this.refresh();
    }
    setDisabled(this.select, !mayControl(state) || !owner);
    const load = loadProgress(state);
    setAttribute(this.bar, "data-progress", !load ? "none" : load.fraction < 0 ? "unknown" : "known");
    this.bar.style.setProperty("--progress", String(load ? Math.max(0.02, load.fraction) : 0));
    setText(this.caption, load ? "LOADING" : "MODEL");
    if (state.model?.id === this.asked || state.problem) this.asked = "";
    const current = this.asked || (state.model?.id ?? "");
    const key = `${current}|${state.model?.name}|${this.models.length}`;
    if (key !== this.shown) {
      this.shown = key;
      this.fill(current, state.model?.name ?? "");
    }
  }

  private choose(): void {
    this.asked = this.select.value;
    this.shown = "";
    if (this.asked !== "") this.actions.load(this.asked);
  }

  private fill(current: string, name: string): void {
    const options = this.models.map(optionOf);
    if (!this.models.some((model) => model.id === current)) {
      options.unshift(h("option", { value: current }, name || "No model"));
    }
    this.select.replaceChildren(...options);
    this.select.value = current;
  }
}

function optionOf(model: FoundModel): HTMLOptionElement {
  return h("option", { value: model.id }, `${model.name} · ${megabytes(model.bytes)} · ${model.source}`);
}

function megabytes(bytes: number): string {
  const value = bytes / 1e6;
  return value >= 1000 ? `${(value / 1000).toFixed(1)} GB` : `${value.toFixed(0)} MB`;
}
