// What the window says about the app itself: ends that failed, a service that is away, reports, drawing.

import { fireEvent, screen } from "@testing-library/svelte";
import { describe, expect, test } from "vitest";
import type { AppState } from "../src/bindings";
import { goTo } from "../src/lib/pages.svelte";
import { FIXTURES } from "../src/mock/fixtures";
import { SESSION } from "../src/mock/states";
import { commandsOf, open, press, settle, tell } from "./window";

const away: AppState = FIXTURES["service-gone"].app;

describe("an exit that could not end the session", () => {
  test("is said, and the person decides", async () => {
    const mock = await open({ ...SESSION, exit_failed: { code: "service_unavailable" } });
    expect(screen.getByRole("alertdialog").textContent).toContain("may still be signed in");
    await press("Try again");
    expect(mock.calls.at(-1)).toEqual({ command: "logout", args: { exit: true } });
    await tell({ ...SESSION, exit_failed: { code: "service_unavailable" } });
    await press("Cancel");
    await press("Exit anyway, the session stays");
    expect(commandsOf(mock).slice(-2)).toEqual(["stay_after_all", "quit"]);
    await tell(SESSION);
    expect(screen.queryByRole("alertdialog")).toBeNull();
  });

  test("while the next attempt goes on there is no way back, only out", async () => {
    const mock = await open(FIXTURES["exit-failed"].app);
    const decided = mock.hold("logout");
    const retry = screen.getByRole("button", { name: "Try again" });
    const cancel = screen.getByRole<HTMLButtonElement>("button", { name: "Cancel" });
    await press("Try again");
    expect([retry.getAttribute("aria-disabled"), cancel.disabled]).toEqual(["true", true]);
    await fireEvent(screen.getByRole("alertdialog"), new Event("cancel"));
    await press("Try again");
    await press("Exit anyway, the session stays");
    expect(commandsOf(mock)).toEqual(["logout", "quit"]);
    decided();
    await settle();
    expect([retry.getAttribute("aria-disabled"), cancel.disabled]).toEqual([null, false]);
  });

  test("the idle warning goes before it", async () => {
    await open({ ...FIXTURES.idle.app, exit_failed: { code: "service_unavailable" } });
    expect(screen.getByRole("alertdialog").textContent).toContain("52 seconds");
  });

  test("closes the question that led to it", async () => {
    const mock = await open(SESSION);
    await press("Menu");
    await fireEvent.click(screen.getByRole("menuitem", { name: "Exit (logs out)" }));
    await settle();
    await press("Exit and log out");
    expect(mock.calls.at(-1)?.command).toBe("logout");
    expect(screen.queryByRole("dialog")).toBeNull();
  });

  test("without a tray the question names the list of windows", async () => {
    await open({ ...SESSION, tray_available: false });
    await press("Menu");
    await fireEvent.click(screen.getByRole("menuitem", { name: "Exit (logs out)" }));
    await settle();
    expect(screen.getByRole("dialog").textContent).toContain("list of windows");
    expect(screen.getByRole("dialog").textContent).not.toContain("tray");
  });
});

describe("without the service", () => {
  test("there is a way on: try now, or the diagnostics", async () => {
    const mock = await open(away);
    expect(document.body.textContent).not.toContain("is not running or does not answer");
    await press("Try now");
    expect(commandsOf(mock)).toEqual(["connect"]);
    await tell(away);
    await press("Diagnostics");
    expect(screen.getByRole("heading", { level: 1 }).textContent).toBe("Diagnostics");
  });

  test("the last idle warning asks nothing any more", async () => {
    const idle = FIXTURES.idle.app;
    await open(idle);
    expect(screen.queryByRole("alertdialog")).not.toBeNull();
    await tell({ ...away, snapshot: idle.snapshot });
    expect(screen.queryByRole("alertdialog")).toBeNull();
  });

  test("somebody else's session has a way out", async () => {
    const mock = await open(FIXTURES["in-use"].app);
    expect(document.body.textContent).toContain("sudo praya logout");
    await press("Exit");
    expect(commandsOf(mock)).toEqual(["quit"]);
  });
});

test("the report's path stays on the page until another is read", async () => {
  await open(SESSION);
  goTo("diagnostics");
  await settle();
  await press("Collect");
  await press("Save as a file …");
  const main = screen.getByRole("main");
  expect(main.textContent).toContain("/home/hark/praya-report.txt");
  await press("Collect");
  expect(main.textContent).not.toContain("/home/hark/praya-report.txt");
});

test("the system's language is named, not the one in force", async () => {
  await open({ ...SESSION, locale: "en", system_locale: "pt-MO" });
  goTo("settings");
  await settle();
  expect(screen.getByRole("option", { name: /^As the system: / }).textContent).toBe(
    "As the system: Português (Macau)",
  );
});

test("safe mode is said in the settings, with the way back", async () => {
  const mock = await open({ ...SESSION, safe_mode: true });
  goTo("settings");
  await settle();
  await press("Use the graphics card again");
  expect(commandsOf(mock)).toEqual(["draw_plainly"]);
  expect(document.body.textContent).toContain("From the next start on");
});
