/** One stage of a copy alone, in a process of its own: what a stage costs, and what the server can deliver. */

import { fileURLToPath } from "node:url";
import type { Contender } from "../run/contender.ts";

export type Stage = "fetch" | "fetch+hash" | "fetch+write";

const STAGES = fileURLToPath(new URL("../stages/stages.ts", import.meta.url));

export function stage(name: Stage, label: string): Contender {
  return {
    id: name,
    label,
    leaves: { paths: "none", decompressed: true },
    command: ({ sourceUrl, log, target }) => ({
      file: process.execPath,
      args: [STAGES, "--stage", name, "--source", sourceUrl, "--size", String(log.size)].concat(
        ["--format", log.format],
        name === "fetch+write" ? ["--target", target] : [],
      ),
    }),
  };
}
