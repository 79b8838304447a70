/** Lends memory to reads, as the budget of a copy does, and sees what is done with it. */

import type { ByteReservation } from "../../../lib/migrate/ports/source.ts";

/** What memory holds when it is lent, and again once it was given back. */
const CANARY = 0xa5;

/** Leave may be held back; memory that was given back is watched. */
export class Lender implements ByteReservation {
  /** Resolves when somebody asks for leave, but for that which is always given at once. */
  readonly asked: Promise<void>;
  /** Every buffer that was lent. */
  readonly lent: Buffer[] = [];
  /** What was asked for, call by call. */
  readonly amounts: number[] = [];
  readonly #granted = Promise.withResolvers<void>();
  readonly #onAsked: () => void;
  readonly #onLent: () => void;
  readonly #atOnce: number;
  #held: boolean;
  #released = false;
  #lentLate = 0;

  /** @param options.held holds leave back for more than `atOnce` bytes; none unless told. */
  constructor({ held = false, atOnce = -1, onLent = () => {} } = {}) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.asked = promise;
    this.#onAsked = resolve;
    this.#held = held;
    this.#atOnce = atOnce;
    this.#onLent = onLent;
  }

  atLeast(bytes: number): Promise<void> | undefined {
    this.amounts.push(bytes);
    if (bytes <= this.#atOnce) return undefined;
    this.#onAsked();
    return this.#held ? this.#granted.promise : undefined;
  }

  /** The most that an object asked for in all. */
  get mostAsked(): number {
    return Math.max(0, ...this.amounts);
  }

  allocate(bytes: number): Buffer {
    if (this.#released) this.#lentLate++;
    const buffer = Buffer.alloc(bytes, CANARY);
    this.lent.push(buffer);
    this.#onLent();
    return buffer;
  }

  /** Gives the leave that was held back, and all that is asked for later. */
  grant(): void {
    this.#held = false;
    this.#granted.resolve();
  }

  /** From here on the memory is somebody else's. */
  release(): void {
    this.#released = true;
    for (const buffer of this.lent) buffer.fill(CANARY);
  }

  /** What became of the memory since: undefined is what should. */
  get misuse(): string | undefined {
    if (!this.#released) return "not released yet";
    if (this.#lentLate > 0) return "taken after it was over";
    const written = this.lent.filter((buffer) => !buffer.equals(Buffer.alloc(buffer.length, CANARY)));
    return written.length > 0 ? "written into after it was given back" : undefined;
  }
}
