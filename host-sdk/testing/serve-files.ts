import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { sha256Of } from "./tuf-repository.ts";

/** Answers a request itself and says so, or leaves it to the files. */
export type Intercept = (request: IncomingMessage, response: ServerResponse) => boolean;

/** Files on a real HTTP server. */
export interface FileServer {
  readonly url: string;
  /** Paths asked for, in order. */
  readonly requests: string[];
  /** Bytes that have crossed so far, both ways, headers and all. */
  readonly bytes: () => number;
  intercept(handler: Intercept | null): void;
  close(): Promise<void>;
}

/** Serves what `files` holds at the time, by URL path, on a free port. */
export async function serveFiles(files: ReadonlyMap<string, Uint8Array>): Promise<FileServer> {
  let intercept: Intercept | null = null;
  const requests: string[] = [];
  const sockets: Socket[] = [];
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    requests.push(pathname);
    if (intercept?.(request, response) === true) return;
    answerFile(request, response, files.get(decodeURIComponent(pathname)));
  });
  server.on("connection", (socket: Socket) => sockets.push(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: urlOf(server),
    requests,
    bytes: () =>
      sockets.reduce((sum, { bytesRead, bytesWritten }) => sum + bytesRead + bytesWritten, 0),
    intercept: (handler) => void (intercept = handler),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function urlOf(server: Server): string {
  const address = server.address();
  if (typeof address !== "object" || address === null)
    throw new Error("The server does not listen");
  return `http://127.0.0.1:${address.port}`;
}

/** One file with ETag, conditions, Range and If-Range, as the Worker serves them. */
export function answerFile(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Uint8Array | undefined,
): void {
  if (bytes === undefined) {
    response.writeHead(404, { "content-type": "application/problem+json" });
    response.end(JSON.stringify({ code: "not_found", detail: "There is nothing here" }));
    return;
  }
  const etag = `"${sha256Of(bytes)}"`;
  if (request.headers["if-none-match"] === etag) {
    response.writeHead(304, { etag }).end();
    return;
  }
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  if (from === 0) {
    response.writeHead(200, { "content-length": bytes.length, etag });
    response.end(bytes);
    return;
  }
  response.writeHead(206, {
    "content-length": bytes.length - from,
    "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}`,
    etag,
  });
  response.end(bytes.subarray(from));
}
