import {
  type Finding,
  type Json,
  type Manifest,
  SETTINGS_LIMITS,
  suggest,
} from "@rising-bsm/protocol";

/** The settings form of a manifest. */
export type ConfigForm = NonNullable<Manifest["config"]>;
type Field = NonNullable<ConfigForm["properties"]>[string];
type Values = Readonly<Record<string, Json>>;

/** What is wrong with settings, as far as it is listed; empty when a plugin may have them. */
export function checkConfig(form: ConfigForm, values: Values): Finding[] {
  return [...checkField(form, values, "").take(SETTINGS_LIMITS.findings)];
}

/**
 * Settings as the plugin gets them: what was entered where it fits the form, else the defaults. An
 * update may have changed the form since; what no longer fits counts as not entered.
 */
export function effectiveConfig(form: ConfigForm | undefined, entered: Values): Values {
  if (form === undefined) return entered;
  const defaults = Object.entries(form.properties ?? {}).flatMap(([name, field]) =>
    field.default === undefined ? [] : [[name, field.default] as const],
  );
  const fitting = Object.entries(entered).filter(([name, value]) => {
    const field = ownField(form, name);
    return field === undefined ? isOpen(form) : checkField(field, value, name).next().done === true;
  });
  return Object.fromEntries([...defaults, ...fitting]);
}

function ownField(form: Field | ConfigForm, name: string): Field | undefined {
  const fields = form.properties ?? {};
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}

/** One finding after the other: who needs to know only whether there is one pays for no more. */
function* checkField(field: Field | ConfigForm, value: Json, path: string): Generator<Finding> {
  const typeFault = faultOfType(field, value);
  if (typeFault !== null) {
    yield finding(path, typeFault);
    return;
  }
  const faults = [
    ...faultsOfChoice(field, value),
    ...(typeof value === "number" ? faultsOfNumber(field, value) : []),
    ...(typeof value === "string" ? faultsOfText(field, value) : []),
    ...(Array.isArray(value) ? faultsOfList(field, value) : []),
  ];
  for (const message of faults) yield finding(path, message);
  if (Array.isArray(value)) yield* checkItems(field, value, path);
  else if (isObject(value)) yield* checkProperties(field, value, path);
}

function finding(path: string, message: string): Finding {
  return { rule: "config_value", path, message };
}

function isObject(value: Json): value is Record<string, Json> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const TYPES: Readonly<
  Record<NonNullable<Field["type"]>, readonly [(value: Json) => boolean, string]>
> = {
  string: [(value) => typeof value === "string", "must be text"],
  number: [(value) => typeof value === "number", "must be a number"],
  integer: [(value) => Number.isInteger(value), "must be a whole number"],
  boolean: [(value) => typeof value === "boolean", "must be true or false"],
  array: [(value) => Array.isArray(value), "must be a list"],
  object: [isObject, "must be an object"],
};

function faultOfType({ type }: Field, value: Json): string | null {
  if (type === undefined) return null;
  const [holds, message] = TYPES[type];
  return holds(value) ? null : message;
}

function faultsOfChoice(field: Field, value: Json): string[] {
  const { enum: choices, const: only } = field;
  const faults: string[] = [];
  if (choices !== undefined && !choices.some((choice) => choice === value)) {
    faults.push(`must be one of ${listed(choices)}`);
  }
  if (only !== undefined && only !== value) faults.push(`must be ${shown(only)}`);
  return faults;
}

const LISTED_CHOICES = 20;

function listed(choices: readonly Json[]): string {
  const some = choices.slice(0, LISTED_CHOICES).map((choice) => shown(choice));
  return [...some, ...(choices.length > LISTED_CHOICES ? ["…"] : [])].join(", ");
}

const SHOWN_CHARS = 80;

function shown(choice: Json): string {
  const text = JSON.stringify(choice);
  return text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS).toWellFormed()}…` : text;
}

function faultsOfNumber(field: Field, value: number): string[] {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = field;
  return [
    isBelow(value, minimum) && `must be at least ${minimum}`,
    isBelow(maximum, value) && `must be at most ${maximum}`,
    exclusiveMinimum !== undefined &&
      value <= exclusiveMinimum &&
      `must be more than ${exclusiveMinimum}`,
    exclusiveMaximum !== undefined &&
      value >= exclusiveMaximum &&
      `must be less than ${exclusiveMaximum}`,
    multipleOf !== undefined &&
      !isMultiple(value, multipleOf) &&
      `must be a multiple of ${multipleOf}`,
  ].filter((fault) => fault !== false);
}

function isBelow(left: number | undefined, right: number | undefined): boolean {
  return left !== undefined && right !== undefined && left < right;
}

/** 0.3 is a multiple of 0.1, although their quotient is 2.9999999999999996. */
function isMultiple(value: number, of: number): boolean {
  const times = value / of;
  return Math.abs(times - Math.round(times)) <= 1e-9 * Math.max(1, Math.abs(times));
}

const DATE = /^\d{4}-\d{2}-\d{2}$/;
const DATE_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})$/;
const FORMATS: Readonly<
  Record<NonNullable<Field["format"]>, readonly [(text: string) => boolean, string]>
> = {
  email: [(text) => /^[^\s@]{1,64}@[^\s@]+\.[^\s@.]+$/.test(text), "must be an email address"],
  uri: [(text) => URL.canParse(text), "must be an address such as https://example.com"],
  date: [(text) => DATE.test(text) && isDay(text), "must be a date such as 2026-03-01"],
  "date-time": [
    (text) => DATE_TIME.test(text) && isDay(text.slice(0, 10)) && !Number.isNaN(Date.parse(text)),
    "must be a time such as 2026-03-01T09:30:00Z",
  ],
  time: [
    (text) => /^(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d)?$/.test(text),
    "must be a time such as 09:30",
  ],
  color: [(text) => /^#[\da-f]{6}$/i.test(text), "must be a color such as #3366cc"],
  multiline: [() => true, ""],
};

/** JavaScript takes the 30th of February for the 2nd of March. */
function isDay(text: string): boolean {
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}

function faultsOfText(
  { minLength = 0, maxLength = Infinity, format }: Field,
  text: string,
): string[] {
  // JSON Schema counts code points.
  const length = Array.from(text).length;
  const [holds, message] = FORMATS[format ?? "multiline"];
  return [
    length < minLength && `must have at least ${minLength} characters`,
    length > maxLength && `must have at most ${maxLength} characters`,
    !holds(text) && message,
  ].filter((fault) => fault !== false);
}

function faultsOfList(field: Field, list: readonly Json[]): string[] {
  const { minItems = 0, maxItems = Infinity, uniqueItems = false } = field;
  return [
    list.length < minItems && `must have at least ${minItems} entries`,
    list.length > maxItems && `must have at most ${maxItems} entries`,
    uniqueItems && hasTwins(list) && "must not have an entry twice",
  ].filter((fault) => fault !== false);
}

function hasTwins(list: readonly Json[]): boolean {
  const seen = new Set<string>();
  return list.some((item) => {
    const text = JSON.stringify(sorted(item));
    return seen.size === seen.add(text).size;
  });
}

/** Objects that differ in the order of their keys alone are the same. */
function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, sorted(item)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function* checkItems({ items }: Field, list: readonly Json[], path: string): Generator<Finding> {
  if (items === undefined) return;
  for (const [index, item] of list.entries()) yield* checkField(items, item, `${path}[${index}]`);
}

/**
 * A form shows its fields and no others, so a name that is none of them is a mistake, unless the
 * form says `additionalProperties: true`.
 */
function* checkProperties(
  field: Field | ConfigForm,
  value: Values,
  path: string,
): Generator<Finding> {
  const at = (name: string) => (path === "" ? name : `${path}.${name}`);
  for (const name of field.required ?? [])
    if (!Object.hasOwn(value, name)) yield finding(at(name), "is required");
  for (const [name, item] of Object.entries(value)) {
    const own = ownField(field, name);
    if (own !== undefined) yield* checkField(own, item, at(name));
    else if (!isOpen(field)) yield unknownField(field, name, at(name));
  }
}

function isOpen({ additionalProperties, properties }: Field | ConfigForm): boolean {
  return additionalProperties ?? properties === undefined;
}

/** Guessing what was meant is for mistyped names, not for forms made to keep the host busy. */
const GUESSED_LENGTH = 64;
const GUESSED_NAMES = 100;

function guessable({ properties = {} }: Field | ConfigForm): string[] {
  const names = Object.keys(properties).slice(0, GUESSED_NAMES);
  return names.filter(({ length }) => length <= GUESSED_LENGTH);
}

function unknownField(field: Field | ConfigForm, name: string, path: string): Finding {
  const near = name.length > GUESSED_LENGTH ? null : suggest(name, guessable(field));
  return {
    ...finding(path, "is no setting of this plugin"),
    ...(near === null ? {} : { fix: `Did you mean ${JSON.stringify(near)}?` }),
  };
}
