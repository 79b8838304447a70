/**
 * What an upload to S3 by the program's own code takes of CPU time, with nothing read or hashed besides: prints
 * milliseconds.
 *
 *     node bench/peers/upload-cost.ts PROGRAM s3://BUCKET BYTES UPLOADS
 */

import { extname } from "node:path";
import { pathToFileURL } from "node:url";
import type * as place from "../../storage/bucket/place.ts";
import type * as access from "../../storage/s3/access.ts";
import type * as objects from "../../storage/s3/objects.ts";
import type { Command } from "../shell.ts";

const IN_FLIGHT = 32;
/** Until connections are made and code is compiled. */
const FIRST_UPLOADS = 300;

export interface UploadCost {
  /** The compiled program. */
  readonly program: string;
  readonly bucket: string;
  readonly bytes: number;
  readonly uploads: number;
}

export function uploadCost(
  { program, bucket, bytes, uploads }: UploadCost,
  env: Readonly<Record<string, string>>,
): Command {
  const args = [import.meta.filename, program, `s3://${bucket}`, String(bytes), String(uploads)];
  return { file: process.execPath, args, env };
}

async function main([program = "", target = "", bytes = "", uploads = ""]: readonly string[]): Promise<void> {
  const module = <T>(name: string): Promise<T> =>
    import(new URL(`../storage/${name}${extname(program)}`, pathToFileURL(program)).href);
  const { parseBucketUrl } = await module<typeof place>("bucket/place");
  const { S3Access } = await module<typeof access>("s3/access");
  const { S3Objects } = await module<typeof objects>("s3/objects");
  const store = new S3Objects(await S3Access.to(parseBucketUrl(new URL(target))), {
    connections: IN_FLIGHT,
    userAgentVersion: "bench",
    retry: { attempts: 0, minDelayMs: 1, maxDelayMs: 1, maxRetryAfterMs: 1, contentAttempts: 0 },
  });
  const content = Buffer.alloc(Number(bytes), 7);
  let next = 0;
  const uploadUpTo = async (end: number): Promise<void> => {
    const lane = async () => {
      for (let index = next++; index < end; index = next++) {
        if (!(await store.put(`tile/${index}`, content))) throw new Error(`tile/${index} was there`);
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
    next = end;
  };
  await uploadUpTo(FIRST_UPLOADS);
  const before = process.cpuUsage();
  await uploadUpTo(FIRST_UPLOADS + Number(uploads));
  const { user, system } = process.cpuUsage(before);
  console.log((user + system) / 1000 / Number(uploads));
  await store.close();
}

if (import.meta.main) await main(process.argv.slice(2));
