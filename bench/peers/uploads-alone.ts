/**
 * What Cloud Storage takes when nothing else is done: as many uploads as a copy makes, of the same sizes and of the kind
 * that the program makes.
 *
 *     node bench/peers/uploads-alone.ts BUCKET BUNDLES BUNDLE_BYTES
 */

import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import type { Contender } from "../run/contender.ts";
import type { BenchCloud } from "../servers/cloud.ts";

export const UPLOADS_ID = "uploads";

const IN_FLIGHT = 32;
const TILE_BYTES = 8192;

export function uploadsAlone(cloud: BenchCloud): Contender {
  return {
    id: UPLOADS_ID,
    label: "uploads alone, of a bundle and a tile each",
    place: cloud,
    command({ log }) {
      const { bucket, env } = cloud.home;
      const bundles = Math.ceil(log.size / 256);
      const bundleBytes = Math.round(log.bytes / bundles) - TILE_BYTES;
      const args = [import.meta.filename, bucket, String(bundles), String(bundleBytes)];
      return { file: process.execPath, args, env };
    },
  };
}

/** A multipart upload: a part of metadata, then the object. */
function multipart(bytes: number): Buffer {
  const metadata = JSON.stringify({ contentType: "application/octet-stream" });
  return Buffer.concat([
    Buffer.from(`--part\r\ncontent-type: application/json\r\n\r\n${metadata}\r\n`),
    Buffer.from("--part\r\ncontent-type: application/octet-stream\r\n\r\n"),
    Buffer.alloc(bytes, 7),
    Buffer.from("\r\n--part--\r\n"),
  ]);
}

async function main([bucket = "", bundles = "", bundleBytes = ""]: readonly string[]): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: IN_FLIGHT });
  const headers = { "content-type": "multipart/related; boundary=part" };
  const upload = async (name: string, body: Buffer): Promise<void> => {
    const query = new URLSearchParams({ uploadType: "multipart", name, ifGenerationMatch: "0" });
    const url = `${process.env.STORAGE_EMULATOR_HOST}/upload/storage/v1/b/${bucket}/o?${query}`;
    const sent = request(url, { agent, method: "POST", headers }).end(body);
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    if (response.statusCode !== 200) throw new Error(`${url} was answered by ${response.statusCode}`);
    await once(response.resume(), "end");
  };
  const [bundle, tile] = [multipart(Number(bundleBytes)), multipart(TILE_BYTES)];
  let next = 0;
  const lane = async () => {
    for (let index = next++; index < Number(bundles); index = next++) {
      await upload(`tile/entries/${index}`, bundle);
      await upload(`tile/0/${index}`, tile);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  agent.destroy();
}

if (import.meta.main) await main(process.argv.slice(2));
