// What others wrote and Praya's programs contain, in the list and on the page about Praya.

import { fireEvent, screen, waitFor } from "@testing-library/svelte";
import { expect, test, vi } from "vitest";
import { components, read } from "../src/lib/licences";
import { FIXTURES } from "../src/mock/fixtures";
import { goTo } from "../src/lib/pages.svelte";
import { open, settle } from "./window";

vi.mock("../src/lib/licences", { spy: true });

const LIST = `Third-party software

Words about it.

adler 1.0.0 (crates.io)
    0BSD OR MIT
    Texts: 1, 2
    Copyright (c) A
    (c) B

svelte 5.0.0 (npm)
    MIT
    Texts: 2

======== Text 1 ========

first
    text

======== Text 2 ========

second
`;

test("the list is read with every text of a component", () => {
  expect(read(LIST)).toEqual([
    {
      name: "adler 1.0.0 (crates.io)",
      licence: "0BSD OR MIT",
      notices: ["Copyright (c) A", "(c) B"],
      texts: ["first\n    text", "second"],
    },
    { name: "svelte 5.0.0 (npm)", licence: "MIT", notices: [], texts: ["second"] },
  ]);
});

test("the real list is read whole: crates and packages, each with its licence and a text", async () => {
  const all = await components();
  expect(all.length).toBeGreaterThan(300);
  for (const part of ["@fluent/bundle ", "svelte ", "tauri ", "rustls ", "Rust standard library "]) {
    expect(all.filter(({ name }) => name.startsWith(part)).length, part).toBeGreaterThan(0);
  }
  expect(all.filter(({ texts }) => texts.length === 0 || texts.some((text) => text.length < 10))).toEqual([]);
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
});

test("the page about Praya lists the components, and shows a licence when it is opened", async () => {
  await open(FIXTURES.about.app);
  goTo("about");
  await settle();
  expect(screen.queryByText(/^serde /)).toBeNull();
  await fireEvent.click(screen.getByText("Components"));
  const serde = await waitFor(() => screen.getByText(/^serde [0-9]/));
  expect(serde.textContent).toContain("MIT OR Apache-2.0");
  expect(screen.queryByText(/Permission is hereby granted/)).toBeNull();
  await fireEvent.click(serde);
  const text = await waitFor(() => screen.getByText(/Permission is hereby granted/));
  expect(text.closest("[lang]")?.getAttribute("lang")).toBe("en");
});

test("that the components are being read is said, and so is that they cannot be", async () => {
  let fail: (why: Error) => void = () => {};
  vi.mocked(components).mockReturnValueOnce(
    new Promise((_, reject) => {
      fail = reject;
    }),
  );
  await open(FIXTURES.about.app);
  goTo("about");
  await settle();
  expect(screen.queryByText("Loading …")).toBeNull();
  await fireEvent.click(screen.getByText("Components"));
  await waitFor(() => screen.getByText("Loading …"));
  fail(new Error("the file is gone"));
  await waitFor(() => screen.getByText(/Something went wrong in Praya: .*the file is gone/));
  expect(screen.queryByText("Loading …")).toBeNull();
});
