// The resources and the connection above them.

import { fireEvent, screen, within } from "@testing-library/svelte";
import { describe, expect, test } from "vitest";
import type { ChannelView } from "../src/bindings";
import { goTo } from "../src/lib/pages.svelte";
import { FIXTURES } from "../src/mock/fixtures";
import { CONNECTED, SESSION } from "../src/mock/states";
import { commandsOf, field, open, press, settle, tell, type } from "./window";

describe("the resources", () => {
  const names = () => [...document.querySelectorAll(".grid .name")].map((name) => name.textContent);

  test("A-24: a group shows its resources, and a click opens one", async () => {
    const mock = await open(SESSION);
    expect(names()).toHaveLength(8);
    await press("Finance");
    expect(names()).toEqual(["Ledger", "Finance desktop"]);
    await press(/^Ledger/);
    expect(mock.calls.at(-1)).toEqual({ command: "open_resource", args: { id: "ledger" } });
    expect(screen.getByRole("status").textContent).toContain("Ledger is being opened.");
  });

  test("favourites and what was used last are one press away", async () => {
    const mock = await open(SESSION);
    await press("Recently used");
    expect(names()).toEqual(["Build machine", "Ledger"]);
    await press("Favourites");
    expect(names()).toEqual(["電子公文系統", "Ledger"]);
    await press("Make Ledger a favourite");
    expect(mock.calls.at(-1)).toEqual({ command: "set_favourite", args: { id: "ledger", on: false } });
    expect(names()).toEqual(["電子公文系統"]);
  });

  test("a search looks in every group, and says how much it found", async () => {
    await open(SESSION);
    await press("Finance");
    await type(field("Search resources"), "TECNICAS");
    expect(names()).toEqual(["Portal de conhecimento"]);
    expect(screen.getByRole("status").textContent).toContain("1 resource");
    await type(field("Search resources"), "nothing like it");
    expect(screen.getByText("Nothing fits “nothing like it”.")).toBeTruthy();
    await fireEvent.keyDown(field("Search resources"), { key: "Escape" });
    expect(names()).toEqual(["Ledger", "Finance desktop"]);
  });

  test("arrows go from the search into the list and through it, with one stop for Tab", async () => {
    const mock = await open(SESSION);
    await fireEvent.keyDown(window, { key: "f", ctrlKey: true });
    expect(document.activeElement).toBe(field("Search resources"));
    await fireEvent.keyDown(field("Search resources"), { key: "ArrowDown" });
    const grid = screen.getByRole("grid");
    const move = (key: string, ctrlKey = false) => fireEvent.keyDown(grid, { key, ctrlKey });
    expect(document.activeElement?.textContent).toContain("Leave and attendance");
    await move("ArrowDown");
    expect(document.activeElement?.textContent).toContain("電子公文系統");
    await move("ArrowRight");
    expect(document.activeElement?.getAttribute("aria-label")).toContain("Copy the address");
    await fireEvent.click(document.activeElement as Element);
    await settle();
    expect(mock.calls.at(-1)).toEqual({ command: "copy_address", args: { id: "mail" } });
    await move("End", true);
    await move("Home");
    expect(document.activeElement?.textContent).toContain("Portal de conhecimento");
    expect(grid.querySelectorAll('[tabindex="0"]')).toHaveLength(1);
  });

  test("without a tunnel nothing is opened, and why is said", async () => {
    const mock = await open(FIXTURES.paused.app);
    await press(/^Ledger/);
    expect(commandsOf(mock)).toEqual([]);
    expect(screen.getByRole("status").textContent).toContain("Only reachable while the tunnel is up");
  });

  test("each one's kind is said in words, whatever else stands there", async () => {
    await open(SESSION);
    const desktop = () => screen.getByRole("button", { name: /^Finance desktop/ }).textContent;
    expect(desktop()).toMatch(/remote desktop.*Finance/s);
    await press("Finance");
    expect(desktop()).toContain("remote desktop");
    await type(field("Search resources"), "desktop");
    expect(desktop()).toContain("remote desktop");
  });

  test("what was closed stays closed for the session, and comes again with the next", async () => {
    const { app } = FIXTURES.warnings;
    const inSession = (session: string) => ({ ...app, snapshot: { ...app.snapshot, session } });
    const warned = () => document.body.textContent.includes("overlaps 192.168.0.0/16");
    await open(inSession("s-7"));
    const notice = screen.getByText(/overlaps/).closest<HTMLElement>(".notice");
    await fireEvent.click(within(notice as HTMLElement).getByRole("button", { name: "Close" }));
    await settle();
    expect(warned()).toBe(false);
    goTo("about");
    await settle();
    goTo(undefined);
    await settle();
    expect(warned()).toBe(false);
    await tell(inSession("s-8"));
    expect(warned()).toBe(true);
  });

  test("A-22: what the check finds in a session stands above the resources, with what follows and what to do", async () => {
    const mock = await open(FIXTURES["posture-lost"].app);
    const notice = screen
      .getByText("This computer does not meet the rules", { ignore: "[role=status]" })
      .closest<HTMLElement>(".notice");
    const inside = within(notice as HTMLElement);
    expect(inside.getByText(/the session ends in 5 minutes/)).toBeTruthy();
    expect(inside.getByText(/some resources only/)).toBeTruthy();
    expect(inside.getAllByText("What to do").length).toBeGreaterThan(1);
    expect(inside.queryByRole("button", { name: "Close" })).toBeNull();
    await fireEvent.click(inside.getByRole("button", { name: "Check again" }));
    expect(mock.calls.at(-1)?.command).toBe("check_again");
  });

  test("a warning of the check can be closed, and comes again when it turns serious", async () => {
    const { app } = FIXTURES["posture-warning"];
    await open(app);
    const title = () => screen.queryByText("Something on this computer is to be put right");
    const notice = title()?.closest<HTMLElement>(".notice");
    await fireEvent.click(within(notice as HTMLElement).getByRole("button", { name: "Close" }));
    await settle();
    expect(title()).toBeNull();
    const { posture } = app.snapshot;
    await tell({
      ...app,
      snapshot: {
        ...app.snapshot,
        posture: posture && { ...posture, checked_at: posture.checked_at + 60_000 },
      },
    });
    expect(title()).toBeNull();
    await tell({
      ...app,
      snapshot: {
        ...app.snapshot,
        posture: posture && { ...posture, ends_at: posture.checked_at + 300_000 },
      },
    });
    expect(
      screen.getByText("This computer does not meet the rules", { ignore: "[role=status]" }),
    ).toBeTruthy();
  });

  test("the details of the connection are opened by a press", async () => {
    await open(SESSION);
    const button = screen.getByRole("button", { name: "Details of the connection" });
    const details = document.getElementById(button.getAttribute("aria-controls") ?? "");
    expect(details?.hidden).toBe(true);
    await press("Details of the connection");
    expect([button.getAttribute("aria-expanded"), details?.hidden]).toEqual(["true", false]);
    expect(details?.textContent).toContain("fd00:131::2");
  });

  test("the details say which channel carries the packets, why, and how far the gateway is", async () => {
    await open(SESSION);
    const said = () =>
      [...document.querySelectorAll(".details dt")].map(
        (label) => `${label.textContent} ${label.nextElementSibling?.textContent}`,
      );
    for (const line of [
      "Carried by UDP – it answers, and a lost packet holds up no other",
      "Round trip 12 ms",
      "Encryption TLS 1.3, AES-256-GCM",
    ]) {
      expect(said()).toContain(line);
    }
    const view = { ...(CONNECTED.channel as ChannelView), carrier: "tls", reason: "unanswered" } as const;
    const showing = (channel: ChannelView | null) =>
      tell({ ...SESSION, snapshot: { ...CONNECTED, channel } });
    await showing(view);
    expect(said()).toContain("Carried by TLS – UDP gets no answer; this network may block it");
    expect(said().filter((line) => line.startsWith("Round trip"))).toEqual([]);
    await showing({ ...view, tls: { ...view.tls, round_trip_us: 999 } });
    expect(said()).toContain("Round trip under 1 ms");
    await showing(null);
    expect(said().filter((line) => line.startsWith("Carried by"))).toEqual([]);
  });

  test("B-16, B-17: the header shows the connection and counts", async () => {
    await open(SESSION);
    const text = screen.getByRole("region", { name: "Connection" }).textContent;
    for (const part of [
      "TCC-VPN",
      "Connected",
      "192.168.131.2",
      "hark.chen",
      "03:07:12",
      "1.20 GB",
      "46.20 MB",
    ]) {
      expect(text).toContain(part);
    }
    expect(screen.getByRole("img").getAttribute("aria-label")).toMatch(
      /^Received .* a second, sent .* a second$/,
    );
  });

  test("a lost tunnel is shown with its cause, the next attempt and a way to try now", async () => {
    const mock = await open(FIXTURES.reconnecting.app);
    const text = document.body.textContent;
    expect(text).toContain("no way to get there from this network");
    expect(text).toContain("Next attempt in 14 seconds");
    await press("Try now");
    expect(commandsOf(mock)).toEqual(["connect"]);
  });

  test("a wanted disconnection offers to connect", async () => {
    const mock = await open(FIXTURES.paused.app);
    await press("Connect");
    expect(commandsOf(mock)).toEqual(["connect"]);
  });
});
