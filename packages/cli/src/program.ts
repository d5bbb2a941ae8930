import { Command } from "commander";
import pkg from "../package.json" with { type: "json" };
import type { DefineCommand, Run } from "./command.ts";
import { buildCommand } from "./commands/build.ts";
import { deployCommand } from "./commands/deploy.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { hostCommand } from "./commands/host.ts";
import { infoCommand } from "./commands/info.ts";
import { inspectCommand } from "./commands/inspect.ts";
import { keysCommand } from "./commands/keys.ts";
import { licenseCommand } from "./commands/license.ts";
import { logCommand } from "./commands/log.ts";
import { loginCommand, logoutCommand } from "./commands/login.ts";
import { deprecateCommand, statusCommand, yankCommand } from "./commands/mark.ts";
import { mirrorCommand } from "./commands/mirror.ts";
import { runCommand } from "./commands/run.ts";
import { searchCommand } from "./commands/search.ts";
import { validateCommand } from "./commands/validate.ts";
import { verifyCommand } from "./commands/verify.ts";
import { whoamiCommand } from "./commands/whoami.ts";

const COMMANDS: readonly DefineCommand[] = [
  validateCommand,
  runCommand,
  buildCommand,
  inspectCommand,
  verifyCommand,
  keysCommand,
  loginCommand,
  logoutCommand,
  whoamiCommand,
  deployCommand,
  statusCommand,
  yankCommand,
  deprecateCommand,
  searchCommand,
  infoCommand,
  licenseCommand,
  logCommand,
  mirrorCommand,
  hostCommand,
  doctorCommand,
];

/** The whole command tree. Texts that commander itself prints go to `print`; nothing exits. */
export function createProgram(run: Run, print: (text: string) => void): Command {
  const program = new Command("rising-bsm")
    .description("Build, sign, verify, run and publish Rising-BSM plugins")
    .version(pkg.version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .option("--json", "print exactly one JSON object on stdout")
    // A command may have a --version of its own.
    .enablePositionalOptions()
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({ writeOut: print, writeErr: print, outputError: () => undefined });
  for (const define of COMMANDS) adopt(program, define(run));
  return program;
}

/** Gives a command, and the commands below it, the settings of its parent. */
function adopt(parent: Command, child: Command): void {
  parent.addCommand(child);
  inherit(parent, child);
}

function inherit(parent: Command, child: Command): void {
  child.copyInheritedSettings(parent);
  child.option("--json", "print exactly one JSON object on stdout");
  for (const grandchild of child.commands) inherit(child, grandchild);
}
