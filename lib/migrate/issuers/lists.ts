/**
 * The lists of issuers in a target: a resume does not read bundles below seals, and must check that their issuers are
 * still in place. A copy that works alone has one list. Each part of a copy that several machines do has a list of its
 * own, since none knows what the others have found; what all of them list is what the seals depend on.
 */

import { randomUUID } from "node:crypto";
import type { LockKind, MigrationTarget, TargetWriter } from "../ports/target.ts";
import { MAX_ISSUERS } from "./cache.ts";

export const LIST_PATH = ".state/tlog-migrate-issuers.json";

/** What has the lists of parts. */
const PARTS = ".state/tlog-migrate-issuers";

/** Most bytes of a list. */
const MAX_LIST_BYTES = 1 << 26;

const VERSION_FIELD = "tlog-migrate-issuers";
const VERSION = 1;

/** Issuers' fingerprints, each with an entry that names it. */
export type ListedIssuers = ReadonlyMap<string, number>;

export class IssuerLists {
  readonly #target: Pick<MigrationTarget, "list" | "remove">;
  readonly #writer: () => TargetWriter;
  readonly #path: string;
  /** Lists of parts that were read. */
  readonly #parts = new Set<string>();

  constructor(
    target: Pick<MigrationTarget, "list" | "remove">,
    writer: () => TargetWriter,
    kind: LockKind = "alone",
  ) {
    this.#target = target;
    this.#writer = writer;
    this.#path = kind === "part" ? `${PARTS}/${randomUUID()}.json` : LIST_PATH;
  }

  /**
   * What all lists name.
   * @param size of the log, which must contain all the entries.
   * @returns undefined without any list, or if one cannot be true.
   */
  async read(size: number): Promise<ListedIssuers | undefined> {
    const all = new Map<string, number>();
    const paths = [LIST_PATH];
    for await (const { path } of this.#target.list(PARTS)) paths.push(path);
    let hasList = false;
    for (const path of paths) {
      const bytes = await this.#writer().read(path, MAX_LIST_BYTES);
      if (bytes === undefined) continue;
      const list = parseList(bytes, size);
      if (list === undefined) return undefined;
      hasList = true;
      if (path !== LIST_PATH) this.#parts.add(path);
      for (const [fingerprint, entry] of list) {
        all.set(fingerprint, Math.min(entry, all.get(fingerprint) ?? entry));
      }
    }
    return hasList ? all : undefined;
  }

  /** Stores this copy's own list; durable when it resolves. */
  async write(issuers: Iterable<readonly [fingerprint: string, entry: number]>): Promise<void> {
    const list = { [VERSION_FIELD]: VERSION, issuers: Object.fromEntries([...issuers].toSorted()) };
    const batch = this.#writer().batch();
    await batch.put(this.#path, Buffer.from(`${JSON.stringify(list)}\n`));
    await batch.commit();
  }

  /** Removes the lists of parts that were read, once this copy's own list has what they have. */
  async removeParts(): Promise<void> {
    for (const path of this.#parts) {
      await this.#target.remove(path);
      this.#parts.delete(path);
    }
  }
}

function parseList(bytes: Uint8Array, size: number): ListedIssuers | undefined {
  try {
    const text = Buffer.from(bytes).toString("utf8");
    const { issuers, [VERSION_FIELD]: version } = JSON.parse(text) as Record<string, unknown>;
    if (version !== VERSION || typeof issuers !== "object" || issuers === null) return undefined;
    const entries = Object.entries(issuers);
    const isIn = (entry: unknown) =>
      Number.isSafeInteger(entry) && Number(entry) >= 0 && Number(entry) < size;
    const isList =
      entries.length <= MAX_ISSUERS &&
      entries.every(([name, entry]) => /^[0-9a-f]{64}$/.test(name) && isIn(entry));
    return isList ? new Map(entries) : undefined;
  } catch {
    // Another version, or corrupted: treated as absent, and all entries are read again.
    return undefined;
  }
}
