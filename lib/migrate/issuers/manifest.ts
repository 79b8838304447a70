/**
 * The list of issuers that entries of a Static CT log were seen to name, as a document in the target: a resume does not
 * read below seals, and must find these in place. It is stored before each seal above such entries.
 */

import type { MigrationTarget, TargetWriter } from "../ports/target.ts";

/** Where it is stored. */
const LIST_PATH = ".state/tlog-migrate-issuers.json";

/** Largest list that is read. */
const MAX_LIST_BYTES = 1 << 26;

const VERSION_FIELD = "tlog-migrate-issuers";
const VERSION = 1;

/** An entry's index in the log, by the fingerprint in lower-case hexadecimal of an issuer that it names. */
export type IssuerList = ReadonlyMap<string, number>;

/** The list in a target, undefined if there is none that can be read. */
export async function readIssuerList(
  target: MigrationTarget,
  signal?: AbortSignal,
): Promise<IssuerList | undefined> {
  const writer = target.openWriter(signal);
  try {
    const bytes = await writer.read(LIST_PATH, MAX_LIST_BYTES);
    return bytes && parseList(Buffer.from(bytes).toString("utf8"));
  } finally {
    await writer.close();
  }
}

/** Stores the list; durable when it resolves. */
export async function writeIssuerList(writer: TargetWriter, list: IssuerList): Promise<void> {
  const text = JSON.stringify({
    [VERSION_FIELD]: VERSION,
    issuers: Object.fromEntries([...list].toSorted()),
  });
  const batch = writer.batch();
  await batch.put(LIST_PATH, Buffer.from(`${text}\n`));
  await batch.commit();
}

function parseList(text: string): IssuerList | undefined {
  try {
    const { issuers, [VERSION_FIELD]: version } = JSON.parse(text) as Record<string, unknown>;
    if (version !== VERSION || typeof issuers !== "object" || issuers === null) return undefined;
    const entries = Object.entries(issuers);
    const isList = entries.every(
      ([name, entry]) => /^[0-9a-f]{64}$/.test(name) && Number.isSafeInteger(entry),
    );
    return isList ? new Map(entries as [string, number][]) : undefined;
  } catch {
    // Another version, or corrupted: as good as none, and all is read again.
    return undefined;
  }
}
