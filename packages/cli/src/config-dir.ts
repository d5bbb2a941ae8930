import { homedir } from "node:os";
import { join } from "node:path";

/** The folder of keys and credentials; `RISING_BSM_HOME` moves it as a whole. */
export function configDir(env: NodeJS.ProcessEnv): string {
  const own = env["RISING_BSM_HOME"];
  if (own !== undefined && own !== "") return own;
  const base = env["XDG_CONFIG_HOME"];
  return join(base !== undefined && base !== "" ? base : join(homedir(), ".config"), "rising-bsm");
}
