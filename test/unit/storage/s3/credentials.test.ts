/** Whose signature S3 is asked with; nothing here asks the network but for servers of its own. */

import { writeFileSync } from "node:fs";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { OperationError } from "../../../../lib/errors.ts";
import { SourceError } from "../../../../lib/migrate/ports/source.ts";
import { AwsCredentials } from "../../../../storage/s3/credentials.ts";
import { KEYS, withoutAws } from "../../../support/aws.ts";
import { stubEnvironment } from "../../../support/environment.ts";
import { type Answer, startAnswering } from "../../../support/http/answering-server.ts";

const EXPIRED = new Error("expired");
const isExpired = (error: unknown) => error === EXPIRED;

describe("credentials", () => {
  it("are those of the environment", async () => {
    withoutAws();
    stubEnvironment({ ...KEYS, AWS_SESSION_TOKEN: "a token" });
    const [accessKeyId, secretAccessKey] = Object.values(KEYS);
    const expected = { accessKeyId, secretAccessKey, sessionToken: "a token" };
    expect(await new AwsCredentials().current()).toMatchObject(expected);
  });

  it("are those of a profile, which comes before the environment and warns of nothing", async () => {
    const files = withoutAws();
    const warn = vi.spyOn(console, "warn");
    writeFileSync(
      files.AWS_SHARED_CREDENTIALS_FILE,
      "[other]\naws_access_key_id = AKIDOTHER\naws_secret_access_key = x\n",
    );
    stubEnvironment({ ...KEYS, AWS_PROFILE: "other" });
    expect(await new AwsCredentials().current()).toMatchObject({ accessKeyId: "AKIDOTHER" });
    expect(warn).not.toHaveBeenCalled();
  });

  it("that were renewed in a file are found where the old ones have expired", async () => {
    const files = withoutAws();
    const write = (id: string) =>
      writeFileSync(
        files.AWS_SHARED_CREDENTIALS_FILE,
        `[default]\naws_access_key_id = ${id}\naws_secret_access_key = x\n`,
      );
    write("AKIDOLD");
    const credentials = new AwsCredentials();
    expect(await credentials.current()).toMatchObject({ accessKeyId: "AKIDOLD" });
    write("AKIDNEW");
    expect(await credentials.current()).toMatchObject({ accessKeyId: "AKIDOLD" });
    const send = vi.fn(async () => (await credentials.current()).accessKeyId).mockRejectedValueOnce(EXPIRED);
    expect(await credentials.renewing(send, isExpired)).toBe("AKIDNEW");
  });
});

/** Credentials that a server of this machine gives, as that of a container does, good for so many minutes. */
async function ofContainer(...answers: readonly ({ id: string; minutes: number } | Answer)[]) {
  const steps = answers.map((answer): Answer => {
    if ("status" in answer) return answer;
    const { id, minutes } = answer;
    const Expiration = new Date(Date.now() + minutes * 60_000).toISOString();
    const body = { AccessKeyId: id, SecretAccessKey: "x", Token: "t", Expiration };
    return { status: 200, headers: { "content-type": "application/json" }, body };
  });
  const { origin, asked } = await startAnswering(steps);
  withoutAws();
  stubEnvironment({ AWS_CONTAINER_CREDENTIALS_FULL_URI: `${origin}/credentials` });
  const credentials = new AwsCredentials();
  return { credentials, asked, id: async () => (await credentials.current()).accessKeyId };
}

describe("credentials that expire", () => {
  it("are asked for once while they are good, however many wait for them", async () => {
    const { id, asked } = await ofContainer({ id: "ONE", minutes: 60 });
    expect(await Promise.all([id(), id(), id()])).toEqual(["ONE", "ONE", "ONE"]);
    expect(await id()).toBe("ONE");
    expect(asked).toHaveLength(1);
  });

  it("are renewed before they expire, and used until then", async () => {
    const { id, asked } = await ofContainer({ id: "ONE", minutes: 60 }, { id: "TWO", minutes: 120 });
    expect(await id()).toBe("ONE");
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 56 * 60_000 });
    onTestFinished(() => void vi.useRealTimers());
    expect(await id()).toBe("ONE");
    await vi.waitFor(async () => expect(await id()).toBe("TWO"));
    expect(asked).toHaveLength(2);
  });

  it("that are refused by many requests at once are renewed once", async () => {
    const { credentials, id, asked } = await ofContainer(
      { id: "ONE", minutes: 60 },
      { id: "TWO", minutes: 60 },
    );
    await id();
    const send = async () => {
      if ((await id()) === "ONE") throw EXPIRED;
      return await id();
    };
    const sent = await Promise.all([1, 2, 3].map(() => credentials.renewing(send, isExpired)));
    expect(sent).toEqual(["TWO", "TWO", "TWO"]);
    expect(asked).toHaveLength(2);
  });

  it("that are refused after another request has renewed them are not renewed again", async () => {
    const { credentials, id, asked } = await ofContainer(
      { id: "ONE", minutes: 60 },
      { id: "TWO", minutes: 60 },
    );
    await id();
    const refused = Promise.withResolvers<string>();
    const late = credentials.renewing(vi.fn(id).mockReturnValueOnce(refused.promise), isExpired);
    expect(await credentials.renewing(vi.fn(id).mockRejectedValueOnce(EXPIRED), isExpired)).toBe("TWO");
    refused.reject(EXPIRED);
    expect(await late).toBe("TWO");
    expect(asked).toHaveLength(2);
  });

  it("that cannot be renewed just now may be later", async () => {
    const { credentials, id } = await ofContainer({ id: "ONE", minutes: 60 });
    await id();
    stubEnvironment({ AWS_CONTAINER_CREDENTIALS_FULL_URI: undefined });
    const send = vi.fn(id).mockRejectedValueOnce(EXPIRED);
    const failure = await credentials.renewing(send, isExpired).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(SourceError);
    expect(failure).toMatchObject({
      retryable: true,
      message: expect.stringMatching(/could not be renewed: /),
    });
  });

  it("are not renewed for another failure", async () => {
    const { credentials, id, asked } = await ofContainer({ id: "ONE", minutes: 60 });
    await id();
    const failure = new Error("another");
    await expect(credentials.renewing(() => Promise.reject(failure), isExpired)).rejects.toBe(failure);
    expect(asked).toHaveLength(1);
  });
});

describe("credentials that are unavailable", () => {
  it.each<[what: string, environment: Readonly<Record<string, string>>]>([
    ["anywhere", {}],
    ["in half of the environment", { AWS_ACCESS_KEY_ID: "x" }],
    ["in a profile that is not there", { AWS_PROFILE: "missing" }],
    [
      "since a file with a token is missing",
      { AWS_WEB_IDENTITY_TOKEN_FILE: "/nowhere", AWS_ROLE_ARN: "arn:x" },
    ],
  ])("%s are missed in one line that says what to do", async (_what, environment) => {
    withoutAws();
    stubEnvironment(environment);
    const failure = new AwsCredentials().current();
    await expect(failure).rejects.toBeInstanceOf(OperationError);
    await expect(failure).rejects.toThrow(
      /^AWS credentials: are unavailable: [^\n]*AWS_ACCESS_KEY_ID[^\n]*aws sso login[^\n]*https address$/,
    );
  });
});
