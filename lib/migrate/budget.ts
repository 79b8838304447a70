/**
 * A bound on the memory that objects in flight take, since one bundle may be 16 MB. A reservation starts at
 * nothing and grows as the size of its object becomes known; one that finds no room waits.
 */

import type { ByteReservation } from "../../storage/source.ts";

/**
 * Bytes that may be in flight in one thread. Room goes to the oldest reservation first. When every holder
 * waits for more, nobody would ever give anything back: then the oldest gets what it asks for beyond the
 * limit, always the same one, so that the limit is passed by one object and not by all of them.
 */
export class ByteBudget {
  readonly #limit: number;
  /** Oldest first. */
  readonly #waiting: Waiting[] = [];
  #taken = 0;
  /** Reservations that hold bytes and are not waiting for more. */
  #working = 0;
  #lastAge = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes that are reserved now. */
  get taken(): number {
    return this.#taken;
  }

  /** A reservation of nothing yet. Whoever makes it releases it, whatever becomes of the object. */
  reserve(): Reservation {
    const age = ++this.#lastAge;
    let held = 0;
    return {
      atLeast: async (bytes) => {
        const more = bytes - held;
        if (more <= 0) return;
        await this.#take(age, held, more);
        held = bytes;
      },
      release: () => {
        if (held === 0) return;
        this.#taken -= held;
        this.#working--;
        held = 0;
        this.#grant();
      },
    };
  }

  async #take(age: number, held: number, more: number): Promise<void> {
    if (held > 0) this.#working--;
    const granted = new Promise<void>((grant) => {
      const younger = this.#waiting.findIndex((waiting) => waiting.age > age);
      this.#waiting.splice(younger === -1 ? this.#waiting.length : younger, 0, { age, more, grant });
    });
    this.#grant();
    await granted;
  }

  #grant(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const fits = this.#taken + next.more <= this.#limit;
      if (!fits && this.#working > 0) return;
      this.#waiting.shift();
      this.#taken += next.more;
      this.#working++;
      next.grant();
    }
  }
}

/** A part of a budget. */
export interface Reservation extends ByteReservation {
  /** Gives everything back. */
  release(): void;
}

interface Waiting {
  readonly age: number;
  readonly more: number;
  readonly grant: () => void;
}
