/**
 * Loaded with `--import` before a program: kills it, as kill -9 does, at a moment of its work on files. The moment
 * is told by KILL_AT: "before" or "after", the call (`rename`, `link`, `rm`), the end of the path that is renamed
 * to, linked or removed, and how many such calls come first.
 */

import fs from "node:fs";

const [when, call = "", suffix = "", first = "0"] = (process.env.KILL_AT ?? "").split(" ");
/** SIGSTOP stops it there instead, until SIGCONT. */
const signal = process.env.KILL_SIGNAL ?? "SIGKILL";
let left = Number(first);

function patched<Arguments extends unknown[]>(
  name: string,
  original: (...parameters: Arguments) => void,
  nameAt: number,
): (...parameters: Arguments) => void {
  return (...parameters) => {
    const meant = name === call && String(parameters[nameAt]).endsWith(suffix) && left-- === 0;
    if (meant && when === "before") process.kill(process.pid, signal);
    original(...parameters);
    if (meant && when === "after") process.kill(process.pid, signal);
  };
}

fs.renameSync = patched("rename", fs.renameSync, 1);
fs.linkSync = patched("link", fs.linkSync, 1);
fs.rmSync = patched("rm", fs.rmSync, 0);
