import { describe, expect, it } from "vitest";
import { linkIssuers } from "../../../../lib/tlog/static-ct/extra-data-check.ts";
import { parseIssuer } from "../../../../lib/tlog/x509/issuer.ts";
import { type TestIssuer, testAuthorities } from "../../../support/logs/certificates.ts";

const { root, intermediate, signer, otherRoot, crossSigned, all } = testAuthorities("chains");
const FACTS = new Map(all.map((issuer) => [issuer.fingerprint, parseIssuer(issuer.der)]));

function chainOf(...chain: readonly TestIssuer[]) {
  const fingerprints = chain.map(({ fingerprint }) => fingerprint);
  return linkIssuers(
    fingerprints,
    fingerprints.map((fingerprint) => FACTS.get(fingerprint)),
  );
}

describe("linkIssuers", () => {
  it("keeps the issuers of a chain in their order", () => {
    const { issuers, missing, problem } = chainOf(signer, intermediate, root);
    expect(issuers).toEqual([signer, intermediate, root].map(({ fingerprint }) => FACTS.get(fingerprint)));
    expect({ missing, problem }).toEqual({ missing: [], problem: undefined });
    expect(chainOf()).toEqual({ issuers: [], missing: [], problem: undefined });
    expect(linkIssuers(["a", "b"], [undefined, FACTS.get(root.fingerprint)]).missing).toEqual(["a"]);
  });

  it("takes a chain for sound in which each may have issued the one before it", () => {
    expect(chainOf(intermediate, crossSigned, otherRoot).problem).toBeUndefined();
    expect(chainOf(root).problem).toBeUndefined();
    expect(chainOf(root, root).problem).toBeUndefined();
  });

  it.each([
    ["backwards", [root, intermediate]],
    ["with another root", [intermediate, otherRoot]],
    ["with a gap", [signer, root]],
  ])("tells which link is broken in a chain %s", (_, chain) => {
    const [first, second] = chain as [TestIssuer, TestIssuer];
    expect(chainOf(...chain).problem).toBe(
      `has a chain in which ${second.fingerprint} follows ${first.fingerprint}, whose issuer has another name`,
    );
  });
});
