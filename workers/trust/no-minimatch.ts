/**
 * What the Worker is bundled with in place of `minimatch` (`alias` in wrangler.toml): the TUF library
 * matches paths of delegations with it, which only hosts do.
 */
export function minimatch(): never {
  throw new Error("The Worker matches no paths of delegations");
}
