/**
 * What an object store takes when nothing else is done: as many uploads as a copy makes, of the same sizes and of the
 * kind that the program makes, whose checksums are known beforehand. Over https nobody would sign the bytes, so these
 * are not signed.
 *
 *     node bench/peers/uploads-alone.ts gs://BUCKET|s3://BUCKET BUNDLES BUNDLE_BYTES
 */

import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { checksumOf } from "../../storage/bucket/checksum.ts";
import { amzDate, Signer } from "../../storage/s3/signature.ts";
import type { BenchCloud } from "../clouds/cloud.ts";
import type { Contender } from "../run/contender.ts";

export const UPLOADS_ID = "uploads";

const IN_FLIGHT = 32;
const TILE_BYTES = 8192;

export function uploadsAlone(cloud: BenchCloud): Contender {
  return {
    id: UPLOADS_ID,
    label: "uploads alone, of a bundle and a tile each",
    place: cloud,
    command({ log }) {
      const { target, env } = cloud.home;
      const bundles = Math.ceil(log.size / 256);
      const bundleBytes = Math.round(log.bytes / bundles) - TILE_BYTES;
      const args = [import.meta.filename, target, String(bundles), String(bundleBytes)];
      return { file: process.execPath, args, env };
    },
  };
}

interface Upload {
  readonly method: "POST" | "PUT";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Makes the uploads of one object's bytes under whatever name. */
type UploadsOf = (bytes: Buffer) => Promise<(name: string) => Upload>;

/** Multipart uploads of the JSON API: a part of metadata, then the object. */
function toCloudStorage(bucket: string): UploadsOf {
  const headers = { "content-type": "multipart/related; boundary=part" };
  return async (bytes) => {
    const metadata = { contentType: "application/octet-stream", crc32c: await checksumOf(bytes) };
    const body = Buffer.concat([
      Buffer.from(`--part\r\ncontent-type: application/json\r\n\r\n${JSON.stringify(metadata)}\r\n`),
      Buffer.from("--part\r\ncontent-type: application/octet-stream\r\n\r\n"),
      bytes,
      Buffer.from("\r\n--part--\r\n"),
    ]);
    return (name) => {
      const query = new URLSearchParams({ uploadType: "multipart", name, ifGenerationMatch: "0" });
      const url = `${process.env.STORAGE_EMULATOR_HOST}/upload/storage/v1/b/${bucket}/o?${query}`;
      return { method: "POST", url, headers, body };
    };
  };
}

function toS3(bucket: string): UploadsOf {
  const { AWS_ENDPOINT_URL_S3: origin = "", AWS_REGION = "", AWS_ACCESS_KEY_ID = "" } = process.env;
  const keys = { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY ?? "" };
  const signer = new Signer(AWS_REGION);
  const { host } = new URL(origin);
  const [method, payloadHash] = ["PUT", "UNSIGNED-PAYLOAD"] as const;
  return async (bytes) => {
    const checksum = await checksumOf(bytes);
    return (name) => {
      const [path, time] = [`/${bucket}/${name}`, amzDate(new Date())];
      const headers = {
        host,
        "content-type": "application/octet-stream",
        "if-none-match": "*",
        "x-amz-checksum-crc32c": checksum,
        "x-amz-content-sha256": payloadHash,
        "x-amz-date": time,
      };
      const signed = { method, path, headers: Object.entries(headers), payloadHash };
      const authorization = signer.authorization(signed, keys, time);
      return { method, url: `${origin}${path}`, headers: { ...headers, authorization }, body: bytes };
    };
  };
}

async function main([target = "", bundles = "", bundleBytes = ""]: readonly string[]): Promise<void> {
  const { protocol, hostname: bucket } = new URL(target);
  const uploadsOf = protocol === "gs:" ? toCloudStorage(bucket) : toS3(bucket);
  const agent = new Agent({ keepAlive: true, maxSockets: IN_FLIGHT });
  const send = async ({ method, url, headers, body }: Upload): Promise<void> => {
    const sent = request(url, { agent, method, headers: { ...headers, "content-length": body.length } });
    const [response] = (await once(sent.end(body), "response")) as [IncomingMessage];
    if (response.statusCode !== 200) throw new Error(`${url} was answered by ${response.statusCode}`);
    await once(response.resume(), "end");
  };
  const [bundle, tile] = await Promise.all(
    [Number(bundleBytes), TILE_BYTES].map((bytes) => uploadsOf(Buffer.alloc(bytes, 7))),
  );
  if (bundle === undefined || tile === undefined) return;
  let next = 0;
  const lane = async () => {
    for (let index = next++; index < Number(bundles); index = next++) {
      await send(bundle(`tile/entries/${index}`));
      await send(tile(`tile/0/${index}`));
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  agent.destroy();
}

if (import.meta.main) await main(process.argv.slice(2));
