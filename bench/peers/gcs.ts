/** What copies into Google's cloud: ours, Tessera's own tool, and a loop that does nothing but upload. */

import { join } from "node:path";
import { build, goAvailable } from "../../test/support/go/programs.ts";
import type { Candidate, Contender, Leavings } from "../run/contender.ts";
import type { BenchCloud } from "../servers/cloud.ts";
import { requireWholeCopy } from "./ours.ts";

export const GCS_OURS_ID = "ours-gcs";
export const GCS_TESSERA_ID = "tessera-gcs";
export const GCS_CEILING_ID = "uploads-gcs";

/** Nothing is left in a directory; what is in the bucket is gone with the emulators. */
const LEAVES: Leavings = { paths: "none", decompressed: false };

/** @param program the compiled program. */
export function oursToGcs(
  program: string,
  cloud: BenchCloud,
  {
    id = GCS_OURS_ID,
    label,
    concurrency,
    isOurs = true,
  }: { id?: string; label: string; concurrency: number; isOurs?: boolean },
): Contender {
  return {
    id,
    label,
    isOurs,
    names: new Map(isOurs ? [] : [[program, "$BEFORE"]]),
    leaves: LEAVES,
    place: cloud,
    command: ({ sourceUrl, log }) => {
      const { bucket, database, env } = cloud.home;
      const target = [sourceUrl, `gs://${bucket}`, "--spanner", database];
      const options = ["--vkey", log.vkey, "--concurrency", String(concurrency), "--json", "--quiet"];
      return { file: process.execPath, args: [program, "copy", ...target, ...options], env };
    },
    checkOutput: requireWholeCopy,
  };
}

/** Tessera's own migration tool for Google's cloud, at the version that is pinned for the interop tests. */
export async function tesseraToGcs(cloud: BenchCloud): Promise<Candidate> {
  const label = "Tessera's migrate/gcp";
  const absent = (reason: string) => ({ id: GCS_TESSERA_ID, label, reason });
  if (!goAvailable()) return absent("Go is not installed");
  const file = await build("tessera-migrate-gcp").catch((error: Error) => error);
  if (file instanceof Error) return absent(`it could not be built: ${file.message.split("\n")[0]}`);
  return {
    id: GCS_TESSERA_ID,
    label,
    leaves: LEAVES,
    place: cloud,
    command: ({ sourceUrl }) => {
      const { bucket, database, env } = cloud.home;
      return {
        file,
        args: ["--source_url", `${sourceUrl}/`, "--bucket", bucket, "--spanner", database],
        env,
      };
    },
  };
}

/** As many uploads as a copy makes, of the same sizes. */
export function uploadsToGcs(program: string, cloud: BenchCloud, concurrency: number): Contender {
  const loop = join(import.meta.dirname, "../stages/upload-loop.ts");
  return {
    id: GCS_CEILING_ID,
    label: "uploads alone, of a bundle and a tile each",
    leaves: LEAVES,
    place: cloud,
    command: ({ log }) => {
      const { bucket, env } = cloud.home;
      const bundles = Math.ceil(log.size / 256);
      const bundleBytes = Math.round(log.bytes / bundles) - 8192;
      const args = [loop, program, bucket, bundles, bundleBytes, concurrency].map(String);
      return { file: process.execPath, args, env };
    },
  };
}
