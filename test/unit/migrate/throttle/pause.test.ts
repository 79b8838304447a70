import { expect, it } from "vitest";
import { pause } from "../../../../lib/migrate/throttle/pause.ts";

it("ends with the signal's own reason, before and while it waits", async () => {
  const reason = new Error("stopped by the operator");
  await expect(pause(60_000, AbortSignal.abort(reason))).rejects.toBe(reason);
  const controller = new AbortController();
  const waiting = pause(60_000, controller.signal);
  controller.abort(reason);
  await expect(waiting).rejects.toBe(reason);
});
