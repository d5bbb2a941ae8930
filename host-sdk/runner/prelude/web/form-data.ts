/** FormData of text fields: what an urlencoded form holds. */
export class FormData {
  #fields: (readonly [string, string])[] = [];

  append(name: unknown, value: unknown): void {
    this.#fields.push([String(name), String(value)]);
  }

  set(name: unknown, value: unknown): void {
    const key = String(name);
    const at = this.#fields.findIndex(([field]) => field === key);
    const others = this.#fields.filter(([field]) => field !== key);
    others.splice(at === -1 ? others.length : at, 0, [key, String(value)]);
    this.#fields = others;
  }

  get(name: unknown): string | null {
    return this.#fields.find(([field]) => field === String(name))?.[1] ?? null;
  }

  getAll(name: unknown): string[] {
    return this.#fields.filter(([field]) => field === String(name)).map(([, value]) => value);
  }

  has(name: unknown): boolean {
    return this.get(name) !== null;
  }

  delete(name: unknown): void {
    this.#fields = this.#fields.filter(([field]) => field !== String(name));
  }

  forEach(run: (value: string, name: string, form: FormData) => unknown, self?: unknown): void {
    for (const [name, value] of this.#fields) Reflect.apply(run, self, [value, name, this]);
  }

  *entries(): Generator<[string, string]> {
    for (const [name, value] of this.#fields) yield [name, value];
  }

  *keys(): Generator<string> {
    for (const [name] of this.#fields) yield name;
  }

  *values(): Generator<string> {
    for (const [, value] of this.#fields) yield value;
  }

  [Symbol.iterator](): Generator<[string, string]> {
    return this.entries();
  }
}
