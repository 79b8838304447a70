/** Where S3 answers, as AWS's own tools find it: the environment, a profile, or neither. */

import { writeFileSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { UsageError } from "../../../../lib/errors.ts";
import { findEndpoint } from "../../../../storage/s3/endpoint.ts";
import { withoutAws } from "../../../support/aws.ts";
import { stubEnvironment } from "../../../support/environment.ts";

let files: ReturnType<typeof withoutAws>;
beforeEach(() => {
  files = withoutAws();
});

describe("a bucket of AWS", () => {
  it.each([
    ["bucket", "eu-west-1", "https://bucket.s3.eu-west-1.amazonaws.com", ""],
    ["a-bucket-1", "us-east-1", "https://a-bucket-1.s3.us-east-1.amazonaws.com", ""],
    ["with.dots", "eu-west-1", "https://s3.eu-west-1.amazonaws.com", "/with.dots"],
    ["bucket", "cn-north-1", "https://bucket.s3.cn-north-1.amazonaws.com.cn", ""],
    ["bucket", "us-gov-west-1", "https://bucket.s3.us-gov-west-1.amazonaws.com", ""],
  ])("%s in %s is at %s", async (bucket, region, origin, root) => {
    stubEnvironment({ AWS_REGION: region });
    expect(await findEndpoint(bucket)).toEqual({ origin, root, region });
  });

  it("is in the region of the environment, else of the profile", async () => {
    writeFileSync(
      files.AWS_CONFIG_FILE,
      "[default]\nregion = eu-south-1\n[profile other]\nregion = eu-south-2\n",
    );
    expect(await findEndpoint("bucket")).toMatchObject({ region: "eu-south-1" });
    stubEnvironment({ AWS_PROFILE: "other" });
    expect(await findEndpoint("bucket")).toMatchObject({ region: "eu-south-2" });
    stubEnvironment({ AWS_DEFAULT_REGION: "eu-north-1" });
    expect(await findEndpoint("bucket")).toMatchObject({ region: "eu-north-1" });
    stubEnvironment({ AWS_REGION: "eu-west-1" });
    expect(await findEndpoint("bucket")).toMatchObject({ region: "eu-west-1" });
  });

  it("is nowhere where there is no region, and that says what to do", async () => {
    const failure = findEndpoint("bucket");
    await expect(failure).rejects.toBeInstanceOf(UsageError);
    await expect(failure).rejects.toThrow(/^AWS_REGION: is not set.*AWS_ENDPOINT_URL_S3[^\n]*$/);
  });

  it("is in no region that could not be a part of a host name", async () => {
    stubEnvironment({ AWS_REGION: "evil.example/" });
    await expect(findEndpoint("bucket")).rejects.toThrow(/AWS_REGION: is not a region/);
  });
});

describe("another store", () => {
  it.each([
    ["http://127.0.0.1:9000", "http://127.0.0.1:9000", "/bucket"],
    ["http://127.0.0.1:9000/", "http://127.0.0.1:9000", "/bucket"],
    ["https://account.r2.cloudflarestorage.com", "https://account.r2.cloudflarestorage.com", "/bucket"],
    ["https://host/storage/v1/s3/", "https://host", "/storage/v1/s3/bucket"],
  ])("at %s is asked in path style, for any region", async (address, origin, root) => {
    stubEnvironment({ AWS_ENDPOINT_URL_S3: address });
    expect(await findEndpoint("bucket")).toEqual({ origin, root, region: "us-east-1" });
    stubEnvironment({ AWS_REGION: "auto" });
    expect(await findEndpoint("bucket")).toEqual({ origin, root, region: "auto" });
  });

  it("is that of the environment, for S3 before that for all, else of the profile, likewise", async () => {
    const origin = async () => (await findEndpoint("bucket")).origin;
    writeFileSync(
      files.AWS_CONFIG_FILE,
      "[default]\nendpoint_url = http://profile\n[profile s]\nservices = mine\nendpoint_url = http://profile\n" +
        "[services mine]\ns3 =\n  endpoint_url = http://service\n",
    );
    expect(await origin()).toBe("http://profile");
    stubEnvironment({ AWS_PROFILE: "s" });
    expect(await origin()).toBe("http://service");
    stubEnvironment({ AWS_ENDPOINT_URL: "http://all" });
    expect(await origin()).toBe("http://all");
    stubEnvironment({ AWS_ENDPOINT_URL_S3: "http://s3" });
    expect(await origin()).toBe("http://s3");
    stubEnvironment({ AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "true", AWS_REGION: "eu-west-1" });
    expect(await origin()).toBe("https://bucket.s3.eu-west-1.amazonaws.com");
  });

  it.each(["host", "ftp://host", "http://user:secret@host", "http://host?a=b", "http://"])(
    "is not at %s, of which no secret is shown",
    async (address) => {
      stubEnvironment({ AWS_ENDPOINT_URL_S3: address });
      const failure = findEndpoint("bucket");
      await expect(failure).rejects.toBeInstanceOf(UsageError);
      await expect(failure).rejects.toThrow(/^AWS_ENDPOINT_URL_S3.*is not the address of an object store/);
      await expect(failure).rejects.not.toThrow(/secret/);
    },
  );
});

describe("what is stated for one bucket", () => {
  it("comes before the environment", async () => {
    stubEnvironment({ AWS_ENDPOINT_URL_S3: "http://127.0.0.1:9000", AWS_REGION: "eu-west-1" });
    expect(await findEndpoint("locks", { region: "auto" })).toEqual({
      origin: "http://127.0.0.1:9000",
      root: "/locks",
      region: "auto",
    });
    expect(await findEndpoint("locks", { endpoint: "https://store.example" })).toEqual({
      origin: "https://store.example",
      root: "/locks",
      region: "eu-west-1",
    });
  });

  it("is enough where the environment says nothing", async () => {
    expect(await findEndpoint("locks", { region: "eu-west-1" })).toMatchObject({ region: "eu-west-1" });
    const store = await findEndpoint("locks", { endpoint: "https://store.example" });
    expect(store).toMatchObject({ origin: "https://store.example" });
    await expect(findEndpoint("locks", { region: "a/b" })).rejects.toThrow(/is not a region/);
  });
});
