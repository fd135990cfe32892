import type { PartCache } from "./archive";
import { type Manifest, type Timeline, TOKENS_PER_PART } from "./archive.gen";

/** Seconds between two looks at whether a run that goes on has come further. */
export const LOOK_EVERY = 3;

/** What changes while a session is recorded and completed. */
const STATES: readonly ((manifest: Manifest) => number | boolean)[] = [
  ({ frames }) => frames,
  ({ complete }) => complete,
  ({ completing }) => completing,
  ({ attention_layers }) => attention_layers.length,
  ({ distribution_exact }) => distribution_exact,
];

/** Looks, while a run that is not all kept yet is on show, for what has come of it since. */
export class ArchiveGrowth {
  private lookedAt = Number.NaN;
  private looking: Promise<void> | null = null;

  constructor(
    private readonly parts: PartCache,
    /** There is more: all parts that have changed are here. */
    private readonly grown: (manifest: Manifest, timeline: Timeline) => void,
  ) {}

  /** Looks if it is time to; `wall` is the page's clock, `known` what was there so far. */
  look(wall: number, known: Manifest): void {
    if (Number.isNaN(this.lookedAt)) this.lookedAt = wall;
    if (this.looking || wall - this.lookedAt < LOOK_EVERY) return;
    this.lookedAt = wall;
    const done = () => {
      this.looking = null;
    };
    // The server may be away for a while: the next look says.
    this.looking = this.take(known).then(done, done);
  }

  /** Resolves when nothing is being looked for. */
  async idle(): Promise<void> {
    await this.looking;
  }

  private async take(known: Manifest): Promise<void> {
    const { parts } = this;
    const manifest = (await parts.renew("manifest")) as Manifest | null;
    if (!manifest || !STATES.some((state) => state(manifest) !== state(known))) return;
    parts.forgetMissing();
    // What is asked for after the manifest holds at least what that says. What is played stays until its
    // successor is here, which begins with the same.
    const open = [
      `frames/${known.frame_chunks.length - 1}`,
      `tokens/${Math.floor(known.steps / TOKENS_PER_PART)}`,
    ];
    const names = ["timeline", ...open.filter((name) => parts.holds(name))];
    const [timeline] = await Promise.all(names.map((name) => parts.renew(name)));
    if (timeline) this.grown(manifest, timeline as Timeline);
  }
}
