// The baseline "fork IPC": answers every message with itself.
process.on("message", (message) => process.send(message));
