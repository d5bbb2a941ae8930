import { scanBundle } from "@rising-bsm/protocol";
import type { Bundle, Finding } from "@rising-bsm/protocol";

/**
 * What a person has to look at in the files. A scan that fails passes nothing: the release waits, and
 * says why.
 */
export function scanUpload(
  { files }: Pick<Bundle, "files">,
  scan: typeof scanBundle = scanBundle,
): Finding[] {
  try {
    return scan(files);
  } catch (cause) {
    console.error({ scan: String(cause) });
    const message = "The scan of the files could not be finished";
    return [{ rule: "scan_failed", path: "", message, fix: "A person will look at them" }];
  }
}
