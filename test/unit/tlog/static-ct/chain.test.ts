import { describe, expect, it } from "vitest";
import { IssuerChains } from "../../../../lib/tlog/static-ct/chain.ts";
import { type IssuerFacts, parseIssuer } from "../../../../lib/tlog/x509/issuer.ts";
import { type TestIssuer, testAuthorities } from "../../../support/logs/certificates.ts";

const { root, intermediate, signer, otherRoot, crossSigned, all } = testAuthorities("chains");
const FACTS = new Map(all.map((issuer) => [issuer.fingerprint, parseIssuer(issuer.der)]));

function bytesOf(chain: readonly TestIssuer[]): Buffer {
  return Buffer.from(chain.map(({ fingerprint }) => fingerprint).join(""), "hex");
}

function chainOf(...chain: readonly TestIssuer[]) {
  const bytes = Buffer.concat([Buffer.alloc(3), bytesOf(chain), Buffer.alloc(3)]);
  return new IssuerChains((fingerprint) => FACTS.get(fingerprint)).at(bytes, 3, bytes.length - 3);
}

describe("IssuerChains", () => {
  it("finds the issuers of a chain in their order", () => {
    const { issuers, missing, problem } = chainOf(signer, intermediate, root);
    expect(issuers).toEqual([signer, intermediate, root].map(({ fingerprint }) => FACTS.get(fingerprint)));
    expect({ missing, problem }).toEqual({ missing: [], problem: undefined });
    expect(chainOf()).toEqual({ issuers: [], missing: [], problem: undefined });
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

  it("asks for each issuer of a chain once, and for those that are missing again", () => {
    const asked: string[] = [];
    const facts = new Map<string, IssuerFacts>();
    const chains = new IssuerChains((fingerprint) => {
      asked.push(fingerprint);
      return facts.get(fingerprint);
    });
    const bytes = bytesOf([intermediate, root]);
    const both = [intermediate.fingerprint, root.fingerprint];
    expect(chains.at(bytes, 0, 64)).toMatchObject({ missing: both, problem: undefined });
    for (const fingerprint of both) facts.set(fingerprint, FACTS.get(fingerprint) as IssuerFacts);
    expect(chains.at(bytes, 0, 64).missing).toEqual([]);
    bytes.fill(0);
    expect(chains.at(bytesOf([intermediate, root]), 0, 64).missing).toEqual([]);
    expect(asked).toEqual([...both, ...both]);
  });

  it("forgets chains rather than keep any number of them", () => {
    let asked = 0;
    const chains = new IssuerChains(() => {
      asked++;
      return FACTS.get(root.fingerprint);
    });
    const fingerprint = Buffer.alloc(32);
    const ask = (number: number): void => {
      fingerprint.writeUInt32BE(number);
      chains.at(fingerprint, 0, 32);
    };
    const count = 10_000;
    for (let number = 0; number < count; number++) ask(number);
    ask(count - 1);
    expect(asked).toBe(count);
    ask(0);
    expect(asked).toBe(count + 1);
  });
});
