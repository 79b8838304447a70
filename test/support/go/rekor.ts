/** The real rekor-tiles (v2.3.0, on Tessera v1.0.4): its server for Cloud Storage, by S3's protocol, and MySQL. */

import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdtempDisposable, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./guarded.ts";
import type { AwsBucket } from "./homes.ts";
import { startServer } from "./supervised.ts";

export interface RekorOptions extends Omit<AwsBucket, "prefix"> {
  /** The log's origin. */
  readonly hostname: string;
  /** The log's key, Ed25519. */
  readonly key: KeyObject;
}

export interface Rekor extends AsyncDisposable {
  /** Adds the record of an artifact: its index once a checkpoint covers it, or why it was not added. */
  add(artifact: string): Promise<{ readonly index: number } | { readonly refusal: string }>;
  stop(): Promise<unknown>;
}

/** Signs the artifacts of the tests, each always in the same way: a record of the same bytes is a duplicate. */
const SIGNER = generateKeyPairSync("rsa", { modulusLength: 2048 });

/** Starts it; resolves once it takes records. It keeps its antispam index in the same database. */
export async function startRekor({ hostname, key, bucket, sql, env }: RekorOptions): Promise<Rekor> {
  await using scratch = await mkdtempDisposable(join(tmpdir(), "tlog-migrate-"));
  const keyFile = join(scratch.path, "key.pem");
  await writeFile(keyFile, key.export({ type: "pkcs8", format: "pem" }));
  const log = ["--hostname", hostname, "--signer-filepath", keyFile, "--checkpoint-interval", "1s"];
  const places = ["--gcp-bucket", bucket, "--gcp-cloudsql-dsn", sql.dsn, "--persistent-antispam"];
  const program = await startServer("rekor-gcpcloudsql", {
    args: async (port) => [
      ...["serve", "--http-port", `${port}`, "--grpc-port", `${await freePort()}`],
      ...["--http-metrics-port", `${await freePort()}`, ...log, ...places],
    ],
    readyPath: "/healthz",
    env: {
      GCS_ENDPOINT_URL: env.AWS_ENDPOINT_URL_S3 ?? "",
      GCS_HMAC_ACCESS_KEY_ID: env.AWS_ACCESS_KEY_ID ?? "",
      GCS_HMAC_SECRET: env.AWS_SECRET_ACCESS_KEY ?? "",
      GCS_REGION: env.AWS_REGION ?? "",
    },
  });
  return {
    add: (artifact) => add(program.url, artifact),
    stop: program.stop,
    [Symbol.asyncDispose]: program[Symbol.asyncDispose],
  };
}

/** The verifier of checkpoints that such a log signs. */
export function rekorVkey({ hostname, key }: Pick<RekorOptions, "hostname" | "key">): string {
  const raw = createPublicKey(key).export({ type: "spki", format: "der" }).subarray(-32);
  const typed = Buffer.concat([Buffer.of(1), raw]);
  const id = createHash("sha256").update(`${hostname}\n`).update(typed).digest("hex").slice(0, 8);
  return `${hostname}+${id}+${typed.toString("base64")}`;
}

async function add(url: string, artifact: string): ReturnType<Rekor["add"]> {
  const verifier = {
    publicKey: { rawBytes: SIGNER.publicKey.export({ type: "spki", format: "der" }).toString("base64") },
    keyDetails: "PKIX_RSA_PKCS1V15_2048_SHA256",
  };
  const content = sign("sha256", Buffer.from(artifact), SIGNER.privateKey).toString("base64");
  const digest = createHash("sha256").update(artifact).digest("base64");
  const body = JSON.stringify({ hashedRekordRequestV002: { digest, signature: { content, verifier } } });
  const answer = await fetch(`${url}/api/v2/log/entries`, { method: "POST", body });
  const { logIndex, message } = (await answer.json()) as { logIndex?: string; message?: string };
  return answer.ok ? { index: Number(logIndex) } : { refusal: `${answer.status} ${message}` };
}
