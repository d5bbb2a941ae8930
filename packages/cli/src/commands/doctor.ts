import { Command } from "commander";
import type { DefineCommand } from "../command.ts";

interface DoctorOptions {
  readonly dataDir?: string;
  readonly url?: string;
}

/** `doctor`: whether plugins run on this machine, and what contains them. */
export const doctorCommand: DefineCommand = (run) =>
  new Command("doctor")
    .description("check whether plugins run on this machine, and what contains them")
    .option("--data-dir <dir>", "also check the data directory of a host")
    .option("--url <url>", "also check that this marketplace answers, and the clock against it")
    .action(
      run(async (cli, options: DoctorOptions) => {
        const { examine } = await import("../doctor/examine.ts");
        const { doctorReport } = await import("../doctor/doctor-report.ts");
        return doctorReport(await examine(cli, options));
      }),
    );
