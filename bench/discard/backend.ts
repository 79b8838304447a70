/** The backend of `discard:///directory`, over the directories of the program that its address names. */

import { fileURLToPath } from "node:url";
import type { Backend } from "../../lib/index.ts";
import { discardTarget } from "./discard.ts";

const program = new URL(import.meta.url).searchParams.get("program") ?? "";
const extension = program.endsWith(".ts") ? ".ts" : ".js";
const { PosixTarget }: typeof import("../../storage/posix/target.ts") = await import(
  new URL(`../storage/posix/target${extension}`, program).href
);

export default {
  form: "discard:///directory",
  openTarget: async ({ pathname }) => discardTarget(PosixTarget, fileURLToPath(`file://${pathname}`)),
} satisfies Backend;
