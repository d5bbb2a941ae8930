// The baseline "JSON over a pipe": frames on fd 3, u32 length | JSON, each answered with its arguments.
import { Socket } from "node:net";

const pipe = new Socket({ fd: 3 });
let pending = Buffer.alloc(0);
pipe.on("data", (chunk) => {
  pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
  while (pending.length >= 4 && pending.length >= 4 + pending.readUInt32BE(0)) {
    const end = 4 + pending.readUInt32BE(0);
    const { id, args } = JSON.parse(pending.toString("utf8", 4, end));
    pending = pending.subarray(end);
    const text = JSON.stringify({ id, result: args });
    const frame = Buffer.allocUnsafe(4 + Buffer.byteLength(text));
    frame.writeUInt32BE(frame.length - 4, 0);
    frame.write(text, 4);
    pipe.write(frame);
  }
});
pipe.on("end", () => process.exit(0));
