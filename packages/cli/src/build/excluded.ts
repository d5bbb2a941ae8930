import { posix } from "node:path";

/** Folders that never enter a bundle, wherever they stand. */
const FOLDERS = new Set(["node_modules", "test", "tests", "__tests__", "coverage"]);

/** Files of the author's tools that never enter a bundle. */
const TOOL_FILES = [
  /^package(?:-lock)?\.json$/,
  /^(?:yarn\.lock|pnpm-lock\.yaml|bun\.lockb?)$/,
  /^tsconfig(?:\.[\w-]+)?\.json$/,
  /\.config\.[cm]?[jt]s$/,
  /\.(?:test|spec)\.[cm]?[jt]sx?$/,
  /\.(?:rbsm|log|tgz)$/,
];

/** Files that hold secrets more often than not. */
const SECRET_FILES = [
  /^\.env(?:\.(?!example$|sample$|template$).+)?$/,
  /\.(?:pem|key|p12|pfx|jks|keystore)$/,
  /\.key\.json$/,
  /^id_(?:rsa|dsa|ecdsa|ed25519)$/,
  /^\.(?:npmrc|netrc|pgpass)$/,
];

/** What a build leaves out besides the fixed lists. */
export interface Exclusions {
  /** The sources were bundled: `src` stays behind. */
  readonly bundled: boolean;
  /** The manifest's `main`, when the files are packed as they are. */
  readonly main: string;
}

/** Whether a path of the plugin folder stays out of the bundle. */
export function isExcluded(path: string, rules: Exclusions): boolean {
  const name = posix.basename(path);
  if (FOLDERS.has(name) || name.startsWith(".")) return true;
  if (path === "signatures") return true;
  if (path === "src" && rules.bundled) return true;
  if (path === "dist" && (rules.bundled || !rules.main.startsWith("dist/"))) return true;
  return TOOL_FILES.some((pattern) => pattern.test(name));
}

/** Whether a file's name says that it holds a secret. */
export function looksSecret(path: string): boolean {
  const name = posix.basename(path);
  return SECRET_FILES.some((pattern) => pattern.test(name));
}
