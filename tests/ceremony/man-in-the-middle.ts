import { createServer } from "node:http";

/** A marketplace address whose operator shows what he likes. */
export interface ManInTheMiddle {
  readonly url: string;
  /** Path → what he shows instead of what the marketplace has. */
  readonly lies: Map<string, Uint8Array | string>;
  close(): Promise<void>;
}

/** Passes GET requests on to the marketplace, except where he lies. */
export async function startManInTheMiddle(marketplace: URL): Promise<ManInTheMiddle> {
  const lies = new Map<string, Uint8Array | string>();
  const server = createServer((request, response) => {
    void answer(request.url ?? "/").then(({ status, body }) =>
      response.writeHead(status, { "content-type": "application/json" }).end(body),
    );
  });
  async function answer(path: string): Promise<{ status: number; body: Uint8Array | string }> {
    const lie = lies.get(path);
    if (lie !== undefined) return { status: 200, body: lie };
    const truth = await fetch(new URL(path, marketplace), { redirect: "manual" });
    return { status: truth.status, body: new Uint8Array(await truth.arrayBuffer()) };
  }
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    lies,
    close: () => new Promise((done) => server.close(() => done())),
  };
}
