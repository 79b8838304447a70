/** The questions of a worker that the main thread has not answered yet. */

import type { IssuerAnswer, IssuerQuestion } from "../issuers/cache.ts";

export class Questions {
  readonly #send: (id: number, question: IssuerQuestion) => void;
  readonly #open = new Map<number, PromiseWithResolvers<IssuerAnswer>>();
  #lastId = 0;
  #end: Error | undefined;

  /** @param send brings a question before the main thread. */
  constructor(send: (id: number, question: IssuerQuestion) => void) {
    this.#send = send;
  }

  /** Resolves with the answer; rejects only when no more is to be had. */
  async ask(question: IssuerQuestion): Promise<IssuerAnswer> {
    if (this.#end !== undefined) throw this.#end;
    const id = ++this.#lastId;
    const awaited = Promise.withResolvers<IssuerAnswer>();
    this.#open.set(id, awaited);
    this.#send(id, question);
    return await awaited.promise;
  }

  /** Takes what the main thread says to the question of this number. */
  answered(id: number, answer: IssuerAnswer): void {
    this.#open.get(id)?.resolve(answer);
    this.#open.delete(id);
  }

  /** Gives up the questions that are open, and all to come: nobody will answer them. */
  end(reason: Error): void {
    this.#end = reason;
    for (const { reject } of this.#open.values()) reject(reason);
    this.#open.clear();
  }
}
