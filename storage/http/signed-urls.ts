/** URLs whose query is a signature. One that was made for a single object cannot lead to a whole log. */

/** AWS Signature 4 and 2, Google's, and CloudFront's without a policy: the path is part of what is signed. */
const SIGNS_ONE_OBJECT: readonly (readonly string[])[] = [
  ["x-amz-signature"],
  ["x-goog-signature"],
  ["awsaccesskeyid", "signature"],
  ["googleaccessid", "signature"],
  ["key-pair-id", "signature", "expires"],
];

/** What a source's query gives access to, where that cannot be a log; undefined where it may be one. */
export function singleObjectOf({ searchParams }: URL): string | undefined {
  const given = new Map([...searchParams].map(([name, value]) => [name.toLowerCase(), value]));
  const names = SIGNS_ONE_OBJECT.find((all) => all.every((name) => given.has(name)));
  if (names !== undefined) return "is presigned, and such a signature is good for a single object";
  if (!given.has("sig")) return undefined;
  // Azure: a service SAS names its resource (b: a blob, c: a container, d: a directory), an account SAS its types.
  const [resource, types] = [given.get("sr"), given.get("srt")];
  if (resource?.startsWith("b")) return "has a SAS for a single blob (sr=b)";
  return types === undefined || types.includes("o") ? undefined : "has a SAS that opens no objects (srt)";
}
