import { access, glob, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..");

/** Addresses of links without a scheme, with their page. */
async function relativeLinks(): Promise<{ page: string; file: string; anchor: string }[]> {
  const pages: string[] = [];
  for await (const page of glob(["*.md", "docs/**/*.md"], { cwd: root })) pages.push(page);
  const links = pages.map(async (page) => {
    const text = await readFile(join(root, page), "utf8");
    const targets = [...text.matchAll(/\]\(([^)\s:]+)\)/g)].map(([, target = ""]) => target);
    return targets.map((target) => {
      const [path = "", anchor = ""] = target.split("#");
      return { page, file: path === "" ? page : join(dirname(page), path), anchor };
    });
  });
  return (await Promise.all(links)).flat();
}

/** Anchors of a page's headings, as GitHub makes them. */
async function anchorsOf(file: string): Promise<Set<string>> {
  const text = await readFile(join(root, file), "utf8");
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => heading);
  const plain = headings.map((heading) =>
    heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, ""),
  );
  return new Set(plain.map((heading) => heading.trim().replaceAll(" ", "-")));
}

test("every relative link of the documentation leads to a file, and to a heading if it names one", async () => {
  const links = await relativeLinks();
  const broken: string[] = [];
  for (const { page, file, anchor } of links) {
    const exists = await access(join(root, file)).then(
      () => true,
      () => false,
    );
    const leads = exists && (anchor === "" || (await anchorsOf(file)).has(anchor));
    if (!leads) broken.push(`${page}: ${file}${anchor === "" ? "" : `#${anchor}`}`);
  }
  expect(links.length).toBeGreaterThan(100);
  expect(broken).toEqual([]);
});
