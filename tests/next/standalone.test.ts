import { execFile } from "node:child_process";
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { containmentReport } from "@rising-bsm/host-sdk";
import { base64url, packBundle, signBundle, signingKeyFromSeed, utf8 } from "@rising-bsm/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  createNextApplication,
  HAS_NEXT,
  type NextApplication,
  startNextServer,
} from "./next-application.ts";

const CODE = `export default {
  methods: { greet: (name) => "Hello " + name },
  handleRequest: (request) => new Response("seen " + new URL(request.url).pathname),
};`;
const NAME = "@fixture/greeter";
const BUILD_MS = 400_000;

async function bundle(): Promise<{ bytes: Uint8Array<ArrayBuffer>; publisherKey: string }> {
  const key = await signingKeyFromSeed(new Uint8Array(32).fill(7));
  const manifest = {
    name: NAME,
    version: "1.0.0",
    main: "i.js",
    permissions: [],
    dependencies: {},
  };
  const files = new Map([
    ["manifest.json", utf8(JSON.stringify(manifest))],
    ["i.js", utf8(CODE)],
  ]);
  return {
    bytes: packBundle(await signBundle(files, key)),
    publisherKey: base64url(key.publicKey),
  };
}

if (!HAS_NEXT) console.log("Next.js is not installed: its standalone server is not tested");

describe.skipIf(!HAS_NEXT)("host-sdk in a Next.js application", () => {
  let application: NextApplication;
  beforeAll(async () => {
    application = await createNextApplication();
  }, BUILD_MS);
  afterAll(() => application?.remove());

  /** Installs a plugin over the application's own routes and asks it; answers what came back. */
  async function installAndAsk(file: string, env: Record<string, string> = {}) {
    const { bytes, publisherKey } = await bundle();
    const dataDir = await mkdtemp(join(tmpdir(), "rbsm-next-data-"));
    const server = await startNextServer(file, {
      DATA_DIR: dataDir,
      PUBLISHER_KEY: publisherKey,
      ...env,
    });
    const ask = async (path: string, body?: string | Uint8Array<ArrayBuffer>) => {
      const init = body === undefined ? {} : { method: "POST", body };
      return (await fetch(`${server.url}/plugins${path}`, init)).text();
    };
    try {
      return {
        installed: JSON.parse(await ask("/api/plugins/sideload?grant=requested", bytes)),
        called: JSON.parse(
          await ask(`/api/plugins/${NAME}/call`, '{"method":"greet","args":["Ada"]}'),
        ),
        page: await ask(`/x/${NAME}/a/page`),
      };
    } finally {
      await server.stop();
      await rm(dataDir, { recursive: true, force: true });
    }
  }

  const WORKS = {
    installed: { data: { name: NAME, state: "active" } },
    called: { data: { result: "Hello Ada" } },
    page: "seen /a/page",
  };

  test("the published form is loaded by import and by require", async () => {
    const script = `const required = require("@rising-bsm/host-sdk");
      require("@rising-bsm/host-sdk/testing");
      import("@rising-bsm/host-sdk").then((imported) =>
        console.log(typeof required.createPluginHost, required.createPluginHost === imported.createPluginHost));`;
    const args = ["--input-type=commonjs", "-e", script];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: application.dir });
    expect(stdout.trim()).toBe("function true");
  });

  test(
    "a standalone server that keeps host-sdk out of its bundle finds all that plugins need",
    async () => {
      const server = await application.build({ bundled: false });
      expect(await installAndAsk(server)).toMatchObject(WORKS);
    },
    BUILD_MS,
  );

  test(
    "bundled into the server it says what is missing, and runs when it is told where that is",
    async () => {
      const server = await application.build({ bundled: true });
      await application.removePackages();
      const { installed } = await installAndAsk(server);
      expect(installed).toMatchObject({
        code: "unavailable",
        fix: expect.stringMatching(/serverExternalPackages.*RISING_BSM_RUNNER/),
      });
      const told = await installAndAsk(server, {
        RISING_BSM_RUNNER: await realpath(join(application.hostSdk, "builtin/runner.mjs")),
        RISING_BSM_ADDON: (await containmentReport()).addon ?? "",
      });
      expect(told).toMatchObject(WORKS);
    },
    BUILD_MS,
  );
});
