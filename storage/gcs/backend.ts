/** Logs in buckets of Cloud Storage. */

import { bucketBackend } from "../bucket/backend.ts";
import { parseBucketUrl } from "../bucket/place.ts";
import { requirePackages } from "../shared/optional-packages.ts";

export default bucketBackend({
  form: "gs://bucket/prefix",
  example: "/srv/log gs://bucket/log --vkey … --spanner projects/p/instances/i/databases/d",
  usualStore: "--spanner",
  packages: ["@google-cloud/storage", "google-auth-library"],
  async openObjects(url, { access, ...request }) {
    requirePackages(url.href, ["google-auth-library"]);
    const [{ GcsSource }, { GcsAccess }] = await Promise.all([
      import("./source.ts"),
      import("./credentials.ts"),
    ]);
    const { userAgentVersion } = access;
    return new GcsSource(parseBucketUrl(url), new GcsAccess(), { userAgentVersion, ...request });
  },
  async openBucket(url, request) {
    const { GcsBucket } = await import("./bucket.ts");
    return new GcsBucket(parseBucketUrl(url), request);
  },
});
