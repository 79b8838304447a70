/**
 * Where the members of one zip of an archive are. A full zip has 131,329 tiles and bundles: as objects in a map by
 * name they would take 40 MB a zip and thread, as numbers in the order of the log they take 3.2 MB.
 */

import { FormatError } from "../../lib/tlog/errors.ts";
import { formatCount } from "../../lib/tlog/quantities.ts";
import { type ArchivePlace, archivePlace, zipName } from "./layout.ts";
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
    const place = archivePlace(name, this.#span);
    if (place !== undefined && place.zip !== this.#zip) {
      throw new FormatError(`has a member that belongs in ${zipName(place.zip)}, ${name}`);
    }
    if (this.find(name, place) !== undefined) throw new FormatError(`has two members named ${name}`);
    if (place?.slot === undefined) this.#others.set(name, member);
    else this.#tableOf(place).set(place.slot, member);
    if (this.#others.size > MAX_SHARED_MEMBERS) {
      throw new FormatError(
        "has more members than a log has",
        `at most ${formatCount(MAX_SHARED_MEMBERS)} besides tiles`,
      );
    }
  }

  /** The names of its members other than full tiles and bundles of this zip alone. */
  get sharedNames(): Iterable<string> {
    return this.#others.keys();
  }

  find(path: string, place = archivePlace(path, this.#span)): MemberPlace | undefined {
    if (place?.slot === undefined) return this.#others.get(path);
    return this.#slots.get(place.directory)?.get(place.slot);
  }

  #tableOf({ directory, slots }: ArchivePlace): SlotTable {
    const table = this.#slots.get(directory) ?? new SlotTable(slots);
    this.#slots.set(directory, table);
    return table;
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

  set(slot: number, { offset, compressedSize, size, crc32, deflated }: MemberPlace): void {
    this.#offsets[slot] = offset;
    this.#numbers.set([compressedSize, size, crc32, Number(deflated)], 4 * slot);
  }

  get(slot: number): MemberPlace | undefined {
    const offset = this.#offsets[slot] as number;
    if (offset === -1) return undefined;
    const [compressedSize = 0, size = 0, crc32 = 0, deflated] = this.#numbers.subarray(4 * slot);
    return { offset, compressedSize, size, crc32, deflated: deflated === 1 };
  }
}
