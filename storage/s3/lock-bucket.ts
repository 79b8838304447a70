/** Sunlight's lock in a bucket of S3, or of a store that speaks its protocol, which may be another store than the log's. */

import { UsageError } from "../../lib/errors.ts";
import type { TargetRequest } from "../../lib/migrate/ports/backend.ts";
import { parseBucketUrl } from "../bucket/place.ts";
import { requirePackages } from "../shared/optional-packages.ts";
import { LOCK_HEADERS, LockBucket } from "../sunlight/lock-bucket.ts";
import { S3_PACKAGES } from "./packages.ts";

const EXPECTED = "s3://BUCKET, with ?region=… and &endpoint=https://… where they are not those of the log";

/** Opens the lock `s3://bucket?region=…&endpoint=…`, named as Sunlight's configuration does. @throws UsageError */
export async function openLockBucket(
  name: string,
  { signal, ...request }: Omit<TargetRequest, "options">,
): Promise<LockBucket> {
  requirePackages(name, S3_PACKAGES);
  const url = URL.parse(name);
  const query = [...(url?.searchParams ?? [])];
  const isKnown = query.every(([key, value]) => ["region", "endpoint"].includes(key) && value !== "");
  const place = url && isKnown ? parseBucketUrl(new URL(name.replace(/\?.*$/s, ""))) : undefined;
  if (place?.prefix !== "") {
    throw new UsageError({
      object: "--sunlight-lock",
      problem: "does not name a bucket",
      expected: EXPECTED,
    });
  }
  const [{ S3Bucket }, { S3Access }] = await Promise.all([import("./bucket.ts"), import("./access.ts")]);
  const access = await S3Access.to(place, Object.fromEntries(query));
  const { connections, retry, retried, userAgentVersion } = request;
  const options = { connections, retry, retried, userAgentVersion, headers: () => LOCK_HEADERS };
  return new LockBucket(name, new S3Bucket(access, options, signal));
}
