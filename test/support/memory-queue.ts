/** A queue in memory, which may also forge, lose or keep its jobs. */

import { OperationError } from "../../lib/errors.ts";
import {
  type JobCounts,
  type OpenQueue,
  type QueueJob,
  RefusedJobError,
  type WorkQueue,
} from "../../lib/migrate/ports/work-queue.ts";

export class MemoryQueue {
  readonly waiting = new Map<string, unknown>();
  readonly active = new Map<string, unknown>();
  /** Messages of jobs that workers have refused. */
  readonly refused: string[] = [];
  readonly added: QueueJob[] = [];
  /** How often it was opened. */
  opened = 0;
  names = new Set<string>();
  processes = 0;
  /** For how long the source is to be left alone; it does not run down. */
  heldBackMs = 0;
  isDown = false;
  /** Whether jobs that are added vanish. */
  loses = false;
  /** Whether a job counts as done without being done. */
  lies = false;

  readonly open: OpenQueue = async (_url, name) => {
    this.opened++;
    this.names.add(name);
    return this.#client(name);
  };

  #client(name: string): WorkQueue {
    const requireUp = (): void => {
      if (this.isDown) throw new OperationError({ object: "memory:", problem: "is down" });
    };
    return {
      location: "memory:",
      add: async (jobs) => {
        requireUp();
        this.added.push(...jobs);
        for (const job of jobs) {
          const id = `${job.first}-${job.end}`;
          if (!this.loses && !this.active.has(id)) this.waiting.set(id, job);
        }
      },
      counts: async (): Promise<JobCounts> => {
        requireUp();
        return { waiting: this.waiting.size, active: this.active.size };
      },
      clear: async () => {
        requireUp();
        this.waiting.clear();
      },
      holdBack: async (milliseconds) => {
        requireUp();
        this.heldBackMs = Math.max(milliseconds, this.heldBackMs);
      },
      heldBackFor: async () => {
        requireUp();
        return this.heldBackMs;
      },
      remove: async () => {
        requireUp();
        this.waiting.clear();
      },
      workers: async () => {
        requireUp();
        return this.processes;
      },
      take: (work, signal) => this.#take(name, work, signal),
      close: async () => {},
    };
  }

  /** All jobs are of the queue that was opened last: one of another name has none. */
  async #take(name: string, work: (job: unknown) => Promise<void>, signal: AbortSignal): Promise<void> {
    this.processes++;
    try {
      while (!signal.aborted) {
        const [next] = this.waiting;
        if (next === undefined || this.isDown || [...this.names].at(-1) !== name) {
          await new Promise((resolve) => setTimeout(resolve, 5));
          continue;
        }
        await this.#run(next, work);
      }
    } finally {
      this.processes--;
    }
  }

  async #run([id, job]: [string, unknown], work: (job: unknown) => Promise<void>): Promise<void> {
    this.waiting.delete(id);
    if (this.lies) return;
    this.active.set(id, job);
    try {
      await work(job);
    } catch (error) {
      if (error instanceof RefusedJobError) this.refused.push(error.message);
      else this.waiting.set(id, job);
    } finally {
      this.active.delete(id);
    }
  }
}
