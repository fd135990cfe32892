import { expect, it } from "vitest";
import { basesFor, linkOf, onlyHere, warningOn } from "./client";

it("puts a link where others can open it", () => {
  expect(basesFor("http://127.0.0.1:8844/?view=hud", ["https://192.168.1.7:8844/"])).toEqual([
    "https://192.168.1.7:8844/",
    "http://127.0.0.1:8844/",
  ]);
  expect(basesFor("https://chamber.example/under/?step=3#x", [])).toEqual(["https://chamber.example/under/"]);
  expect(basesFor("https://10.0.0.2:8844/", ["https://10.0.0.2:8844/"])).toHaveLength(1);
});

it("knows addresses that are only this machine's", () => {
  for (const base of ["http://localhost:1/", "http://127.0.0.2:1/", "http://[::1]:1/"])
    expect(onlyHere(base)).toBe(true);
  expect(onlyHere("https://192.168.1.7/")).toBe(false);
});

it("warns of an address at which others see no picture", () => {
  expect(warningOn("https://chamber.test/")).toBe("");
  expect(warningOn("http://chamber.test/")).toMatch(/not https/);
  expect(warningOn("http://localhost:8844/")).toMatch(/this machine only/);
});

it("carries the view and the moment, and never the key", () => {
  const link = linkOf("https://a.example/p/", "s/secret/", "?step=12&view=hud&token=key");
  expect(link).toBe("https://a.example/p/s/secret/?step=12&view=hud");
  expect(linkOf("https://a.example/", "s/secret/?session=abc", "?session=other&at=2")).toBe(
    "https://a.example/s/secret/?session=abc&at=2",
  );
});
