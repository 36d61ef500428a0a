// What is shipped: nothing of the mock, nothing from elsewhere, nothing that the content security policy forbids.

import { join } from "node:path";
import { build, type Rolldown } from "vite";
import { expect, test } from "vitest";

test("the app's bundle holds the window and nothing else", { timeout: 60_000 }, async () => {
  const built = await build({
    root: join(import.meta.dirname, ".."),
    logLevel: "silent",
    build: { write: false },
  });
  const { output } = [built].flat()[0] as Rolldown.RolldownOutput;
  const files = Object.fromEntries(
    output.map((file) => [file.fileName, file.type === "chunk" ? file.code : String(file.source)]),
  );
  const names = Object.keys(files);
  expect(names).toContain("index.html");
  expect(names.filter((name) => name.endsWith(".html"))).toEqual(["index.html"]);
  const all = Object.values(files).join("\n");
  for (const mock of ["hark.chen", "FIN-LAPTOP-07", "mockIPC"]) {
    expect(all, mock).not.toContain(mock);
  }
  expect(files["index.html"]).not.toMatch(/<style|<script(?![^>]* src=)|\sstyle=|\son[a-z]+="/);
  for (const [name, text] of Object.entries(files)) {
    if (name.endsWith(".css")) {
      expect(text, name).not.toMatch(/url\(|@import/);
    }
    if (name.endsWith(".js")) {
      expect(text, name).not.toMatch(/\beval\(|new Function\(/);
    }
  }
});
