/** Logs of Sunlight in buckets of S3, whose data tiles are compressed. */

import type { Backend } from "../../lib/migrate/ports/backend.ts";
import { parseBucketUrl } from "../bucket/place.ts";
import { requirePackages } from "../shared/optional-packages.ts";
import { sunlightHeaders } from "../sunlight/layout.ts";
import { describeSunlight, LOCK_OPTIONS, openLock } from "../sunlight-locks.ts";
import { S3_PACKAGES } from "./packages.ts";

export default {
  form: "gzip+s3://bucket/prefix",
  targetOptions: LOCK_OPTIONS,
  async openObjects(url, { access, ...request }) {
    requirePackages(url.href, S3_PACKAGES);
    const [{ S3Source }, { S3Access }] = await Promise.all([import("./source.ts"), import("./access.ts")]);
    const { userAgentVersion } = access;
    const encodingOf = (path: string) => sunlightHeaders(path).contentEncoding;
    const options = { userAgentVersion, ...request, encodingOf };
    return new S3Source(await S3Access.to(parseBucketUrl(url)), options);
  },
  async openTarget(url, request) {
    requirePackages(url.href, S3_PACKAGES);
    const [{ SunlightBucketTarget }, { S3Bucket }, { S3Access }] = await Promise.all([
      import("../sunlight/bucket-target.ts"),
      import("./bucket.ts"),
      import("./access.ts"),
    ]);
    const lock = await openLock(request);
    const { connections, retry, retried, userAgentVersion, readOnly = false, signal } = request;
    // Its objects are those of S3, for whatever else reads them.
    const access = await S3Access.to({ ...parseBucketUrl(url), scheme: "s3" });
    const options = { connections, retry, retried, userAgentVersion, headers: sunlightHeaders };
    return new SunlightBucketTarget(new S3Bucket(access, options), { lock, readOnly, signal });
  },
  describeTarget: describeSunlight,
} satisfies Backend;
