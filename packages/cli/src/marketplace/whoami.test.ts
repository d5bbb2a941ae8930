import { expect, test } from "vitest";
import { closedUrl, sendJson, sendProblem, startServer } from "../../fixtures/marketplace.ts";
import { runCli, temporaryFolder } from "../../fixtures/run-cli.ts";

const TOKEN = "rbsm_pat_0123456789";
const KNOWN = {
  kind: "token",
  publisher: "acme",
  scope: "@acme",
  permissions: ["publish", "yank"],
  expiresAt: "2027-01-01T00:00:00Z",
};

test("whoami asks the marketplace what the token allows", async () => {
  const home = await temporaryFolder();
  const { url, received } = await startServer((_request, response) =>
    sendJson(response, 200, KNOWN),
  );
  const env = { RISING_BSM_URL: url, RISING_BSM_TOKEN: TOKEN };
  const json = await runCli(["whoami", "--json"], { home, env });
  expect(json.json()).toMatchObject({ ok: true, url, source: "RISING_BSM_TOKEN", ...KNOWN });
  expect(received[0]).toMatchObject({
    method: "GET",
    url: "/v1/whoami",
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  const text = await runCli(["whoami"], { home, env });
  expect(text.stdout).toContain("publisher acme, @acme\n  may publish, yank\n  expires 2027-01-01");
});

test("whoami says when the marketplace does not know the token, exit 6", async () => {
  const home = await temporaryFolder();
  const { url } = await startServer((_request, response) =>
    sendProblem(response, 401, { code: "auth_refused" }),
  );
  const env = { RISING_BSM_URL: url, RISING_BSM_TOKEN: TOKEN };
  const run = await runCli(["whoami", "--json"], { home, env });
  expect(run.code).toBe(6);
  expect(run.json().error.code).toBe("auth_refused");
});

test("whoami --offline asks nobody", async () => {
  const home = await temporaryFolder();
  const env = { RISING_BSM_URL: await closedUrl(), RISING_BSM_TOKEN: TOKEN };
  expect((await runCli(["whoami", "--json"], { home, env })).code).toBe(7);
  const run = await runCli(["whoami", "--offline", "--json"], { home, env });
  expect(run.json()).toMatchObject({ ok: true, source: "RISING_BSM_TOKEN" });
});
