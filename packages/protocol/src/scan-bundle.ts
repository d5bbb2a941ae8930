import type { Finding } from "./errors.ts";
import { SCAN_LIMITS } from "./limits.ts";

/** Entries that people or engines read as text. */
const TEXT = /\.(?:[cm]?js|json|md|html|css|svg|txt|map)$/;

/** Unicode's bidirectional controls: code that reads in another order than it runs (CVE-2021-42574). */
const BIDI = String.raw`([\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069])`;

/** Characters without a shape, in which whole programs have been hidden. */
const INVISIBLE = String.raw`([\u115F\u1160\u180E\u200B-\u200D\u2060-\u2064\u3164\uFE00-\uFE0F\uFEFF\uFFA0\uFFF9-\uFFFB\u{E0000}-\u{E01EF}])`;

/** Secrets whose form is unmistakable. */
const SECRET = String.raw`(-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----|\brbsm_pat_[\w\-]{43}|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b|\bsk_live_[A-Za-z0-9]{24,})`;

const SUSPICIOUS = new RegExp([BIDI, INVISIBLE, SECRET].join("|"), "gv");

/** Emoji are made with invisible characters too. */
const EMOJI = /\p{RGI_Emoji}|\p{Emoji}[\uFE0E\uFE0F]/gv;

/** Longer than any emoji, in UTF-16 units. */
const EMOJI_REACH = 40;

const MEANINGS = {
  bidi: "holds a character that changes the direction of the text",
  invisible: "holds a character that cannot be seen",
  secret: "holds what looks like a secret",
} as const;

const FIXES = {
  bidi: "Write it as an escape such as \\u202e, or leave it out",
  invisible: "Write it as an escape such as \\u200b, or leave it out",
  secret: "Take it out and revoke it; declare `secrets` for values that administrators enter",
} as const;

/**
 * What a person has to look at before the bundle is released: characters that hide code from readers,
 * and secrets. The same text gives the same findings; at most one a line, `SCAN_LIMITS.findings` in all.
 */
export function scanBundle(files: ReadonlyMap<string, Uint8Array>): Finding[] {
  const findings: Finding[] = [];
  // Looking around a character costs time: a bundle that is made of nothing else is for a person to see.
  const budget = { emoji: SCAN_LIMITS.emoji };
  for (const [name, bytes] of files) {
    if (!TEXT.test(name)) continue;
    for (const finding of scanText(name, new TextDecoder().decode(bytes), budget)) {
      if (findings.length === SCAN_LIMITS.findings) return findings;
      findings.push(finding);
    }
  }
  return findings;
}

interface Budget {
  emoji: number;
}

/** The text is searched whole: it may have millions of lines, and few of them have anything. */
function* scanText(name: string, text: string, budget: Budget): Generator<Finding> {
  let line = 1;
  let start = 0;
  for (;;) {
    const found = firstSuspicious(text, start, budget);
    if (found === undefined) return;
    const { kind, index, sign } = found;
    let end = text.indexOf("\n", start);
    for (; end !== -1 && end < index; end = text.indexOf("\n", start)) {
      line += 1;
      start = end + 1;
    }
    yield {
      rule: `scan_${kind}`,
      path: `${name}:${line}:${index - start + 1}`,
      message: `${name} ${MEANINGS[kind]}${sign}`,
      fix: FIXES[kind],
    };
    if (end === -1) return;
    line += 1;
    start = end + 1;
  }
}

function firstSuspicious(text: string, from: number, budget: Budget) {
  const pattern = new RegExp(SUSPICIOUS, "gv");
  pattern.lastIndex = from;
  for (const { index, 0: found, 1: bidi, 2: invisible } of text.matchAll(pattern)) {
    if (invisible !== undefined && budget.emoji-- > 0 && isInEmoji(text, index)) continue;
    const sign = ` (U+${found.codePointAt(0)?.toString(16).toUpperCase()})`;
    if (bidi !== undefined) return { kind: "bidi", index, sign } as const;
    if (invisible !== undefined) return { kind: "invisible", index, sign } as const;
    return { kind: "secret", index, sign: "" } as const;
  }
  return undefined;
}

function isInEmoji(text: string, at: number): boolean {
  const start = Math.max(0, at - EMOJI_REACH);
  const around = text.slice(start, at + EMOJI_REACH).matchAll(EMOJI);
  return [...around].some(({ index, 0: { length } }) => {
    const first = start + index;
    return first < at && at < first + length;
  });
}
