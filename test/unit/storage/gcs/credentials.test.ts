/** Where Cloud Storage is reached, and with which credentials; nothing here asks the network but for servers of its own. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { GoogleAuth } from "google-auth-library";
import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { OperationError } from "../../../../lib/errors.ts";
import { SourceError } from "../../../../lib/migrate/ports/source.ts";
import { GcsAccess } from "../../../../storage/gcs/credentials.ts";
import { credentialsFailure } from "../../../../storage/shared/google-credentials.ts";
import { stubEnvironment } from "../../../support/environment.ts";
import { withoutCredentials } from "../../../support/google.ts";
import { serve } from "../../../support/http/servers.ts";
import { memoryDirectory } from "../../../support/places/directory.ts";

const EMULATOR = { STORAGE_EMULATOR_HOST: "http://127.0.0.1:4443" };

beforeEach(withoutCredentials);

describe("Cloud Storage", () => {
  it.each([
    [undefined, "https://storage.googleapis.com"],
    ["http://127.0.0.1:4443", "http://127.0.0.1:4443"],
    ["http://127.0.0.1:4443/", "http://127.0.0.1:4443"],
    ["emulator:4443", "https://emulator:4443"],
  ])("with STORAGE_EMULATOR_HOST %s is at %s", (host, endpoint) => {
    stubEnvironment({ STORAGE_EMULATOR_HOST: host });
    expect(new GcsAccess().endpoint).toBe(endpoint);
  });

  it("is asked without credentials where it is an emulator, and there are no others", async () => {
    stubEnvironment(EMULATOR);
    expect(await new GcsAccess().authorization()).toEqual([]);
    expect(await new GcsAccess().auth()).toBeUndefined();
    expect(new GcsAccess().discard()).toBe(false);
  });

  it("cannot be asked where there are none, in one line that says what to do", async () => {
    const refusal = new GcsAccess().authorization();
    await expect(refusal).rejects.toBeInstanceOf(OperationError);
    const words =
      /^Google Cloud credentials: are unavailable: .*gcloud auth application-default login[^\n]*$/;
    await expect(refusal).rejects.toThrow(words);
  });

  it("cannot be asked with a key file that is none", async () => {
    const file = join(memoryDirectory(), "key.json");
    writeFileSync(file, "{");
    stubEnvironment({ GOOGLE_APPLICATION_CREDENTIALS: file });
    await expect(new GcsAccess().authorization()).rejects.toBeInstanceOf(OperationError);
  });
});

/** An access whose library gives these tokens, one after the other, or fails so; and what was asked of the library. */
function accessTo(...answers: readonly (string | Error)[]) {
  const remaining = [...answers];
  const spy = vi.spyOn(GoogleAuth.prototype, "getRequestHeaders").mockImplementation(async () => {
    const next = remaining.shift() ?? new Error("asked too often");
    if (next instanceof Error) throw next;
    return new Headers({ authorization: `Bearer ${next}` });
  });
  return { access: new GcsAccess(), asked: spy };
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
    const { access, asked } = accessTo();
    asked.mockResolvedValue(new Headers({ authorization: "Bearer token", "x-goog-user-project": "project" }));
    expect(await access.authorization()).toEqual([...bearer("token"), "x-goog-user-project", "project"]);
  });

  it("are asked of the library once in 30 s", async () => {
    const goOn = stoppedDay();
    const { access, asked } = accessTo("one", "two");
    expect(await access.authorization()).toEqual(bearer("one"));
    goOn(29_999);
    expect(await access.authorization()).toEqual(bearer("one"));
    expect(asked).toHaveBeenCalledTimes(1);
    goOn(1);
    expect(await access.authorization()).toEqual(bearer("two"));
    expect(asked).toHaveBeenCalledTimes(2);
  });

  it("are asked for once where many wait for them", async () => {
    const { access, asked } = accessTo("one");
    const headers = await Promise.all(Array.from({ length: 5 }, () => access.authorization()));
    expect(headers).toEqual(Array(5).fill(bearer("one")));
    expect(asked).toHaveBeenCalledTimes(1);
  });

  it("that could not be renewed are asked for again, and what is too old is not used meanwhile", async () => {
    const goOn = stoppedDay();
    const broken = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
    const { access } = accessTo("one", broken, "two");
    await access.authorization();
    goOn(30_000);
    await expect(access.authorization()).rejects.toMatchObject({ name: "SourceError", retryable: true });
    expect(await access.authorization()).toEqual(bearer("two"));
  });

  it("are shared with Google's libraries", async () => {
    const { access, asked } = accessTo("one");
    await access.authorization();
    expect(await access.auth()).toBe(asked.mock.contexts[0]);
  });

  it("that were not accepted are not used again: the library is asked anew, without its tokens", async () => {
    const { access, asked } = accessTo("one", "two");
    await access.authorization();
    expect(access.discard()).toBe(true);
    expect(await access.authorization()).toEqual(bearer("two"));
    expect(asked).toHaveBeenCalledTimes(2);
    expect(asked.mock.contexts[1]).not.toBe(asked.mock.contexts[0]);
  });
});

describe("credentials that are unavailable", () => {
  const PASSING = ["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "ENOTFOUND", "EAI_AGAIN"];

  it.each([...PASSING, "EHOSTUNREACH", "ENETUNREACH"])("for %s may be there later", (code) => {
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
async function federated(status: number, body: object): Promise<GcsAccess> {
  const url = await serve((_request, response) => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  const directory = memoryDirectory();
  const [file, subject] = [join(directory, "credentials.json"), join(directory, "subject")];
  writeFileSync(subject, "who I am");
  const credentials = {
    type: "external_account",
    audience: "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
    subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
    token_url: new URL("token", url).href,
    credential_source: { file: subject },
  };
  writeFileSync(file, JSON.stringify(credentials));
  stubEnvironment({ GOOGLE_APPLICATION_CREDENTIALS: file, GOOGLE_CLOUD_PROJECT: "project" });
  return new GcsAccess();
}

describe("Google's library", () => {
  it("gives the token that it is given", async () => {
    const access = await federated(200, { access_token: "a-token", token_type: "Bearer", expires_in: 3600 });
    expect(await access.authorization()).toEqual(expect.arrayContaining(bearer("a-token")));
  });

  it.each([
    [503, SourceError],
    [400, OperationError],
  ])("fails for an answer of %i in a way that is understood", async (status, kind) => {
    const access = await federated(status, { error: "no", error_description: "not\nnow" });
    const failure = access.authorization();
    await expect(failure).rejects.toBeInstanceOf(kind);
    await expect(failure).rejects.toThrow(/^[^\n]*$/);
  });
});
