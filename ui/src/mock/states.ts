// What the made-up states of the app are made of.

import type {
  AppState,
  ChannelTraffic,
  Failure,
  Finding,
  KnownProfile,
  PasswordRules,
  PostureCheck,
  Rate,
  Reported,
  Resource,
  SignInProgress,
  SignInStep,
  Snapshot,
} from "../bindings";

/** Monday, 23 November 2026, 10:30 in Macau and Taipei. */
export const NOW = Date.UTC(2026, 10, 23, 2, 30);
export const MINUTE = 60_000;

export const PIN = "pin-sha256:q0nLQ3mWnYbzJt6z0bL2mS1p9yVx4yF7mJw5Zc1r3dE=";
export const OTHER_PIN = "pin-sha256:Zk4vPzq8m1c7nTt0YB2uXo5hWd9sLrEa6GjHfKiQxNU=";
export const HELP_DESK = "(853) 8390 1234 · help@example.org";

export const RULES: PasswordRules = {
  min_length: 12,
  max_length: 128,
  need_upper: true,
  need_lower: true,
  need_digit: true,
  only_letters_and_digits: false,
  not_the_account: true,
  not_common: true,
  not_the_old: true,
};

const PROFILES: KnownProfile[] = [
  { profile: { name: "TCC-VPN", gateway: "https://vpn.example.org/", pin: null }, shared: true },
  {
    profile: { name: "Branch office", gateway: "https://branch.example.org:8443/", pin: PIN },
    shared: false,
  },
];

function resource(
  id: string,
  name: string,
  group: string,
  kind: Resource["kind"],
  address: string,
  description: string,
): Resource {
  return { id, name, description, group, kind, address, endpoints: [] };
}

export const RESOURCES: Resource[] = [
  resource(
    "leave",
    "Leave and attendance",
    "Everybody",
    "web",
    "https://hr.example.org/",
    "Ask for leave, see the rota",
  ),
  resource("mail", "電子公文系統", "Everybody", "web", "https://doc.example.org/", "公文收發、簽核與查詢"),
  resource(
    "share",
    "Department files",
    "Everybody",
    "file_share",
    "\\\\files.example.org\\dept",
    "Shared folders",
  ),
  resource(
    "ledger",
    "Ledger",
    "Finance",
    "web",
    "https://ledger.example.org/",
    "Bookings and monthly closing",
  ),
  resource(
    "desk",
    "Finance desktop",
    "Finance",
    "rdp",
    "desk7.example.org:3389",
    "Windows desktop with the audit tools",
  ),
  resource(
    "build",
    "Build machine",
    "Engineering",
    "ssh",
    "build.example.org:22",
    "Compiles everything, every night",
  ),
  resource("db", "Reporting database", "Engineering", "other", "db.example.org:5432", "Read-only replica"),
  resource(
    "wiki",
    "Portal de conhecimento",
    "Engineering",
    "web",
    "https://wiki.example.org/",
    "Notas técnicas e manuais",
  ),
];

/** A quiet start, a download, a pause, an upload. */
const RATES: Rate[] = Array.from({ length: 90 }, (_, at) => {
  const wave = (from: number, to: number, height: number) =>
    at >= from && at <= to ? height * Math.sin((Math.PI * (at - from)) / (to - from)) : 0;
  const ripple = 1 + 0.18 * Math.sin(at * 1.9);
  return {
    at: NOW - (89 - at) * 2000,
    bytes_in: Math.round((wave(18, 58, 1_900_000) + wave(70, 84, 420_000) + 9_000) * ripple),
    bytes_out: Math.round((wave(20, 60, 120_000) + wave(62, 80, 760_000) + 4_000) * ripple),
  };
});

/** The tunnel is down since half a minute. */
export const QUIET: Rate[] = RATES.map((rate, at) =>
  at < 75 ? rate : { at: rate.at, bytes_in: 0, bytes_out: 0 },
);

export const NOBODY: Snapshot = {
  state: "no_session",
  in_use_by_another: false,
  profile: null,
  gateway: null,
  gateway_name: null,
  account: null,
  session: null,
  tunnel: null,
  channel: null,
  connected_since: null,
  traffic: { bytes_in: 0, bytes_out: 0, packets_in: 0, packets_out: 0 },
  sign_in: null,
  idle_at: null,
  expires_at: null,
  ended: null,
  end_text: null,
  gateway_told: null,
  gateway_forgets_at: null,
  ended_by_administrator: false,
  last_failure: null,
  reconnect: null,
  warnings: [],
  posture: null,
  reported: null,
  resources_available: false,
  help_desk: null,
  banner: null,
  last_sign_in: null,
  password_rules: null,
};

export const KNOWN: Snapshot = {
  ...NOBODY,
  profile: "TCC-VPN",
  gateway: "https://vpn.example.org/",
  gateway_name: "TCC-VPN",
  help_desk: HELP_DESK,
};

const NOTHING_CARRIED: ChannelTraffic = {
  bytes_in: 0,
  bytes_out: 0,
  packets_in: 0,
  packets_out: 0,
  retransmits: 0,
  round_trip_us: null,
};

export const CONNECTED: Snapshot = {
  ...KNOWN,
  state: "connected",
  account: "hark.chen",
  session: "s-1",
  tunnel: {
    device: "praya0",
    addresses: ["192.168.131.2/32", "fd00:131::2/128"],
    include: ["10.20.0.0/16", "192.168.40.0/24"],
    exclude: [],
    dns_servers: ["10.20.0.53"],
    split_dns: ["example.org"],
    mtu: 1380,
  },
  channel: {
    carrier: "udp",
    reason: "preferred",
    protection: "TLS 1.3, AES-256-GCM",
    super_packets: true,
    tls: { ...NOTHING_CARRIED, bytes_in: 61_440, bytes_out: 20_480, packets_in: 60, packets_out: 40 },
    udp: {
      ...NOTHING_CARRIED,
      bytes_in: 1_288_428_748,
      bytes_out: 48_424_520,
      packets_in: 999_940,
      packets_out: 299_960,
      round_trip_us: 12_900,
    },
    dropped: {},
  },
  connected_since: NOW - 3 * 3600_000 - 7 * MINUTE - 12_000,
  traffic: { bytes_in: 1_288_490_188, bytes_out: 48_445_000, packets_in: 1_000_000, packets_out: 300_000 },
  idle_at: NOW + 5 * MINUTE,
  expires_at: NOW + 8 * 3600_000,
  resources_available: true,
  last_sign_in: { at: NOW - 26 * 3600_000, source: "203.0.113.9" },
  password_rules: RULES,
};

/** Nobody is signed in and two gateways are known. */
export const BASE: AppState = {
  version: "0.1.0",
  now: NOW,
  screen: "sign_in",
  service: { service: "attached", rights: "sign_in" },
  snapshot: NOBODY,
  profiles: PROFILES,
  chosen: "TCC-VPN",
  accounts: [],
  invitation: null,
  invitation_refused: null,
  exit_failed: null,
  system_pages: [],
  resources: { resources: "none" },
  rates: [],
  settings: {
    language: null,
    theme: "system",
    start_at_login: true,
    start_minimised: false,
    connect_at_start: false,
    remember_account: true,
    notify_connection: true,
    notify_ends: true,
    open_web: "browser",
    open_rdp: "automatic",
    open_ssh: "terminal",
    open_share: "file_manager",
  },
  managed: [],
  locale: "en",
  system_locale: "en",
  safe_mode: false,
  tray_available: true,
  notices: [],
};

/** Signed in, the tunnel up. */
export const SESSION: AppState = {
  ...BASE,
  screen: "resources",
  service: { service: "attached", rights: "full" },
  snapshot: CONNECTED,
  rates: RATES,
  resources: {
    resources: "ready",
    list: RESOURCES,
    favourites: ["ledger", "mail"],
    recent: ["build", "ledger"],
    refreshing: false,
    stale: null,
  },
};

/** Signed in for the first time: nothing was opened or marked. */
export const NEW_HERE: AppState = {
  ...SESSION,
  resources: {
    resources: "ready",
    list: RESOURCES,
    favourites: [],
    recent: [],
    refreshing: false,
    stale: null,
  },
};

export const HINT = { serial: "F88AC2B6", digits: 6, step_seconds: 60, seconds_left: 43 };

export function asked(
  screen: AppState["screen"],
  step: SignInStep | null,
  more: Partial<SignInProgress> = {},
  about: Partial<Snapshot> = {},
): AppState {
  const sign_in = {
    round: 2,
    step,
    asked_at: NOW,
    notice: null,
    deadline: NOW + 4 * MINUTE,
    waiting: false,
    ...more,
  };
  return {
    ...BASE,
    screen,
    service: { service: "attached", rights: "full" },
    snapshot: { ...KNOWN, state: "signing_in", account: "hark.chen", sign_in, ...about },
  };
}

/** Antivirus programs as the IAS list has them. */
const ADMITTED = [
  "AntiVir",
  "Avast",
  "AVG",
  "ClamAV",
  "ESET-NOD32",
  "Kaspersky",
  "McAfee",
  "Sophos",
  "Symantec",
  "TrendMicro",
  "360",
];

export const NO_ANTIVIRUS: Finding = {
  check: "antivirus",
  outcome: "failed",
  expected: { expected: "one_of", names: ADMITTED },
  found: { found: "missing" },
};

export const OLD_SYSTEM: Finding = {
  check: "operating_system",
  outcome: "warning",
  expected: { expected: "supported" },
  found: { found: "unsupported", name: "Windows 10 22H2", since: Date.UTC(2025, 9, 14) },
};

/** One of each check, as long as they come. */
export const MANY_FINDINGS: Finding[] = [
  OLD_SYSTEM,
  {
    ...NO_ANTIVIRUS,
    found: { found: "snoozed", name: "Kaspersky Endpoint Security for Business Advanced 12.8.0.505" },
  },
  {
    check: "antivirus_definitions",
    outcome: "failed",
    expected: { expected: "within_days", days: 7 },
    found: { found: "days", days: 41 },
  },
  {
    check: "firewall",
    outcome: "failed",
    expected: { expected: "on" },
    found: { found: "off", name: "Windows-Verteidigungsfirewallüberwachungsdienstprogramm" },
  },
  {
    check: "disk_encryption",
    outcome: "failed",
    expected: { expected: "on" },
    found: { found: "off", name: null },
  },
  {
    check: "updates",
    outcome: "warning",
    expected: { expected: "within_days", days: 30 },
    found: { found: "days", days: 1 },
  },
  {
    check: "hotfixes",
    outcome: "failed",
    expected: { expected: "all_of", names: ["KB5044284", "KB5043080"] },
    found: { found: "missing" },
  },
  {
    check: "screen_lock",
    outcome: "failed",
    expected: { expected: "within_minutes", minutes: 10 },
    found: { found: "minutes", minutes: 60 },
  },
  {
    check: "secure_boot",
    outcome: "failed",
    expected: { expected: "on" },
    found: { found: "off", name: null },
  },
  {
    check: "system_integrity",
    outcome: "failed",
    expected: { expected: "on" },
    found: { found: "off", name: null },
  },
  {
    check: "gatekeeper",
    outcome: "failed",
    expected: { expected: "on" },
    found: { found: "off", name: null },
  },
];

export const UNREAD: Finding[] = [
  {
    check: "disk_encryption",
    outcome: "failed",
    expected: { expected: "on" },
    found: { found: "unavailable", reason: "permission_denied" },
    link: "https://intranet.example.org/help/endpoint-check/disk-encryption?from=praya",
  },
  {
    check: "antivirus_definitions",
    outcome: "failed",
    expected: { expected: "within_days", days: 1 },
    found: { found: "unavailable", reason: "timed_out" },
  },
];

/** What a gateway was told of a computer like many: one program protects, one does not, one thing is not known. */
export const REPORTED: Reported = {
  at: NOW,
  facts: [
    {
      check: "operating_system",
      items: [
        { about: "name", value: { value: "text", text: "Windows 10 Pro" }, source: "CurrentVersion" },
        { about: "version", value: { value: "text", text: "10 22H2" }, source: "CurrentVersion" },
        { about: "build", value: { value: "text", text: "19045.6456" }, source: "CurrentVersion" },
        { about: "architecture", value: { value: "text", text: "x86_64" }, source: "CurrentVersion" },
        { about: "server", value: { value: "no" }, source: "CurrentVersion" },
        { about: "support_ends", value: { value: "text", text: "2025-10-14" }, source: null },
      ],
    },
    {
      check: "antivirus",
      items: [
        { about: "name", value: { value: "text", text: "Microsoft Defender Antivirus" }, source: null },
        { about: "installed", value: { value: "yes" }, source: "MSFT_MpComputerStatus" },
        { about: "running", value: { value: "no" }, source: "SecurityCenter2" },
        { about: "real_time", value: { value: "off" }, source: "SecurityCenter2" },
        {
          about: "definitions_version",
          value: { value: "text", text: "1.443.454.0" },
          source: "MSFT_MpComputerStatus",
        },
        {
          about: "definitions_at",
          value: { value: "instant", at: NOW - 41 * 24 * 3600_000 },
          source: "MSFT_MpComputerStatus",
        },
      ],
    },
    {
      check: "antivirus",
      items: [
        { about: "name", value: { value: "text", text: "Avast Free Antivirus" }, source: null },
        { about: "real_time", value: { value: "snoozed" }, source: "SecurityCenter2" },
      ],
    },
    {
      check: "firewall",
      items: [
        { about: null, value: { value: "on" }, source: "StandardProfile" },
        { about: "name", value: { value: "text", text: "Windows Firewall" }, source: "StandardProfile" },
      ],
    },
    { check: "disk_encryption", items: [{ about: null, value: { value: "off" }, source: "BitLocker" }] },
    {
      check: "updates",
      items: [{ about: null, value: { value: "instant", at: NOW - 9 * 24 * 3600_000 }, source: "QFE" }],
    },
    {
      check: "screen_lock",
      items: [
        { about: null, value: { value: "on" }, source: "ScreenSaveTimeOut" },
        { about: "locks_after", value: { value: "seconds", seconds: 600 }, source: "ScreenSaveTimeOut" },
      ],
    },
    {
      check: "secure_boot",
      items: [{ about: null, value: { value: "unavailable", reason: "permission_denied" }, source: null }],
    },
  ],
};

/** What has a page of its own in the settings of such a computer. */
export const PAGES: PostureCheck[] = [
  "operating_system",
  "antivirus",
  "antivirus_definitions",
  "firewall",
  "disk_encryption",
  "updates",
  "hotfixes",
  "screen_lock",
  "secure_boot",
];

export function posture(
  findings: Finding[],
  retry_seconds: number | null = 4.5 * 60,
  more: Partial<SignInProgress> = {},
): AppState {
  const checks: PostureCheck[] = [
    "operating_system",
    "antivirus",
    "antivirus_definitions",
    "firewall",
    "disk_encryption",
    "updates",
    "hotfixes",
    "screen_lock",
    "secure_boot",
    "system_integrity",
    "gatekeeper",
  ];
  const step: SignInStep = { step: "posture", checks, findings, retry_seconds, nonce: "bm9uY2U" };
  // Before the first word on it nothing was sent; a page of the system's settings is for what is to be put right.
  const reported = findings.length > 0 ? REPORTED : null;
  const app = asked("checking", step, more, { reported });
  return { ...app, system_pages: findings.length > 0 ? PAGES : [] };
}

export function refused(failure: Failure): AppState {
  return {
    ...BASE,
    accounts: [{ gateway: "https://vpn.example.org/", account: "hark.chen" }],
    snapshot: { ...KNOWN, last_failure: failure },
  };
}

/** The person's own gateway, which is a private one, with the key that is stored for it. */
export function atBranch(pin: string | null, failure: Failure): AppState {
  const gateway = "https://branch.example.org:8443/";
  return {
    ...BASE,
    profiles: [{ profile: { name: "Branch office", gateway, pin }, shared: false }],
    chosen: "Branch office",
    accounts: [{ gateway, account: "hark.chen" }],
    snapshot: { ...NOBODY, last_failure: failure, help_desk: HELP_DESK },
  };
}

export function session(about: Partial<Snapshot>, more: Partial<AppState> = {}): AppState {
  return { ...SESSION, ...more, snapshot: { ...CONNECTED, ...about } };
}

export const OTP: Extract<SignInStep, { step: "otp" }> = { step: "otp", prompt: null, token: HINT };
export const ELSEWHERE = {
  session: "s-0",
  host_name: "FIN-LAPTOP-07",
  source: "203.0.113.77",
  since: NOW - 95 * MINUTE,
};
