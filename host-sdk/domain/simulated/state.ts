import { RbsmError, type HookEvent, type Json } from "@rising-bsm/protocol";
import { z } from "zod";
import type { DomainContext, DomainEvent } from "../domain-port.ts";
import {
  appointmentSchema,
  customerSchema,
  noteSchema,
  notificationSchema,
  requestDataSchema,
  requestSchema,
  type ROLES,
  type Note,
} from "../entities.ts";
import type { MethodContract } from "../methods.ts";

const owners = ["customer", "appointment", "request"] as const;
export type NoteOwner = (typeof owners)[number];

/** Everything the simulated application remembers. */
export const stateSchema = z.object({
  /** Highest id given so far, of each kind: ids of deleted things are never given again. */
  lastIds: z.record(z.string(), z.int()),
  customers: z.array(customerSchema),
  appointments: z.array(appointmentSchema),
  requests: z.array(requestSchema),
  notes: z.array(z.object({ owner: z.enum(owners), ownerId: z.int(), note: noteSchema })),
  requestData: z.array(z.object({ requestId: z.int(), entry: requestDataSchema })),
  notifications: z.array(notificationSchema),
  /** What was deleted. Customers stay where they are, with the status DELETED. */
  trash: z.object({ appointments: z.array(appointmentSchema), requests: z.array(requestSchema) }),
});

export type State = z.output<typeof stateSchema>;

export interface User {
  readonly id: number;
  readonly name: string;
  readonly role: (typeof ROLES)[number];
}

/** The people of the simulated business; the first one installs plugins. */
export const USERS: readonly User[] = [
  { id: 1, name: "Anna Berger", role: "ADMIN" },
  { id: 2, name: "Markus Weiß", role: "MANAGER" },
  { id: 3, name: "Emily Carter", role: "EMPLOYEE" },
  { id: 4, name: "Jonas Krämer", role: "EMPLOYEE" },
];

export const INSTALLER_ID = 1;

/** One call at work: the state it may change, its clock and the events it causes. */
export interface World {
  readonly state: State;
  /** ISO date. */
  readonly now: string;
  readonly context: DomainContext;
  readonly events: DomainEvent[];
}

export type Handler = (args: Json[], world: World) => Json;

/** Implements one method of the table with the types that the table promises. */
export function implement<A extends z.ZodType, R extends z.ZodType<Json>>(
  contract: MethodContract<A, R>,
  run: (args: z.output<A>, world: World) => z.output<R>,
): Handler {
  return function runMethod(args, world) {
    return run(contract.args.parse(args), world);
  };
}

export function nextId(world: World, kind: string): number {
  const id = (world.state.lastIds[kind] ?? 0) + 1;
  world.state.lastIds[kind] = id;
  return id;
}

/** Who acts. Somebody the business does not know has a name and no id: nothing here is theirs. */
export function actingUser({ actorId }: Pick<DomainContext, "actorId">): {
  id: number | null;
  name: string;
} {
  const wanted = actorId ?? String(INSTALLER_ID);
  return USERS.find(({ id }) => String(id) === wanted) ?? { id: null, name: `User ${wanted}` };
}

/** Records an event, announced once the call's changes are stored. */
export function emit(world: World, name: HookEvent, entity: Record<string, Json>): void {
  const payload = { at: world.now, origin: world.context.plugin, ...entity };
  world.events.push({ name, payload: structuredClone(payload) });
}

/** The index of the thing with this id; throws `not_found`. */
export function indexOf(items: readonly { id: number }[], id: number, what: string): number {
  const index = items.findIndex((item) => item.id === id);
  if (index < 0) throw notFound(what, id);
  return index;
}

export function notFound(what: string, id: number): RbsmError {
  return new RbsmError("not_found", `There is no ${what} ${id}`);
}

export function listNotes(world: World, owner: NoteOwner, ownerId: number): Note[] {
  return world.state.notes
    .filter((row) => row.owner === owner && row.ownerId === ownerId)
    .map((row) => row.note);
}

/** Adds a note; nothing for an empty text, which is how optional notes arrive. */
export function addNote(
  world: World,
  about: { owner: NoteOwner; id: number },
  text: string | null | undefined,
): void {
  if (text) writeNote(world, about, text);
}

export function writeNote(
  world: World,
  { owner, id }: { owner: NoteOwner; id: number },
  text: string,
): Note {
  const user = actingUser(world.context);
  const note = {
    id: nextId(world, "note"),
    userId: user.id,
    userName: user.name,
    text,
    createdAt: world.now,
  };
  world.state.notes.push({ owner, ownerId: id, note });
  return note;
}
