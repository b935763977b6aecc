// Runs one code-server and one Chromium, and does to the page what the lines on stdin say.
// A line is {"id", "op", "args"}; the answer is {"id", "result"} or {"id", "error"}. The end of stdin ends it all.
"use strict";
const { spawn } = require("node:child_process");
const fs = require("node:fs");
const http = require("node:http");
const net = require("node:net");
const readline = require("node:readline");

const config = JSON.parse(process.argv[2]);
const { chromium } = require(config.playwright);
const CHROMIUM_FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];
const POLL_MS = 20;
const GHOST_LIMIT_MS = 5_000;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function until(condition, what, ms = config.timeoutMs) {
  const end = Date.now() + ms;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`timed out: ${what}`);
    await pause(POLL_MS);
  }
}

function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function answers(port) {
  return new Promise((resolve) => {
    http.get({ host: "127.0.0.1", port, path: "/healthz" }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    }).on("error", () => resolve(false));
  });
}

async function startCodeServer(port) {
  const log = fs.openSync(config.log, "w");
  const args = [
    config.codeServer, ...config.arguments, "--auth", "none", "--bind-addr", `127.0.0.1:${port}`,
    "--disable-telemetry", "--disable-update-check", "--disable-getting-started-override",
  ];
  // Detached: its own process group, so that the extension host and the language server end with it.
  const server = spawn(config.node, args, { env: config.env, detached: true, stdio: ["ignore", log, log] });
  await until(() => answers(port), "code-server's start");
  return server;
}

async function startBrowser() {
  const context = await chromium.launchPersistentContext(config.profile, {
    executablePath: config.chromium, headless: true, viewport: { width: 1280, height: 800 }, args: CHROMIUM_FLAGS,
    colorScheme: "dark",
  });
  context.setDefaultTimeout(config.timeoutMs);
  await context.route((url) => url.hostname !== "127.0.0.1", (route) => route.abort());
  return context;
}

/** Themes by what the browser says of the user's taste, and the classes by which VS Code and its web views name them. */
const THEMES = {
  dark: { media: { colorScheme: "dark", forcedColors: "none" }, shell: "vs-dark", webview: "vscode-dark" },
  light: { media: { colorScheme: "light", forcedColors: "none" }, shell: "vs", webview: "vscode-light" },
  contrast: { media: { colorScheme: "dark", forcedColors: "active" }, shell: "hc-black", webview: "vscode-high-contrast" },
};

/** Has the window and the web views in it change to a theme, and wait until they have. */
async function wear(theme, page) {
  const { media, shell, webview } = THEMES[theme];
  await page.emulateMedia(media);
  const worn = (name) => document.querySelector(`.monaco-workbench.${name}`) !== null;
  const wornInside = (name) => !document.body || !/vscode-(dark|light|high)/.test(document.body.className) || document.body.classList.contains(name);
  await until(async () => {
    if (!(await page.evaluate(worn, shell))) return false;
    const inner = page.frames().filter((frame) => frame.parentFrame());
    const all = await Promise.all(inner.map((frame) => frame.evaluate(wornInside, webview).catch(() => true)));
    return all.every(Boolean);
  }, `the ${theme} theme`);
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
}

/** What can be done; `page` is the one window that is open. */
const operations = {
  async open({ folder, workspace }, state) {
    state.page = await state.context.newPage();
    const what = workspace ? `workspace=${workspace}` : `folder=${folder}`;
    await state.page.goto(`http://127.0.0.1:${state.port}/?${what}`, { waitUntil: "domcontentloaded" });
    const files = state.page.locator(".explorer-folders-view .monaco-list-row").first();
    // VS Code in a browser now and then shows a workspace of several folders as one of none, until it is loaded again.
    if (workspace) await files.waitFor({ timeout: 15_000 }).catch(() => state.page.reload());
    await files.waitFor({ timeout: 60_000 });
    return state.page.title();
  },
  async close(_, state) {
    await state.page?.goto("about:blank"); // unloads the window, which ends its extension host
    await state.page?.close();
    state.page = undefined;
  },
  press: ({ key }, { page }) => page.keyboard.press(key),
  type: ({ text, delayMs }, { page }) => page.keyboard.type(text, { delay: delayMs }),
  /** Puts text in at once, as pasting does: a list that is filtered by it is filtered once. */
  insert: ({ text }, { page }) => page.keyboard.insertText(text),
  click: ({ selector, button, times }, { page }) => page.locator(selector).first().click({ button, clickCount: times }),
  pointAway: (_, { page }) => page.mouse.move(0, 0),
  texts: ({ selector }, { page }) => page.locator(selector).allInnerTexts(),
  attribute: ({ selector, name }, { page }) => page.locator(selector).first().getAttribute(name),
  async waitFor({ selector, text, state: wanted, timeoutMs }, { page }) {
    const found = page.locator(selector, text == null ? {} : { hasText: text }).first();
    await found.waitFor({ state: wanted, timeout: timeoutMs ?? config.timeoutMs });
    // What was seen may be gone already, such as a message.
    return wanted === "visible" ? found.innerText({ timeout: 1_000 }).catch(() => text ?? "") : null;
  },
  /** Waits until a web view, which is a page within a page, shows the text. */
  async waitWebview({ text }, { page }) {
    return until(async () => {
      for (const frame of page.frames()) {
        const shown = await frame.evaluate(() => document.body?.innerText ?? "").catch(() => "");
        if (frame.parentFrame()?.parentFrame() && shown.includes(text)) return shown;
      }
      return undefined;
    }, `a web view with ${JSON.stringify(text)}`);
  },
  async webviewAttribute({ selector, name }, { page }) {
    for (const frame of page.frames()) {
      const found = await frame.$(selector).catch(() => null);
      if (found && frame.parentFrame()?.parentFrame()) return found.getAttribute(name);
    }
    return null;
  },
  /**
   * Presses a key; milliseconds from the key's event in the page to the first frame that has ghost text in it.
   * Null where there is none in time: VS Code leaves a request out now and then.
   */
  async keyToGhost({ key }, { page }) {
    await page.evaluate((limitMs) => {
      globalThis.ghostAfterMs = new Promise((resolve) => {
        const began = (event) => {
          const look = () => {
            const ghost = document.querySelector(".view-lines .ghost-text-decoration");
            const afterMs = performance.now() - event.timeStamp;
            if (ghost?.textContent.trim()) resolve(afterMs);
            else if (afterMs > limitMs) resolve(null);
            else requestAnimationFrame(look);
          };
          requestAnimationFrame(look);
        };
        addEventListener("keydown", began, { capture: true, once: true });
      });
    }, GHOST_LIMIT_MS);
    await page.keyboard.press(key);
    return page.evaluate(() => globalThis.ghostAfterMs);
  },
  /** Pictures of the window as it is now, in every theme of `paths`; then all is dark again. */
  async pictures({ paths }, { page }) {
    for (const [theme, path] of Object.entries(paths)) {
      await wear(theme, page);
      await page.screenshot({ path });
    }
    await wear("dark", page);
  },
};

async function serve(state) {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { id, op, args } = JSON.parse(line);
    let answer;
    try {
      answer = { id, result: (await operations[op](args, state)) ?? null };
    } catch (error) {
      answer = { id, error: String(error.message ?? error) };
    }
    process.stdout.write(JSON.stringify(answer) + "\n");
  }
}

function alive(group) {
  try {
    process.kill(-group, 0);
    return true;
  } catch {
    return false;
  }
}

async function endGroup(group) {
  for (const signal of ["SIGTERM", "SIGKILL"]) {
    if (!alive(group)) return;
    process.kill(-group, signal);
    await until(() => !alive(group), "the end of code-server", 5_000).catch(() => undefined);
  }
}

(async () => {
  const port = await freePort();
  const server = await startCodeServer(port);
  let context;
  try {
    context = await startBrowser();
    process.stdout.write(JSON.stringify({ id: 0, result: "ready" }) + "\n");
    await serve({ context, port, page: undefined });
  } finally {
    await context?.close();
    await endGroup(server.pid);
  }
})().catch((error) => {
  process.stderr.write(String(error.stack ?? error) + "\n");
  process.exit(1);
});
