// Every text of the window, by id, in the person's language. The ids and their arguments are those of the tray, the
// command line and the service; the files lie in `ui/locales`.

import {
  FluentBundle,
  FluentNumber,
  FluentResource,
  type FluentValue,
  type FluentVariable,
} from "@fluent/bundle";
import type { Language } from "../bindings";
import { bytes, dateParts, spanParts } from "./format";

export const LANGUAGES: readonly Language[] = ["en", "zh-Hant-TW", "zh-Hant-MO", "pt-MO"];
export type Args = Record<string, FluentVariable>;

const files = import.meta.glob<string>("../../locales/*/{common,desktop}.ftl", {
  eager: true,
  import: "default",
  query: "?raw",
});

// eslint-disable-next-line svelte/prefer-svelte-reactivity -- a cache of what does not change
const bundles = new Map<Language, FluentBundle>();
let language = $state<Language>("en");

/** Puts a language in force; every text is drawn anew. */
export function speak(next: Language): void {
  language = next;
}

/** The language in force. */
export function spoken(): Language {
  return language;
}

/** The text `id`, or the attribute of a text `id.attribute`, in the language in force. */
export function t(id: string, args?: Args): string {
  return textIn(language, id, args) ?? textIn("en", id, args) ?? id;
}

/** Bytes as the language writes them. */
export function sayBytes(count: number): string {
  return bytes(count, t("decimal-separator"));
}

/** An instant, in milliseconds since 1970, as the language writes it. */
export function sayInstant(at: number): string {
  return instant(language, Math.floor(at / 1000));
}

/** The texts and numbers among the fields of `value`, as arguments of a text. */
export function argsOf(value: object): Args {
  const args: Args = {};
  for (const [name, field] of Object.entries(value)) {
    if (typeof field === "string" || typeof field === "number") {
      args[name] = field;
    }
  }
  return args;
}

/** Whether there is such a text; for the remedies, which not every failure has. */
export function has(id: string): boolean {
  return textIn(language, id) !== undefined;
}

/** The text in a given language; `undefined` where it has none. */
export function textIn(locale: Language, id: string, args?: Args): string | undefined {
  const bundle = bundleOf(locale);
  const [name, attribute] = id.split(".", 2);
  const message = bundle.getMessage(name ?? "");
  const pattern = attribute ? message?.attributes[attribute] : message?.value;
  if (pattern === undefined || pattern === null) {
    return undefined;
  }
  // Errors of formatting leave the argument's name in the text, which is all that can be done for the reader.
  return bundle.formatPattern(pattern, args ?? {}, []);
}

/** The parsed texts of a language, made at their first use. */
export function bundleOf(locale: Language): FluentBundle {
  let bundle = bundles.get(locale);
  if (!bundle) {
    bundle = build(locale);
    bundles.set(locale, bundle);
  }
  return bundle;
}

function build(locale: Language): FluentBundle {
  const bundle = new FluentBundle(locale, {
    // Every language here reads from left to right; marks of isolation would be copied along with a text.
    useIsolating: false,
    functions: {
      BYTES: ([count]) => bytes(plain(count), textIn(locale, "decimal-separator") ?? "."),
      DURATION: ([seconds]) => duration(locale, plain(seconds)),
      INSTANT: ([seconds]) => instant(locale, plain(seconds)),
    },
  });
  for (const [path, text] of Object.entries(files)) {
    if (path.includes(`/${locale}/`)) {
      bundle.addResource(new FluentResource(text));
    }
  }
  return bundle;
}

function duration(locale: Language, seconds: number): string {
  const [large = "", small] = spanParts(seconds).map(
    ({ unit, n }) => textIn(locale, `duration-${unit}`, { n }) ?? "",
  );
  return small === undefined ? large : (textIn(locale, "duration-two", { large, small }) ?? "");
}

function instant(locale: Language, unixSeconds: number): string {
  const parts = dateParts(unixSeconds);
  return (parts ? textIn(locale, "date-time", parts) : textIn(locale, "date-time-unknown")) ?? "";
}

function plain(value: FluentValue | undefined): number {
  return value instanceof FluentNumber ? value.value : Number(value);
}
