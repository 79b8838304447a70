/** Where Cloud Storage is reached, and with which credentials; nothing here asks the network but for servers of its own. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { GoogleAuth } from "google-auth-library";
import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { OperationError } from "../../../../lib/errors.ts";
import { SourceError } from "../../../../lib/migrate/ports/source.ts";
import { GcsAccess } from "../../../../storage/gcs/credentials.ts";
import { credentialsFailure } from "../../../../storage/shared/google-credentials.ts";
import { serve } from "../../../support/http/servers.ts";
import { memoryDirectory } from "../../../support/places/directory.ts";

beforeEach((context) => {
  const home = memoryDirectory();
  for (const name of ["STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT"]) {
    vi.stubEnv(name, undefined);
  }
  vi.stubEnv("HOME", home);
  vi.stubEnv("CLOUDSDK_CONFIG", home);
  vi.stubEnv("METADATA_SERVER_DETECTION", "none");
  context.onTestFinished(() => void vi.unstubAllEnvs());
});

describe("Cloud Storage", () => {
  it.each([
    [undefined, "https://storage.googleapis.com"],
    ["http://127.0.0.1:4443", "http://127.0.0.1:4443"],
    ["http://127.0.0.1:4443/", "http://127.0.0.1:4443"],
    ["emulator:4443", "https://emulator:4443"],
  ])("with STORAGE_EMULATOR_HOST %s is at %s", (host, endpoint) => {
    vi.stubEnv("STORAGE_EMULATOR_HOST", host);
    expect(new GcsAccess().endpoint).toBe(endpoint);
  });

  it("is asked without credentials where it is an emulator", async () => {
    vi.stubEnv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:4443");
    expect(await new GcsAccess().authorization()).toEqual([]);
    expect(await new GcsAccess().auth()).toBeUndefined();
  });

  it("cannot be asked where there are none, in one line that says what to do", async () => {
    const refusal = await new GcsAccess().authorization().catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(OperationError);
    expect((refusal as Error).message).toMatch(
      /^Google Cloud credentials: are unavailable: .*gcloud auth application-default login/,
    );
    expect((refusal as Error).message).not.toContain("\n");
  });

  it("cannot be asked with a key file that is none", async () => {
    const file = join(memoryDirectory(), "key.json");
    writeFileSync(file, "{");
    vi.stubEnv("GOOGLE_APPLICATION_CREDENTIALS", file);
    await expect(new GcsAccess().authorization()).rejects.toBeInstanceOf(OperationError);
  });
});

/** Has the library give these headers, one after the other, or fail so; the number of times that it was asked. */
function libraryGiving(...answers: readonly (Record<string, string> | Error)[]): { readonly asked: number } {
  const remaining = [...answers];
  const spy = vi.spyOn(GoogleAuth.prototype, "getRequestHeaders").mockImplementation(async () => {
    const next = remaining.shift();
    if (next === undefined || next instanceof Error) throw next ?? new Error("asked too often");
    return new Headers(next);
  });
  onTestFinished(() => spy.mockRestore());
  return {
    get asked() {
      return spy.mock.calls.length;
    },
  };
}

const bearer = (token: string) => ["authorization", `Bearer ${token}`];

/** Stops the clock of the day; what moves it on. */
function stoppedDay(): (milliseconds: number) => void {
  vi.useFakeTimers({ toFake: ["Date"] });
  onTestFinished(() => void vi.useRealTimers());
  return (milliseconds) => void vi.setSystemTime(Date.now() + milliseconds);
}

describe("credentials", () => {
  it("are headers, names and values in turn", async () => {
    libraryGiving({ authorization: "Bearer token", "x-goog-user-project": "project" });
    expect(await new GcsAccess().authorization()).toEqual([
      "authorization",
      "Bearer token",
      "x-goog-user-project",
      "project",
    ]);
  });

  it("are asked of the library once in 30 s", async () => {
    const goOn = stoppedDay();
    const library = libraryGiving({ authorization: "Bearer one" }, { authorization: "Bearer two" });
    const access = new GcsAccess();
    expect(await access.authorization()).toEqual(bearer("one"));
    goOn(29_999);
    expect(await access.authorization()).toEqual(bearer("one"));
    expect(library.asked).toBe(1);
    goOn(1);
    expect(await access.authorization()).toEqual(bearer("two"));
    expect(library.asked).toBe(2);
  });

  it("are asked for once where many wait for them", async () => {
    const library = libraryGiving({ authorization: "Bearer one" });
    const access = new GcsAccess();
    const headers = await Promise.all(Array.from({ length: 5 }, () => access.authorization()));
    expect(headers).toEqual(Array(5).fill(bearer("one")));
    expect(library.asked).toBe(1);
  });

  it("that could not be renewed are asked for again, and what is too old is not used meanwhile", async () => {
    const goOn = stoppedDay();
    const broken = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
    libraryGiving({ authorization: "Bearer one" }, broken, { authorization: "Bearer two" });
    const access = new GcsAccess();
    await access.authorization();
    goOn(30_000);
    await expect(access.authorization()).rejects.toMatchObject({ name: "SourceError", retryable: true });
    expect(await access.authorization()).toEqual(bearer("two"));
  });

  it("are shared with Google's libraries", async () => {
    libraryGiving({ authorization: "Bearer one" });
    const auths = vi.mocked(GoogleAuth.prototype.getRequestHeaders).mock.contexts;
    const access = new GcsAccess();
    await access.authorization();
    expect(await access.auth()).toBe(auths[0]);
  });
});

describe("credentials that were not accepted", () => {
  it("are not used again: the library is asked anew, without the tokens that it keeps", async () => {
    const library = libraryGiving({ authorization: "Bearer one" }, { authorization: "Bearer two" });
    const auths = vi.mocked(GoogleAuth.prototype.getRequestHeaders).mock.contexts;
    const access = new GcsAccess();
    await access.authorization();
    expect(access.discard()).toBe(true);
    expect(await access.authorization()).toEqual(bearer("two"));
    expect(library.asked).toBe(2);
    expect(auths[1]).not.toBe(auths[0]);
  });

  it("are all that there are where there are none", () => {
    vi.stubEnv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:4443");
    expect(new GcsAccess().discard()).toBe(false);
  });
});

describe("credentials that are unavailable", () => {
  it.each([
    "ECONNREFUSED",
    "ECONNRESET",
    "EPIPE",
    "ETIMEDOUT",
    "ENOTFOUND",
    "EAI_AGAIN",
    "EHOSTUNREACH",
    "ENETUNREACH",
  ])("for %s may be there later", (code) => {
    const cause = Object.assign(new Error("a line that broke\n  at somewhere"), { code });
    const failure = credentialsFailure(cause);
    expect(failure).toBeInstanceOf(SourceError);
    expect(failure).toMatchObject({
      message: "Google Cloud credentials could not be renewed: a line that broke",
      retryable: true,
      unreachable: false,
      advice: expect.stringContaining("gcloud auth application-default login"),
      cause,
    });
  });

  it.each([429, 500, 503])("for an answer of %i may be there later", (status) => {
    expect(credentialsFailure(Object.assign(new Error("busy"), { status }))).toBeInstanceOf(SourceError);
  });

  it.each<[string, unknown]>([
    ["an answer of 400", Object.assign(new Error("invalid_grant"), { status: 400, code: 400 })],
    ["an answer of 403", Object.assign(new Error("forbidden"), { status: 403, code: "403" })],
    ["a file that is not there", Object.assign(new Error("no such file"), { code: "ENOENT" })],
    ["a code that ends as a passing one", Object.assign(new Error("odd"), { code: "ERR_ECONNREFUSED" })],
    ["a code that begins as a passing one", Object.assign(new Error("odd"), { code: "ENETUNREACHABLE" })],
    ["no reason that is told", new Error("there are none")],
    ["a text", "there are none"],
    ["nothing", undefined],
  ])("for %s are unavailable for good", (_what, cause) => {
    const failure = credentialsFailure(cause);
    expect(failure).toBeInstanceOf(OperationError);
    expect(failure.message).toMatch(/^Google Cloud credentials: are unavailable: .*gcloud auth/);
    expect(failure.cause).toBe(cause);
  });
});

/** Credentials of which Google's library gets the token from a server here. */
async function federated(answer: { readonly status: number; readonly body: object }): Promise<GcsAccess> {
  const url = await serve((_request, response) => {
    response
      .writeHead(answer.status, { "content-type": "application/json" })
      .end(JSON.stringify(answer.body));
  });
  const directory = memoryDirectory();
  const [file, subject] = ["credentials.json", "subject"].map((name) => join(directory, name)) as [
    string,
    string,
  ];
  writeFileSync(subject, "who I am");
  const pool = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q";
  const credentials = {
    type: "external_account",
    audience: pool,
    subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
    token_url: new URL("token", url).href,
    credential_source: { file: subject },
  };
  writeFileSync(file, JSON.stringify(credentials));
  vi.stubEnv("GOOGLE_APPLICATION_CREDENTIALS", file);
  vi.stubEnv("GOOGLE_CLOUD_PROJECT", "project");
  return new GcsAccess();
}

describe("Google's library", () => {
  it("gives the token that it is given", async () => {
    const token = { access_token: "a-token", token_type: "Bearer", expires_in: 3600 };
    const access = await federated({ status: 200, body: token });
    expect(await access.authorization()).toEqual(expect.arrayContaining(bearer("a-token")));
  });

  it.each([
    [503, SourceError],
    [400, OperationError],
  ])("fails for an answer of %i in a way that is understood", async (status, kind) => {
    const access = await federated({ status, body: { error: "no", error_description: "not\nnow" } });
    const failure = await access.authorization().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(kind);
    expect((failure as Error).message).not.toContain("\n");
  });
});
