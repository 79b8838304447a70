/** A bucket as a source: what every source does. */

import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { useGcpEmulators } from "../../support/go/use-gcp-emulators.ts";
import { testGzipSource } from "../../support/places/gzip-source-conformance.ts";
import { testLogSource } from "../../support/places/log-source-conformance.ts";
import { openObjects } from "../../support/places/open.ts";
import { testSource } from "../../support/places/source-conformance.ts";
import type { GzipSourceKind } from "../../support/places/source-places.ts";

const emulators = useGcpEmulators();

for (const format of ["tiles", "static-ct"] as const) {
  describeWithGo(`a part of a bucket with a log of ${format}`, () => {
    const newPlace = async (name: string): Promise<GzipSourceKind> => {
      const bucket = await emulators().newBucket();
      return {
        format,
        put: (path, bytes) => emulators().putObject(bucket, `${name}/${path}`, bytes),
        putGzipped: (path, encoded) => putGzipped(bucket, `${name}/${path}`, encoded),
        open: () => openObjects(`gs://${bucket}/${name.split("/").map(encodeURIComponent).join("/")}`),
      };
    };
    testSource(newPlace);
    testGzipSource(newPlace);
    testLogSource(newPlace, format);
  });
}

describeWithGo("a bucket", () => {
  testLogSource(async () => {
    const bucket = await emulators().newBucket();
    return {
      format: "tiles",
      put: (path, bytes) => emulators().putObject(bucket, path, bytes),
      open: () => openObjects(`gs://${bucket}`),
    };
  }, "tiles");
});

/** As `gcloud storage cp --gzip-in-flight-all` or log software stores what it has compressed. */
async function putGzipped(bucket: string, name: string, encoded: Uint8Array): Promise<void> {
  const query = new URLSearchParams({ uploadType: "media", contentEncoding: "gzip", name });
  const url = `${emulators().storageUrl}/upload/storage/v1/b/${bucket}/o?${query}`;
  const answer = await fetch(url, { method: "POST", body: encoded });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
}
