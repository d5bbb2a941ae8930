import {
  base64,
  type OfflineAnswer,
  OFFLINE_ANSWER_PATH,
  type OfflineRequest,
  signOfflineRequest,
  TAR_END,
  tarHeader,
  tarPadding,
  utf8,
} from "../../packages/protocol/src/index.ts";
import { keyOf } from "./seeds.ts";

const NOW_S = 1_767_323_045;

/** Vectors of docs/spec/offline-license.md. */
export async function offlineLicenseVectors() {
  const instance = await keyOf(9);
  const claims: OfflineRequest = {
    plugin: "@acme/hello",
    version: "^1.0.0",
    license: { key: "RBSM-0123-4567-89AB-CDEF-GHJK-MNPQ-RSTV-WXYZ" },
    rid: "request-1",
    nonce: "nonce-1",
    iat: NOW_S,
    engines: { runtime: "1.0.0" },
    tuf: { root: 1, timestamp: 40 },
    logs: [{ origin: "log.example/1", size: 300 }],
  };
  const answer: OfflineAnswer = {
    format: "rbsm-license-answer/1",
    plugin: "@acme/hello",
    version: "1.0.0",
    instanceId: "instance-1",
    activationId: "activation-1",
    lease: "header.claims.signature",
  };
  const longPath = `index/@${"scope".repeat(12)}/${"plugin".repeat(10)}/1.0.0.release.json`;
  const files = [
    { path: OFFLINE_ANSWER_PATH, text: JSON.stringify(answer) },
    { path: "log/checkpoint", text: "log.example/1\n300\n" },
    { path: longPath, text: "{}" },
  ];
  const whole = Buffer.concat([...files.flatMap(blocksOf), TAR_END]);
  return {
    instanceKey: instance.shown,
    claims,
    file: await signOfflineRequest(claims, instance.key),
    files,
    archive: base64(whole),
    refusedArchives: [
      { name: "no end", archive: base64(whole.subarray(0, -1024)) },
      { name: "a byte more", archive: base64(Buffer.concat([whole, Buffer.of(0)])) },
      { name: "another type", archive: base64(changed(whole, 156, "2")) },
      { name: "another mode", archive: base64(changed(whole, 100, "0004755")) },
      { name: "a path that leaves", archive: base64(changed(whole, 0, "../nse")) },
    ],
  };
}

function blocksOf({ path, text }: { path: string; text: string }): Uint8Array[] {
  const content = utf8(text);
  const size = content.length;
  return [tarHeader({ path, size }), content, tarPadding(size)];
}

/** The first header with a field changed and its checksum made right. */
function changed(archive: Uint8Array, at: number, text: string): Uint8Array {
  const copy = Uint8Array.from(archive);
  copy.set(utf8(text), at);
  copy.fill(32, 148, 156);
  const sum = copy.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  copy.set(utf8(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
  return copy;
}
