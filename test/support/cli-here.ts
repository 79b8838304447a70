/**
 * Runs the program within this process: a tenth of the work of a process of its own, for what is the same in both. It is not
 * for `--json`, `--log-format`, signals and hashers, which a process decides once.
 */

import { vi } from "vitest";
import { exitCodeOf } from "../../cmd/exit.ts";
import { newProgram, withoutUnknownHelp } from "../../cmd/program.ts";
import { reportFailure } from "../../cmd/report/failure.ts";
import { type CliResult, PROGRAM } from "./cli.ts";

/** As `runCli` does. One at a time: the output of this process is what it prints. */
export async function runHere(
  args: readonly string[],
  cwd = process.cwd(),
): Promise<Omit<CliResult, "signal">> {
  const [stdout, stderr] = [process.stdout, process.stderr].map((stream) => {
    const printed: string[] = [];
    const spy = vi.spyOn(stream, "write").mockImplementation((text, ...further) => {
      printed.push(String(text));
      const written = further.at(-1) as unknown;
      if (typeof written === "function") queueMicrotask(() => written());
      return true;
    });
    return { printed, spy };
  });
  const [before, argv, listeners] = [process.cwd(), process.argv, process.listeners("SIGHUP")];
  process.argv = [process.execPath, PROGRAM, ...args];
  process.chdir(cwd);
  let failure: unknown;
  try {
    const program = await newProgram(args);
    await program.parseAsync(withoutUnknownHelp(program, args), { from: "user" });
  } catch (error) {
    failure = reportFailure(error);
  } finally {
    for (const output of [stdout, stderr]) output?.spy.mockRestore();
    process.argv = argv;
    process.chdir(before);
    for (const listener of process.listeners("SIGHUP"))
      if (!listeners.includes(listener)) process.off("SIGHUP", listener);
  }
  return {
    code: failure === undefined ? 0 : exitCodeOf(failure),
    stdout: stdout?.printed.join("") ?? "",
    stderr: stderr?.printed.join("") ?? "",
  };
}
