/**
 * What the benchmark's servers know of HTTP/1.1: what log clients use, and no more. GET and HEAD, keep-alive,
 * pipelining, no bodies in requests.
 */

import type { Socket } from "node:net";

export type Method = "GET" | "HEAD";

/** A plain path from the root. Nothing in a log's paths starts with a dot, so none leads out of a directory. */
const LOG_PATH = /^(?:\/[\w-][\w.-]*)+$/;

/** The whole answer that there is no such object. */
export const NOT_FOUND = Buffer.from("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "latin1");
const NOT_ALLOWED = "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n";

/** Head of an answer with a body. @param further header lines, each with its end of line. */
export function responseHead(length: number, further = ""): string {
  return `HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n${further}Content-Length: ${length}\r\n\r\n`;
}

/** Has `answer` write an answer for each request of a connection, in the order in which they come. */
export function answerRequests(socket: Socket, answer: (method: Method, path: string) => void): void {
  let pending = "";
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk: Buffer) => {
    pending += chunk.toString("latin1");
    let start = 0;
    for (let end = pending.indexOf("\r\n\r\n"); end >= 0; end = pending.indexOf("\r\n\r\n", start)) {
      answerOne(socket, pending.slice(start, end), answer);
      start = end + 4;
    }
    pending = pending.slice(start);
  });
}

function answerOne(socket: Socket, head: string, answer: (method: Method, path: string) => void): void {
  const [method, path = "", version = ""] = head.split(" ", 3);
  if (method !== "GET" && method !== "HEAD") socket.write(NOT_ALLOWED);
  else if (!LOG_PATH.test(path)) socket.write(NOT_FOUND);
  else answer(method, path);
  if (!version.startsWith("HTTP/1.1") || /\r\nconnection: *close/i.test(head)) socket.end();
}
