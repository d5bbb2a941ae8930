import { expect, expectTypeOf, test } from "vitest";
import { definePlugin, type Customer, type Json, type PluginApi } from "./index.ts";

test("definePlugin() gives back the very object", () => {
  const plugin = { methods: {} };
  expect(definePlugin(plugin)).toBe(plugin);
});

test("definePlugin() types this, events and the api in every kind of function", () => {
  const plugin = definePlugin({
    onActivate(api) {
      expectTypeOf(api).toEqualTypeOf<PluginApi>();
    },
    handleRequest(request) {
      expectTypeOf(request).toEqualTypeOf<Request>();
      return this.api.config;
    },
    methods: {
      async greet(id: number) {
        expectTypeOf(this.api).toEqualTypeOf<PluginApi>();
        return (await this.api.customers.get(id))?.name ?? null;
      },
    },
    hooks: {
      async "customers.created"({ customer }) {
        expectTypeOf(customer).toEqualTypeOf<Customer>();
        await this.api.storage.set("last", customer);
      },
    },
    schedules: {
      nightly() {
        this.api.log("info", "good night");
      },
    },
  });
  expectTypeOf<Parameters<(typeof plugin.methods)["greet"]>>().toEqualTypeOf<[number]>();
  expectTypeOf<Customer>().toExtend<Json>();
});
