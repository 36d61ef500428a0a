// The built window over made-up states, in Debian's Chromium.

import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { extname, join, normalize } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";

const TYPES: Record<string, string> = {
  ".css": "text/css",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
};

/** The policy of the real window, without Tauri's own addresses. */
export const POLICY =
  "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export type Look = {
  fixture: string;
  language?: string;
  theme?: "light" | "dark";
  /** Size of the text in per cent. */
  text?: number;
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
    const root = join(import.meta.dirname, "../dist-mock");
    const server = createServer(async (request, response) => {
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
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address ? address.port : 0;
    const browser = await chromium.launch({
      executablePath: process.env.PRAYA_CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox"],
    });
    return new Stage(server, browser, `http://127.0.0.1:${port}`);
  }

  /** Shows a look; the page fails the test when the policy is broken or a script throws. */
  async show(look: Look): Promise<{ page: Page; faults: string[]; close: () => Promise<void> }> {
    const context = await this.browser.newContext({
      viewport: { width: look.width ?? 1000, height: look.height ?? 720 },
      timezoneId: "Asia/Macau",
      reducedMotion: "reduce",
      locale: look.language ?? "en",
    });
    const page = await context.newPage();
    const faults: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") {
        faults.push(message.text());
      }
    });
    page.on("pageerror", (error) => faults.push(String(error)));
    const query = new URLSearchParams({
      fixture: look.fixture,
      language: look.language ?? "en",
      theme: look.theme ?? "light",
      text: String(look.text ?? 100),
    });
    await page.goto(`${this.address}/mock.html?${query}`);
    await page.waitForSelector("h1");
    await page.evaluate(
      () =>
        new Promise<void>((resolve) => {
          let frames = 4;
          const next = () => (frames-- > 0 ? requestAnimationFrame(next) : resolve());
          next();
        }),
    );
    return { page, faults, close: () => context.close() };
  }

  async close(): Promise<void> {
    await this.browser.close();
    this.server.close();
  }
}
