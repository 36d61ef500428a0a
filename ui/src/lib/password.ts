// The rules of a new password while it is typed; the same semantics as `praya_model::password`. The gateway judges
// for good.

import type { PasswordRule, PasswordRules } from "../bindings";

/** How a rule stands: `open` is what only the gateway can judge. */
export type Standing = "kept" | "broken" | "open";

/** The rules in force, in the order in which they are shown. */
export function rulesInForce(rules: PasswordRules): PasswordRule[] {
  const all: [boolean, PasswordRule][] = [
    [true, "min_length"],
    [true, "max_length"],
    [rules.need_upper, "upper"],
    [rules.need_lower, "lower"],
    [rules.need_digit, "digit"],
    [rules.only_letters_and_digits, "only_letters_and_digits"],
    [rules.not_the_account, "not_the_account"],
    [rules.not_common, "not_common"],
    [rules.not_the_old, "not_the_old"],
  ];
  return all.filter(([inForce]) => inForce).map(([, rule]) => rule);
}

/** The rules that `candidate` breaks, as far as they can be judged without the gateway's lists and the old password. */
export function brokenBy(rules: PasswordRules, candidate: string, account: string): PasswordRule[] {
  const text = candidate.normalize("NFC");
  const length = Array.from(text).length;
  const breaks: Record<PasswordRule, boolean> = {
    min_length: length < rules.min_length,
    max_length: length > rules.max_length,
    upper: !/[A-Z]/.test(text),
    lower: !/[a-z]/.test(text),
    digit: !/[0-9]/.test(text),
    only_letters_and_digits: /[^A-Za-z0-9]/u.test(text),
    not_the_account: account !== "" && text.toLowerCase().includes(account.toLowerCase()),
    not_common: false,
    not_the_old: false,
    matches: false,
  };
  return rulesInForce(rules).filter((rule) => breaks[rule]);
}

/** How each rule stands for what is typed so far; `old` where the person has typed the password in force too. */
export function standings(
  rules: PasswordRules,
  candidate: string,
  account: string,
  old: string | undefined,
): { rule: PasswordRule; standing: Standing }[] {
  const broken = brokenBy(rules, candidate, account);
  return rulesInForce(rules).map((rule) => {
    if (broken.includes(rule)) {
      return { rule, standing: "broken" };
    }
    if (rule === "not_the_old" && old) {
      return { rule, standing: old === candidate ? "broken" : "kept" };
    }
    return { rule, standing: rule === "not_common" || rule === "not_the_old" ? "open" : "kept" };
  });
}
