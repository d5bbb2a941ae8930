import { app } from "./app.ts";

export default { handleRequest: (request: Request) => app.fetch(request) };
