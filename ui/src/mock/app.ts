// An app that answers the window's commands as the real one would, out of made-up states.

import type { AppState, Failure, Language, OwnSession, Setting, SignInAnswer, Theme } from "../bindings";
import { FIXTURES } from "./fixtures";
import { NOW, SESSION } from "./states";
// As `praya_desktop::diagnostics` writes it for the session of the fixtures, with two of its resources.
import REPORT from "./report.txt?raw";

const SESSIONS: OwnSession[] = [
  {
    session: "s-1",
    host_name: "desk-12",
    client: "Praya 0.1.0",
    source: "198.51.100.7",
    since: NOW - 4 * 3600_000,
    current: true,
  },
  {
    session: "s-2",
    host_name: "FIN-LAPTOP-07",
    client: "Praya 0.1.0",
    source: "203.0.113.77",
    since: NOW - 30 * 3600_000,
    current: false,
  },
];

export type Call = { command: string; args: unknown };

/** The app behind the window of a test. */
export class MockApp {
  readonly calls: Call[] = [];

  constructor(
    public state: AppState,
    private readonly publish: (state: AppState) => void,
  ) {}

  /** Rejects a command from now on. */
  refuse(command: string, failure: Failure): void {
    this.refusals.set(command, failure);
  }

  /** Lets a command go unanswered until the result is called. */
  hold(command: string): () => void {
    let release = () => {};
    this.held.set(command, new Promise((done) => (release = () => done(null))));
    return release;
  }

  private readonly refusals = new Map<string, Failure>();
  private readonly held = new Map<string, Promise<null>>();

  /** Answers a command; what it changes is published before the answer. */
  handle(command: string, args: unknown): unknown {
    this.calls.push({ command, args });
    const refusal = this.refusals.get(command);
    if (refusal) {
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- the app's commands reject with such a value
      throw refusal;
    }
    const held = this.held.get(command);
    if (held) {
      return held;
    }
    switch (command) {
      case "state":
        return this.state;
      case "sessions":
        return SESSIONS;
      case "diagnostics":
        return REPORT;
      case "save_diagnostics":
        return "/home/hark/praya-report.txt";
      case "begin_sign_in":
        return this.show(FIXTURES.code.app);
      case "answer":
        return this.answer((args as { answer: SignInAnswer }).answer);
      case "cancel_sign_in":
        return this.show(FIXTURES["sign-in"].app);
      case "logout":
        return this.show({
          ...FIXTURES.ended.app,
          snapshot: { ...FIXTURES.ended.app.snapshot, ended: "user_logout" },
        });
      case "stay":
      case "connect":
        return this.show(SESSION);
      case "disconnect":
        return this.show(FIXTURES.paused.app);
      case "add_profile":
        // The last failure stays told until the next attempt.
        return this.show(
          this.state.screen === "gateway" ? FIXTURES["sign-in"].app : structuredClone(this.state),
        );
      case "accept_invitation":
        return this.show(
          this.state.screen === "gateway"
            ? FIXTURES["sign-in"].app
            : { ...this.state, invitation: null, invitation_refused: null },
        );
      case "read_invitation":
        return this.readInvitation((args as { text: string }).text);
      case "dismiss_invitation":
        return this.show({ ...this.state, invitation: null, invitation_refused: null });
      case "set_setting":
        return this.set(args as Setting);
      case "check_program":
        return { fault: (args as { words: string[] }).words[0] === "firefox" ? null : "not_there" };
      case "open_resource":
      case "open_link":
        return { opened: "browser" };
      case "set_favourite":
        return this.favour(args as { id: string; on: boolean });
      default:
        return null;
    }
  }

  private show(next: AppState): null {
    const { locale, settings } = this.state;
    this.state = { ...next, locale, settings, now: Date.now() - this.started + NOW };
    this.publish(this.state);
    return null;
  }

  private readonly started = Date.now();

  private answer(answer: SignInAnswer): null {
    switch (answer.answer) {
      case "password":
        return this.show(FIXTURES.code.app);
      case "otp":
        return this.show(
          answer.code === "000000" ? FIXTURES["code-wrong"].app : FIXTURES["new-password"].app,
        );
      case "check_again":
        return this.show(FIXTURES["checking-again"].app);
      case "cancel":
        return this.show(FIXTURES["sign-in"].app);
      default:
        return this.show(SESSION);
    }
  }

  private readInvitation(text: string): unknown {
    if (!text.startsWith("praya://")) {
      const failure: Failure = { code: "bad_invitation", problem: "not_an_invitation" };
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- the app's commands reject with such a value
      throw failure;
    }
    const { invitation } = FIXTURES["gateway-invitation"].app;
    this.show({ ...this.state, invitation });
    return invitation;
  }

  private set(setting: Setting): null {
    const settings = { ...this.state.settings, [setting.key]: setting.value };
    const locale = setting.key === "language" ? (setting.value ?? "en") : this.state.locale;
    this.state = { ...this.state, settings, locale };
    return this.show(this.state);
  }

  private favour({ id, on }: { id: string; on: boolean }): null {
    const { resources } = this.state;
    if (resources.resources === "ready") {
      const favourites = resources.favourites.filter((other) => other !== id).concat(on ? [id] : []);
      this.show({ ...this.state, resources: { ...resources, favourites } });
    }
    return null;
  }
}

/** The state of a fixture in a language and a theme. */
export function dressed(app: AppState, language: Language, theme: Theme): AppState {
  return { ...app, locale: language, system_locale: language, settings: { ...app.settings, theme } };
}
