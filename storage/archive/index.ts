/**
 * Where the members of one zip of an archive are. A full zip has 131,329 tiles and bundles: as objects in a map by
 * name they would take 40 MB a zip and thread, as numbers in the order of the log they take 3.2 MB.
 */

import { FormatError } from "../../lib/tlog/errors.ts";
import { type ArchiveSlot, archivePlace, zipName } from "./layout.ts";
import type { ZipMember } from "./zip-directory.ts";

/** What is kept about a member. */
type MemberPlace = Omit<ZipMember, "name">;

/** Enough for the issuers of several logs; a hostile zip could name any number of members. */
export const MAX_SHARED_MEMBERS = 1 << 16;

export class ArchiveIndex {
  readonly #zip: number;
  readonly #span: number;
  /** Full tiles and bundles, by their directory. */
  readonly #slots = new Map<string, SlotTable>();
  /** Everything else, by path: what every zip may contain, and the partial bundle. */
  readonly #others = new Map<string, MemberPlace>();

  /** @param span entries below one zip. */
  constructor(zip: number, span: number) {
    this.#zip = zip;
    this.#span = span;
  }

  /** @throws FormatError if it belongs in another zip, exists already, or is one too many. */
  add(member: ZipMember): void {
    const { name } = member;
    const belongs = archivePlace(name, this.#span);
    if (belongs !== undefined && belongs.zip !== this.#zip) {
      throw new FormatError(`has a member that belongs in ${zipName(belongs.zip)}, ${name}`);
    }
    if (!this.#addTo(belongs?.slot, member)) throw new FormatError(`has two members named ${name}`);
    if (this.#others.size > MAX_SHARED_MEMBERS) {
      throw new FormatError("has more members than a log has", `at most ${MAX_SHARED_MEMBERS} besides tiles`);
    }
  }

  /** The names of its members other than full tiles and bundles of this zip alone. */
  get sharedNames(): Iterable<string> {
    return this.#others.keys();
  }

  find(path: string): MemberPlace | undefined {
    const slot = archivePlace(path, this.#span)?.slot;
    return slot === undefined ? this.#others.get(path) : this.#slots.get(slot.directory)?.get(slot.slot);
  }

  /** False if the member exists already. */
  #addTo(slot: ArchiveSlot | undefined, member: ZipMember): boolean {
    if (slot === undefined) {
      if (this.#others.has(member.name)) return false;
      this.#others.set(member.name, member);
      return true;
    }
    let table = this.#slots.get(slot.directory);
    if (table === undefined) {
      table = new SlotTable(slot.slots);
      this.#slots.set(slot.directory, table);
    }
    return table.set(slot.slot, member);
  }
}

/** Members by number, 24 bytes each. */
class SlotTable {
  /** -1 for an empty slot. */
  readonly #offsets: Float64Array;
  /** Four a member. */
  readonly #numbers: Uint32Array;

  constructor(slots: number) {
    this.#offsets = new Float64Array(slots).fill(-1);
    this.#numbers = new Uint32Array(4 * slots);
  }

  /** False if the slot is occupied. */
  set(slot: number, { offset, compressedSize, size, crc32, deflated }: MemberPlace): boolean {
    if (this.#offsets[slot] !== -1) return false;
    this.#offsets[slot] = offset;
    this.#numbers.set([compressedSize, size, crc32, Number(deflated)], 4 * slot);
    return true;
  }

  get(slot: number): MemberPlace | undefined {
    const offset = this.#offsets[slot] as number;
    if (offset === -1) return undefined;
    const [compressedSize = 0, size = 0, crc32 = 0, deflated] = this.#numbers.subarray(4 * slot);
    return { offset, compressedSize, size, crc32, deflated: deflated === 1 };
  }
}
