/** Logs in buckets of Cloud Storage. */

import { bucketBackend } from "../bucket/backend.ts";

export default bucketBackend({
  form: "gs://bucket/prefix",
  example: "/srv/log gs://bucket/log --vkey … --spanner projects/p/instances/i/databases/d",
  async openObjects(url, { access, ...request }) {
    const [{ GcsSource }, { GcsAccess }, { parseGcsUrl }] = await Promise.all([
      import("./source.ts"),
      import("./credentials.ts"),
      import("./url.ts"),
    ]);
    const { userAgentVersion } = access;
    return new GcsSource(parseGcsUrl(url), new GcsAccess(), { userAgentVersion, ...request });
  },
  async openBucket(url, request) {
    const [{ GcsBucket }, { parseGcsUrl }] = await Promise.all([import("./bucket.ts"), import("./url.ts")]);
    return new GcsBucket(parseGcsUrl(url), request);
  },
});
