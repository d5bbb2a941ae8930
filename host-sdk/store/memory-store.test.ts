import { hostStoreContract } from "./host-store.contract.ts";
import { createMemoryStore } from "./memory-store.ts";

hostStoreContract("createMemoryStore()", async () => createMemoryStore());
