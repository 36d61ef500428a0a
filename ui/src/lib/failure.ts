// A failure in the person's words: what happened, and what to do about it.

import type { ElsewhereSession, EndReason, Failure, PasswordRule, PasswordRules } from "../bindings";
import { type Args, argsOf, has, t } from "./texts.svelte";
import { secondsSince } from "./time.svelte";

export type FailureText = { text: string; remedy: string | undefined };

/** The fields of a failure that count down. */
const COUNTDOWNS = ["seconds_left", "retry_after_seconds", "next_in_seconds"] as const;

/** The words for `failure`; what counts down in it does so from when it was told. `rules` gives a broken rule its
 * numbers. */
export function failureText(failure: Failure, rules?: PasswordRules | null): FailureText {
  if (failure.code === "session_ended") {
    return endText(failure.reason);
  }
  const args = argsOf(failure);
  for (const name of COUNTDOWNS) {
    const seconds = args[name];
    if (typeof seconds === "number" && typeof failure.told_at === "number") {
      args[name] = Math.max(0, seconds - secondsSince(failure.told_at));
    }
  }
  let before = "";
  if (failure.code === "password_rules") {
    const broken = failure.broken.filter((rule) => rule !== "matches");
    args.broken = broken.map((rule) => ruleText(rule, rules)).join(t("list-separator"));
    if (broken.length < failure.broken.length) {
      before = t("rule-matches.broken");
    }
    if (broken.length === 0) {
      return { text: before, remedy: undefined };
    }
  }
  if (failure.code === "signed_in_elsewhere") {
    args.sessions = failure.sessions.map(elsewhereText).join("\n");
  }
  const id = `failure-${kebab(failure.code)}`;
  const text = [before, t(id, args)].filter(Boolean).join(" ");
  return { text, remedy: remedyOf(id, args) };
}

/** Why a session ended. */
export function endText(reason: EndReason): FailureText {
  const id = `end-${kebab(reason)}`;
  return { text: t(id), remedy: remedyOf(id) };
}

/** A rule of a new password, with its numbers where they are known. */
export function ruleText(rule: PasswordRule, rules?: PasswordRules | null): string {
  const id = `rule-${kebab(rule)}`;
  if (rules) {
    return t(id, { min_length: rules.min_length, max_length: rules.max_length });
  }
  return has(`${id}.unknown`) ? t(`${id}.unknown`) : t(id);
}

/** Where else an account is signed in, in one line. */
export function elsewhereText(session: ElsewhereSession): string {
  return t("elsewhere-session", {
    host_name: session.host_name,
    source: session.source,
    since: Math.floor(session.since / 1000),
  });
}

/** What a command was rejected with. */
export function asFailure(error: unknown): Failure {
  if (typeof error === "object" && error !== null && "code" in error && typeof error.code === "string") {
    return error as Failure;
  }
  return { code: "internal", detail: String(error) };
}

/** `wrong_otp` as the ids are written: `wrong-otp`. */
export function kebab(code: string): string {
  return code.replaceAll("_", "-");
}

function remedyOf(id: string, args?: Args): string | undefined {
  return has(`${id}.remedy`) ? t(`${id}.remedy`, args) : undefined;
}
