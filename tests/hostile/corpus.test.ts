import { afterAll, describe, test } from "vitest";
import { CORPUS } from "./corpus.ts";
import { createLaboratory, type Laboratory } from "./start-laboratory.ts";

const laboratories = [createLaboratory(), createLaboratory()];
const idle: Laboratory[] = [...laboratories];
const waiting: ((laboratory: Laboratory) => void)[] = [];

async function inLaboratory(family: string, name: string): Promise<readonly string[]> {
  const laboratory =
    idle.pop() ?? (await new Promise<Laboratory>((resolve) => waiting.push(resolve)));
  try {
    return await laboratory.run(family, name);
  } finally {
    const next = waiting.shift();
    if (next === undefined) idle.push(laboratory);
    else next(laboratory);
  }
}

afterAll(() => Promise.all(laboratories.map((laboratory) => laboratory.close())));

describe.concurrent.for(Object.entries(CORPUS))("%s", ([family, payloads]) => {
  test.for(Object.keys(payloads))("%s", async (name, { expect }) => {
    expect(await inLaboratory(family, name)).toEqual([]);
  });
});
