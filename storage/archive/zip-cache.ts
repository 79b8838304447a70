/** The open zips of an archive in one thread: those in use, and those used last. */

/**
 * Zips that stay open unused. Threads read a log in its order, all from the same zip; at its end some read from the
 * next one already.
 */
const MAX_IDLE = 2;

interface OpenZip<Z> {
  readonly zip: Promise<Z | undefined>;
  users: number;
}

export class OpenZips<Z extends { close(): Promise<void> }> {
  readonly #openZip: (number: number) => Promise<Z | undefined>;
  /** The last used is last. */
  readonly #open = new Map<number, OpenZip<Z>>();
  #maxIdle = MAX_IDLE;

  /** @param openZip opens a zip by its number; undefined if there is none. */
  constructor(openZip: (number: number) => Promise<Z | undefined>) {
    this.#openZip = openZip;
  }

  /** The numbers of the open zips, last used first. */
  get numbers(): number[] {
    return [...this.#open.keys()].reverse();
  }

  /** Calls `work` with zip `number`, which stays open until it is done; undefined if there is no such zip. */
  async use<T>(number: number, work: (zip: Z) => Promise<T>): Promise<T | undefined> {
    const open = this.#open.get(number) ?? { zip: this.#openZip(number), users: 0 };
    this.#open.delete(number);
    this.#open.set(number, open);
    open.users++;
    let zip: Z | undefined;
    try {
      zip = await open.zip;
      return zip && (await work(zip));
    } finally {
      open.users--;
      // A zip that could not be opened is tried again at its next use.
      if (zip === undefined && this.#open.get(number) === open) this.#open.delete(number);
      await this.#closeIdle();
    }
  }

  /** Closes all zips, those in use once they no longer are. */
  async close(): Promise<void> {
    this.#maxIdle = 0;
    await this.#closeIdle();
  }

  async #closeIdle(): Promise<void> {
    const idle = [...this.#open].filter(([, { users }]) => users === 0);
    for (const [number, { zip }] of idle.slice(0, Math.max(0, idle.length - this.#maxIdle))) {
      this.#open.delete(number);
      await (await zip)?.close();
    }
  }
}
