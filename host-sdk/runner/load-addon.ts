import type IsolatedVm from "isolated-vm";
import { constants } from "node:os";

export type Ivm = typeof IsolatedVm;

/**
 * Loads the isolated-vm binary at `path`. The package's own loader looks around the file system for
 * the right binary, which the permission model forbids here; the supervisor has chosen already.
 */
export function loadAddon(path: string): Ivm {
  const addon: { exports: { ivm?: Ivm } } = { exports: {} };
  process.dlopen(addon, path, constants.dlopen.RTLD_NOW);
  if (addon.exports.ivm === undefined)
    throw new Error("The isolated-vm binary does not export ivm");
  return addon.exports.ivm;
}
