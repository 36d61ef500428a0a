// The endpoint check beside its findings: where each is put right, and what was sent of this computer.

import { fireEvent, screen, within } from "@testing-library/svelte";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { AppState, ReportedAbout, ReportedItem } from "../src/bindings";
import { openSettingsText, reportedLabel, reportedText } from "../src/lib/posture";
import { LANGUAGES, speak } from "../src/lib/texts.svelte";
import { FIXTURES } from "../src/mock/fixtures";
import { PAGES, REPORTED } from "../src/mock/states";
import { commandsOf, open, press, settle } from "./window";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  speak("en");
});

const card = (name: string) => {
  const heading = screen.getByRole("heading", { level: 2, name: new RegExp(name) });
  return within(heading.closest("li") as HTMLElement);
};
/** What was sent, as the lines of each thing. */
const sent = () => {
  const details = screen.getByText("What was sent").closest("details") as HTMLElement;
  return [...details.querySelectorAll("dl > div")].map((fact) =>
    Array.from(fact.children, (line) => line.textContent.replace(/\s+/g, " ").trim()),
  );
};

describe("where a finding is put right", () => {
  test("A-22: the page of the system's settings opens, named for what it is", async () => {
    const mock = await open(FIXTURES["checking-failed-many"].app);
    const button = card("Firewall").getByRole("button", { name: "Open firewall settings" });
    await fireEvent.click(button);
    await settle();
    expect(mock.calls.at(-1)).toEqual({ command: "open_system_page", args: { check: "firewall" } });
    const names = screen.getAllByRole("button").map((one) => one.textContent.trim());
    expect(names).toContain("Open screen lock settings");
    expect(names).toContain("Open update settings");
  });

  test("the organisation's page opens as web resources do, and its address can be copied", async () => {
    const link = "https://intranet.example.org/help/endpoint-check/disk-encryption?from=praya";
    const mock = await open(FIXTURES["checking-unread"].app);
    expect(card("Disk encryption").getByText(link)).toBeTruthy();
    expect(card("Disk encryption").getByRole("button", { name: "Copy the address" })).toBeTruthy();
    expect(
      card("Virus definitions").queryByRole("button", { name: "Open your organisation's help" }),
    ).toBeNull();
    await press("Open your organisation's help");
    expect(mock.calls.at(-1)).toEqual({ command: "open_link", args: { link } });
    mock.refuse("open_link", { code: "bad_resource", name: link });
    await press("Open your organisation's help");
    expect(card("Disk encryption").getByText(/is not one that can be opened/)).toBeTruthy();
  });

  test("what is more than is listed is counted", async () => {
    const { app } = FIXTURES["checking-failed-many"];
    const counted = structuredClone(app);
    const step = counted.snapshot.sign_in?.step;
    if (step?.step !== "posture") throw new Error("no check");
    Object.assign(step.findings.at(-1) ?? {}, { more: 6 });
    await open(counted);
    expect(screen.getByText("6 more are not listed here.")).toBeTruthy();
  });

  test("there is no button where the system has no such page", async () => {
    const { app } = FIXTURES["checking-failed-many"];
    await open({ ...app, system_pages: ["updates"] });
    expect(card("Firewall").queryByRole("button")).toBeNull();
    expect(card("System updates").getByRole("button", { name: "Open update settings" })).toBeTruthy();
  });

  test("a page that does not open says so beside its button, and the rest goes on", async () => {
    const mock = await open(FIXTURES["posture-lost"].app);
    mock.refuse("open_system_page", { code: "settings_not_opened" });
    await press("Open the security centre");
    const said = card("Antivirus program").getByText("The system's settings could not be opened.");
    expect(said.closest("li")?.textContent).toContain("Open them yourself.");
    expect(screen.getByRole("status").textContent.trim()).toBe("The system's settings could not be opened.");
    expect(card("Operating system").queryByText(/could not be opened/)).toBeNull();
    await press("Check again");
    expect(commandsOf(mock)).toEqual(["open_system_page", "check_again"]);
  });

  test("every check with a page has words of its own for it in every language", () => {
    for (const language of LANGUAGES) {
      speak(language);
      const general = openSettingsText("system_integrity");
      expect(general).not.toBe("open-settings");
      for (const check of PAGES) {
        expect(openSettingsText(check), `${language} ${check}`).not.toMatch(/open-settings/);
        expect(openSettingsText(check), `${language} ${check}`).not.toBe(general);
      }
    }
  });
});

describe("what was sent", () => {
  const closed = () => screen.getByText("What was sent").closest("details")?.open === false;

  test("is there value by value, with where it was read, and closed at first", async () => {
    await open(FIXTURES["checking-failed"].app);
    expect(closed()).toBe(true);
    expect(screen.getByText(/Praya read this on 23 Nov 2026, .* and sent it to the gateway:/)).toBeTruthy();
    expect(sent()).toEqual([
      [
        "Operating system",
        "Windows 10 Pro",
        "Version 10 22H2",
        "Build 19045.6456",
        "Architecture x86_64",
        "Server system No",
        "Maintained by its maker until 2025-10-14",
        "read from CurrentVersion",
      ],
      [
        "Antivirus program",
        "Microsoft Defender Antivirus",
        "Installed Yes",
        "Running No",
        "Scans files in use Off",
        "Virus definitions 1.443.454.0",
        expect.stringMatching(/^Virus definitions made 13 Oct 2026, /),
        "read from MSFT_MpComputerStatus, SecurityCenter2",
      ],
      ["Antivirus program", "Avast Free Antivirus", "Scans files in use Paused", "read from SecurityCenter2"],
      ["Firewall", "On", "Name Windows Firewall", "read from StandardProfile"],
      ["Disk encryption", "Not encrypted", "read from BitLocker"],
      ["System updates", expect.stringMatching(/^14 Nov 2026, /), "read from QFE"],
      ["Screen lock", "On", "After 10 minutes", "read from ScreenSaveTimeOut"],
      ["Secure boot", "Could not be read, because the system does not allow it"],
    ]);
  });

  test("what turns serious in a session is said", async () => {
    await open(FIXTURES["posture-lost"].app);
    expect(screen.getByRole("status").textContent.trim()).toBe("This computer does not meet the rules");
  });

  test("stands in the notice of a session, in its details, and beside the end that the check made", async () => {
    await open(FIXTURES["posture-warning"].app);
    const notice = screen.getByText("Something on this computer is to be put right").closest(".notice");
    expect(within(notice as HTMLElement).getByText("What was sent")).toBeTruthy();
    document.body.innerHTML = "";
    await open(FIXTURES["ended-posture"].app);
    expect(sent()).toHaveLength(8);
  });

  test("can be looked at while nothing is wrong", async () => {
    const { app } = FIXTURES.resources;
    await open({ ...app, snapshot: { ...app.snapshot, reported: REPORTED } } satisfies AppState);
    expect(screen.queryByText("What was sent")).toBeNull();
    await press("Details of the connection");
    expect(sent()).toHaveLength(8);
  });

  test("is nothing before anything was sent", async () => {
    await open(FIXTURES.checking.app);
    expect(screen.queryByText("What was sent")).toBeNull();
  });

  test("every value has its words in every language", () => {
    const abouts: Record<ReportedAbout, true> = {
      name: true,
      version: true,
      build: true,
      edition: true,
      server: true,
      architecture: true,
      support_ends: true,
      paid_support_ends: true,
      engine_version: true,
      installed: true,
      running: true,
      real_time: true,
      definitions_version: true,
      definitions_at: true,
      definitions_current: true,
      locks_after: true,
    };
    const values: { [V in ReportedItem["value"]["value"]]: Extract<ReportedItem["value"], { value: V }> } = {
      text: { value: "text", text: "1.4" },
      yes: { value: "yes" },
      no: { value: "no" },
      on: { value: "on" },
      off: { value: "off" },
      snoozed: { value: "snoozed" },
      expired: { value: "expired" },
      instant: { value: "instant", at: 1_795_000_000_000 },
      seconds: { value: "seconds", seconds: 600 },
      missing: { value: "missing" },
      unavailable: { value: "unavailable", reason: "timed_out" },
    };
    for (const language of LANGUAGES) {
      speak(language);
      for (const about of Object.keys(abouts) as ReportedAbout[]) {
        expect(reportedLabel(about), language).not.toMatch(/reported-|^$/);
      }
      for (const value of Object.values(values)) {
        const said = reportedText("firewall", { about: null, value, source: null });
        expect(said, `${language} ${value.value}`).not.toMatch(/reported-|found-|expected-|\{|^$/);
      }
    }
  });
});
