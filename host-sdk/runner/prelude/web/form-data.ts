import { Blob, File } from "./blob.ts";
import { usvString } from "./web-idl.ts";

export type FormValue = string | File;
type Field = readonly [name: string, value: FormValue];

export class FormData {
  #fields: Field[] = [];

  constructor(form?: undefined) {
    if (form !== undefined) throw new TypeError("There are no form elements here");
  }

  append(...[name, value, filename]: readonly [unknown?, unknown?, unknown?]): void {
    this.#fields.push(fieldOf(name, value, filename));
  }

  set(...[name, value, filename]: readonly [unknown?, unknown?, unknown?]): void {
    const field = fieldOf(name, value, filename);
    const at = this.#fields.findIndex(([other]) => other === field[0]);
    if (at === -1) this.#fields.push(field);
    else {
      this.#fields[at] = field;
      this.#fields = this.#fields.filter(([other], index) => index <= at || other !== field[0]);
    }
  }

  get(name: unknown): FormValue | null {
    const key = usvString(name);
    return this.#fields.find(([other]) => other === key)?.[1] ?? null;
  }

  getAll(name: unknown): FormValue[] {
    const key = usvString(name);
    return this.#fields.filter(([other]) => other === key).map(([, value]) => value);
  }

  has(name: unknown): boolean {
    return this.get(name) !== null;
  }

  delete(name: unknown): void {
    const key = usvString(name);
    this.#fields = this.#fields.filter(([other]) => other !== key);
  }

  forEach(run: (value: FormValue, name: string, form: FormData) => unknown, self?: unknown): void {
    for (const [name, value] of this) Reflect.apply(run, self, [value, name, this]);
  }

  *entries(): Generator<[string, FormValue]> {
    for (let at = 0; at < this.#fields.length; at += 1) {
      const field = this.#fields[at];
      if (field !== undefined) yield [...field];
    }
  }

  *keys(): Generator<string> {
    for (const [name] of this.entries()) yield name;
  }

  *values(): Generator<FormValue> {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator](): Generator<[string, FormValue]> {
    return this.entries();
  }
}

function fieldOf(...[name, value, filename]: readonly [unknown, unknown, unknown]): Field {
  if (value instanceof Blob) return [usvString(name), fileOf(value, filename)];
  if (filename !== undefined) throw new TypeError("Only a Blob has a file name");
  return [usvString(name), usvString(value)];
}

function fileOf(blob: Blob, filename: unknown): File {
  if (blob instanceof File && filename === undefined) return blob;
  const lastModified = blob instanceof File ? blob.lastModified : undefined;
  return new File([blob], filename === undefined ? "blob" : usvString(filename), {
    type: blob.type,
    lastModified,
  });
}
