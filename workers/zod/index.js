/** What the Worker is bundled with in place of `zod`: see `alias` in wrangler.toml. */
import * as z from "./exports.js";

export * from "./exports.js";
export { z, z as default };
