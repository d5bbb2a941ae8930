import { type Whoami, whoamiSchema } from "@rising-bsm/protocol";
import { plainText } from "../plain-text.ts";
import { type Connection, request } from "./request.ts";

/** What the marketplace knows of the token. */
export async function askWhoami(connection: Connection): Promise<Whoami> {
  const message = { method: "GET", path: "/v1/whoami", answer: whoamiSchema } as const;
  return (await request(connection, message)).value;
}

/** What the marketplace knows of the token, for a person. */
export function whoamiText({ publisher, scope, permissions, expiresAt }: Whoami): string {
  const who = publisher === null ? "the administrator" : `publisher ${publisher}`;
  const facts = [
    `${who}, ${scope ?? "every scope"}`,
    `may ${permissions.join(", ")}`,
    expiresAt === null ? "never expires" : `expires ${expiresAt}`,
  ];
  return facts.map((fact) => `  ${plainText(fact)}`).join("\n");
}
