import { createServer } from "node:http";
import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { readCrons } from "../read-crons.ts";
import { keepRunningCrons, runCrons } from "./crons.ts";
import { demoPaths } from "./state.ts";

const [show = "", count = "", deliver = ""] = readCrons("wrangler.toml");
const closings: (() => void)[] = [];
afterEach(() => closings.splice(0).forEach((close) => close()));

/** In place of `wrangler dev`: the crons that it was asked for, and how it ends them. */
async function openWorker(end: (response: ServerResponse, cron: string) => void) {
  const asked: string[] = [];
  const server = createServer(({ url = "" }, response) => {
    const { pathname, searchParams } = new URL(url, "http://127.0.0.1");
    expect(pathname).toBe("/cdn-cgi/local/scheduled");
    const cron = searchParams.get("cron") ?? "";
    asked.push(cron);
    end(response, cron);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  closings.push(close);
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no port");
  const said: string[] = [];
  const step = {
    marketplace: { url: `http://127.0.0.1:${address.port}` },
    paths: demoPaths(".rbsm"),
    say: (text: string) => void said.push(text),
  };
  return { asked, said, step, close };
}

function fail(response: ServerResponse): void {
  response.writeHead(500).end("exception");
}

test("each cron of wrangler.toml runs once, and one that fails is an error that says where to read", async () => {
  const good = await openWorker((response) => response.end("ok"));
  await runCrons(good.step);
  expect(good.asked).toEqual([show, count, deliver]);
  const bad = await openWorker(fail);
  await expect(runCrons(bad.step)).rejects.toMatchObject({
    message: `The cron "${show}" failed`,
    detail: { fix: 'Read ".rbsm/logs/marketplace.log"' },
  });
});

test("one that fails is a line and keeps none behind it from being run, again and again", async () => {
  const worker = await openWorker((response, cron) => {
    if (cron === show) fail(response);
    else response.end("ok");
  });
  const ending = new AbortController();
  const running = keepRunningCrons(worker.step, ending.signal, 1);
  await expect.poll(() => worker.asked.length).toBeGreaterThan(6);
  ending.abort();
  await running;
  expect(worker.asked.slice(0, 6)).toEqual([show, count, deliver, show, count, deliver]);
  expect(new Set(worker.said)).toEqual(
    new Set([`The cron "${show}" failed. Read ".rbsm/logs/marketplace.log"`]),
  );
});

test("none begins while another one is under way, and who ends is not told that it was cut short", async () => {
  const worker = await openWorker(() => undefined);
  const ending = new AbortController();
  const running = keepRunningCrons(worker.step, ending.signal, 1);
  await expect.poll(() => worker.asked.length).toBe(1);
  await sleep(50);
  expect(worker.asked).toEqual([show]);
  ending.abort();
  await running;
  expect(worker.said).toEqual([]);
});

test("a Worker that is gone is a line each time", async () => {
  const worker = await openWorker(fail);
  worker.close();
  const ending = new AbortController();
  const running = keepRunningCrons(worker.step, ending.signal, 1);
  await expect.poll(() => worker.said.length).toBeGreaterThan(1);
  ending.abort();
  await running;
});
