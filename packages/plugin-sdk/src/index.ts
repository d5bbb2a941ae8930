/**
 * What a plugin imports: types of everything it can reach, and `definePlugin`. It has no
 * dependencies and next to no code: the api itself is made by the host that runs the plugin.
 */
export type * from "./entities.ts";
export type * from "./events.ts";
export type * from "./inputs.ts";
export type * from "./json.ts";
export type * from "./plugin-api.ts";
export { definePlugin, type PluginDefinition, type PluginThis } from "./define-plugin.ts";
