/** A log on Google's cloud, emulated, is moved there while Tessera's Appender adds entries to it. */

import { it } from "vitest";
import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { urlOf } from "../../support/go/homes.ts";
import { expectMovedLive } from "../../support/go/live-move.ts";
import { useGcpEmulators } from "../../support/go/use-gcp-emulators.ts";

const SIZE = 3_000;

describeWithGo("a live log on Google's cloud", () => {
  const emulators = useGcpEmulators();

  it("is moved to another bucket and another database, whatever is killed, and Tessera goes on there", async () => {
    const [from, to] = [await emulators().newHome("source"), await emulators().newHome("target")];
    await expectMovedLive(
      {
        from,
        to,
        source: urlOf(from),
        target: urlOf(to),
        stateArguments: ["--spanner", to.database],
        targetOptions: { spanner: to.database },
      },
      SIZE,
    );
  });
});
