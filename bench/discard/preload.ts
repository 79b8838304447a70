/**
 * Loaded by `node --import` before a program, in each of its threads: makes `discard:///directory` known to it as
 * a target. The program is named in this module's own address, since the backend must be added to the very
 * modules that it runs, compiled or not.
 */

import { fileURLToPath } from "node:url";
import { DISCARD_SCHEME, discardTarget } from "./discard.ts";

const program = new URL(import.meta.url).searchParams.get("program");
if (program === null) throw new Error("name the program: discardPreload(program) gives what --import takes");
const extension = program.endsWith(".ts") ? ".ts" : ".js";
const moduleOf = (name: string): string => new URL(`../storage/${name}${extension}`, program).href;

const { registerTarget }: typeof import("../../storage/backends.ts") = await import(moduleOf("backends"));
const { PosixTarget }: typeof import("../../storage/posix/target.ts") = await import(
  moduleOf("posix/target")
);

registerTarget(DISCARD_SCHEME, ({ pathname }) =>
  discardTarget(PosixTarget, fileURLToPath(`file://${pathname}`)),
);
