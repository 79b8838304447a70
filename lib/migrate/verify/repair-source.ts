/**
 * Reads the right bytes of an object from another copy of the log. They are authenticated by the trusted tree: by tiles
 * of the log itself or, if these are wrong too, by the copy's. So the copy may be larger or smaller than the tree: every
 * object that it has is of use.
 */

import { VerificationError } from "../../errors.ts";
import { maxBundleSize } from "../../tlog/bundle.ts";
import { FormatError } from "../../tlog/errors.ts";
import { type EntryBundleCoordinate, FULL_WIDTH, type TileCoordinate, tilePath } from "../../tlog/layout.ts";
import { equalBytes, foldTile, formatHash } from "../../tlog/merkle.ts";
import { fetchIssuer, fingerprintOf, IssuerCache } from "../issuers/cache.ts";
import {
  type HashTree,
  MAX_ISSUER_BYTES,
  MAX_OBJECT_BYTES,
  type ReadHints,
  type RightEdge,
  type TileRecovery,
  type TreeHead,
} from "../ports/source.ts";
import { openTree, readAuthentic } from "../read/authentic.ts";
import { ByteBudget } from "../read/byte-budget.ts";
import type { ReadContext } from "../read/context.ts";
import { Counters } from "../report/counters.ts";
import { requireEdge, requireHash } from "../tree/tiled-tree.ts";
import { unitOf } from "../tree/units.ts";
import { type ExpectedBundle, expectedBundles, readBundle } from "../unit/expected-bundle.ts";
import { ExtraDataCheck } from "../unit/extra-data.ts";
import { faultOf } from "./findings.ts";
import type { Repairable } from "./repairable.ts";
import { edgeOfRoot, TileRecomputation } from "./tile-recomputation.ts";

/** The right bytes of an object. */
export interface ExpectedObject {
  readonly maxBytes: number;
  /** Whether the log's current bytes are right. */
  isRight(found: Uint8Array): Promise<boolean>;
  /** Reads it from the copy, and lends its authenticated bytes to `use`. @throws VerificationError if the copy lacks it. */
  read(use: (bytes: Uint8Array) => Promise<void>): Promise<void>;
}

export class RepairSource {
  readonly #context: ReadContext;
  readonly #tree: HashTree;
  readonly #budget: ByteBudget;
  /** Of Static CT: by whether a bundle may name issuers that the copy lacks. */
  readonly #extraData: ((allowMissing: boolean) => ExtraDataCheck) | undefined;

  private constructor(context: ReadContext, tree: HashTree, deep: boolean, budgetBytes: number) {
    this.#context = context;
    this.#tree = tree;
    this.#budget = new ByteBudget(budgetBytes);
    if (context.source.format !== "static-ct") return;
    const options = {
      issuers: new IssuerCache({ context, deep }),
      rereads: context.retry.contentAttempts > 0,
      deepCounters: deep ? new Counters() : undefined,
    };
    this.#extraData = (allowMissing) => new ExtraDataCheck({ ...options, allowMissing });
  }

  /**
   * Opens the tree of a head.
   * @param log as it was verified.
   * @param deep whether entries of Static CT must agree with the certificates in their chains.
   * @throws VerificationError if neither the log nor the copy, nor both together, have its right edge.
   */
  static async open(
    log: ReadContext,
    copy: ReadContext,
    head: TreeHead,
    { deep, budgetBytes }: { readonly deep: boolean; readonly budgetBytes: number },
  ): Promise<RepairSource> {
    const tree = await openRepairTree(log, copy, head);
    return new RepairSource(copy, tree, deep, budgetBytes);
  }

  async expected(object: Repairable): Promise<ExpectedObject> {
    switch (object.kind) {
      case "tile":
        return await this.#tile(object.tile);
      case "bundle":
        return await this.#bundle(object.bundle, object.hasAllIssuers !== true);
      case "issuer":
        return this.#issuer(object.fingerprint);
    }
  }

  async #tile({ level, index, width }: TileCoordinate): Promise<ExpectedObject> {
    const isFull = width === FULL_WIDTH;
    const hashes = isFull ? await this.#tree.fullTile(level, index) : requireEdge(this.#tree, level);
    return {
      maxBytes: hashes.length,
      isRight: async (found) => equalBytes(found, hashes),
      read: (use) => use(hashes),
    };
  }

  /** @param allowMissing issuers are looked for, and repaired, by themselves. */
  async #bundle(coordinate: EntryBundleCoordinate, allowMissing: boolean): Promise<ExpectedObject> {
    const { format } = this.#context.source;
    const unit = await unitOf(this.#tree, coordinate);
    const extraData = this.#extraData?.(allowMissing);
    const check = (bytes: Uint8Array, at: EntryBundleCoordinate, isFresh: boolean) =>
      extraData?.check(bytes, at, new Map(), isFresh);
    const [bundle] = expectedBundles(unit, format, check) as [ExpectedBundle];
    return {
      maxBytes: Math.min(maxBundleSize(format, coordinate.width), MAX_OBJECT_BYTES),
      isRight: async (found) => {
        try {
          await bundle.authenticate(found, true);
          return true;
        } catch (error) {
          if (error instanceof FormatError) return false;
          throw error;
        }
      },
      read: async (use) => {
        const reservation = this.#budget.reserve();
        try {
          await use((await readBundle(this.#context, bundle, reservation)).bytes);
        } finally {
          reservation.release();
        }
      },
    };
  }

  #issuer(fingerprint: string): ExpectedObject {
    return {
      maxBytes: MAX_ISSUER_BYTES,
      isRight: async (found) => fingerprintOf(found) === fingerprint,
      read: async (use) => use(await fetchIssuer(this.#context, fingerprint)),
    };
  }
}

/** A tree of the log, of which the copy may have what is wrong there. @throws VerificationError if neither has its right edge. */
export function openRepairTree(log: ReadContext, copy: ReadContext, head: TreeHead): Promise<HashTree> {
  return openTree(log, head, new CopiedTiles(log, copy));
}

/** Replaces wrong tiles of the log: from the copy, or recomputed from the level below; only right tiles are returned. */
class CopiedTiles implements TileRecovery {
  readonly #copy: ReadContext;
  readonly #recomputations: readonly TileRecomputation[];

  constructor(log: ReadContext, copy: ReadContext) {
    this.#copy = copy;
    this.#recomputations = [log, copy].map((context) => new TileRecomputation(context, () => {}));
  }

  async fullTile(failure: unknown, level: number, index: number, expected: Uint8Array): Promise<Uint8Array> {
    faultOf(failure);
    const tile = { level, index, width: FULL_WIDTH };
    const read = (hints: ReadHints) => this.#copy.source.tile(tile, hints);
    const authenticate = (hashes: Uint8Array): Uint8Array => {
      requireHash(foldTile(hashes), expected);
      return hashes;
    };
    try {
      return await readAuthentic(this.#copy, tilePath(tile), read, authenticate);
    } catch (ofCopy) {
      faultOf(ofCopy);
      for (const recomputation of this.#recomputations) {
        const hashes = await recomputation.fullTile(ofCopy, level, index, expected);
        if (equalBytes(foldTile(hashes), expected)) return hashes;
      }
      throw ofCopy;
    }
  }

  async edge(failure: unknown, head: TreeHead): Promise<RightEdge> {
    faultOf(failure);
    const [ofLog = [], ofCopy = []] = await Promise.all(
      this.#recomputations.map((recomputation) => recomputation.edgeCandidates(head)),
    );
    const candidates = ofLog.map(({ tile, choices }, i) => ({
      tile,
      choices: different([...choices, ...(ofCopy[i]?.choices ?? [])]),
    }));
    const edge = edgeOfRoot(head, candidates);
    if (edge !== undefined) return edge;
    throw new VerificationError({
      object: this.#copy.source.location,
      problem: `does not have the right edge of the tree of size ${head.size}, nor has the log: it is another log, or smaller`,
      expected: formatHash(head.rootHash),
    });
  }
}

function different(all: readonly Uint8Array[]): Uint8Array[] {
  return all.filter((one, i) => all.findIndex((other) => equalBytes(one, other)) === i);
}
