/**
 * Tessera's own migration tools, for POSIX, Google's cloud and AWS: they fetch, hash, write and build the tree state, as
 * ours does. They are built from the module of the interop tests, at the version that is pinned there.
 */

import { readFileSync } from "node:fs";
import { build, goAvailable, type Program } from "../../test/support/go/programs.ts";
import type { BenchCloud } from "../clouds/cloud.ts";
import type { LogShape } from "../logs/shapes.ts";
import { type Candidate, type Contender, skipped } from "../run/contender.ts";
import { firstLine } from "../run/machine.ts";

export const TESSERA_ID = "tessera";

/** It copies at the most 77,000 entries a second, by its own clock: a minute or two of it need no second round. */
const MANY_ENTRIES = 1_000_000;

/** Into a directory. */
export async function tesseraMigrate({ format, entries }: LogShape): Promise<Candidate> {
  const head = { id: TESSERA_ID, label: "Tessera's migrate/posix" };
  if (format !== "tiles") return skipped(head, "it does not know Static CT");
  return await built("tessera-migrate-posix", head, (file) => ({
    ...(entries > MANY_ENTRIES ? { rounds: 1 } : {}),
    leaves: "tiles",
    command: ({ sourceUrl, target }) => ({
      file,
      args: ["--source_url", `${sourceUrl}/`, "--storage_dir", target],
    }),
  }));
}

/** Into a cloud, by the tool that is made for it. */
export async function tesseraToCloud(cloud: BenchCloud, of: "gcp" | "aws"): Promise<Candidate> {
  const head = { id: TESSERA_ID, label: `Tessera's migrate/${of}` };
  return await built(`tessera-migrate-${of}`, head, (file) => ({
    leaves: "tiles",
    place: cloud,
    command({ sourceUrl }) {
      const { tesseraOptions, env } = cloud.home;
      return { file, args: ["--source_url", `${sourceUrl}/`, ...tesseraOptions], env };
    },
  }));
}

async function built(
  program: Program,
  head: Pick<Contender, "id" | "label">,
  contender: (file: string) => Omit<Contender, "id" | "label">,
): Promise<Candidate> {
  if (!goAvailable()) return skipped(head, "Go is not installed");
  const file = await build(program).catch((error: Error) => error);
  if (typeof file === "string") return { ...head, version: version(), ...contender(file) };
  return skipped(head, `it could not be built: ${file.message.split("\n")[0]}`);
}

function version(): string {
  const module = readFileSync(new URL("../../test/interop/go.mod", import.meta.url), "utf8");
  const tessera = /^\s*github\.com\/transparency-dev\/tessera v(\S+)/m.exec(module)?.[1];
  return `Tessera ${tessera}, ${firstLine("go", ["version"])?.split(" ")[2]}`;
}
