import { hash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { attempt, FormatError } from "../../../../lib/tlog/errors.ts";
import { Certificate } from "../../../../lib/tlog/x509/certificate.ts";
import { parseIssuer } from "../../../../lib/tlog/x509/issuer.ts";
import { givesLoggedTbs } from "../../../../lib/tlog/x509/precertificate.ts";
import { finalIssuerOf, matchLoggedTbs, type TbsMatch } from "../../../../lib/tlog/x509/tbs-match.ts";
import { der, SEQUENCE, SERVER_AUTH, tbsCertificate, utcTime } from "../../../logs/x509.ts";
import { mutated } from "../../../support/logs/bundles.ts";
import {
  hostFields,
  POISON,
  SERVER_AUTH_WITH_FALSE,
  testAuthorities,
} from "../../../support/logs/certificates.ts";
import {
  PRECERTIFICATE_CASES,
  type PrecertificateCase,
  withLongLength,
} from "../../../support/logs/precertificate-cases.ts";

const REFUSED = undefined;

// What the builders of logs make of the cases: the first 16 digits of the SHA-256 of BuildPrecertTBS' result, by
// github.com/google/certificate-transparency-go v1.3.2 and by github.com/transparency-dev/tesseract (internal/x509util),
// Go 1.26; REFUSED where it does not take the precertificate.
const VECTORS: readonly [name: string, ctGo: string | undefined, tesseract: string | undefined][] = [
  ["poison in the middle", "80f023dd6bb36995", "80f023dd6bb36995"],
  ["poison first", "6cead8c9fc59e568", "6cead8c9fc59e568"],
  ["poison last", "6cead8c9fc59e568", "6cead8c9fc59e568"],
  ["poison alone", "4a18a0508e6e3eb1", "f70bf74a82a78203"],
  ["unique identifiers", "302c400981648fb3", "302c400981648fb3"],
  ["times after 2049", "779a2332742c9d43", "779a2332742c9d43"],
  ["a name whose parts are in no order", "f7ef6d6222153788", "f7ef6d6222153788"],
  ["key identifier replaced", "59f3046d5ec807d0", "59f3046d5ec807d0"],
  ["critical key identifier replaced", "60f5e8a2196f5031", REFUSED],
  ["first of two key identifiers replaced", "51cf0da84d47906d", REFUSED],
  ["key identifier added", "27deef89264c084b", "27deef89264c084b"],
  ["key identifier removed", "2e59383678882a48", "2e59383678882a48"],
  ["key identifier removed, and nothing left", "2fc01d9f3db4db83", "316763e95a1ee415"],
  ["no key identifiers", "2e59383678882a48", "2e59383678882a48"],
  ["critical: FALSE", "e1d1429eb6ae69d4", "e1d1429eb6ae69d4"],
  ["critical: TRUE as 1", REFUSED, REFUSED],
  ["GeneralizedTime before 2050", "80f023dd6bb36995", "80f023dd6bb36995"],
  ["GeneralizedTime from 1950 to 1999", "3c56f453a46049bf", "3c56f453a46049bf"],
  ["GeneralizedTime of 1949 beside one of 2026", "196121f99b947c0a", "196121f99b947c0a"],
  ["UTCTime without seconds", "472df604317adce4", "472df604317adce4"],
  ["an identifier with a leading zero", "80f023dd6bb36995", REFUSED],
  ["version 1, written out", "355287beef98bfc8", REFUSED],
  ["an element after the list of extensions", "6cead8c9fc59e568", "6cead8c9fc59e568"],
  ["an element after the signature", "80f023dd6bb36995", "80f023dd6bb36995"],
  ["a long length of the certificate", REFUSED, REFUSED],
  ["a long length of the TBSCertificate", REFUSED, REFUSED],
  ["a field too many", "80f023dd6bb36995", "80f023dd6bb36995"],
  ["an extension with an element too many", "e1d1429eb6ae69d4", "e1d1429eb6ae69d4"],
  ["a time too many", "80f023dd6bb36995", "80f023dd6bb36995"],
  ["a serial number with a leading zero", REFUSED, REFUSED],
  ["long lengths of extensions", REFUSED, REFUSED],
  ["long lengths in a name", REFUSED, REFUSED],
  ["poison with a critical flag of 1", REFUSED, REFUSED],
  ["key identifier with critical: FALSE", "59f3046d5ec807d0", "59f3046d5ec807d0"],
  ["critical: FALSE under a signing certificate", "2e31f01589025497", "2e31f01589025497"],
];

describe("the cases", () => {
  it("are what the builders of logs make of them", () => {
    expect(VECTORS.map(([name]) => name)).toEqual(PRECERTIFICATE_CASES.map(({ name }) => name));
    for (const [i, [name, ...built]] of VECTORS.entries()) {
      const logged = PRECERTIFICATE_CASES[i]?.logged.map((tbs) => hash("sha256", tbs).slice(0, 16));
      for (const digest of built) if (digest !== undefined) expect(logged, name).toContain(digest);
    }
  });
});

function match({ submitted, signer }: PrecertificateCase, logged: Uint8Array): TbsMatch {
  return matchLoggedTbs(submitted, logged, signer && parseIssuer(signer.der));
}

/** Whether the plain way settles it. */
function isPlain(submitted: Buffer, logged: Buffer): boolean {
  const bytes = Buffer.concat([logged, submitted, logged]);
  const precertificate = new Certificate();
  precertificate.read(bytes, logged.length, logged.length + submitted.length);
  return givesLoggedTbs(bytes, precertificate, logged.length + submitted.length, bytes.length);
}

describe.each(PRECERTIFICATE_CASES)("a precertificate ($name)", (example) => {
  it("gives what logs make of it", () => {
    for (const logged of example.logged) expect(match(example, logged)).toBe(example.match);
  });

  it("gives it in the plain way if nobody has signed for another and nothing was encoded again", () => {
    for (const logged of example.logged) {
      expect(isPlain(example.submitted, logged)).toBe(
        example.signer === undefined && example.match === "same",
      );
    }
  });

  it("gives nothing that differs in a byte", () => {
    for (const logged of example.logged) {
      for (let at = 0; at < logged.length; at++) {
        const changed = Buffer.from(logged);
        changed.writeUInt8(changed.readUInt8(at) ^ (1 << (at % 8)), at);
        expect(match(example, changed), `byte ${at}`).not.toBe("same");
        expect(isPlain(example.submitted, changed), `byte ${at}`).toBe(false);
      }
    }
  });

  it("gives nothing with an extension less, or with the poison", () => {
    const { submitted, signer } = example;
    expect(match(example, submitted.subarray(4))).toBe("different");
    expect(isPlain(submitted, submitted)).toBe(false);
    if (signer !== undefined) {
      // Without its issuer, who it was signed for cannot be told.
      for (const logged of example.logged) expect(matchLoggedTbs(submitted, logged)).toBe("different");
    }
  });

  it("can be judged without the signing certificate, by what was logged", () => {
    for (const logged of example.logged) {
      expect(matchLoggedTbs(example.submitted, logged, finalIssuerOf(logged))).toBe(example.match);
    }
  });
});

describe("matchLoggedTbs", () => {
  const [example] = PRECERTIFICATE_CASES as [PrecertificateCase];
  const [logged] = example.logged as [Buffer];
  const { intermediate } = testAuthorities("matches");
  const tbsWith = (...extensions: readonly Buffer[]) =>
    tbsCertificate(hostFields(1, intermediate, extensions));
  it.each([
    ["none", "060a2b06010401d6790204020101ff04020500", "has no poison extension"],
    ["one that is not critical", "060a2b06010401d67902040301010004020500", "not critical or not NULL"],
    ["one that is not NULL", "060a2b06010401d6790204030101ff04020400", "not critical or not NULL"],
  ])("wants one poison extension: %s", (_, to, problem) => {
    const from = "060a2b06010401d6790204030101ff04020500";
    const changed = Buffer.from(example.submitted.toString("hex").replace(from, to), "hex");
    expect(changed.equals(example.submitted)).toBe(false);
    expect(() => matchLoggedTbs(changed, logged)).toThrow(FormatError);
    expect(() => matchLoggedTbs(changed, logged)).toThrow(problem);
    expect(isPlain(changed, logged)).toBe(false);
  });

  it("wants one poison extension: no second one that is in the log, too", () => {
    const submitted = intermediate.certify(tbsWith(POISON, SERVER_AUTH, POISON));
    for (const logged of [tbsWith(SERVER_AUTH, POISON), tbsWith(POISON, SERVER_AUTH), tbsWith(SERVER_AUTH)]) {
      expect(() => matchLoggedTbs(submitted, logged)).toThrow("has more than one poison extension");
      expect(isPlain(submitted, logged)).toBe(false);
    }
  });

  it("does not take for logged what no encoder writes", () => {
    const list = der(SEQUENCE, SERVER_AUTH);
    const fields = hostFields(1, intermediate, []);
    const submitted = intermediate.certify(
      tbsCertificate({ ...fields, extensions: Buffer.concat([SERVER_AUTH, POISON]) }),
    );
    const plain = tbsCertificate({ ...fields, extensions: SERVER_AUTH });
    const header = plain.readUInt8(1) === 0x81 ? 3 : 4;
    const start = plain.subarray(header, plain.length - list.length - 2);
    const variants = [
      withLongLength(plain),
      der(SEQUENCE, start, withLongLength(der(0xa3, list))),
      der(SEQUENCE, start, der(0xa3, withLongLength(list))),
      der(SEQUENCE, start, der(0xa3, list), der(0x05)),
      Buffer.concat([plain, der(0x05)]),
    ];
    expect(matchLoggedTbs(submitted, der(SEQUENCE, start, der(0xa3, list)))).toBe("same");
    for (const logged of variants) {
      expect(matchLoggedTbs(submitted, logged)).toBe("different");
      expect(isPlain(submitted, logged)).toBe(false);
    }
  });

  it("does not take a time for another one a century later", () => {
    const fields = hostFields(1, intermediate, [SERVER_AUTH]);
    const tbsFrom = (notBefore: Buffer, extensions: Buffer) =>
      tbsCertificate({ ...fields, validity: der(SEQUENCE, notBefore, utcTime("260401000000Z")), extensions });
    const poisoned = Buffer.concat([SERVER_AUTH, POISON]);
    const submitted = (year: string) =>
      intermediate.certify(tbsFrom(der(0x18, Buffer.from(`${year}0101000000Z`)), poisoned));
    const [in2049, in1950] = ["49", "50"].map((year) =>
      tbsFrom(utcTime(`${year}0101000000Z`), SERVER_AUTH),
    ) as [Buffer, Buffer];
    expect(matchLoggedTbs(submitted("2049"), in2049)).toBe("re-encoded");
    expect(matchLoggedTbs(submitted("1949"), in2049)).toBe("different");
    expect(matchLoggedTbs(submitted("1950"), in1950)).toBe("re-encoded");
    expect(matchLoggedTbs(submitted("2050"), in1950)).toBe("different");
  });

  it("has no explanation for what is laxer in the log than it was", () => {
    const strict = intermediate.certify(tbsWith(SERVER_AUTH, POISON));
    const lax = intermediate.certify(tbsWith(SERVER_AUTH_WITH_FALSE, POISON));
    expect(matchLoggedTbs(lax, tbsWith(SERVER_AUTH))).toBe("re-encoded");
    expect(matchLoggedTbs(strict, tbsWith(SERVER_AUTH_WITH_FALSE))).toBe("different");
  });

  it("agrees with the plain way, and throws nothing but FormatError, whatever the bytes", () => {
    const cases = fc.constantFrom(...PRECERTIFICATE_CASES.filter(({ signer }) => signer === undefined));
    const choices = fc.infiniteStream(fc.nat());
    fc.assert(
      fc.property(cases, fc.boolean(), choices, (original, changesLogged, changes) => {
        const tbs = original.logged[0] as Buffer;
        const submitted = changesLogged ? original.submitted : mutated(original.submitted, changes);
        const changed = changesLogged ? mutated(tbs, changes) : tbs;
        let result: TbsMatch | undefined;
        attempt(() => (result = matchLoggedTbs(submitted, changed)));
        let plain = false;
        attempt(() => (plain = isPlain(submitted, changed)));
        expect(plain).toBe(result === "same");
      }),
      { numRuns: 3000 },
    );
  });
});
