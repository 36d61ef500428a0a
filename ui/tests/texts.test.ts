// Every text in every language, and the functions that texts call.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parse } from "svelte/compiler";
import { afterEach, describe, expect, test } from "vitest";
import type {
  ChannelReason,
  ChannelView,
  DataChannel,
  EndReason,
  Expected,
  Failure,
  FailureCode,
  Found,
  Language,
  PostureCheck,
  Unavailable,
} from "../src/bindings";
import { channelText } from "../src/lib/channel";
import { endText, failureText, kebab } from "../src/lib/failure";
import { clockText } from "../src/lib/format";
import { checkName, foundText, readText, remedyText, requiredText } from "../src/lib/posture";
import { bundleOf, LANGUAGES, sayInstant, speak, t, textIn } from "../src/lib/texts.svelte";
import { clock } from "../src/lib/time.svelte";
import { CONNECTED, RULES } from "../src/mock/states";

afterEach(() => speak("en"));

/** The ids and attributes that stand in a locale's files. */
function ids(language: Language): string[] {
  return ["common", "desktop"].flatMap((file) => {
    const text = readFileSync(`locales/${language}/${file}.ftl`, "utf8");
    let message = "";
    return text.split("\n").flatMap((line) => {
      const [, name] = /^([a-z][a-z0-9-]*) =/.exec(line) ?? [];
      const [, attribute] = /^ {4}\.([a-z-]+) =/.exec(line) ?? [];
      message = name ?? message;
      return name ? [name] : attribute ? [`${message}.${attribute}`] : [];
    });
  });
}

/** The ids that the window's sources name literally. */
function used(): string[] {
  const found = new Set<string>();
  const walk = (folder: string): void => {
    for (const entry of readdirSync(folder)) {
      const path = join(folder, entry);
      if (statSync(path).isDirectory()) {
        if (!["bindings", "mock"].includes(entry)) {
          walk(path);
        }
      } else if (/\.(svelte|ts)$/.test(entry)) {
        const source = readFileSync(path, "utf8");
        // Every call of `t` with a literal, and every literal that a call chooses from.
        for (const [, call = ""] of source.matchAll(/\bt\(([^`()]*?)[,)]/gs)) {
          for (const [, id = ""] of call.matchAll(/"([a-z][a-z0-9]*(?:-[a-z0-9]+)*(?:\.[a-z]+)?)"/g)) {
            found.add(id);
          }
        }
        for (const [, id = ""] of source.matchAll(/\bid: "([a-z]+(?:-[a-z0-9]+)+)"/g)) {
          found.add(id);
        }
      }
    }
  };
  walk("src");
  return [...found].filter((id) => !["favourites", "exit", "link"].includes(id));
}

describe.each([...LANGUAGES])("%s", (language) => {
  test("has every text that English has, and none besides", () => {
    expect(ids(language).toSorted()).toEqual(ids("en").toSorted());
  });

  test("has every text that the window asks for", () => {
    expect(used().filter((id) => textIn(language, id) === undefined)).toEqual([]);
    expect(used().length).toBeGreaterThan(150);
  });

  test("puts every text together without an error", () => {
    const bundle = bundleOf(language);
    const args = new Proxy(
      {},
      {
        get: () => 1,
        has: () => true,
        getOwnPropertyDescriptor: () => ({ configurable: true, enumerable: true, value: 1 }),
      },
    );
    for (const id of ids(language)) {
      const [name = "", attribute] = id.split(".");
      const message = bundle.getMessage(name);
      const pattern = attribute ? message?.attributes[attribute] : message?.value;
      const errors: Error[] = [];
      if (pattern) {
        bundle.formatPattern(pattern, args, errors);
      }
      expect(errors, id).toEqual([]);
    }
  });

  test("keeps no text for a check or a finding that is no more", () => {
    const expected = Object.keys(ALL_EXPECTED).map((name) => `expected-${kebab(name)}`);
    const found = FOUND.map((found) =>
      found.found === "unavailable" ? `unavailable-${kebab(found.reason)}` : kebab(found.found),
    );
    const own = [
      "reads",
      "remedy",
      "open-settings",
      ...expected,
      ...found.flatMap((kind) => [`found-${kind}`, `remedy-${kind}`]),
    ];
    const known = [
      ...CHECKS.map((check) => `check-${kebab(check)}`),
      ...CHECKS.flatMap((check) => own.map((attribute) => `check-${kebab(check)}.${attribute}`)),
      ...expected,
      ...found.map((kind) => `found-${kind}`),
      "found-off-named",
    ];
    const kept = ids(language).filter((id) => /^(check|expected|found)-/.test(id));
    expect(kept.filter((id) => !known.includes(id))).toEqual([]);
  });

  test("says every finding of every check", () => {
    speak(language);
    for (const check of CHECKS) {
      for (const expected of Object.values(ALL_EXPECTED)) {
        for (const found of FOUND) {
          const finding = { check, outcome: "failed", expected, found } as const;
          const texts = [checkName(check), readText(check)];
          texts.push(requiredText(finding), foundText(finding), remedyText(finding));
          for (const text of texts) {
            expect(text, JSON.stringify(finding)).not.toMatch(/^(check|expected|found)-|\{|undefined|^$/);
          }
        }
      }
    }
  });

  test("says every failure and every end", () => {
    speak(language);
    for (const failure of FAILURES) {
      const { text } = failureText(failure, RULES);
      expect(text, failure.code).not.toMatch(/^failure-|\{|undefined|^$/);
    }
    for (const reason of ENDS) {
      expect(endText(reason).text, reason).not.toMatch(/^end-|^$/);
    }
  });

  test("says every channel and every reason for it", () => {
    speak(language);
    for (const carrier of CHANNELS) {
      for (const reason of CHANNEL_REASONS) {
        expect(channelText({ ...VIEW, carrier, reason }), reason).not.toMatch(/channel-|\{|undefined|^$/);
      }
    }
  });
});

const ALL_CHECKS: Record<PostureCheck, true> = {
  operating_system: true,
  antivirus: true,
  antivirus_definitions: true,
  firewall: true,
  disk_encryption: true,
  updates: true,
  hotfixes: true,
  screen_lock: true,
  secure_boot: true,
  system_integrity: true,
  gatekeeper: true,
};
const CHECKS = Object.keys(ALL_CHECKS) as PostureCheck[];
const ALL_EXPECTED: { [E in Expected["expected"]]: Extract<Expected, { expected: E }> } = {
  on: { expected: "on" },
  one_of: { expected: "one_of", names: ["ClamAV", "Sophos"] },
  all_of: { expected: "all_of", names: ["KB5043080", "KB5044284"] },
  none_of: { expected: "none_of", names: ["360"] },
  at_least: { expected: "at_least", name: "26100.2033" },
  supported: { expected: "supported" },
  within_days: { expected: "within_days", days: 7 },
  within_minutes: { expected: "within_minutes", minutes: 10 },
};
const ALL_REASONS: Record<Unavailable, true> = {
  not_asked: true,
  not_applicable: true,
  not_detected: true,
  permission_denied: true,
  timed_out: true,
  malformed: true,
  unsupported: true,
};
const UNAVAILABLE = (Object.keys(ALL_REASONS) as Unavailable[]).map(
  (reason) => ({ found: "unavailable", reason }) as const,
);
const ALL_FOUND: { [F in Exclude<Found["found"], "unavailable">]: Extract<Found, { found: F }> } = {
  missing: { found: "missing" },
  other: { found: "other", name: "Windows 8" },
  unsupported: { found: "unsupported", name: "Windows 7", since: null },
  off: { found: "off", name: null },
  snoozed: { found: "snoozed", name: "Avast" },
  expired: { found: "expired", name: "AVG" },
  days: { found: "days", days: 41 },
  minutes: { found: "minutes", minutes: 60 },
};
const FOUND: Found[] = [...Object.values(ALL_FOUND), { found: "off", name: "ufw" }, ...UNAVAILABLE];

test("A-22: what is required, found and to be done are three things", () => {
  const finding = {
    check: "antivirus",
    outcome: "failed",
    expected: ALL_EXPECTED.one_of,
    found: ALL_FOUND.snoozed,
  } as const;
  expect(requiredText(finding)).toBe("One of: ClamAV, Sophos");
  expect(foundText(finding)).toBe("Avast is there, but its protection is paused");
  expect(remedyText(finding)).toBe("End the pause in the program.");
  const reasons = UNAVAILABLE.map((found) => foundText({ ...finding, found }));
  expect(new Set(reasons).size).toBe(UNAVAILABLE.length);
  expect(reasons.every((text) => text.startsWith("Could not be read, because"))).toBe(true);
});

const serial = "F88AC2B6";
const ALL_FAILURES: { [Code in FailureCode["code"]]: Extract<FailureCode, { code: Code }> } = {
  wrong_credentials: { code: "wrong_credentials" },
  locked: { code: "locked", seconds_left: 300 },
  too_many_attempts: { code: "too_many_attempts", retry_after_seconds: 20 },
  wrong_otp: { code: "wrong_otp" },
  replayed_otp: { code: "replayed_otp", next_in_seconds: 12 },
  otp_clock_off: { code: "otp_clock_off", serial },
  token_inactive: { code: "token_inactive", serial, days: 60 },
  token_disabled: { code: "token_disabled", serial },
  no_token: { code: "no_token" },
  account_disabled: { code: "account_disabled" },
  initial_password_expired: { code: "initial_password_expired" },
  password_rules: { code: "password_rules", broken: ["min_length", "digit", "matches"] },
  sign_in_expired: { code: "sign_in_expired" },
  unexpected_answer: { code: "unexpected_answer" },
  signed_in_elsewhere: {
    code: "signed_in_elsewhere",
    sessions: [{ session: "s", host_name: "desk", source: "203.0.113.7", since: 0 }],
  },
  cancelled: { code: "cancelled" },
  posture_unsupported: { code: "posture_unsupported" },
  posture_failed: { code: "posture_failed" },
  bad_posture_report: { code: "bad_posture_report" },
  gateway_says: { code: "gateway_says", text: "no" },
  busy: { code: "busy", retry_after_seconds: 20 },
  session_ended: { code: "session_ended", reason: "idle" },
  not_signed_in: { code: "not_signed_in" },
  wrong_current_password: { code: "wrong_current_password" },
  name_not_found: { code: "name_not_found", host: "vpn.example.org" },
  unreachable: { code: "unreachable", gateway: "vpn.example.org:443", cause: "timeout" },
  unknown_gateway: { code: "unknown_gateway", gateway: "vpn.example.org:443", pin: "pin-sha256:x" },
  pin_mismatch: { code: "pin_mismatch", gateway: "vpn.example.org:443", pin: "pin-sha256:x" },
  tls: { code: "tls", detail: "d" },
  protocol: { code: "protocol", detail: "d" },
  service_unavailable: { code: "service_unavailable" },
  not_permitted: { code: "not_permitted" },
  in_use_by_another: { code: "in_use_by_another" },
  already_signed_in: { code: "already_signed_in" },
  version_mismatch: { code: "version_mismatch", service: "1", view: "2" },
  tunnel_up: { code: "tunnel_up" },
  no_tun_device: { code: "no_tun_device", detail: "d" },
  network_setup: { code: "network_setup", detail: "d" },
  no_such_resource: { code: "no_such_resource", name: "x" },
  bad_resource: { code: "bad_resource", name: "x" },
  bad_profile: { code: "bad_profile", problem: "name" },
  bad_invitation: { code: "bad_invitation", problem: "another_waits" },
  profile_taken: { code: "profile_taken", name: "Office", gateway: "https://vpn.example.org/" },
  no_such_profile: { code: "no_such_profile", name: "Office" },
  too_many_profiles: { code: "too_many_profiles", most: 64 },
  settings_not_opened: { code: "settings_not_opened" },
  internal: { code: "internal", detail: "d" },
};
const FAILURES: Failure[] = Object.values(ALL_FAILURES);
const ALL_ENDS: Record<EndReason, true> = {
  user_logout: true,
  tray_exit: true,
  idle: true,
  absolute: true,
  admin: true,
  duplicate: true,
  posture_lost: true,
  password_changed: true,
  account_disabled: true,
  token_disabled: true,
  gateway_restart: true,
  away: true,
  other: true,
};
const ENDS = Object.keys(ALL_ENDS) as EndReason[];
const ALL_CHANNELS: Record<DataChannel, true> = { tls: true, udp: true };
const CHANNELS = Object.keys(ALL_CHANNELS) as DataChannel[];
const ALL_CHANNEL_REASONS: Record<ChannelReason, true> = {
  preferred: true,
  switched_off: true,
  not_offered: true,
  opening: true,
  unanswered: true,
  silent: true,
  unavailable: true,
};
const CHANNEL_REASONS = Object.keys(ALL_CHANNEL_REASONS) as ChannelReason[];
const VIEW = CONNECTED.channel as ChannelView;

test("wrong, replayed, clock off and disabled are four messages with four remedies", () => {
  const four = (["wrong_otp", "replayed_otp", "otp_clock_off", "token_inactive"] as const).map((code) =>
    failureText(ALL_FAILURES[code]),
  );
  expect(new Set(four.map(({ text }) => text)).size).toBe(4);
  expect(new Set(four.map(({ remedy }) => remedy)).size).toBe(4);
});

test("a lock counts down", () => {
  const locked = (ago: number) =>
    failureText({ code: "locked", seconds_left: 300, told_at: clock.now - ago * 1000 }).text;
  expect(locked(0)).toContain("5 minutes");
  expect(locked(31)).toContain("4 minutes 29 seconds");
  expect(locked(900)).toContain("0 seconds");
});

test("broken rules are named with their numbers, and differing entries before them", () => {
  const { text } = failureText({ code: "password_rules", broken: ["min_length", "matches"] }, RULES);
  expect(text).toMatch(/^The two entries differ\. .*at least 12 characters/);
  expect(failureText({ code: "password_rules", broken: ["matches"] }).text).toBe("The two entries differ.");
});

test.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1024, "1.00 KB"],
  [24_115, "23.55 KB"],
  [48_445, "47.31 KB"],
  [1024 * 1024 - 1, "1.00 MB"],
  [1024 * 1024 - 6, "1023.99 KB"],
  [5 * 1024 ** 3, "5.00 GB"],
])("B-16: %d bytes are %s a second", (n, text) => {
  expect(t("header-per-second", { n })).toBe(`${text}/s`);
});

test("English writes one kind of apostrophe", () => {
  for (const file of ["common", "desktop", "cli"]) {
    expect(readFileSync(`locales/en/${file}.ftl`, "utf8").match(/.*’.*/g), file).toBeNull();
  }
});

test("Portuguese writes a decimal comma", () => {
  speak("pt-MO");
  expect(t("header-per-second", { n: 24_115 })).toContain("23,55 KB");
});

test.each([
  [3, "00:00:03"],
  [86_399, "23:59:59"],
  [400_000, "111:06:40"],
])("B-17: %d seconds are %s", (seconds, text) => {
  expect(clockText(seconds)).toBe(text);
});

test.each([
  [1, "1 second"],
  [60, "1 minute"],
  [270, "4 minutes 30 seconds"],
  [5400, "1 hour 30 minutes"],
  [172_800, "2 days"],
])("a span of %d seconds reads %s", (seconds, text) => {
  expect(t("idle-announce", { seconds_left: seconds })).toContain(text);
});

test("dates are written as each language writes them", () => {
  const at = new Date(2020, 6, 22, 10, 22).getTime();
  const said = (language: Language) => {
    speak(language);
    return sayInstant(at);
  };
  expect(said("en")).toBe("22 Jul 2020, 10:22");
  expect(said("zh-Hant-TW")).toBe("2020/7/22 (週三) 上午 10:22");
  expect(said("pt-MO")).toBe("22/07/2020 10:22");
});

test("no component holds a text of its own", () => {
  const found: string[] = [];
  for (const folder of ["src", "src/parts", "src/screens"]) {
    for (const name of readdirSync(folder).filter((name) => name.endsWith(".svelte"))) {
      const path = join(folder, name);
      const visit = (node: unknown, attribute: string | undefined): void => {
        if (Array.isArray(node)) {
          for (const child of node) {
            visit(child, attribute);
          }
        } else if (typeof node === "object" && node !== null) {
          const { type, name, data } = node as { type?: string; name?: string; data?: string };
          const inside = type === "Attribute" ? name : attribute;
          const read = inside === undefined || /^(title|placeholder|alt|aria-label)$/.test(inside);
          if (type === "Text" && read && /\p{L}/u.test(data ?? "") && data !== "Praya") {
            found.push(`${path}: ${data?.trim()}`);
          }
          for (const child of Object.values(node)) {
            visit(child, inside);
          }
        }
      };
      visit(parse(readFileSync(path, "utf8"), { modern: true }).fragment, undefined);
    }
  }
  expect(found).toEqual([]);
});
