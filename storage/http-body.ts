/**
 * Gathers the body of a response into one buffer, which its reader then owns, and holds no more of it than the
 * reader's reservation allows.
 */

import type { ByteReservation } from "./source.ts";

/** Told of the leave to hold more, when it did not come at once. */
export interface BodyOwner {
  granted(): void;
  /** Also if there is leave, but no memory. */
  refused(reason: unknown): void;
}

/** Where a body is gathered. */
export class HttpBody {
  readonly #announced: number | undefined;
  readonly #reservation: ByteReservation | undefined;
  readonly #owner: BodyOwner;
  /** Of a body of known length, once there is leave to hold it. */
  #exact: Buffer | undefined;
  /** Of a body of unknown length, or one that arrives before there is leave to hold it. */
  #pieces: Buffer[] = [];
  #received = 0;
  #granted = 0;
  #waiting = false;

  /** `announced` is the body's length where that is known. */
  constructor(announced: number | undefined, reservation: ByteReservation | undefined, owner: BodyOwner) {
    this.#announced = announced;
    this.#reservation = reservation;
    this.#owner = owner;
    if (announced === undefined) return;
    if (reservation === undefined) this.#exact = this.#allocate(announced);
    else this.#reserve(reservation, announced);
  }

  /** Whether leave to hold the body is still to come: bytes should not be let in meanwhile. */
  get waiting(): boolean {
    return this.#waiting;
  }

  /** Bytes that came, which are the body's only while this call lasts. */
  add(chunk: Buffer): void {
    const at = this.#received;
    this.#received += chunk.length;
    if (this.#exact !== undefined) {
      this.#exact.set(chunk, at);
      return;
    }
    this.#pieces.push(Buffer.from(chunk));
    if (this.#announced === undefined) this.#growReservation();
  }

  /** Where the rest of a body of known length belongs, once there is leave to hold it. */
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
    return this.#exact ?? this.#gathered(this.#received);
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
        this.#waiting = false;
        this.#proceed(bytes);
        if (!this.#waiting) this.#owner.granted();
      })
      .catch((reason: unknown) => this.#owner.refused(reason));
  }

  #proceed(granted: number): void {
    this.#granted = granted;
    if (this.#announced !== undefined) this.#exact = this.#gathered(this.#announced);
    else this.#growReservation();
  }

  /** The pieces in a buffer of `length` bytes, of which they may be only the beginning. */
  #gathered(length: number): Buffer {
    const whole = this.#allocate(length);
    let at = 0;
    for (const piece of this.#pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    this.#pieces = [];
    return whole;
  }

  #allocate(bytes: number): Buffer {
    return this.#reservation?.allocate?.(bytes) ?? Buffer.allocUnsafeSlow(bytes);
  }
}
