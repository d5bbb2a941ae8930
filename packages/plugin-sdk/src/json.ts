/** What can cross between a plugin and its host. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
