import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Backlog } from "./backlog";

/** A queue that finishes what it is told to, in order. */
class Queue {
  private readonly waiting: (() => void)[] = [];

  onSubmittedWorkDone(): Promise<undefined> {
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

  it("are two on a fast one", async () => {
    const { queue, backlog, submit } = begin();
    expect(backlog.full).toBe(false);
    submit();
    expect(backlog.full).toBe(false);
    submit();
    expect(backlog.full).toBe(true);
    vi.advanceTimersByTime(10);
    await queue.finish();
    expect(backlog.full).toBe(false);
  });

  it("are one on one that was slow, until it is fast again", async () => {
    const { queue, backlog, submit } = begin();
    submit();
    vi.advanceTimersByTime(80);
    await queue.finish();
    submit();
    expect(backlog.full).toBe(true);
    vi.advanceTimersByTime(5);
    await queue.finish();
    submit();
    expect(backlog.full).toBe(false);
  });

  it("are timed each by itself", async () => {
    const { queue, backlog, submit } = begin();
    submit();
    vi.advanceTimersByTime(20);
    submit();
    vi.advanceTimersByTime(3);
    await queue.finish();
    expect(backlog.full).toBe(false);
    vi.advanceTimersByTime(2);
    await queue.finish(); // 5 ms after it was submitted, not 25
    submit();
    expect(backlog.full).toBe(false);
  });

  it("are forgotten when the device fails them", async () => {
    const { backlog } = begin();
    const lost = { onSubmittedWorkDone: () => Promise.reject(new Error("lost")) };
    backlog.submitted(lost as unknown as GPUQueue);
    backlog.submitted(lost as unknown as GPUQueue);
    expect(backlog.full).toBe(true);
    await vi.advanceTimersByTimeAsync(0);
    expect(backlog.full).toBe(false);
  });
});
