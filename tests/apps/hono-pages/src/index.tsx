import { app } from "./app.tsx";

export default { handleRequest: (request: Request) => app.fetch(request) };
