/** Gathers the body of a response into one buffer, and holds no more of it than the reader's reservation allows. */

import type { ByteReservation } from "../../lib/migrate/ports/source.ts";
import type { Abortable } from "../shared/abort-watch.ts";

/** Notified of the permission to hold more bytes, if it was not given at once; aborted if that, or memory, is refused. */
export interface BodyOwner extends Abortable {
  granted(): void;
}

/** The most memory that is made for pieces before they come. */
const MAX_BLOCK_BYTES = 1 << 16;

const NOTHING = Buffer.alloc(0);

export class HttpBody {
  /** Its length where that is known. */
  readonly announced: number | undefined;
  readonly #reservation: ByteReservation | undefined;
  readonly #owner: BodyOwner;
  /** Of a body of known length, once there is permission to hold it. */
  #exact: Buffer | undefined;
  /**
   * Of a body of unknown length, or before there is permission to hold it. A buffer for each chunk would take a hundred
   * times the memory where chunks are a byte long.
   */
  #blocks: Buffer[] = [];
  /** The rest of the last block. */
  #free: Buffer = NOTHING;
  #received = 0;
  #granted = 0;
  /** Whether permission to hold the body is still to come. */
  waiting = false;
  #over = false;

  constructor(announced: number | undefined, reservation: ByteReservation | undefined, owner: BodyOwner) {
    this.announced = announced;
    this.#reservation = reservation;
    this.#owner = owner;
    if (announced !== undefined) this.#reserve(announced);
  }

  /** Bytes that came, which are the body's only while this call lasts. */
  add(chunk: Uint8Array): void {
    if (this.#exact !== undefined) this.#exact.set(chunk, this.#received);
    else this.#store(chunk);
    this.#received += chunk.length;
    if (this.announced === undefined) this.#growReservation();
  }

  /** The whole body, once; undefined if it is not as long as announced. */
  take(): Buffer | undefined {
    if (this.announced !== undefined && this.announced !== this.#received) return undefined;
    return this.#exact ?? this.#gathered(this.#received);
  }

  /** Permission that comes later must not take memory of a reservation that is over. */
  end(): void {
    this.#over = true;
  }

  #store(chunk: Uint8Array): void {
    const fits = Math.min(chunk.length, this.#free.length);
    this.#free.set(chunk.subarray(0, fits));
    this.#free = this.#free.subarray(fits);
    if (fits === chunk.length) return;
    const rest = chunk.subarray(fits);
    const block = Buffer.allocUnsafe(Math.max(rest.length, Math.min(this.#received, MAX_BLOCK_BYTES)));
    block.set(rest);
    this.#blocks.push(block);
    this.#free = block.subarray(rest.length);
  }

  /** Asks in doubling steps for the pieces that are held and the buffer in which they will be joined. */
  #growReservation(): void {
    const needed = 2 * this.#received;
    if (!this.waiting && needed > this.#granted) this.#reserve(Math.max(needed, 2 * this.#granted));
  }

  #reserve(bytes: number): void {
    const permission = this.#reservation?.atLeast(bytes);
    if (permission === undefined) {
      this.#proceed(bytes);
      return;
    }
    this.waiting = true;
    permission
      .then(() => {
        if (this.#over) return;
        this.waiting = false;
        this.#proceed(bytes);
        if (!this.waiting) this.#owner.granted();
      })
      .catch((reason: unknown) => this.#owner.abort(reason));
  }

  #proceed(granted: number): void {
    this.#granted = granted;
    if (this.announced !== undefined) this.#exact = this.#gathered(this.announced);
    else this.#growReservation();
  }

  /** What came, in a buffer of `length` bytes, of which it may be only the beginning. */
  #gathered(length: number): Buffer {
    const whole = this.#reservation?.allocate?.(length) ?? Buffer.allocUnsafeSlow(length);
    let at = 0;
    for (const block of this.#blocks) at += block.copy(whole, at, 0, this.#received - at);
    this.#blocks = [];
    this.#free = NOTHING;
    return whole;
  }
}
