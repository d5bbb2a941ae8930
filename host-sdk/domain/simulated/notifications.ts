import type { z } from "zod";
import type { notificationInput } from "../entities.ts";
import { DOMAIN_METHODS as M } from "../methods.ts";
import { equals, onlyIf, pageOf } from "./listing.ts";
import { actingUser, implement, INSTALLER_ID, nextId, notFound, USERS } from "./state.ts";

export const notificationHandlers = {
  "notifications.list": implement(M["notifications.list"], ([filter], { state, context }) => {
    const { id } = actingUser(context);
    const { unread, type } = filter ?? {};
    const found = state.notifications.filter(
      (notification) =>
        notification.userId === id &&
        onlyIf(unread, !notification.read) &&
        equals(type, notification.type),
    );
    return pageOf(found, filter ?? {}, { by: (item) => item.createdAt, direction: "desc" });
  }),
  "notifications.send": implement(M["notifications.send"], ([input], world) => {
    for (const userId of receivers(input.to)) {
      world.state.notifications.push({
        id: nextId(world, "notification"),
        userId,
        type: input.type ?? "INFO",
        title: input.title,
        message: input.message ?? null,
        read: false,
        createdAt: world.now,
      });
    }
    return null;
  }),
};

// Every installation is the first user's: whoever acts, the installer stays the same person.
function receivers(to: z.output<typeof notificationInput>["to"]): number[] {
  if (to === "installer") return [INSTALLER_ID];
  if ("role" in to) return USERS.filter((user) => user.role === to.role).map((user) => user.id);
  if (!USERS.some((user) => user.id === to.userId)) throw notFound("user", to.userId);
  return [to.userId];
}
