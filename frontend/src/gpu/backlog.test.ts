import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Backlog } from "./backlog";

/** A queue that finishes what it is told to, in order. */
class Queue {
  looks = 0;
  private readonly waiting: (() => void)[] = [];

  onSubmittedWorkDone(): Promise<undefined> {
    this.looks++;
    return new Promise((done) => this.waiting.push(() => done(undefined)));
  }

  async finish(): Promise<void> {
    this.waiting.shift()?.();
    await Promise.resolve();
    await Promise.resolve();
  }
}

describe("the frames that the GPU has before it", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function begin() {
    const queue = new Queue();
    const backlog = new Backlog();
    return { queue, backlog, submit: () => backlog.submitted(queue as unknown as GPUQueue) };
  }

  it("may be several on a fast one, of which a few are looked at", async () => {
    const { queue, backlog, submit } = begin();
    for (let i = 0; i < 80; i++) {
      submit();
      expect(backlog.full).toBe(false);
      vi.advanceTimersByTime(10);
      await queue.finish();
    }
    expect(queue.looks).toBe(10);
  });

  it("are too many when one of them takes long", async () => {
    const { queue, backlog, submit } = begin();
    submit();
    submit();
    expect(backlog.full).toBe(false);
    vi.advanceTimersByTime(30);
    expect(backlog.full).toBe(true);
    await queue.finish();
    expect(backlog.full).toBe(false);
  });

  it("are one on a GPU that was slow, until it is fast again", async () => {
    const { queue, backlog, submit } = begin();
    submit();
    vi.advanceTimersByTime(80);
    await queue.finish();
    for (let i = 0; i < 3; i++) {
      submit();
      expect(backlog.full).toBe(true);
      vi.advanceTimersByTime(80);
      await queue.finish();
      expect(backlog.full).toBe(false);
    }
    submit();
    vi.advanceTimersByTime(5);
    await queue.finish();
    submit();
    expect(backlog.full).toBe(false);
  });

  it("are forgotten when the device fails them", async () => {
    const { backlog } = begin();
    const lost = { onSubmittedWorkDone: () => Promise.reject(new Error("lost")) };
    backlog.submitted(lost as unknown as GPUQueue);
    vi.advanceTimersByTime(80);
    expect(backlog.full).toBe(true);
    await vi.advanceTimersByTimeAsync(0);
    expect(backlog.full).toBe(false);
  });
});
