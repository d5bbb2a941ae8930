import { pluginHost } from "../../../plugin-host.js";

export const dynamic = "force-dynamic";

async function handle(request) {
  const host = await pluginHost();
  return host.handle(request, { actor: { id: "1", permissions: "all" }, base: "/plugins" });
}

export { handle as DELETE, handle as GET, handle as POST };
