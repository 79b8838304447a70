/** AWS Signature Version 4: what AWS has published to be checked against. */

import { describe, expect, it } from "vitest";
import { amzDate, escaped, Signer } from "../../../../storage/s3/signature.ts";

const NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

type Headers = readonly (readonly [string, string])[];

describe("the examples of S3's documentation", () => {
  // https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
  const keys = {
    accessKeyId: "AKIAIOSFODNN7EXAMPLE",
    secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  };
  const [signer, time] = [new Signer("us-east-1"), "20130524T000000Z"];
  const WELCOME = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";

  it.each<
    [method: string, path: string, more: Headers, payloadHash: string, names: string, signature: string]
  >([
    [
      "GET",
      "/test.txt",
      [["range", "bytes=0-9"]],
      NOTHING,
      "host;range;x-amz-content-sha256;x-amz-date",
      "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    ],
    [
      "PUT",
      `/${escaped("test$file.text")}`,
      [
        ["x-amz-storage-class", "REDUCED_REDUNDANCY"],
        ["date", "Fri, 24 May 2013 00:00:00 GMT"],
      ],
      WELCOME,
      "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
      "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    ],
    [
      "GET",
      "/?lifecycle",
      [],
      NOTHING,
      "host;x-amz-content-sha256;x-amz-date",
      "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
    ],
    [
      "GET",
      "/?max-keys=2&prefix=J",
      [],
      NOTHING,
      "host;x-amz-content-sha256;x-amz-date",
      "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    ],
  ])("%s %s", (method, path, more, payloadHash, names, signature) => {
    const headers = [
      ["x-amz-date", time],
      ["x-amz-content-sha256", payloadHash],
      ["host", "examplebucket.s3.amazonaws.com"],
      ...more,
    ] as const;
    expect(signer.authorization({ method, path, headers, payloadHash }, keys, time)).toBe(
      `AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, ` +
        `SignedHeaders=${names}, Signature=${signature}`,
    );
  });
});

describe("AWS's own test suite", () => {
  // https://github.com/awslabs/aws-c-auth/tree/main/tests/aws-signing-test-suite/v4
  const keys = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
  const [signer, time] = [new Signer("us-east-1", "service"), "20150830T123600Z"];
  const UNRESERVED = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  const TOKEN = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
  const TRIM: Headers = [
    ["my-header1", " value1"],
    ["my-header2", ' "a   b   c"'],
  ];

  it.each<[name: string, method: string, path: string, more: Headers, signature: string]>([
    [
      "get-header-value-trim",
      "GET",
      "/",
      TRIM,
      "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ],
    [
      "get-unreserved",
      "GET",
      `/${escaped(UNRESERVED)}`,
      [],
      "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
    ],
    [
      "get-vanilla-query-order-key-case",
      "GET",
      "/?Param2=value2&Param1=value1",
      [],
      "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ],
    [
      "get-vanilla-query-order-encoded",
      "GET",
      `/?Param-3=Value3&Param=Value2&${escaped("\u1234")}=Value1`,
      [],
      "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
    ],
    [
      "post-vanilla-query",
      "POST",
      "/?Param1=value1",
      [],
      "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
    ],
    [
      "get-vanilla-with-session-token",
      "GET",
      "/",
      [["x-amz-security-token", TOKEN]],
      "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
    ],
  ])("%s", (_name, method, path, more, signature) => {
    const headers = [["host", "example.amazonaws.com"], ["x-amz-date", time], ...more] as const;
    const parts = { method, path, headers, payloadHash: NOTHING };
    expect(signer.authorization(parts, keys, time)).toMatch(new RegExp(`, Signature=${signature}$`));
  });

  it("is that of a new signer with other keys, and on another day", () => {
    const parts = { method: "GET", path: "/", headers: [["host", "h"]] as const, payloadHash: NOTHING };
    for (const secretAccessKey of ["one", "two"]) {
      for (const at of [time, "20150831T123600Z", time]) {
        const signed = [signer, new Signer("us-east-1", "service")].map((by) =>
          by.authorization(parts, { ...keys, secretAccessKey }, at),
        );
        expect(signed[0]).toBe(signed[1]);
      }
    }
  });
});

it("a time is written as signatures have it", () => {
  expect(amzDate(new Date(Date.UTC(2013, 4, 24, 1, 2, 3, 456)))).toBe("20130524T010203Z");
});

it("all that RFC 3986 reserves is escaped, in capitals", () => {
  expect(escaped("a b/c+!'()*ü~")).toBe("a%20b%2Fc%2B%21%27%28%29%2A%C3%BC~");
});
