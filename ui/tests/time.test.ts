// Countdowns, by the service's clock.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { note, secondsSinceTold } from "../src/lib/seen.svelte";
import { clock, secondsSince, secondsUntil } from "../src/lib/time.svelte";
import { BASE } from "../src/mock/fixtures";

const NOW = 1_800_000_000_000;
let stop: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  clock.sync(NOW);
  stop = clock.start();
});
afterEach(() => {
  stop();
  vi.useRealTimers();
});

test("a countdown goes on between the service's words and ends at zero", () => {
  expect(secondsUntil(NOW + 20_000)).toBe(20);
  vi.advanceTimersByTime(5_000);
  expect(secondsUntil(NOW + 20_000)).toBe(15);
  vi.advanceTimersByTime(60_000);
  expect(secondsUntil(NOW + 20_000)).toBe(0);
});

test("B-17: the duration starts at zero and counts whole seconds", () => {
  expect(secondsSince(NOW)).toBe(0);
  expect(secondsSince(NOW + 900)).toBe(0);
  vi.advanceTimersByTime(3_000);
  expect(secondsSince(NOW)).toBe(3);
});

test("the service's word moves the clock", () => {
  clock.sync(NOW - 30_000);
  expect(secondsUntil(NOW)).toBe(30);
});

test("a failure that is told again is not new, and one that comes back is", () => {
  const failure = { code: "locked", seconds_left: 300 } as const;
  const locked = { ...BASE, snapshot: { ...BASE.snapshot, last_failure: failure } };
  note(locked);
  vi.advanceTimersByTime(31_000);
  note(structuredClone(locked));
  expect(secondsSinceTold({ ...failure })).toBe(31);
  note(BASE);
  note(locked);
  expect(secondsSinceTold(failure)).toBe(0);
});
