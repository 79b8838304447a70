/** A bucket of S3 as a source: what every source does. */

import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { useS3Server } from "../../support/go/use-s3-server.ts";
import { testGzipSource } from "../../support/places/gzip-source-conformance.ts";
import { testLogSource } from "../../support/places/log-source-conformance.ts";
import { openObjects } from "../../support/places/open.ts";
import { testSource } from "../../support/places/source-conformance.ts";
import type { GzipSourceKind } from "../../support/places/source-places.ts";

describeWithGo("S3", () => {
  const s3 = useS3Server();

  for (const format of ["tiles", "static-ct"] as const) {
    describeWithGo(`a part of a bucket with a log of ${format}`, () => {
      const newPlace = async (name: string): Promise<GzipSourceKind> => {
        const bucket = s3().newBucket();
        return {
          format,
          put: (path, bytes) => s3().putObject(bucket, `${name}/${path}`, bytes),
          putGzipped: (path, encoded) => s3().putObject(bucket, `${name}/${path}`, encoded, "gzip"),
          open: () => openObjects(`s3://${bucket}/${name.split("/").map(encodeURIComponent).join("/")}`),
        };
      };
      testSource(newPlace);
      testGzipSource(newPlace);
      testLogSource(newPlace, format);
    });
  }

  describeWithGo("a bucket", () => {
    testLogSource(async () => {
      const bucket = s3().newBucket();
      return {
        format: "tiles",
        put: (path, bytes) => s3().putObject(bucket, path, bytes),
        open: () => openObjects(`s3://${bucket}`),
      };
    }, "tiles");
  });
});
