import { definePlugin } from "@rising-bsm/plugin-sdk";
import { app } from "./app.tsx";

export default definePlugin({
  handleRequest(request) {
    return app.fetch(request, { api: this.api });
  },
});
