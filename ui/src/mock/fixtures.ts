// Made-up states of the app, one for each thing that the window can show: for tests and screenshots.

import type { AppState } from "../bindings";
import type { Page } from "../lib/pages.svelte";
import {
  asked,
  atBranch,
  BASE,
  CONNECTED,
  ELSEWHERE,
  HELP_DESK,
  HINT,
  KNOWN,
  MANY_FINDINGS,
  MINUTE,
  NEW_HERE,
  NO_ANTIVIRUS,
  NOBODY,
  NOW,
  OLD_SYSTEM,
  OTHER_PIN,
  OTP,
  PAGES,
  PIN,
  posture,
  QUIET,
  refused,
  REPORTED,
  RULES,
  SESSION,
  session,
  UNREAD,
} from "./states";

/** What a person does next: presses what a selector names, or writes into it. */
export type Act = string | { into: string; text: string };

/** A fixture: the state, the page opened beside it, and what is done once it is there. */
export type Fixture = { app: AppState; page?: Page; acts?: Act[] };

const MENU = '[aria-haspopup="menu"]';
const SUBMIT = 'button[type="submit"]';

/** Every screen in each of its shapes. */
export const FIXTURES = {
  "gateway-first": { app: { ...BASE, screen: "gateway", profiles: [], chosen: null } },
  "gateway-errors": {
    app: { ...BASE, screen: "gateway", profiles: [], chosen: null },
    acts: [
      { into: '[autocomplete="url"]', text: "http://vpn.example.org" },
      { into: "form div:nth-of-type(3) input", text: "sha256" },
      SUBMIT,
    ],
  },
  "gateway-link": {
    app: { ...BASE, screen: "gateway", profiles: [], chosen: null },
    acts: ['[role="tab"]:nth-of-type(2)', { into: "form input", text: "https://example.org" }, SUBMIT],
  },
  "gateway-file": {
    app: { ...BASE, screen: "gateway", profiles: [], chosen: null },
    acts: ['[role="tab"]:nth-of-type(3)'],
  },
  "gateway-remove": { app: BASE, page: "gateways", acts: [".remove"] },
  "gateway-list": { app: BASE, page: "gateways" },
  "gateway-invitation": {
    app: {
      ...BASE,
      invitation: { gateway: "https://vpn.example.org/", name: "Head office", pin: PIN },
    },
  },
  "gateway-refused": {
    app: {
      ...BASE,
      invitation_refused: { code: "bad_invitation", problem: "unknown_key" },
    },
  },
  "sign-in": { app: BASE },
  "sign-in-errors": { app: BASE, acts: [SUBMIT] },
  "sign-in-private-gateway": {
    app: atBranch(null, { code: "unknown_gateway", gateway: "branch.example.org:8443", pin: PIN }),
  },
  "sign-in-keys-differ": {
    app: atBranch(null, { code: "unknown_gateway", gateway: "branch.example.org:8443", pin: PIN }),
    acts: [{ into: "form input", text: OTHER_PIN }, SUBMIT],
  },
  "sign-in-key-changed": {
    app: atBranch(PIN, { code: "pin_mismatch", gateway: "branch.example.org:8443", pin: OTHER_PIN }),
  },
  "sign-in-locked": {
    app: refused({
      code: "locked",
      seconds_left: 268,
      told_at: NOW,
      support: "K7QD-2M4X",
      help_desk: HELP_DESK,
    }),
  },
  "sign-in-unreachable": {
    app: refused({ code: "unreachable", gateway: "vpn.example.org:443", cause: "timeout" }),
  },
  password: { app: asked("password", { step: "password", account: "hark.chen" }, { round: 1 }) },
  "password-wrong": {
    app: asked(
      "password",
      { step: "password", account: "hark.chen" },
      { notice: { code: "wrong_credentials", support: "P3WV-8HJK" } },
    ),
  },
  "password-checked": {
    app: asked("password", { step: "password", account: "hark.chen" }, { round: 1, waiting: true }),
  },
  code: {
    app: asked("code", {
      ...OTP,
      prompt: "請輸入權杖顯示的號碼 / Please answer with the number on your token",
    }),
  },
  "code-short": { app: asked("code", OTP), acts: [{ into: "form input", text: "123" }, SUBMIT, "summary"] },
  "code-late": {
    app: asked("code", { ...OTP, token: { ...HINT, seconds_left: 7 } }, { deadline: NOW + 48_000 }),
  },
  "code-wrong": { app: asked("code", OTP, { notice: { code: "wrong_otp", support: "T9ZC-4RNB" } }) },
  "code-replayed": {
    app: asked("code", OTP, { notice: { code: "replayed_otp", next_in_seconds: 41, support: "T9ZC-4RNC" } }),
  },
  "code-clock-off": {
    app: asked("code", OTP, { notice: { code: "otp_clock_off", serial: HINT.serial, support: "T9ZC-4RND" } }),
  },
  "code-disabled": {
    app: refused({
      code: "token_inactive",
      serial: HINT.serial,
      days: 60,
      support: "T9ZC-4RNF",
      help_desk: HELP_DESK,
    }),
  },
  "code-foreign": { app: asked("code", { step: "otp", prompt: "Answer:", token: null }) },
  "new-password": { app: asked("new_password", { step: "new_password", rules: RULES }) },
  "new-password-errors": {
    app: asked("new_password", { step: "new_password", rules: RULES }),
    acts: [{ into: "form input", text: "Short-1" }, SUBMIT],
  },
  "new-password-refused": {
    app: asked(
      "new_password",
      { step: "new_password", rules: RULES },
      { notice: { code: "password_rules", broken: ["not_common"], support: "N2LD-6TTP" } },
    ),
  },
  form: {
    app: asked("form", {
      step: "form",
      message: "Please enter your group and PIN.",
      fields: [
        {
          name: "group_list",
          label: "Group",
          secret: false,
          choices: [
            ["staff", "Staff"],
            ["guests", "Guests"],
          ],
        },
        { name: "answer", label: "PIN", secret: true, choices: [] },
      ],
    }),
  },
  checking: { app: posture([], null, { waiting: true }) },
  "checking-refused": {
    app: posture([], null, { notice: { code: "posture_unsupported", support: "C8MM-1QXA" } }),
  },
  "checking-failed": { app: posture([NO_ANTIVIRUS]) },
  "checking-failed-opened": { app: posture([NO_ANTIVIRUS]), acts: ["summary"] },
  "checking-failed-many": { app: posture(MANY_FINDINGS) },
  "checking-again": { app: posture([NO_ANTIVIRUS], 4 * 60, { waiting: true }) },
  "checking-warning": { app: posture([OLD_SYSTEM]) },
  "checking-unread": { app: posture(UNREAD) },
  "checking-bad-report": {
    app: posture([NO_ANTIVIRUS], 4 * 60, { notice: { code: "bad_posture_report", support: "B3QN-7WKE" } }),
  },
  "checking-over": { app: posture([NO_ANTIVIRUS], 0) },
  elsewhere: {
    app: asked("elsewhere", { step: "elsewhere", sessions: [ELSEWHERE], choices: ["replace", "cancel"] }),
  },
  "elsewhere-refused": {
    app: asked("elsewhere", { step: "elsewhere", sessions: [ELSEWHERE], choices: [] }),
  },
  connecting: {
    app: {
      ...SESSION,
      screen: "connecting",
      snapshot: { ...CONNECTED, state: "signing_in", tunnel: null, channel: null },
    },
  },
  restoring: { app: { ...SESSION, screen: "restoring", snapshot: { ...CONNECTED, state: "restoring" } } },
  resources: { app: SESSION },
  menu: { app: SESSION, acts: [MENU] },
  "resources-details": { app: SESSION, acts: ['[aria-controls$="-details"]'] },
  "resources-no-match": { app: SESSION, acts: [{ into: '[type="search"]', text: "nothing like it" }] },
  "resources-no-favourites": { app: NEW_HERE, acts: ["nav li:nth-child(2) button"] },
  "resources-no-recent": { app: NEW_HERE, acts: ["nav li:nth-child(3) button"] },
  "log-out": { app: SESSION, acts: [MENU, '[role="menuitem"]:nth-of-type(3)'] },
  exit: { app: SESSION, acts: [MENU, '[role="menuitem"]:last-of-type'] },
  "exit-failed": { app: { ...SESSION, exit_failed: { code: "service_unavailable" } } },
  "resources-loading": { app: { ...SESSION, resources: { resources: "loading" } } },
  "resources-empty": {
    app: {
      ...SESSION,
      rates: [],
      resources: { resources: "ready", list: [], favourites: [], recent: [], refreshing: false, stale: null },
    },
  },
  "resources-failed": {
    app: {
      ...SESSION,
      resources: { resources: "failed", failure: { code: "busy", retry_after_seconds: 20 } },
    },
  },
  "resources-foreign": { app: { ...SESSION, resources: { resources: "none" } } },
  reconnecting: {
    app: session(
      {
        state: "reconnecting",
        last_failure: { code: "unreachable", gateway: "vpn.example.org:443", cause: "no_route" },
        reconnect: { attempt: 3, next_at: NOW + 14_000, give_up_at: NOW + 8 * MINUTE, paused: false },
      },
      { rates: QUIET },
    ),
  },
  paused: {
    app: session(
      {
        state: "reconnecting",
        tunnel: null,
        channel: null,
        reconnect: { attempt: 0, next_at: null, give_up_at: NOW + 40 * MINUTE, paused: true },
      },
      { rates: QUIET },
    ),
  },
  warnings: {
    app: session({
      expires_at: NOW + 7 * MINUTE,
      banner: "Maintenance tonight from 22:00. 今晚 22:00 起系統維護。",
      warnings: [
        { warning: "route_conflict", tunnel: "192.168.40.0/24", local: "192.168.0.0/16", device: "wlan0" },
      ],
    }),
  },
  "posture-warning": {
    app: session(
      {
        posture: { checked_at: NOW, findings: [OLD_SYSTEM], limited: false, ends_at: null },
        reported: REPORTED,
      },
      { system_pages: PAGES },
    ),
  },
  "posture-lost": {
    app: session(
      {
        posture: {
          checked_at: NOW,
          findings: [NO_ANTIVIRUS, OLD_SYSTEM],
          limited: true,
          ends_at: NOW + 5 * MINUTE,
        },
        reported: REPORTED,
      },
      { system_pages: PAGES },
    ),
  },
  idle: { app: session({ state: "idle_warning", idle_at: NOW + 52_000 }) },
  ended: {
    app: {
      ...BASE,
      screen: "ended",
      accounts: [{ gateway: "https://vpn.example.org/", account: "hark.chen" }],
      snapshot: { ...KNOWN, state: "ended", ended: "idle" },
    },
  },
  "ended-posture": {
    app: {
      ...BASE,
      screen: "ended",
      accounts: [{ gateway: "https://vpn.example.org/", account: "hark.chen" }],
      snapshot: {
        ...KNOWN,
        state: "ended",
        ended: "posture_lost",
        posture: { checked_at: NOW, findings: [NO_ANTIVIRUS], limited: false, ends_at: null },
        reported: REPORTED,
      },
      system_pages: PAGES,
    },
  },
  "ended-by-administrator": {
    app: {
      ...BASE,
      screen: "ended",
      accounts: [{ gateway: "https://vpn.example.org/", account: "hark.chen" }],
      snapshot: {
        ...KNOWN,
        state: "ended",
        ended: "admin",
        end_text: "Planned maintenance",
        gateway_told: false,
        gateway_forgets_at: NOW + 4 * MINUTE,
      },
    },
  },
  "service-gone": {
    app: {
      ...BASE,
      screen: "service_gone",
      service: { service: "gone", failure: { code: "service_unavailable" } },
      snapshot: CONNECTED,
    },
  },
  "in-use": {
    app: {
      ...BASE,
      screen: "in_use",
      service: { service: "attached", rights: "in_use_by_another" },
      snapshot: { ...NOBODY, state: "connected", in_use_by_another: true },
    },
  },
  "change-password": { app: SESSION, page: "password" },
  sessions: { app: SESSION, page: "sessions" },
  "sessions-end": { app: SESSION, page: "sessions", acts: [".words + button"] },
  settings: { app: BASE, page: "settings" },
  "settings-managed": {
    app: {
      ...BASE,
      managed: ["connect_at_start", "start_at_login", "open_web", "open_rdp"],
      tray_available: false,
      notices: ["safe_mode"],
    },
    page: "settings",
  },
  "settings-program": {
    app: {
      ...BASE,
      managed: ["open_ssh"],
      settings: {
        ...BASE.settings,
        open_web: ["firefox", "--new-window", "{url}"],
        open_ssh: ["konsole", "-e", "ssh", "-p", "{port}", "{host}"],
      },
    },
    page: "settings",
  },
  diagnostics: { app: BASE, page: "diagnostics", acts: [".buttons button"] },
  about: { app: { ...SESSION }, page: "about" },
} satisfies Record<string, Fixture>;

export type FixtureName = keyof typeof FIXTURES;
