/** The events of the run. A connection that is lost, or that says nothing, is made again until the run has ended. */

import type { HistoryDocument, StatusDocument } from "../document.ts";

export type Connection = "live" | "lost" | "ended";

export interface Listener {
  history(history: HistoryDocument): void;
  status(status: StatusDocument): void;
  connection(state: Connection): void;
}

/** A state comes each second: after so long without one, the connection counts as lost, and is made again. */
const SILENT_MS = 5_000;

const AGAIN_MS = 2_000;

export function listen(listener: Listener): void {
  let source: EventSource | undefined;
  let heardAt = performance.now();
  let hasEnded = false;

  const open = (): void => {
    source?.close();
    heardAt = performance.now();
    source = new EventSource("/events");
    source.addEventListener("history", ({ data }) => listener.history(JSON.parse(data)));
    source.addEventListener("status", ({ data }) => {
      heardAt = performance.now();
      const status: StatusDocument = JSON.parse(data);
      hasEnded = status.outcome !== undefined;
      listener.status(status);
      listener.connection(hasEnded ? "ended" : "live");
      if (hasEnded) source?.close();
    });
    source.addEventListener("error", () => {
      if (!hasEnded) listener.connection("lost");
    });
  };

  open();
  // The browser makes a broken connection again by itself, but not one that was refused, or that went silent.
  setInterval(() => {
    if (hasEnded) return;
    const silentMs = performance.now() - heardAt;
    const isRefused = source?.readyState === EventSource.CLOSED && silentMs >= AGAIN_MS;
    if (silentMs >= SILENT_MS) listener.connection("lost");
    if (isRefused || silentMs >= SILENT_MS) open();
  }, 1_000);
}
