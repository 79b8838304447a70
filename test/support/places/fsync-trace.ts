/**
 * What a power failure could have taken back, read from a trace of system calls: kill -9 cannot show a missing
 * fsync, since the kernel keeps what was written. `parseTrace` reads what strace printed; `DurabilityModel`
 * follows it call by call and knows of every file and every name whether it had reached the disk.
 *
 * A file's bytes are durable once an fsync of it has ended that began after the last write had ended; a name,
 * once the same is true of its directory; and both count only if every directory above is reached by durable
 * names. What is under way does not count. After a failed fsync a file is lost until it is written anew, and so are the names in a directory.
 */

import { dirname } from "node:path";

/** A system call, with the lines of the trace on which it began and ended. */
export interface SystemCall {
  readonly name: string;
  /** What it is about: one path, or those of a rename or link. Absolute. */
  readonly paths: readonly string[];
  readonly start: number;
  readonly end: number;
  readonly failed: boolean;
  /** Of an open: whether it creates a file, or empties one. */
  readonly creates: boolean;
}

/** Calls that a durability trace needs, for `strace -e trace=`. */
export const TRACED_CALLS = [
  ["open", "openat", "creat", "write", "pwrite64", "writev", "pwritev", "truncate", "ftruncate"],
  ["fsync", "fdatasync", "rename", "renameat", "renameat2", "link", "linkat"],
  ["mkdir", "mkdirat", "unlink", "unlinkat", "rmdir"],
].flat();

/** The calls of `strace -f -y -s 0 -o FILE` in the order in which they began. */
export function parseTrace(text: string): SystemCall[] {
  const unfinished = new Map<string, { text: string; start: number }>();
  const calls: SystemCall[] = [];
  for (const [at, line] of text.split("\n").entries()) {
    const [, thread = "", rest = ""] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    const begun = /^(.*) <unfinished \.\.\.>$/.exec(rest)?.[1];
    if (begun !== undefined) {
      unfinished.set(thread, { text: begun, start: at + 1 });
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest)?.[1];
    const start = resumed === undefined ? undefined : unfinished.get(thread);
    const whole = start === undefined ? rest : start.text + resumed;
    const call = parseCall(whole, start?.start ?? at + 1, at + 1);
    if (call !== undefined) calls.push(call);
  }
  return calls.sort((a, b) => a.start - b.start);
}

function parseCall(text: string, start: number, end: number): SystemCall | undefined {
  const [, name = "", args = "", result = ""] = /^(\w+)\((.*)\)\s+= (-?\d+)/.exec(text) ?? [];
  if (name === "") return undefined;
  const quoted = [...args.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, path = ""]) => path);
  const descriptor = /^\d+<(.*?)(?: ?\(deleted\))?>/.exec(args)?.[1];
  const ofDescriptor = /^(f|p?write)/.test(name);
  const paths = ofDescriptor ? [descriptor ?? ""] : quoted;
  const creates = name === "creat" || /O_CREAT|O_TRUNC/.test(args);
  return { name, paths, start, end, failed: result.startsWith("-"), creates };
}

interface TracedFile {
  /** When its bytes last changed; infinite while they do, or when an fsync of them has failed. */
  changedAt: number;
  /** When the last fsync that has ended began. */
  syncedAt: number;
}

/** What is durable, while a trace is followed. Everything it was told to be there at first counts as not durable. */
export class DurabilityModel {
  readonly #anchor: string;
  readonly #files = new Map<string, TracedFile>();
  /** When a name last came or went, by its path. */
  readonly #names = new Map<string, number>();
  readonly #directorySyncs = new Map<string, number>();

  /**
   * @param anchor a directory that was durable before, above everything that is looked at.
   * @param found what stood below it at first, directories included: whoever left it may have synced nothing.
   */
  constructor(anchor: string, found: Iterable<string> = []) {
    this.#anchor = anchor;
    for (const path of found) {
      this.#files.set(path, { changedAt: 0, syncedAt: -1 });
      this.#names.set(path, 0);
    }
  }

  /** A call begins: what it changes is not durable from here on. */
  begin(call: SystemCall): void {
    if (changesBytes(call)) this.#file(call.paths[0]).changedAt = Number.POSITIVE_INFINITY;
    for (const path of changedNames(call)) this.#names.set(path, Number.POSITIVE_INFINITY);
  }

  end(call: SystemCall): void {
    for (const path of changedNames(call)) this.#names.set(path, call.end);
    const [path = "", other = ""] = call.paths;
    if (changesBytes(call)) this.#file(path).changedAt = call.end;
    if (/^f(data)?sync$/.test(call.name)) this.#synced(path, call);
    if (call.failed) return;
    if (/^(rename|link)/.test(call.name)) this.#files.set(other, this.#file(path));
    if (/^(rename|unlink)/.test(call.name)) this.#files.delete(path);
  }

  has(path: string): boolean {
    return this.#files.has(path);
  }

  /** Why a power failure could take back the bytes or the name of a file, or the way to it; undefined if none could. */
  lossOf(path: string): string | undefined {
    const file = this.#files.get(path);
    if (file === undefined) return `${path} is not there`;
    if (file.syncedAt <= file.changedAt) return `${path} was not fsynced after its last change`;
    return this.lossOfName(path);
  }

  /** The same for a name alone, or for its being gone. */
  lossOfName(path: string): string | undefined {
    for (let at = path; at !== this.#anchor; at = dirname(at)) {
      const changedAt = this.#names.get(at);
      if (changedAt === undefined) return `${at} is not known`;
      const syncedAt = this.#directorySyncs.get(dirname(at)) ?? -1;
      if (syncedAt <= changedAt) return `${dirname(at)} was not fsynced after ${at} came or went`;
    }
    return undefined;
  }

  #file(path = ""): TracedFile {
    let file = this.#files.get(path);
    if (file === undefined) {
      file = { changedAt: 0, syncedAt: -1 };
      this.#files.set(path, file);
    }
    return file;
  }

  #synced(path: string, call: SystemCall): void {
    const file = this.#files.get(path);
    if (call.failed) {
      if (file !== undefined) file.changedAt = Number.POSITIVE_INFINITY;
      for (const name of this.#names.keys()) {
        if (dirname(name) === path) this.#names.set(name, Number.POSITIVE_INFINITY);
      }
      return;
    }
    if (file !== undefined) file.syncedAt = Math.max(file.syncedAt, call.start);
    this.#directorySyncs.set(path, Math.max(this.#directorySyncs.get(path) ?? -1, call.start));
  }
}

function changesBytes({ name, creates }: SystemCall): boolean {
  return creates || /^(p?write|f?truncate)/.test(name);
}

function changedNames({ name, paths, creates, failed }: SystemCall): readonly string[] {
  if (failed) return [];
  if (/^(rename|mkdir|unlink|rmdir)/.test(name)) return paths;
  if (name.startsWith("link")) return paths.slice(1);
  return creates ? paths : [];
}

export interface DurabilityRule {
  readonly name: string;
  readonly applies: (call: SystemCall, model: DurabilityModel) => boolean;
  /** Asked when such a call begins: the losses that were still possible. */
  readonly losses: (model: DurabilityModel, call: SystemCall) => Iterable<string | undefined>;
}

export interface RuleResult {
  readonly applied: number;
  readonly violations: readonly string[];
}

/** Follows a trace and holds it against rules. */
export function holdAgainst(
  calls: readonly SystemCall[],
  model: DurabilityModel,
  rules: readonly DurabilityRule[],
): Map<string, RuleResult> {
  const results = new Map(rules.map(({ name }) => [name, { applied: 0, violations: [] as string[] }]));
  const moments = calls.flatMap((call) => [
    { line: call.start, isEnd: false, call },
    { line: call.end, isEnd: true, call },
  ]);
  moments.sort((a, b) => a.line - b.line || Number(a.isEnd) - Number(b.isEnd));
  for (const { isEnd, call } of moments) {
    if (isEnd) {
      model.end(call);
      continue;
    }
    for (const { name, applies, losses } of call.failed ? [] : rules) {
      if (!applies(call, model)) continue;
      const result = results.get(name) as { applied: number; violations: string[] };
      result.applied++;
      for (const loss of losses(model, call)) if (loss !== undefined) result.violations.push(loss);
    }
    model.begin(call);
  }
  return results;
}
