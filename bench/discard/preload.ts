/**
 * Loaded by `node --import` before a program: makes `discard:///directory` known to it as a target. The program is named
 * in this module's own address, since the backend must be added to the very modules that it runs, compiled or not.
 */

import { DISCARD_SCHEME } from "./discard.ts";

const program = new URL(import.meta.url).searchParams.get("program");
if (program === null) throw new Error("name the program: discardPreload(program) gives what --import takes");
const extension = program.endsWith(".ts") ? ".ts" : ".js";

const { registerBackend }: typeof import("../../lib/index.ts") = await import(
  new URL(`../lib/index${extension}`, program).href
);
const backend = new URL("./backend.ts", import.meta.url);
backend.searchParams.set("program", program);
registerBackend(DISCARD_SCHEME, backend);
