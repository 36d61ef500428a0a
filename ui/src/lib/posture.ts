// The endpoint check in the person's words: what is read, what is required, what was found, what to do (1E).

import type { Finding, PostureCheck, ReportedAbout, ReportedItem } from "../bindings";
import { kebab } from "./failure";
import { type Args, argsOf, has, t } from "./texts.svelte";

/** What a check is about. */
export function checkName(check: PostureCheck): string {
  return t(`check-${kebab(check)}`);
}

/** What is read for a check. */
export function readText(check: PostureCheck): string {
  return t(`check-${kebab(check)}.reads`);
}

/** What policy asks for. */
export function requiredText({ check, expected }: Finding): string {
  const args: Args =
    "names" in expected ? { names: expected.names.join(t("name-separator")) } : argsOf(expected);
  return ofCheck(check, `expected-${kebab(expected.expected)}`, args);
}

/** What is there instead. */
export function foundText({ check, found }: Finding): string {
  if (found.found === "unavailable") {
    return t(`found-unavailable-${kebab(found.reason)}`);
  }
  if (found.found === "off") {
    return found.name === null ? ofCheck(check, "found-off") : t("found-off-named", { name: found.name });
  }
  return ofCheck(check, `found-${kebab(found.found)}`, argsOf(found));
}

/** What to do about it. */
export function remedyText({ check, found }: Finding): string {
  if (found.found === "unavailable") {
    return t("checking-unread-remedy");
  }
  const id = `check-${kebab(check)}.remedy`;
  const special = `${id}-${kebab(found.found)}`;
  return t(has(special) ? special : id);
}

/** What the page of the system's settings for a check is called. */
export function openSettingsText(check: PostureCheck): string {
  return ofCheck(check, "open-settings");
}

/** What an item of a report is about. */
export function reportedLabel(about: ReportedAbout): string {
  return t(`reported-${kebab(about)}`);
}

/** The value of an item of a report. */
export function reportedText(check: PostureCheck, { about, value }: ReportedItem): string {
  const state = (id: string) => (about === null ? ofCheck(check, id) : t(id));
  switch (value.value) {
    case "text":
      return value.text;
    case "on":
      return state("expected-on");
    case "off":
      return state("found-off");
    case "missing":
      return t("found-missing");
    case "unavailable":
      return t(`found-unavailable-${kebab(value.reason)}`);
    case "instant":
      return t("reported-instant", { at: Math.floor(value.at / 1000) });
    default:
      return t(`reported-${value.value}`, argsOf(value));
  }
}

/** The text that a check has of its own, else that of all checks. */
function ofCheck(check: PostureCheck, id: string, args?: Args): string {
  const own = `check-${kebab(check)}.${id}`;
  return t(has(own) ? own : id, args);
}
