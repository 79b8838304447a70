/** A bucket and a state store in memory, of no vendor: any bucket goes with any state store. */

import { TargetRefusedError } from "../../../lib/errors.ts";
import type { IntegratedTree, StoredObject, TreeState } from "../../../lib/migrate/ports/target.ts";
import { FormatError } from "../../../lib/tlog/errors.ts";
import type { Bucket, ObjectVersion, VersionedObject } from "../../../storage/bucket/bucket.ts";
import type { LogState, StateContents } from "../../../storage/bucket/log-state.ts";

export class MemoryBucket implements Bucket {
  readonly location: string;
  objects = new Map<string, VersionedObject>();
  /** How far its clock is ahead of this machine's, in milliseconds. */
  aheadMs = 0;
  #stored = 0;

  constructor(location = "mem://bucket/log/") {
    this.location = location;
  }

  store(path: string, content: Uint8Array | string): void {
    const version = `version-${++this.#stored}`;
    this.objects.set(path, { bytes: Buffer.from(content), version, storedAt: Date.now() + this.aheadMs });
  }

  text(path: string): string | undefined {
    return this.objects.get(path)?.bytes.toString();
  }

  locate(path: string): string {
    return this.location + path;
  }

  async get(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
    const bytes = this.objects.get(path)?.bytes;
    if (bytes !== undefined && bytes.length > maxBytes) throw new FormatError("is too large");
    return bytes && Uint8Array.from(bytes);
  }

  async stat(path: string): Promise<ObjectVersion | undefined> {
    return this.objects.get(path);
  }

  async getVersion(path: string, maxBytes: number): Promise<VersionedObject | undefined> {
    await this.get(path, maxBytes);
    return this.objects.get(path);
  }

  async put(path: string, bytes: Uint8Array, instead?: ObjectVersion): Promise<boolean> {
    if (this.objects.get(path)?.version !== instead?.version) return false;
    this.store(path, bytes);
    return true;
  }

  async *list(directory: string): AsyncGenerator<StoredObject> {
    for (const [path, { bytes }] of this.objects) {
      if (path.startsWith(`${directory}/`)) yield { path, bytes: bytes.length };
    }
  }

  async remove(path: string, { version }: ObjectVersion): Promise<boolean> {
    if (this.objects.get(path)?.version === version) this.objects.delete(path);
    return !this.objects.has(path);
  }

  async requireConditionalWrites(): Promise<void> {}

  until(_signal: AbortSignal): MemoryBucket {
    return this;
  }

  openObjects(): this {
    return this;
  }

  async close(): Promise<void> {}
}

/** What a memory state store holds, shared by all that open it. */
export interface MemoryTables {
  readonly name: string;
  contents?: StateContents | undefined;
  tree?: IntegratedTree | undefined;
}

/** The options that name the memory store of a bucket's document. */
export function memoryOptionsIn({ "memory-store": name }: Readonly<Record<string, unknown>>) {
  return typeof name === "string" ? `--memory ${name}` : undefined;
}

export class MemoryLogState implements LogState {
  readonly name: string;
  readonly options: string;
  readonly binding: object;
  readonly treeStateName: string;
  readonly markerName: string;
  readonly recordName: string;
  readonly #tables: MemoryTables;
  readonly #location: string;

  constructor(tables: MemoryTables, location: string) {
    this.name = `the memory ${tables.name}`;
    this.options = `--memory ${tables.name}`;
    this.binding = { "memory-store": tables.name };
    this.treeStateName = `the tree of ${tables.name}`;
    this.markerName = `the marker of ${tables.name}`;
    this.recordName = `the record of ${tables.name}`;
    this.#tables = tables;
    this.#location = location;
  }

  async inspect(): Promise<StateContents> {
    const { contents = { kind: "unclaimed" } } = this.#tables;
    if (!("location" in contents) || contents.location === this.#location) return contents;
    return { kind: "occupied", found: `${this.name} belongs to ${contents.location}` };
  }

  async integratedTree(): Promise<IntegratedTree | undefined> {
    return (await this.inspect()).kind === "occupied" ? undefined : this.#tables.tree;
  }

  async stateFaults(): Promise<[]> {
    return [];
  }

  async prepare(): Promise<void> {}

  async claim(marker: string): Promise<void> {
    if (this.#tables.contents !== undefined) throw this.#refusal();
    this.#tables.contents = { kind: "claimed", marker, location: this.#location };
  }

  async replaceMarker(from: string, to: string): Promise<void> {
    await this.requireClaim(from);
    this.#tables.contents = { kind: "claimed", marker: to, location: this.#location };
  }

  async requireClaim(marker: string | undefined): Promise<void> {
    const state = await this.inspect();
    if (state.kind !== "claimed" || (marker !== undefined && state.marker !== marker)) throw this.#refusal();
  }

  async handOver(marker: string, { size, rootHash }: TreeState, record: string): Promise<void> {
    await this.requireClaim(marker);
    this.#tables.contents = { kind: "handed-over", record, location: this.#location };
    this.#tables.tree = { size, rootHash };
  }

  async takeBack(marker: string, { size }: TreeState, record?: string): Promise<void> {
    const { contents, tree } = this.#tables;
    const isUntouched = contents?.kind === "handed-over" && contents.record === record && tree?.size === size;
    if (!isUntouched) throw this.#refusal();
    this.#tables.contents = { kind: "claimed", marker, location: this.#location };
    this.#tables.tree = undefined;
  }

  async unclaim(marker: string): Promise<void> {
    await this.requireClaim(marker);
    this.#tables.contents = undefined;
  }

  async close(): Promise<void> {}

  #refusal(): TargetRefusedError {
    return new TargetRefusedError({ object: this.name, problem: "is not this copy's" });
  }
}
