/**
 * Cloud Storage and Spanner, emulated on the loopback by `gcpkit emulators`. Everything is in that process's memory,
 * and it ends with the test that started it.
 */
import type { GcpBucket } from "./homes.ts";
import { type RunningProgram, start } from "./run.ts";

/** Calls to interfere with, and how. The first of several rules that fits a call decides. */
export interface Interference {
  readonly service: "storage" | "spanner";
  /** An HTTP method, or the name of an RPC such as `Commit`; all unless told. */
  readonly method?: string;
  /** Part of the decoded path and query, or of the RPC's request as text, such as `table:"Tessera"`. */
  readonly contains?: string;
  /** How many of these calls go through first; none unless told. */
  readonly skip?: number;
  /** How many are interfered with then; all unless told. */
  readonly times?: number;

  readonly delayMs?: number;
  readonly status?: number;
  /** gRPC code to fail with, such as `UNAVAILABLE`; a transaction that is `ABORTED` is over. */
  readonly code?: string;
  /** Gives no answer until the interference is undone. */
  readonly hang?: boolean;
  /** Carries the call out first: it is the answer that is delayed, spoilt or withheld. */
  readonly after?: boolean;
}

/** An object as Cloud Storage's JSON API describes it. */
export interface StoredObject {
  readonly name: string;
  readonly bytes: Buffer;
  readonly contentType?: string;
  readonly cacheControl?: string;
  readonly contentEncoding?: string;
  readonly generation: string;
}

interface Addresses {
  readonly storage: string;
  readonly spanner: string;
  readonly instance: string;
  readonly control: string;
}

/** How often each kind of call was made, such as `spanner Commit` or `storage POST`. */
export type CallCounts = Readonly<Record<string, number>>;

export class GcpEmulators implements AsyncDisposable {
  /** URL of Cloud Storage; `<url>/<bucket>/<object>` is where the public reads an object. */
  readonly storageUrl: string;
  /** Spanner's host and port. */
  readonly spannerHost: string;
  /**
   * The Spanner instance that exists. Its databases come into being when they are first named, but for those whose
   * id starts with `missing`.
   */
  readonly instance: string;
  /** What a process gets to see the emulators as Google's cloud. */
  readonly env: Readonly<Record<string, string>>;
  readonly pid: number;
  readonly #control: string;
  readonly #program: RunningProgram<Addresses, CallCounts>;
  #named = 0;

  private constructor(program: RunningProgram<Addresses, CallCounts>) {
    const { storage, spanner, instance, control } = program.ready;
    this.#program = program;
    this.pid = program.pid;
    this.#control = control;
    this.storageUrl = storage;
    this.spannerHost = spanner;
    this.instance = instance;
    this.env = {
      STORAGE_EMULATOR_HOST: storage,
      SPANNER_EMULATOR_HOST: spanner,
      METADATA_SERVER_DETECTION: "none", // Node's client looks for credentials even where it needs none
    };
  }

  static async start(): Promise<GcpEmulators> {
    return new GcpEmulators(await start<Addresses, CallCounts>("gcpkit", ["emulators"], {}));
  }

  /** Ends them; returns how often they were called. */
  stop(): Promise<CallCounts> {
    return this.#program.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program[Symbol.asyncDispose]();
  }

  /** A new bucket and the name of a new database, for one log. */
  async newHome(prefix?: string): Promise<GcpBucket> {
    const bucket = await this.newBucket();
    const { database, env } = { database: this.newDatabase(), env: this.env };
    return prefix === undefined ? { bucket, database, env } : { bucket, prefix, database, env };
  }

  async newBucket(): Promise<string> {
    const name = `bucket-${++this.#named}`;
    await this.#storage("/storage/v1/b?project=interop", { method: "POST", body: JSON.stringify({ name }) });
    return name;
  }

  /** Full name of a database that nobody has used. */
  newDatabase(): string {
    return `${this.instance}/databases/database-${++this.#named}`;
  }

  /** Writes an object, over one that may be there. */
  async putObject(
    bucket: string,
    name: string,
    bytes: Uint8Array | string,
    metadata: { readonly contentEncoding?: string } = {},
  ): Promise<void> {
    const query = new URLSearchParams({ uploadType: "media", name, ...metadata });
    await this.#storage(`/upload/storage/v1/b/${bucket}/o?${query}`, { method: "POST", body: bytes });
  }

  async deleteObject(bucket: string, name: string): Promise<void> {
    await this.#storage(`/storage/v1/b/${bucket}/o/${encodeURIComponent(name)}`, { method: "DELETE" });
  }

  /** The objects whose names start with a prefix, by their names. */
  async objects(bucket: string, prefix = ""): Promise<Map<string, StoredObject>> {
    const found = new Map<string, StoredObject>();
    for (let pageToken: string | undefined = ""; pageToken !== undefined; ) {
      const query = new URLSearchParams({ prefix, pageToken });
      const answer = await this.#storage(`/storage/v1/b/${bucket}/o?${query}`);
      const page = (await answer.json()) as { items?: Omit<StoredObject, "bytes">[]; nextPageToken?: string };
      for (const item of page.items ?? []) {
        found.set(item.name, { ...item, bytes: await this.read(bucket, item.name) });
      }
      pageToken = page.nextPageToken;
    }
    return found;
  }

  /** The objects of a log, by their paths. */
  async objectsOf({ bucket, prefix }: GcpBucket): Promise<Map<string, StoredObject>> {
    const below = prefix === undefined ? "" : `${prefix}/`;
    const objects = await this.objects(bucket, below);
    return new Map([...objects].map(([name, object]) => [name.slice(below.length), object]));
  }

  /** An object's bytes, decompressed. */
  async read(bucket: string, name: string): Promise<Buffer> {
    const path = `/storage/v1/b/${bucket}/o/${encodeURIComponent(name)}?alt=media`;
    return Buffer.from(await (await this.#storage(path)).arrayBuffer());
  }

  async #storage(path: string, init?: RequestInit): Promise<Response> {
    return expectOk(await fetch(`${this.storageUrl}${path}`, init));
  }

  /** Interferes with calls as these rules say, and no others, until the next call of this; with none, no more. */
  async interfere(...rules: readonly Interference[]): Promise<void> {
    expectOk(await fetch(`${this.#control}/rules`, { method: "PUT", body: JSON.stringify(rules) }));
  }

  /** How many calls each of the present rules has interfered with; one that hangs counts from its beginning. */
  async interferences(): Promise<number[]> {
    return (await expectOk(await fetch(`${this.#control}/rules`)).json()) as number[];
  }

  /** Lets a page of a listing have so many objects at most; 0 for as many as Cloud Storage gives. */
  async limitPages(objects: number): Promise<void> {
    expectOk(await fetch(`${this.#control}/page-limit`, { method: "PUT", body: JSON.stringify(objects) }));
  }

  /** How often each kind of call was made so far. */
  async callCounts(): Promise<CallCounts> {
    return (await expectOk(await fetch(`${this.#control}/counts`)).json()) as CallCounts;
  }
}

function expectOk(answer: Response): Response {
  if (!answer.ok) throw new Error(`${answer.url} answered ${answer.status}`);
  return answer;
}
