import {
  type Arbitrary,
  type AsyncCommand,
  commands,
  constant,
  constantFrom,
  nat,
  tuple,
} from "fast-check";
import { copyDatabase, setBack } from "./database.ts";
import { DAY, HOUR, type Sold } from "./ledger.ts";
import type { Machine } from "./machine.ts";
import { PLANS } from "./plans.ts";
import type { Change, Payment } from "./seller.ts";
import type { World } from "./world.ts";
import type { Fault } from "./wire.ts";

type Step = AsyncCommand<World, World>;

/** Something that happens; the world is held against the book after it. */
function step(
  name: string,
  run: (world: World) => unknown,
  check: (world: Readonly<World>) => boolean = () => true,
): Step {
  return {
    check,
    async run(world) {
      await run(world);
      await world.check();
    },
    toString: () => name,
  };
}

function onMachine(
  name: string,
  run: (machine: Machine, world: World) => unknown,
  check: (machine: Machine) => boolean = ({ isRunning }) => isRunning,
): Arbitrary<Step> {
  return index.map((n) =>
    step(
      `${name}(${n})`,
      (world) => run(world.machine(n), world),
      (world) => check(world.machine(n)),
    ),
  );
}

function onLicense(name: string, run: (sold: Sold, world: World) => unknown): Arbitrary<Step> {
  return index.map((n) =>
    step(
      `${name}(${n})`,
      (world) => run(world.license(n), world),
      (world) => world.isSelling,
    ),
  );
}

const MOST_MACHINES = 5;
const MOST_LICENSES = 4;
const index = nat({ max: 5 });
const faults: Fault[] = [
  "old lease",
  "old refusal",
  "request lost",
  "answer lost",
  "first write failed",
  "second write failed",
  "second write failed but stored",
];
const skews = [-5 * 365 * DAY, -40 * DAY, -2 * HOUR, 0, 2 * HOUR, 40 * DAY, 5 * 365 * DAY];
const durations = [HOUR, 6 * HOUR, DAY, 3 * DAY, 13 * DAY, 26 * DAY];

const issue = constantFrom(...PLANS).map(({ id }) =>
  step(
    `issue(${id})`,
    (world) => world.seller.issue(id),
    (world) => world.ledger.sold.size < MOST_LICENSES,
  ),
);
const activate = tuple(index, index).map(([machine, license]) =>
  step(
    `activate(${machine}, license ${license})`,
    (world) => world.machine(machine).activate(world.license(license).key),
    (world) => world.isSelling && world.machine(machine).isRunning,
  ),
);
const renew = onMachine("renew", (machine) => machine.renew());
const giveBack = onMachine("return", (machine) => machine.giveBack());
const pass = constantFrom(...durations).map((ms) =>
  step(`pass(${ms / HOUR} h)`, (world) => world.pass(ms)),
);
/** The next request of this machine goes wrong. */
const lose = tuple(index, constantFrom(...faults)).map(([machine, fault]) =>
  step(`next of ${machine}: ${fault}`, (world) => void (world.machine(machine).link.fault = fault)),
);
const cut = onMachine("cut", ({ link }) => void (link.cut = !link.cut));
const outage = step("outage, or its end", ({ machines }) => {
  const isOn = machines.some(({ link }) => !link.cut);
  for (const { link } of machines) link.cut = isOn;
});
const setClock = tuple(index, constantFrom(...skews)).map(([machine, skew]) =>
  step(
    `clock of ${machine} off by ${skew / HOUR} h`,
    (world) => void (world.machine(machine).skew = skew),
  ),
);
const restart = onMachine("restart", async (machine) => {
  machine.stop();
  await machine.start();
});
const turnOff = onMachine("off", (machine) => machine.stop());
const turnOn = onMachine(
  "on",
  (machine) => machine.start(),
  ({ isRunning }) => !isRunning,
);
const backUp = onMachine(
  "back up",
  (machine) => machine.backUp(),
  () => true,
);
const restore = onMachine(
  "restore",
  (machine) => machine.restore(),
  ({ hasBackup }) => hasBackup,
);
const clone = index.map((n) =>
  step(
    `clone(${n})`,
    async (world) => void world.machines.push(await world.machine(n).clone()),
    ({ machines }) => machines.length < MOST_MACHINES,
  ),
);
const buy = constantFrom(...PLANS.filter(({ kind }) => kind !== "trial")).map(({ id }) =>
  step(
    `buy(${id})`,
    (world) => world.seller.buy(id),
    (world) => world.ledger.sold.size < MOST_LICENSES,
  ),
);
const payments: Payment[] = ["paid", "refunded", "disputed", "dispute_won", "dispute_lost"];
const pay = constantFrom(...payments).chain((payment) =>
  onLicense(payment, (sold, { seller }) => seller.pay(sold, payment)),
);
const upgrade = constantFrom(...PLANS).chain(({ id }) =>
  onLicense(`upgrade to ${id}, license `, (sold, { seller }) => seller.upgrade(sold, id)),
);
const changes: Change[] = ["suspend", "reinstate", "revoke", "renew", "transfer"];
/** Whoever does not get the answer asks again. */
const change = tuple(constantFrom(...changes), constantFrom(1, 2)).chain(([name, times]) =>
  onLicense(`${name} x${times}`, (sold, { seller }) => seller.change(sold, name, times)),
);
const copyTables = step("copy the database", async (world) => {
  world.databaseCopy = await copyDatabase(world.ledger);
});
const setTablesBack = step(
  "set the database back",
  async (world) => {
    if (world.databaseCopy === null) return;
    await setBack(world.ledger, world.databaseCopy);
    world.forgetRows();
  },
  ({ databaseCopy }) => databaseCopy !== null,
);
/** Somebody who could listen sends a request again. */
const replay = nat({ max: 30 }).map((n) =>
  step(
    `replay(${n})`,
    async ({ wire }) => {
      const sent = wire.sent.at(n % wire.sent.length);
      if (sent !== undefined) await wire.deliver(sent);
    },
    ({ wire }) => wire.sent.length > 0,
  ),
);
const putRight = step("put right", (world) => world.putRight());

/** Everything that may happen. */
export const everything = commands<World, World, false>(
  [
    issue,
    activate,
    activate,
    activate,
    renew,
    renew,
    giveBack,
    pass,
    pass,
    pass,
    pass,
    lose,
    lose,
    cut,
    constant(outage),
    setClock,
    restart,
    turnOff,
    turnOn,
    backUp,
    restore,
    clone,
    change,
    change,
    buy,
    pay,
    pay,
    upgrade,
    constant(copyTables),
    constant(setTablesBack),
    replay,
    constant(putRight),
  ],
  { maxCommands: 50, size: "max" },
);
