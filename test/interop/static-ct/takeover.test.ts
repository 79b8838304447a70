/** Copies of logs that the real TesseraCT made, and what TesseraCT makes of them. */

import { expect, it } from "vitest";
import {
  expectTesseraCTTakesOver,
  FIRST,
  IDENTITY,
  moveLog,
  newCtDirectory,
  tesseraCTLog,
} from "../../support/go/ct-takeover.ts";
import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { readLog } from "../../support/go/log-files.ts";
import { startTesseraCT } from "../../support/go/tesseract.ts";
import { useGcpEmulators } from "../../support/go/use-gcp-emulators.ts";
import { useGoPrograms } from "../../support/go/use-go-programs.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";

useGoPrograms("ctkit", "tesseract-fsck");

/** Two full tiles and a partial one. */
const SIZE = 700;

describeWithGo("a copy that TesseraCT takes over", () => {
  it.each([
    ["plain", { gzip: false }],
    ["compressed", { gzip: true }],
  ])("from HTTP, with %s data tiles, to a directory", async (_, serving) => {
    const source = newCtDirectory();
    const log = await tesseraCTLog(source, SIZE);
    const files = readLog(source.dir);
    const target = newCtDirectory();
    await moveLog(log, (await startLogServer(files, serving)).url, target);
    await expectTesseraCTTakesOver(target, log);
  });

  it.each([256, 513])("of %i entries, from one directory to another", async (size) => {
    const source = newCtDirectory();
    const log = await tesseraCTLog(source, size);
    const target = newCtDirectory();
    await moveLog(log, source.dir, target);
    await expectTesseraCTTakesOver(target, log);
  });

  it("is refused by TesseraCT while it is unfinished, and finished all the same", async () => {
    const source = newCtDirectory();
    const log = await tesseraCTLog(source, 300);
    const target = newCtDirectory();
    await moveLog(log, source.dir, target, { handOver: false });
    const refused = startTesseraCT({ ...target, ...IDENTITY, authorities: [FIRST] });
    await expect(refused).rejects.toThrow(/failed to parse version: .*migration-in-progress/);
    await moveLog(log, source.dir, target);
    await expectTesseraCTTakesOver(target, log);
  });

  /**
   * TesseraCT's antispam index starts empty and looks at the log for the first time after a second. Until then
   * everything is accepted, what the log already has too; then, while the index is more than 2,048 entries behind, every
   * submission is answered with 429 and a Retry-After of 1 to 5 s. In a directory in memory it follows at about
   * 100,000 entries a second, so that here either may be seen, or neither.
   */
  it("of more than 10,000 entries, though it may push back at first", async () => {
    const source = newCtDirectory();
    const log = await tesseraCTLog(source, 10_500);
    const target = newCtDirectory();
    await moveLog(log, source.dir, target);
    const { pushbacks, retryAfter } = await expectTesseraCTTakesOver(target, log);
    expect(["", "429"]).toContain(Object.keys(pushbacks).join());
    expect(retryAfter).toMatch(/^[1-5]?$/);
  });
});

describeWithGo("a copy in or from Google's cloud that TesseraCT takes over", () => {
  const emulators = useGcpEmulators();

  it("from a directory to a bucket", async () => {
    const source = newCtDirectory();
    const log = await tesseraCTLog(source, SIZE);
    const target = await emulators().newHome();
    await moveLog(log, source.dir, target);
    await expectTesseraCTTakesOver(target, log);
  });

  it("from a bucket to a directory", async () => {
    const source = await emulators().newHome();
    const log = await tesseraCTLog(source, SIZE);
    const issuers = await emulators().objects(source.bucket, "issuer/");
    for (const [path, { contentType, cacheControl }] of issuers) {
      expect({ contentType, cacheControl }, path).toEqual({ contentType: "application/pkix-cert" });
    }
    const target = newCtDirectory();
    await moveLog(log, `gs://${source.bucket}`, target);
    await expectTesseraCTTakesOver(target, log);
  });
});
