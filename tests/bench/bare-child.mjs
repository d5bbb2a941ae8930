process.once("message", () => process.send("done"));
