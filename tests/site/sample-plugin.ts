import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SAMPLE_ICON } from "../../workers/media/sample-icon.ts";

export const SAMPLE_PLUGIN = "@acme/notes";

const README = `# Notes

What was agreed, beside each customer. [Questions](https://example.com/help)

| Who | Writes |
|---|---|
| Everybody | notes |

![The list of notes](shot.png)

- one \`code\`
- two

> Kept for ten years

    const long = "${"a line that is wider than a phone ".repeat(6)}";
`;

const MANIFEST = {
  name: SAMPLE_PLUGIN,
  main: "index.js",
  displayName: { en: "Notes for customers", de: "Notizen zu Kunden" },
  description: { en: "Writes down what was agreed", de: "Hält fest, was vereinbart wurde" },
  keywords: ["notes", "notizen"],
  categories: ["customers"],
  author: { name: "Acme", url: "https://example.com" },
  license: "MIT",
  homepage: "https://example.com/notes",
  engines: { "rising-bsm": ">=1.0.0" },
  readme: "README.md",
  changelog: "CHANGELOG.md",
  icon: "icon.png",
  screenshots: ["shot.png"],
  permissions: ["customers.view"],
  dependencies: {},
};

/** What each version says beside that. */
const VERSIONS = {
  "1.0.0": {},
  "1.1.0": {
    network: ["api.example.com"],
    permissions: [
      { code: "customers.view", reason: { en: "To list them", de: "Um sie zu zeigen" } },
      { code: "notifications.send", optional: true },
    ],
  },
};

/** Writes two versions of a plugin that shows all that a page can show; gives their folders. */
export async function writeSamplePlugin(home: string): Promise<string[]> {
  const folders: string[] = [];
  for (const [version, more] of Object.entries(VERSIONS)) {
    const folder = join(home, `notes-${version}`);
    await mkdir(folder);
    const files = {
      "manifest.json": JSON.stringify({ ...MANIFEST, version, ...more }),
      "index.js": "export default { methods: { add(a, b) { return a + b; } } };",
      "README.md": README,
      "CHANGELOG.md": `# Changes\n\n## ${version}\n\n- Faster\n`,
      "icon.png": SAMPLE_ICON,
      "shot.png": SAMPLE_ICON,
    };
    for (const [file, content] of Object.entries(files)) {
      await writeFile(join(folder, file), content);
    }
    folders.push(folder);
  }
  return folders;
}
