/** Logs in buckets of Cloud Storage. */

import { bucketBackend } from "../bucket/backend.ts";
import { parseBucketUrl } from "../bucket/place.ts";
import { requirePackages } from "../shared/optional-packages.ts";

const PACKAGES = ["google-auth-library"];

export default bucketBackend({
  form: "gs://bucket/prefix",
  example: "/srv/log gs://bucket/log --vkey … --spanner projects/p/instances/i/databases/d",
  usualStore: "--spanner",
  packages: PACKAGES,
  async openObjects(url, { access, ...request }) {
    requirePackages(url.href, PACKAGES);
    const [{ GcsSource }, { GcsAccess }] = await Promise.all([
      import("./source.ts"),
      import("./credentials.ts"),
    ]);
    const { userAgentVersion } = access;
    return new GcsSource(parseBucketUrl(url), new GcsAccess(), { userAgentVersion, ...request });
  },
  async openBucket(url, request) {
    const [{ GcsBucket }, { GcsAccess }] = await Promise.all([
      import("./bucket.ts"),
      import("./credentials.ts"),
    ]);
    return new GcsBucket(parseBucketUrl(url), new GcsAccess(), request);
  },
});
