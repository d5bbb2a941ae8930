import { utf8 } from "@rising-bsm/protocol";
import { expect, test } from "vitest";
import { scanUpload } from "./scan-upload.ts";

const files = new Map([["index.js", utf8("export default {}")]]);

test("plain files pass", () => {
  expect(scanUpload({ files })).toEqual([]);
});

test("a scan that fails is not a pass", () => {
  const failing = () => {
    throw new RangeError("out of memory");
  };
  expect(scanUpload({ files }, failing)).toMatchObject([{ rule: "scan_failed" }]);
});
