// Countdowns, by the service's clock.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { failureText } from "../src/lib/failure";
import { clock, secondsSince, secondsUntil } from "../src/lib/time.svelte";

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

test("A-35: a lock drawn 20 seconds after it was told shows 20 seconds less, wherever it is drawn anew", () => {
  const locked = { code: "locked", seconds_left: 300, told_at: NOW } as const;
  clock.sync(NOW + 20_000);
  expect(failureText(locked).text).toContain("4 minutes 40 seconds");
  vi.advanceTimersByTime(10_000);
  expect(failureText(locked).text).toContain("4 minutes 30 seconds");
  clock.sync(NOW);
  expect(failureText(locked).text).toContain("5 minutes");
});
