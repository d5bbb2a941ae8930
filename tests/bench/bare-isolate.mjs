// The least that a fresh process needs for the first result of an isolate. Argument: the addon.
import { constants } from "node:os";

const addon = { exports: {} };
process.dlopen(addon, process.argv[2], constants.dlopen.RTLD_NOW);
const isolate = new addon.exports.ivm.Isolate({ memoryLimit: 32 });
const context = await isolate.createContext();
process.send(await context.eval("JSON.stringify({ message: 'Hello from plugin!' })"));
