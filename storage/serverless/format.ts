import { UsageError } from "../../lib/errors.ts";
import type { LogFormat } from "../../lib/tlog/layout.ts";
import { shownAddress } from "../../lib/tlog/shown-address.ts";

/** @throws UsageError for a format that the old serverless layout never had. */
export function requireTiles({ href }: URL, format: LogFormat): void {
  if (format === "tiles") return;
  const problem = "is in the old serverless layout, which has no Static CT entries";
  throw new UsageError({ object: shownAddress(href), problem, advice: "Leave --format static-ct out" });
}
