import { X509Certificate } from "node:crypto";
import { rootCertificates } from "node:tls";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { forEachStaticCtEntry } from "../../../../lib/tlog/bundle.ts";
import { attempt } from "../../../../lib/tlog/errors.ts";
import { StaticCtEntry } from "../../../../lib/tlog/static-ct/entry.ts";
import {
  checkEntry,
  type EntryVerdict,
  linkIssuers,
} from "../../../../lib/tlog/static-ct/extra-data-check.ts";
import { type IssuerFacts, parseIssuer } from "../../../../lib/tlog/x509/issuer.ts";
import { AUTHORITY } from "../../../logs/x509.ts";
import { mutated } from "../../../support/logs/bundles.ts";
import {
  ENTRY_KINDS,
  type EntryKind,
  type EntryParts,
  entryOf,
  entryParts,
  leafIndexExtension,
  newIssuer,
  staticCtEntry,
  type TestIssuer,
  testAuthorities,
} from "../../../support/logs/certificates.ts";
import { testLog } from "../../../support/logs/generated-log.ts";
import { PRECERTIFICATE_CASES } from "../../../support/logs/precertificate-cases.ts";

const AUTHORITIES = testAuthorities("deep check");
const { root, intermediate, signer, otherRoot, crossSigned } = AUTHORITIES;
const INDEX = 5;

type Check = (bytes: Uint8Array, entry: Readonly<StaticCtEntry>, index: number) => EntryVerdict;

/** A check that knows these issuers, or the authorities if none are given. */
function deepCheck(issuers: readonly TestIssuer[] = AUTHORITIES.all): Check {
  const facts = new Map(issuers.map((issuer) => [issuer.fingerprint, parseIssuer(issuer.der)]));
  return checkWith((fingerprint) => facts.get(fingerprint));
}

/** A check that looks up the issuers of each entry. */
function checkWith(lookUp: (fingerprint: string) => IssuerFacts | undefined): Check {
  return (bytes, entry, index) => {
    const bundle = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const chain = bundle.toString("hex", entry.chainStart, entry.entryEnd);
    const fingerprints: string[] = chain.match(/.{64}/g) ?? [];
    return checkEntry(bundle, entry, index, linkIssuers(fingerprints, fingerprints.map(lookUp)));
  };
}

function partsOf(bytes: Buffer): StaticCtEntry {
  const entry = new StaticCtEntry();
  entry.read(bytes, 0);
  return entry;
}

function verdictOn(entry: Buffer, issuers?: readonly TestIssuer[], index = INDEX): EntryVerdict {
  return deepCheck(issuers)(entry, partsOf(entry), index);
}

/** The verdict on an entry of a kind in which some parts are others. */
function verdictWith(
  kind: EntryKind,
  other: Partial<EntryParts>,
  issuers?: readonly TestIssuer[],
): EntryVerdict {
  return verdictOn(staticCtEntry({ ...entryParts(AUTHORITIES, kind, INDEX), ...other }), issuers);
}

const wrong = (problem: string): object => ({ kind: "wrong", problem: expect.stringContaining(problem) });
const notChecked = (...missing: readonly TestIssuer[]): object => ({
  kind: "not-checked",
  problem: expect.stringContaining(missing[0]?.fingerprint as string),
  missing: missing.map(({ fingerprint }) => fingerprint),
});

const PRECERTIFICATE_KINDS: readonly EntryKind[] = ENTRY_KINDS.filter((kind) =>
  kind.includes("precertificate"),
);

describe("an entry as logs make it", () => {
  it.each(ENTRY_KINDS)("is right, or was encoded again: %s", (kind) => {
    const expected = kind === "re-encoded precertificate" ? "re-encoded" : "ok";
    expect(verdictOn(entryOf(AUTHORITIES, kind, INDEX)).kind).toBe(expected);
  });

  it.each(PRECERTIFICATE_CASES)(
    "is right, or was encoded again: $name",
    ({ submitted, logged, match, chain, signer }) => {
      const authority = (signer === undefined ? chain[0] : chain[1]) as TestIssuer;
      for (const signed of logged) {
        const parts = {
          submitted: { precertificate: submitted, issuerKeyHash: authority.keyHash },
          signed,
          chain,
        };
        const verdict = verdictWith("precertificate", parts, chain);
        expect(verdict.kind).toBe(match === "same" ? "ok" : "re-encoded");
      }
    },
  );

  it("is right wherever it stands in a bundle of others", () => {
    const entries = Array.from({ length: 50 }, (_, i) =>
      entryOf(AUTHORITIES, ENTRY_KINDS[i % 4] as EntryKind, 1000 + i),
    );
    const bundle = Buffer.concat(entries);
    const check = deepCheck();
    for (const bytes of [bundle, new Uint8Array(bundle)]) {
      forEachStaticCtEntry(bytes, 50, (entry, position) => {
        const verdict = check(bytes, entry, 1000 + position);
        expect(verdict).toEqual({ kind: "ok" });
        // One object serves for all that is right.
        expect(check(bytes, entry, 1000 + position)).toBe(verdict);
      });
    }
  });

  it("is right in the logs of the benchmark", () => {
    const log = testLog({ size: 40, format: "static-ct" });
    const check = checkWith((fingerprint) => parseIssuer(log.object(`issuer/${fingerprint}`)));
    for (let index = 0; index < 40; index++) {
      const entry = log.entry(index);
      expect(check(entry, partsOf(entry), index)).toEqual({ kind: "ok" });
    }
  });

  it("is right if it is a root that people trust, submitted alone", () => {
    for (const pem of rootCertificates) {
      const signed = new X509Certificate(pem).raw;
      expect(verdictWith("root", { signed })).toEqual({ kind: "ok" });
    }
  });

  it("is right if it is an authority that another has certified, submitted alone", () => {
    expect(verdictWith("root", { signed: crossSigned.der })).toEqual({ kind: "ok" });
    expect(verdictWith("root", { signed: intermediate.der })).toEqual({ kind: "ok" });
  });

  it("is right with any chain that leads from issuer to issuer", () => {
    const chain = [intermediate, crossSigned, otherRoot];
    expect(verdictWith("certificate", { chain })).toEqual({ kind: "ok" });
    expect(verdictWith("precertificate", { chain })).toEqual({ kind: "ok" });
    expect(verdictWith("certificate", { chain: [intermediate] })).toEqual({ kind: "ok" });
  });

  it("is right if the issuer's name is spelt otherwise, as some logs allow", () => {
    const shouting = newIssuer("DEEP CHECK  Intermediate", root, [AUTHORITY]);
    const issuers = [shouting, root];
    expect(verdictWith("certificate", { chain: issuers }, issuers)).toEqual({ kind: "ok" });
  });

  it("is right without a leaf_index, or with other extensions beside it", () => {
    expect(verdictWith("certificate", { extensions: Buffer.alloc(0) })).toEqual({ kind: "ok" });
    const extensions = Buffer.concat([Buffer.of(9, 0, 1, 0xaa), leafIndexExtension(INDEX)]);
    expect(verdictWith("precertificate", { extensions })).toEqual({ kind: "ok" });
  });
});

describe("an entry that somebody has changed", () => {
  const CERT = "certificate";
  const PRECERT = "precertificate";
  const BEHALF = "precertificate signed on behalf";
  const precertificateOf = (kind: EntryKind, index = INDEX) =>
    entryParts(AUTHORITIES, kind, index).submitted?.precertificate as Buffer;
  const submits = (precertificate: Buffer, { keyHash }: TestIssuer = intermediate) => ({
    submitted: { precertificate, issuerKeyHash: keyHash },
  });
  const certificate = entryParts(AUTHORITIES, CERT, INDEX).signed;
  const twoIndexes = Buffer.concat([leafIndexExtension(INDEX), leafIndexExtension(INDEX)]);
  const OTHER_TBS = "does not give the logged TBSCertificate";
  const NOT_ROOT = "has no chain, although its certificate cannot be a root";
  const OTHER_INDEX = "has the leaf_index of another entry (expected 5, found 6)";
  const otherKeyThan = ({ fingerprint }: TestIssuer) => `of the key of its issuer ${fingerprint}`;
  const otherThan = ({ fingerprint }: TestIssuer) => `names another issuer than ${fingerprint}`;
  const unsigned = `without a signature of its signing certificate ${signer.fingerprint}`;
  const broken = `${otherRoot.fingerprint} follows`;

  it.each<[string, EntryKind, Partial<EntryParts>, string]>([
    ["another precertificate", PRECERT, submits(precertificateOf(PRECERT, INDEX + 1)), OTHER_TBS],
    ["another one, signed on behalf", BEHALF, submits(precertificateOf(BEHALF, INDEX + 1)), OTHER_TBS],
    [
      "the final certificate",
      PRECERT,
      submits(certificate),
      "has a precertificate that has no poison extension",
    ],
    [
      "no precertificate",
      PRECERT,
      submits(Buffer.of()),
      "has a precertificate that has an element that is cut off",
    ],
    ["a precertificate without a chain", PRECERT, { chain: [] }, "no issuer in its chain"],
    [
      "the signing certificate alone",
      BEHALF,
      { chain: [signer] },
      "ends with a precertificate signing certificate",
    ],
    ["another key", PRECERT, submits(precertificateOf(PRECERT), root), otherKeyThan(intermediate)],
    ["the signing key", BEHALF, submits(precertificateOf(BEHALF), signer), otherKeyThan(intermediate)],
    ["another issuer", PRECERT, { chain: [otherRoot] }, otherKeyThan(otherRoot)],
    ["a signer that has not signed", PRECERT, { chain: [signer, intermediate, root] }, unsigned],
    ["no signing certificate", BEHALF, { chain: [intermediate, root] }, otherThan(intermediate)],
    ["another issuer", CERT, { chain: [otherRoot] }, otherThan(otherRoot)],
    ["a chain backwards", CERT, { chain: [root, intermediate] }, otherThan(root)],
    ["another root", CERT, { chain: [intermediate, otherRoot] }, broken],
    ["another root", PRECERT, { chain: [intermediate, otherRoot] }, broken],
    ["no chain", CERT, { chain: [] }, NOT_ROOT],
    ["a certificate that is none", CERT, { signed: Buffer.of(0x30, 0) }, "has a certificate that"],
    ["another index", CERT, { extensions: leafIndexExtension(INDEX + 1) }, OTHER_INDEX],
    ["extensions that are none", PRECERT, { extensions: Buffer.of(0, 0) }, "has extensions that are cut off"],
    ["two indexes", "root", { extensions: twoIndexes }, "has two extensions of type 0"],
  ])("is wrong: %s (%s)", (_, kind, other, problem) => {
    expect(verdictWith(kind, other)).toEqual(wrong(problem));
  });

  it("is wrong if the key is the issuer's and the name is not", () => {
    const other = { ...submits(precertificateOf(PRECERT), otherRoot), chain: [otherRoot] };
    expect(verdictWith("precertificate", other)).toEqual(wrong("names another issuer"));
  });

  it.each(PRECERTIFICATE_KINDS)("is found by any byte of the submitted TBSCertificate: %s", (kind) => {
    const entry = entryOf(AUTHORITIES, kind, INDEX);
    const { tbs, signature } = extraData(entry);
    for (let at = tbs.start; at < signature.start; at++) {
      for (const bit of [0, 3, 5, 7]) {
        const verdict = verdictWithFlip(entry, at, 1 << bit);
        expect(["wrong", "re-encoded"], `byte ${at - tbs.start}`).toContain(verdict.kind);
        // Nothing in it has a second encoding that says the same but TRUE.
        const isLax = verdict.kind === "re-encoded" && kind !== "re-encoded precertificate";
        if (isLax) expect(entry.toString("hex", at - 2, at + 1)).toBe("0101ff");
      }
    }
  });

  it.each(["certificate", ...PRECERTIFICATE_KINDS])("is found by any byte of its chain: %s", (kind) => {
    const entry = entryOf(AUTHORITIES, kind as EntryKind, INDEX);
    const { chain } = extraData(entry);
    for (let at = chain.start; at < chain.end; at++) {
      const verdict = verdictWithFlip(entry, at, 1 << (at % 8));
      expect(verdict.kind, `byte ${at - chain.start}`).toBe("not-checked");
      if (verdict.kind === "not-checked") expect(verdict.missing).toHaveLength(1);
    }
  });

  function verdictWithFlip(entry: Buffer, at: number, mask: number): EntryVerdict {
    const changed = Buffer.from(entry);
    changed.writeUInt8(changed.readUInt8(at) ^ mask, at);
    return sharedCheck(changed, partsOf(changed), INDEX);
  }

  const sharedCheck = deepCheck();
});

/** Where the extra data is, which no leaf hash covers. */
function extraData(bytes: Buffer) {
  const { precertificateStart: start, precertificateEnd: end, chainStart, entryEnd } = partsOf(bytes);
  // An Ed25519 signature: 64 bytes in a BIT STRING.
  return {
    tbs: { start },
    signature: { start: end - 64 - 3, end },
    chain: { start: chainStart, end: entryEnd },
  };
}

describe("an entry whose issuers are missing", () => {
  it.each<[EntryKind, readonly TestIssuer[], readonly TestIssuer[]]>([
    ["certificate", [], [intermediate, root]],
    ["certificate", [root], [intermediate]],
    ["certificate", [intermediate], [root]],
    ["precertificate", [], [intermediate, root]],
    ["precertificate", [intermediate], [root]],
    ["re-encoded precertificate", [], [intermediate, root]],
    ["precertificate signed on behalf", [], [signer, intermediate, root]],
    ["precertificate signed on behalf", [intermediate, root], [signer]],
    ["precertificate signed on behalf", [signer, root], [intermediate]],
  ])("is not checked, and tells which they are: %s", (kind, known, missing) => {
    expect(verdictOn(entryOf(AUTHORITIES, kind, INDEX), known)).toEqual(notChecked(...missing));
  });

  it.each(PRECERTIFICATE_KINDS)("is wrong too where its precertificate gives something else: %s", (kind) => {
    const { submitted } = entryParts(AUTHORITIES, kind, INDEX + 1);
    expect(verdictWith(kind, { submitted }, [])).toEqual(wrong("does not give the logged TBSCertificate"));
  });

  it("is wrong all the same where those that are there do not fit", () => {
    expect(verdictWith("certificate", { chain: [otherRoot, root] }, [otherRoot])).toEqual(
      wrong("names another issuer"),
    );
    expect(verdictWith("precertificate", { chain: [otherRoot, root] }, [otherRoot])).toEqual(
      wrong("of the key"),
    );
    const chain = [signer, otherRoot, root];
    expect(verdictWith("precertificate signed on behalf", { chain }, [otherRoot, root])).toEqual(
      wrong("follows"),
    );
  });

  it("is named shortly, however long its chain", () => {
    const chain = Array.from({ length: 2000 }, () => intermediate);
    const verdict = verdictWith("certificate", { chain }, []);
    expect(verdict).toMatchObject({ kind: "not-checked", problem: expect.stringContaining("and 1999 more") });
  });
});

describe("any bytes", () => {
  it("get a verdict that can be printed, and nothing is thrown", () => {
    const check = deepCheck();
    const entries = PRECERTIFICATE_KINDS.concat("certificate", "root").map((kind) =>
      entryOf(AUTHORITIES, kind, INDEX),
    );
    fc.assert(
      fc.property(fc.constantFrom(...entries), fc.infiniteStream(fc.nat()), (entry, choices) => {
        const changed = mutated(entry, choices);
        const parts = attempt(() => partsOf(changed));
        fc.pre(parts !== undefined);
        const verdict = check(changed, parts, INDEX);
        if (verdict.kind !== "ok") expect(verdict.problem).toMatch(/^(has|depends|does|names) [\x20-\x7e]+$/);
      }),
      { numRuns: 2000 },
    );
  });
});
