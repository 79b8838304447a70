/** The page of a run: what its events say, shown. */

import { sampleOf } from "../history.ts";
import { Charts } from "./charts.ts";
import { element, setText } from "./elements.ts";
import { type Connection, listen } from "./feed.ts";
import { Notices } from "./notices.ts";
import { showRun } from "./run-view.ts";
import { SealCells } from "./seal-cells.ts";

const CONNECTION_WORDS: Readonly<Record<Connection, string>> = {
  live: "Live",
  lost: "Connection lost, trying again",
  ended: "The run has ended",
};

const [charts, cells, notices] = [new Charts(), new SealCells(), new Notices()];
let tool: string | undefined;

listen({
  history: ({ samples }) => charts.start(samples),
  status(status) {
    // Another version of the program has another page.
    if (tool !== undefined && tool !== status.tool) return location.reload();
    tool = status.tool;
    const { command, following, seals } = status;
    showRun(status);
    charts.add(sampleOf(status), following !== undefined);
    cells.show(seals, command === "verify" ? "verified" : "sealed");
    notices.show(status.notices);
  },
  connection(state) {
    document.body.dataset.connection = state;
    element("connection").dataset.state = state;
    setText("connection", CONNECTION_WORDS[state]);
  },
});
