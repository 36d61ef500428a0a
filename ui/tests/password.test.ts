// The vectors of `praya_model::password`, and what only the view does.

import { expect, test } from "vitest";
import type { PasswordRules } from "../src/bindings";
import { brokenBy, rulesInForce, standings } from "../src/lib/password";

const IAUTH: PasswordRules = {
  min_length: 12,
  max_length: 128,
  need_upper: true,
  need_lower: true,
  need_digit: true,
  only_letters_and_digits: true,
  not_the_account: false,
  not_common: false,
  not_the_old: true,
};

test.each([
  ["Abcdefghij12", []],
  ["Abcdefghi12", ["min_length"]],
  ["abcdefghij12", ["upper"]],
  ["ABCDEFGHIJ12", ["lower"]],
  ["Abcdefghijkl", ["digit"]],
  ["Abcdefghij1!", ["only_letters_and_digits"]],
])("C-17: each broken rule of %s is named", (candidate, broken) => {
  expect(brokenBy(IAUTH, candidate, "wong")).toEqual(broken);
});

const LENGTH_ONLY: PasswordRules = {
  ...IAUTH,
  only_letters_and_digits: false,
  need_upper: false,
  need_lower: false,
  need_digit: false,
};

test("length counts code points, also beyond the basic plane", () => {
  expect(brokenBy(LENGTH_ONLY, "密碼密碼密碼密碼密碼密碼", "wong")).toEqual([]);
  expect(brokenBy(LENGTH_ONLY, "𠀋".repeat(11), "wong")).toEqual(["min_length"]);
  expect(brokenBy(LENGTH_ONLY, "𠀋".repeat(12), "wong")).toEqual([]);
  expect(brokenBy(LENGTH_ONLY, "x".repeat(129), "wong")).toEqual(["max_length"]);
});

test("length counts after NFC", () => {
  expect(brokenBy({ ...LENGTH_ONLY, min_length: 2 }, "e\u0301", "wong")).toEqual(["min_length"]);
});

test("the account's name is found in any case, and no account is no name", () => {
  const rules = { ...LENGTH_ONLY, not_the_account: true };
  expect(brokenBy(rules, "my-WONG-password", "wong")).toEqual(["not_the_account"]);
  expect(brokenBy(rules, "my-long-password", "")).toEqual([]);
});

test("rules stand in the order of the model", () => {
  expect(rulesInForce({ ...IAUTH, not_the_account: true, not_common: true })).toEqual([
    "min_length",
    "max_length",
    "upper",
    "lower",
    "digit",
    "only_letters_and_digits",
    "not_the_account",
    "not_common",
    "not_the_old",
  ]);
});

test("what only the gateway can judge stays open until the view can judge it too", () => {
  const of = (old: string | undefined) =>
    standings({ ...IAUTH, not_common: true }, "Abcdefghij12", "wong", old).filter(({ rule }) =>
      rule.startsWith("not_"),
    );
  expect(of(undefined)).toEqual([
    { rule: "not_common", standing: "open" },
    { rule: "not_the_old", standing: "open" },
  ]);
  expect(of("Abcdefghij12").at(1)).toEqual({ rule: "not_the_old", standing: "broken" });
  expect(of("another").at(1)).toEqual({ rule: "not_the_old", standing: "kept" });
});
