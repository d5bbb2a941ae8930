import type { HookEvent, Json } from "@rising-bsm/protocol";
import type { DomainMethod } from "./methods.ts";

/** On whose behalf a call reaches the application. */
export interface DomainContext {
  /** Name of the plugin that makes the call. */
  readonly plugin: string;
  /**
   * Id of the user who caused it, as the application named the actor, numbers as text. A user the
   * application does not know has nothing: only null, no user at all, stands for the installer.
   */
  readonly actorId: string | null;
}

/** Something that happened to the application's data. */
export interface DomainEvent {
  readonly name: HookEvent;
  /** What the hook gets: `at`, `origin` and the entity under its own name. */
  readonly payload: Record<string, Json>;
}

/**
 * The application's data as the broker reaches it: the simulated domain and every adapter of a real
 * application implement it.
 *
 * `call` gets arguments that were checked against `DOMAIN_METHODS` and answers what the same table
 * promises; rights were checked before. It throws an RbsmError (`not_found`, `conflict_state`,
 * `request_invalid`) for what the data does not allow. A write that was answered is stored, and it
 * is announced to every listener of `onEvent` after it was stored, never before.
 */
export interface DomainPort {
  call(method: DomainMethod, args: Json[], context: DomainContext): Promise<Json>;
  /** Calls `listener` for every event until the function that it returns is called. */
  onEvent(listener: (event: DomainEvent) => void): () => void;
}
