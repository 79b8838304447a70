/** A Cloud Storage that answers as a test says, and Google's libraries on a machine that has no credentials. */

import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { onTestFinished, vi } from "vitest";
import { GcsAccess } from "../../storage/gcs/credentials.ts";
import { serve } from "./http/servers.ts";
import { memoryDirectory } from "./places/directory.ts";

export interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  /** An object is sent as JSON. */
  readonly body?: string | Buffer | object;
}

/** What becomes of a request: an answer, or what is done with it in the place of one. */
export type Step = Answer | ((response: ServerResponse) => void);

export interface Asked {
  readonly line: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Starts a Cloud Storage that answers one step after the other, or always the same, and says what it was asked. */
export async function startStorage(steps: readonly Step[] | ((response: ServerResponse) => void)) {
  const asked: Asked[] = [];
  const remaining = typeof steps === "function" ? undefined : [...steps];
  const { origin, host } = await serve(async (request, response) => {
    const step = remaining === undefined ? (steps as Step) : (remaining.shift() ?? { status: 501 });
    const { headers } = request;
    asked.push({ line: `${request.method} ${request.url}`, headers, body: await buffer(request) });
    if (typeof step === "function") return step(response);
    const { status, body } = step;
    const isText = body === undefined || typeof body === "string" || Buffer.isBuffer(body);
    response.writeHead(status, step.headers).end(isText ? body : JSON.stringify(body));
  });
  stubEnvironment({ STORAGE_EMULATOR_HOST: origin });
  return { asked, host, lines: () => asked.map(({ line }) => line) };
}

export function stubEnvironment(values: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value] of Object.entries(values)) vi.stubEnv(name, value);
  onTestFinished(() => void vi.unstubAllEnvs());
}

/** Google's libraries find no credentials, and no emulator, until the test ends. */
export function withoutCredentials(): void {
  const home = memoryDirectory();
  const none = ["STORAGE_EMULATOR_HOST", "SPANNER_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS"];
  stubEnvironment(Object.fromEntries([...none, "GOOGLE_CLOUD_PROJECT"].map((name) => [name, undefined])));
  stubEnvironment({ HOME: home, CLOUDSDK_CONFIG: home, METADATA_SERVER_DETECTION: "none" });
}

export function spyOnAccess<Name extends "authorization" | "discard">(name: Name) {
  return vi.spyOn(GcsAccess.prototype, name);
}
