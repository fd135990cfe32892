import { beforeEach, describe, expect, it } from "vitest";
import type { Message, MomentReply, Rejected } from "../telemetry/protocol.gen";
import { type Question, Requests } from "./requests";

let sent: Question[];
let requests: Requests;

beforeEach(() => {
  sent = [];
  requests = new Requests((question) => void sent.push(question));
});

const answer = (request: number, step: number): MomentReply => ({
  kind: "moment_reply",
  request,
  run_id: "a",
  step,
  state: [],
});
const refusal = (request: number, message: string): Rejected => ({ kind: "rejected", request, message });

function ask(slot: string, step: number, heard: string[]): void {
  requests.ask(
    slot,
    { kind: "get_moment", step },
    (reply) => heard.push(`${reply.step}`),
    (message) => heard.push(message),
  );
}

describe("questions", () => {
  it("have numbers of their own, and their answers go to who asked", () => {
    const heard: string[] = [];
    ask("one", 4, heard);
    ask("two", 9, heard);
    expect(sent.map(({ request }) => request)).toEqual([1, 2]);
    expect(requests.receive(answer(2, 9))).toBe(true);
    expect(requests.receive(refusal(1, "Not kept."))).toBe(true);
    expect(heard).toEqual(["9", "Not kept."]);
    // An answer to nobody, or a second one, is not ours.
    expect(requests.receive(answer(2, 9))).toBe(false);
    expect(requests.receive(refusal(0, "No."))).toBe(false);
  });

  it("of one slot go one at a time, the newest next", () => {
    const heard: string[] = [];
    for (const step of [1, 2, 3, 4]) ask("drag", step, heard);
    expect(sent).toHaveLength(1);
    requests.receive(answer(1, 1));
    expect(sent[1]).toMatchObject({ step: 4, request: 2 });
    requests.receive(answer(2, 4));
    expect(sent).toHaveLength(2);
    expect(heard).toEqual(["1", "4"]);
    expect(requests.isBusy("drag")).toBe(false);
  });

  it("may be asked from an answer, in the same slot", () => {
    const heard: string[] = [];
    requests.ask("chain", { kind: "get_moment", step: 1 }, () => ask("chain", 2, heard));
    requests.receive(answer(1, 1));
    requests.receive(answer(2, 2));
    expect(heard).toEqual(["2"]);
  });

  it("that are cancelled are answered to nobody", () => {
    const heard: string[] = [];
    ask("one", 1, heard);
    requests.cancel("one");
    expect(requests.receive(answer(1, 1))).toBe(false);
    expect(heard).toEqual([]);
  });

  it("wait while many are on their way", () => {
    const heard: string[] = [];
    for (let i = 0; i < 20; i++) ask(`slot ${i}`, i, heard);
    const before = sent.length;
    expect(before).toBeLessThan(16);
    requests.receive(answer(1, 0));
    expect(sent.length).toBe(before + 1);
  });

  it("are asked again after a break, under new numbers, unless there is a newer one", () => {
    const heard: string[] = [];
    ask("one", 1, heard);
    ask("two", 5, heard);
    ask("two", 6, heard);
    const welcome = { kind: "welcome", resumed: true } as unknown as Message;
    expect(requests.receive(welcome)).toBe(false);
    expect(sent.slice(2).map((question) => (question as { step: number }).step)).toEqual([6, 1]);
    expect(requests.receive(answer(1, 1))).toBe(false);
    requests.receive(answer(4, 1));
    expect(heard).toEqual(["1"]);
  });
});
