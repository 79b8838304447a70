/** Tessera's own migration tool for POSIX: it fetches, hashes, writes and builds the tree state, as ours does. */

import { build, goAvailable } from "../../test/support/go/programs.ts";
import type { LogShape } from "../logs/shapes.ts";
import type { Candidate } from "../run/contender.ts";

export const TESSERA_ID = "tessera";
const LABEL = "Tessera's migrate/posix";
/** It copies at the most 77,000 entries a second here, so that three rounds of a large log take minutes. */
const MANY_ENTRIES = 5_000_000;

/** Builds it from the module of the interop tests, at the version that is pinned there. */
export async function tesseraMigrate({ format, entries }: LogShape): Promise<Candidate> {
  const absent = (reason: string) => ({ id: TESSERA_ID, label: LABEL, reason });
  if (format !== "tiles") return absent("it does not know Static CT");
  if (!goAvailable()) return absent("Go is not installed");
  const program = await build("tessera-migrate-posix").catch((error: Error) => error);
  if (program instanceof Error) return absent(`it could not be built: ${program.message.split("\n")[0]}`);
  return {
    id: TESSERA_ID,
    label: LABEL,
    ...(entries > MANY_ENTRIES ? { rounds: 1 } : {}),
    leaves: { paths: "tiles", decompressed: false },
    command: ({ sourceUrl, target }) => ({
      file: program,
      args: ["--source_url", `${sourceUrl}/`, "--storage_dir", target],
    }),
  };
}
