// What the person is at stays as it is while the app tells one new state after the other, all of them made anew.

import { fireEvent, screen } from "@testing-library/svelte";
import { describe, expect, test, vi } from "vitest";
import type { AppState } from "../src/bindings";
import { announcer } from "../src/lib/announce.svelte";
import { goTo } from "../src/lib/pages.svelte";
import { FIXTURES } from "../src/mock/fixtures";
import { SESSION } from "../src/mock/states";
import { field, open, settle, tell } from "./window";

/** The same things told once more. */
const again = (app: AppState): Promise<void> => tell(structuredClone(app));

test("the program that the person types is not wiped, and follows when another one is kept", async () => {
  const { app } = FIXTURES["settings-program"];
  const mock = await open(app);
  goTo("settings");
  await settle();
  const area = () =>
    screen.getAllByLabelText<HTMLTextAreaElement>(/^The program, then/)[0] as HTMLTextAreaElement;
  await fireEvent.input(area(), { target: { value: "firefox\n{url} " } });
  await again(app);
  expect(area().value).toBe("firefox\n{url} ");
  await fireEvent.submit(area());
  await settle();
  expect(mock.calls.at(-1)).toEqual({
    command: "set_setting",
    args: { key: "open_web", value: ["firefox", "{url}"] },
  });
  expect(area().value).toBe("firefox\n{url}");
});

test.each([
  ["password-wrong", "Account"],
  ["code-wrong", "Code"],
] as const)("a failure takes the focus once: %s", async (name, label) => {
  const { app } = FIXTURES[name];
  await open(app);
  const other =
    label === "Account" ? field(label) : screen.getByRole("button", { name: "Cancel the sign-in" });
  other.focus();
  await again(app);
  expect(document.activeElement).toBe(other);
});

test("the same failure in another attempt takes the focus again", async () => {
  const { app } = FIXTURES["code-wrong"];
  const sign_in = app.snapshot.sign_in && { ...app.snapshot.sign_in, waiting: true };
  await open(app);
  screen.getByRole("button", { name: "Cancel the sign-in" }).focus();
  await tell({ ...app, snapshot: { ...app.snapshot, sign_in } });
  await again(app);
  expect(document.activeElement).toBe(field("Code"));
});

describe("is said once", () => {
  test("what the check found", async () => {
    const { app } = FIXTURES["checking-failed"];
    await open(app);
    const say = vi.spyOn(announcer, "say");
    await again(app);
    expect(say).not.toHaveBeenCalled();
  });

  test("how many resources a search finds", async () => {
    await open(SESSION);
    const say = vi.spyOn(announcer, "say");
    await fireEvent.input(field("Search resources"), { target: { value: "desktop" } });
    await settle();
    expect(say).toHaveBeenCalledOnce();
    await again(SESSION);
    expect(say).toHaveBeenCalledOnce();
  });
});
