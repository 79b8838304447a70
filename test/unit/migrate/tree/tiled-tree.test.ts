/** The authenticated tree of a source that fails for a while. */

import { expect, it } from "vitest";
import { OperationError } from "../../../../lib/errors.ts";
import type { AuthenticRead, LogSource } from "../../../../lib/migrate/ports/source.ts";
import { openTiledTree } from "../../../../lib/migrate/tree/tiled-tree.ts";
import { tilePath } from "../../../../lib/tlog/layout.ts";
import { testLog } from "../../../support/logs/generated-log.ts";

it("asks again for a full tile that could not be read, also one that it keeps", async () => {
  const log = testLog({ size: 2 * 65_536, entrySize: 1 });
  let isDown = false;
  const source: Pick<LogSource, "tile"> = {
    async tile(tile) {
      if (isDown) throw new OperationError({ object: "the source", problem: "is down" });
      return log.object(tilePath(tile));
    },
  };
  const read: AuthenticRead = async (_name, get, authenticate) => authenticate((await get({})) as Uint8Array);
  const tree = await openTiledTree(source, log, read);
  isDown = true;
  await expect(tree.fullTile(1, 1)).rejects.toThrow("is down");
  isDown = false;
  expect(Buffer.from(await tree.fullTile(1, 1))).toEqual(log.object("tile/1/001"));
});
