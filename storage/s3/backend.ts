/** Logs in buckets of S3, and of stores that speak its protocol. */

import { bucketBackend } from "../bucket/backend.ts";
import { parseBucketUrl } from "../bucket/place.ts";
import { requirePackages } from "../shared/optional-packages.ts";
import { S3_PACKAGES } from "./packages.ts";

export default bucketBackend({
  form: "s3://bucket/prefix",
  example: "/srv/log s3://bucket/log --vkey … --no-tree-state --snapshot --save-checkpoint --handover",
  usualStore: "--mysql",
  packages: S3_PACKAGES,
  async openObjects(url, { access, ...request }) {
    requirePackages(url.href, S3_PACKAGES);
    const [{ S3Source }, { S3Access }] = await Promise.all([import("./source.ts"), import("./access.ts")]);
    const { userAgentVersion } = access;
    return new S3Source(await S3Access.to(parseBucketUrl(url)), { userAgentVersion, ...request });
  },
  async openBucket(url, request) {
    const [{ S3Bucket }, { S3Access }] = await Promise.all([import("./bucket.ts"), import("./access.ts")]);
    return new S3Bucket(await S3Access.to(parseBucketUrl(url)), request);
  },
});
