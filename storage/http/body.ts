/**
 * Gathers the body of a response into one buffer, which its reader then owns, and holds no more of it than the
 * reader's reservation allows.
 */

import type { ByteReservation } from "../../lib/migrate/ports/source.ts";

/** Told of the leave to hold more, when it did not come at once. */
export interface BodyOwner {
  granted(): void;
  /** Also if there is leave, but no memory. */
  refused(reason: unknown): void;
}

/** The most room that is made for pieces before they come. */
const MAX_BLOCK_BYTES = 1 << 16;

const NOTHING = Buffer.alloc(0);

/** Where a body is gathered. */
export class HttpBody {
  readonly #announced: number | undefined;
  readonly #reservation: ByteReservation | undefined;
  readonly #owner: BodyOwner;
  /** Of a body of known length, once there is leave to hold it. One byte longer than the body: see `space`. */
  #exact: Buffer | undefined;
  /**
   * Of a body of unknown length, or one that arrives before there is leave to hold it. Blocks are filled one after
   * the other: a buffer for each chunk would take a hundred times the memory where chunks are a byte long.
   */
  #blocks: Buffer[] = [];
  /** What is still free of the last block. */
  #room: Buffer = NOTHING;
  #received = 0;
  #granted = 0;
  #waiting = false;
  #over = false;

  /** `announced` is the body's length where that is known. */
  constructor(announced: number | undefined, reservation: ByteReservation | undefined, owner: BodyOwner) {
    this.#announced = announced;
    this.#reservation = reservation;
    this.#owner = owner;
    if (announced === undefined) return;
    if (reservation === undefined) this.#exact = this.#allocate(announced + 1);
    else this.#reserve(reservation, announced);
  }

  /** Whether leave to hold the body is still to come: bytes should not be let in meanwhile. */
  get waiting(): boolean {
    return this.#waiting;
  }

  /** Bytes that came, which are the body's only while this call lasts. */
  add(chunk: Buffer): void {
    if (this.#exact !== undefined) this.#exact.set(chunk, this.#received);
    else this.#store(chunk);
    this.#received += chunk.length;
    if (this.#announced === undefined) this.#growReservation();
  }

  /**
   * Where the rest of a body of known length belongs, once there is leave to hold it, and room for one byte more:
   * who reads into it learns in the same read that nothing follows the body, or that something does.
   */
  space(): Buffer | undefined {
    return this.#exact?.subarray(this.#received);
  }

  /** So many bytes came into the space. */
  filled(count: number): void {
    this.#received += count;
  }

  /** The whole body, once; undefined if it is not as long as announced. */
  take(): Buffer | undefined {
    if (this.#announced !== undefined && this.#announced !== this.#received) return undefined;
    return this.#exact?.subarray(0, this.#received) ?? this.#gathered(this.#received);
  }

  /** Nobody wants the body any more: leave that comes late must not take memory of a reservation that is over. */
  end(): void {
    this.#over = true;
  }

  #store(chunk: Buffer): void {
    const fits = chunk.copy(this.#room);
    this.#room = this.#room.subarray(fits);
    if (fits === chunk.length) return;
    const rest = chunk.subarray(fits);
    const block = Buffer.allocUnsafe(Math.max(rest.length, Math.min(this.#received, MAX_BLOCK_BYTES)));
    rest.copy(block);
    this.#blocks.push(block);
    this.#room = block.subarray(rest.length);
  }

  /** Asks in doubling steps for the pieces that are held and the buffer in which they will be joined. */
  #growReservation(): void {
    const needed = 2 * this.#received;
    if (this.#reservation === undefined || this.#waiting || needed <= this.#granted) return;
    this.#reserve(this.#reservation, Math.max(needed, 2 * this.#granted));
  }

  #reserve(reservation: ByteReservation, bytes: number): void {
    const leave = reservation.atLeast(bytes);
    if (leave === undefined) {
      this.#proceed(bytes);
      return;
    }
    this.#waiting = true;
    leave
      .then(() => {
        if (this.#over) return;
        this.#waiting = false;
        this.#proceed(bytes);
        if (!this.#waiting) this.#owner.granted();
      })
      .catch((reason: unknown) => this.#owner.refused(reason));
  }

  #proceed(granted: number): void {
    this.#granted = granted;
    if (this.#announced !== undefined) this.#exact = this.#gathered(this.#announced + 1);
    else this.#growReservation();
  }

  /** What came, in a buffer of `length` bytes, of which it may be only the beginning. */
  #gathered(length: number): Buffer {
    const whole = this.#allocate(length);
    let at = 0;
    for (const block of this.#blocks) at += block.copy(whole, at, 0, this.#received - at);
    this.#blocks = [];
    this.#room = NOTHING;
    return whole;
  }

  #allocate(bytes: number): Buffer {
    return this.#reservation?.allocate?.(bytes) ?? Buffer.allocUnsafeSlow(bytes);
  }
}
