import type * as protocol from "@rising-bsm/protocol";
import type * as sdk from "@rising-bsm/plugin-sdk";
import { expectTypeOf, test } from "vitest";
import type * as entities from "../host-sdk/domain/entities.ts";
import type * as filters from "../host-sdk/domain/filters.ts";
import type { LicenseInfo } from "../host-sdk/license/license-info.ts";

// The plugin SDK imports nothing of ours, so nothing but these tests keeps its types those of the host.

test("the plugin SDK describes every entity as the host sends it", () => {
  expectTypeOf<sdk.Json>().toEqualTypeOf<protocol.Json>();
  expectTypeOf<sdk.Customer>().toEqualTypeOf<entities.Customer>();
  expectTypeOf<sdk.Appointment>().toEqualTypeOf<entities.Appointment>();
  expectTypeOf<sdk.ContactRequest>().toEqualTypeOf<entities.ContactRequest>();
  expectTypeOf<sdk.Note>().toEqualTypeOf<entities.Note>();
  expectTypeOf<sdk.RequestData>().toEqualTypeOf<entities.RequestData>();
  expectTypeOf<sdk.Notification>().toEqualTypeOf<entities.Notification>();
  expectTypeOf<sdk.LicenseInfo>().toEqualTypeOf<Writable<LicenseInfo>>();
});

test("the plugin SDK describes every input as the host takes it", () => {
  expectTypeOf<sdk.CustomerInput>().toExtend<Accepted<typeof entities.customerInput>>();
  expectTypeOf<sdk.AppointmentInput>().toExtend<Accepted<typeof entities.appointmentInput>>();
  expectTypeOf<sdk.RequestInput>().toExtend<Accepted<typeof entities.requestInput>>();
  expectTypeOf<sdk.ConvertInput>().toExtend<Accepted<typeof entities.convertInput>>();
  expectTypeOf<sdk.RequestDataInput>().toExtend<Accepted<typeof entities.requestDataInput>>();
  expectTypeOf<sdk.NotificationInput>().toExtend<Accepted<typeof entities.notificationInput>>();
  expectTypeOf<sdk.CustomerFilter>().toExtend<Accepted<typeof filters.customerFilter>>();
  expectTypeOf<sdk.AppointmentFilter>().toExtend<Accepted<typeof filters.appointmentFilter>>();
  expectTypeOf<sdk.RequestFilter>().toExtend<Accepted<typeof filters.requestFilter>>();
  expectTypeOf<sdk.NotificationFilter>().toExtend<Accepted<typeof filters.notificationFilter>>();
});

test("the plugin SDK knows every key of an input and every event, and no other", () => {
  expectTypeOf<keyof sdk.CustomerInput>().toEqualTypeOf<Keys<typeof entities.customerInput>>();
  expectTypeOf<keyof sdk.AppointmentInput>().toEqualTypeOf<
    Keys<typeof entities.appointmentInput>
  >();
  expectTypeOf<keyof sdk.RequestInput>().toEqualTypeOf<Keys<typeof entities.requestInput>>();
  expectTypeOf<keyof sdk.CustomerFilter>().toEqualTypeOf<Keys<typeof filters.customerFilter>>();
  expectTypeOf<keyof sdk.AppointmentFilter>().toEqualTypeOf<
    Keys<typeof filters.appointmentFilter>
  >();
  expectTypeOf<keyof sdk.RequestFilter>().toEqualTypeOf<Keys<typeof filters.requestFilter>>();
  expectTypeOf<sdk.HookEvent>().toEqualTypeOf<protocol.HookEvent>();
});

// What z.input reads; the host's copy of zod is another one than the root's.
interface Schema {
  readonly _zod: { readonly input: unknown };
}
type Accepted<T extends Schema> = T["_zod"]["input"];
type Keys<T extends Schema> = keyof Accepted<T>;
type Writable<T> = { -readonly [Key in keyof T]: T[Key] };
