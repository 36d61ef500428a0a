// The built window over made-up states, in Debian's Chromium.

import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { extname, join, normalize } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import tauri from "../../src-tauri/tauri.conf.json";

const TYPES: Record<string, string> = {
  ".css": "text/css",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
};

/** The policy of the real window. */
const POLICY = Object.entries(tauri.app.security.csp)
  .map(([what, from]) => `${what} ${from}`)
  .join("; ");

export type Look = {
  fixture: string;
  language?: string;
  theme?: "light" | "dark";
  width?: number;
  height?: number;
};

/** A browser and the window's files behind a local address. */
export class Stage {
  private constructor(
    private readonly server: Server,
    private readonly browser: Browser,
    private readonly address: string,
  ) {}

  static async open(): Promise<Stage> {
    const root = join(import.meta.dirname, "../dist-mock", process.env.PRAYA_PICTURES ? "pictures" : "axe");
    const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      if (request.url === "/favicon.ico") {
        response.writeHead(204).end();
        return;
      }
      const path = normalize(new URL(request.url ?? "/", "http://x").pathname);
      try {
        const body = await readFile(join(root, path));
        response.writeHead(200, {
          "content-type": TYPES[extname(path)] ?? "application/octet-stream",
          "content-security-policy": POLICY,
        });
        response.end(body);
      } catch {
        response.writeHead(404).end();
      }
    };
    const server = createServer((request, response) => void answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address ? address.port : 0;
    const browser = await chromium.launch({
      executablePath: process.env.PRAYA_CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox"],
    });
    return new Stage(server, browser, `http://127.0.0.1:${port}`);
  }

  /** A page of its own for several looks, with what went wrong on it: broken policy, errors, warnings. */
  async page(language = "en"): Promise<{ page: Page; faults: string[] }> {
    const context = await this.browser.newContext({
      timezoneId: "Asia/Macau",
      reducedMotion: "reduce",
      locale: language,
    });
    const page = await context.newPage();
    const faults: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") {
        faults.push(message.text());
      }
    });
    page.on("pageerror", (error) => faults.push(String(error)));
    return { page, faults };
  }

  /** Shows a look on a page. */
  async show(page: Page, look: Look): Promise<void> {
    await page.setViewportSize({ width: look.width ?? 960, height: look.height ?? 680 });
    const query = new URLSearchParams({
      fixture: look.fixture,
      language: look.language ?? "en",
      theme: look.theme ?? "light",
    });
    await page.goto(`${this.address}/mock.html?${query}`);
    await page.waitForSelector("html[data-ready]");
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)));
  }

  async close(): Promise<void> {
    await this.browser.close();
    this.server.close();
  }
}
