/**
 * Reads policy files (https://c2sp.org/tlog-policy): lines that begin with `log`, `witness`, `group` or `quorum`. Accepts
 * some deviations of files in use: Windows line endings, comments at the end of a line, a witness without a name (it gets
 * its key's), and a number as the quorum (of all witnesses above it; so no quorum has a number as its name). Everything else that the specification does not
 * allow is refused: a misread policy would trust checkpoints for the wrong reason.
 */

import { FormatError } from "./errors.ts";
import { excerpt, type Verifier } from "./note.ts";
import { requireNotPrivate } from "./private-key.ts";
import { formatCount } from "./quantities.ts";
import { namesOf, type Quorum, type TrustPolicy, type Witness } from "./quorum.ts";
import { parseVkey } from "./vkey.ts";

/** Some hundred ML-DSA-44 keys, which are of 1.8 KB in text. */
const MAX_POLICY_BYTES = 1_000_000;

/** Logs, witnesses and groups together. More than a checkpoint has signatures are of no use. */
const MAX_DEFINITIONS = 1_000;

/** Not a name: a quorum that needs no witness. */
const NONE = "none";

/** The type of a vkey is in its base64, and the key id of a name is hexadecimal: names of witnesses look otherwise. */
const VKEY = /^[^+]+\+[0-9a-f]{8}\+/i;

/** @throws FormatError that names the line, for a file that is not a policy, or one that contradicts itself. */
export function parsePolicy(bytes: Uint8Array): TrustPolicy {
  if (bytes.length > MAX_POLICY_BYTES) {
    throw new FormatError(
      "is too large for a policy",
      `≤ ${formatCount(MAX_POLICY_BYTES)} bytes`,
      formatCount(bytes.length),
    );
  }
  const reader = new PolicyReader();
  // Each byte one character: a name is its bytes, in whatever encoding, and a comment need not have any.
  const text = Buffer.from(bytes)
    .toString("latin1")
    .replace(/^\xef\xbb\xbf/, "");
  for (const [index, line] of text.split("\n").entries()) reader.read(line.replace(/\r$/, ""), index + 1);
  return reader.policy();
}

/** Something that has a name, and the line that has defined it. */
interface Definition {
  readonly quorum: Quorum;
  readonly line: number;
  /** The line of the group that it is a member of. */
  memberOf?: number;
}

class PolicyReader {
  readonly #logs: Verifier[] = [];
  readonly #witnesses: Witness[] = [];
  /** By name, as its bytes. */
  readonly #defined = new Map<string, Definition>();
  /** The lines of public keys. */
  readonly #keys = new Map<string, number>();
  #quorum: { readonly line: number; readonly needed: Quorum | undefined } | undefined;
  #definitions = 0;
  #line = 0;

  read(line: string, number: number): void {
    this.#line = number;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the check is for these.
    if (/[\x00-\x08\x0b-\x1f\x7f]/.test(line)) throw this.#fault("has a control character");
    const words = line.split(/[ \t]+/).filter((word) => word !== "");
    const comment = words.findIndex((word) => word.startsWith("#"));
    const [keyword, ...values] = comment === -1 ? words : words.slice(0, comment);
    if (keyword === undefined) return;
    if (keyword !== "quorum" && ++this.#definitions > MAX_DEFINITIONS) {
      throw this.#fault("is one too many", `≤ ${formatCount(MAX_DEFINITIONS)} logs, witnesses and groups`);
    }
    if (keyword === "log") this.#readLog(values);
    else if (keyword === "witness") this.#readWitness(values);
    else if (keyword === "group") this.#readGroup(values);
    else if (keyword === "quorum") this.#readQuorum(values);
    else {
      this.#at(() => requireNotPrivate(line));
      throw this.#fault("has an unknown keyword", "log, witness, group or quorum", shown(keyword));
    }
  }

  policy(): TrustPolicy {
    if (this.#quorum === undefined) {
      const advice = "Add `quorum <name>`, or `quorum none` for a log that needs no witness";
      throw new FormatError("has no line quorum", undefined, undefined, advice);
    }
    return { logs: this.#logs, witnesses: this.#witnesses, quorum: this.#quorum.needed };
  }

  /** `log <vkey> [<url>]` */
  #readLog(values: readonly string[]): void {
    const [vkey] = this.#words(values, 1, "log <vkey> [<url>]");
    const verifier = this.#key(vkey as string, "log");
    if (verifier.type === "cosignature/v1") {
      throw this.#fault("has a witness's key for a log", "type 0x01, 0x02, 0x05 or 0x06", "type 0x04");
    }
    this.#logs.push(verifier);
  }

  /** `witness <name> <vkey> [<url>]`, or without the name. */
  #readWitness(values: readonly string[]): void {
    const isNameless = !VKEY.test(values[1] ?? "") && VKEY.test(values[0] ?? "");
    const form = "witness <name> <vkey> [<url>]";
    const words = isNameless ? this.#words(values, 1, form) : this.#words(values, 2, form);
    const [vkey, name] = isNameless ? [words[0], nameIn(words[0] as string)] : [words[1], words[0]];
    const verifier = this.#key(vkey as string, "witness");
    if (verifier.type !== "cosignature/v1" && verifier.type !== "ML-DSA-44") {
      throw this.#fault("has a log's key for a witness", "type 0x04 or 0x06", verifier.type);
    }
    const witness: Witness = { kind: "witness", name: shown(name as string), verifier };
    this.#define(name as string, witness);
    this.#witnesses.push(witness);
  }

  /** `group <name> all|any|<k> <name>…` */
  #readGroup(values: readonly string[]): void {
    const [name, count, ...names] = values;
    if (name === undefined || count === undefined || names.length === 0) {
      throw this.#fault("is not a group", "group <name> all|any|<number> <name>…");
    }
    const isWord = count === "any" || count === "all";
    const most = names.length;
    const threshold = isWord
      ? count === "any"
        ? 1
        : most
      : this.#count(count, most, "members of the group");
    const members = names.map((member) => {
      const definition = this.#lookUp(member);
      // Once alone, so that no witness counts twice.
      if (definition.memberOf !== undefined) {
        const problem = `has a member that is in a group already: ${shown(member)}`;
        throw this.#fault(problem, "each name in one group, once", `line ${definition.memberOf}`);
      }
      definition.memberOf = this.#line;
      return definition.quorum;
    });
    this.#define(name, { kind: "group", name: shown(name), threshold, members });
  }

  /** `quorum <name>`, or the number of witnesses. */
  #readQuorum(values: readonly string[]): void {
    const [name] = this.#words(values, 1, "quorum <name>", 0) as [string];
    if (this.#quorum !== undefined) {
      throw this.#fault("is a second line quorum", "one", `another in line ${this.#quorum.line}`);
    }
    this.#quorum = { line: this.#line, needed: this.#neededBy(name) };
  }

  #neededBy(name: string): Quorum | undefined {
    if (name === NONE) return undefined;
    if (!/^[0-9]+$/.test(name)) return this.#lookUp(name).quorum;
    const named = this.#defined.get(name);
    if (named !== undefined) {
      const problem = `asks for ${name}, which is a name, and may be a number of witnesses`;
      throw this.#fault(problem, undefined, `line ${named.line}`, "Give it another name there, and here");
    }
    const members = [...this.#witnesses];
    const threshold = this.#count(name, members.length, "witnesses above it");
    return { kind: "group", name: "all witnesses", threshold, members };
  }

  /** A number of things, of which there are `most`. */
  #count(text: string, most: number, things: string): number {
    const count = /^[1-9][0-9]{0,5}$/.test(text) ? Number(text) : 0;
    if (count >= 1 && count <= most) return count;
    const expected = most === 0 ? "some" : `a number from 1 to ${most}`;
    throw this.#fault(`asks for another number than there are ${things}`, expected, shown(text));
  }

  #lookUp(name: string): Definition {
    const definition = this.#defined.get(name);
    if (definition !== undefined) return definition;
    const found = [...this.#defined.values()].map(({ quorum }) => quorum);
    throw this.#fault(
      `has a name that no line above defines: ${shown(name)}`,
      found.length === 0 ? "a witness" : namesOf(found),
    );
  }

  #define(name: string, quorum: Quorum): void {
    const before = this.#defined.get(name);
    if (before !== undefined || name === NONE) {
      const by = before === undefined ? "it means that no witness is needed" : `line ${before.line} has it`;
      throw this.#fault(`has a name that is taken: ${shown(name)}`, "another", by);
    }
    this.#defined.set(name, { quorum, line: this.#line });
  }

  #key(word: string, whose: "log" | "witness"): Verifier {
    if (/^[0-9a-f]{64}$/i.test(word)) {
      const advice = `Write ${whose === "log" ? "the log's" : "its"} vkey: <name>+<8 hex digits>+<base64>`;
      throw this.#fault(
        "has a bare key, as Sigsum's policies do, which has no name",
        "a vkey",
        undefined,
        advice,
      );
    }
    const verifier = this.#at(() => parseVkey(Buffer.from(word, "latin1").toString("utf8")));
    const key = Buffer.from(verifier.publicKey ?? []).toString("base64");
    const before = this.#keys.get(key);
    if (before !== undefined) {
      throw this.#fault(
        "has a key that another line has too, and one key counts once",
        "another",
        `line ${before}`,
      );
    }
    this.#keys.set(key, this.#line);
    return verifier;
  }

  /** The words of a line that has so many, and may have a few more. */
  #words(values: readonly string[], count: number, form: string, more = 1): readonly string[] {
    if (values.length >= count && values.length <= count + more) return values;
    throw this.#fault("has more words than it may have, or fewer", form);
  }

  #at<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      throw this.#fault(`has a key that ${error.message}`, error.expected, error.found, error.advice);
    }
  }

  #fault(problem: string, expected?: string, found?: string, advice?: string): FormatError {
    return new FormatError(`line ${this.#line} ${problem}`, expected, found, advice);
  }
}

/** The name of a vkey. */
function nameIn(vkey: string): string {
  return vkey.slice(0, vkey.indexOf("+"));
}

/** A word as a message shows it. */
function shown(word: string): string {
  return excerpt(Buffer.from(word, "latin1").toString("utf8"));
}
