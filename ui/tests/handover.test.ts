// A sign-in that takes the place of one that is under way: until that one is over, the password waits in the window.

import { fireEvent, screen } from "@testing-library/svelte";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { AppState } from "../src/bindings";
import { goTo } from "../src/lib/pages.svelte";
import { FIXTURES } from "../src/mock/fixtures";
import { commandsOf, field, open, settle, tell } from "./window";

const { app } = FIXTURES["password-wrong"];
const over = FIXTURES["sign-in"].app;
const { sign_in } = app.snapshot;
/** The old attempt is still with the gateway. */
const held: AppState = {
  ...app,
  snapshot: { ...app.snapshot, sign_in: sign_in && { ...sign_in, waiting: true } },
};

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Begins anew as somebody else, while the service does not give up the old attempt. */
async function begin() {
  const mock = await open(app);
  const handle = mock.handle.bind(mock);
  vi.spyOn(mock, "handle").mockImplementation((command, args) =>
    command === "cancel_sign_in" ? null : handle(command, args),
  );
  await fireEvent.input(field("Account"), { target: { value: "wong" } });
  await fireEvent.input(field("Password"), { target: { value: "Secret-of-wong" } });
  await fireEvent.submit(field("Password"));
  await settle();
  return mock;
}

test.each([
  ["answers no more", app],
  ["is held up", held],
])("ten seconds later it is given up and said, and never begun: the service %s", async (_, now) => {
  const mock = await begin();
  await tell(now);
  vi.advanceTimersByTime(9_999);
  await settle();
  expect(document.body.textContent).not.toContain("does not answer");
  vi.advanceTimersByTime(1);
  await settle();
  expect(document.body.textContent).toContain("is not running or does not answer");
  await tell(over);
  expect(commandsOf(mock)).toEqual([]);
});

test("it is given up when the service goes away", async () => {
  const mock = await begin();
  await tell({ ...app, service: { service: "connecting" } });
  expect(screen.getByText(/is not running or does not answer/)).toBeTruthy();
  await tell(over);
  expect(commandsOf(mock)).toEqual([]);
});

test("it is given up when the person turns to something else", async () => {
  const mock = await begin();
  goTo("settings");
  await settle();
  await tell(over);
  expect(commandsOf(mock)).toEqual([]);
});

test("it is begun when the old one is over in time, and no limit comes after it", async () => {
  const mock = await begin();
  await tell(over);
  expect(commandsOf(mock)).toEqual(["begin_sign_in"]);
  vi.advanceTimersByTime(60_000);
  await settle();
  expect(document.body.textContent).not.toContain("does not answer");
});
