/**
 * The `mappings` of a source map (ECMA-426), searched without unpacking them: one pass notes the
 * decoder's state every kilobyte, a look-up decodes from the nearest note. Unpacking everything
 * first, as source map libraries do, holds up the event loop for tens of milliseconds.
 */

/** A place in an original file; line and column count from 0. */
export interface Original {
  readonly source: number;
  readonly line: number;
  readonly column: number;
}

/** Finds the original of a generated place, both counting from 0; null where the map has none. */
export type FindOriginal = (line: number, column: number) => Original | null;

/** The decoder behind a segment: `at` is a separator or the end. */
interface State {
  at: number;
  line: number;
  /** Generated column, source, original line and column, name: each segment adds to them. */
  readonly fields: Int32Array;
  /** Whether the last segment of this line names a source. */
  mapped: boolean;
}

const NOTE_EVERY = 1_024;

/** Reads mappings once; null when they are malformed. */
export function indexMappings(mappings: string): FindOriginal | null {
  const state: State = { at: 0, line: 0, fields: new Int32Array(FIELDS), mapped: false };
  const notes: State[] = [];
  do {
    if (!decode(mappings, state, state.at + NOTE_EVERY)) return null;
    notes.push(copyOf(state));
  } while (state.at < mappings.length);
  return (line, column) => {
    const start: State = { at: 0, line: 0, fields: new Int32Array(FIELDS), mapped: false };
    return find(mappings, copyOf(nearest(notes, { line, column }) ?? start), { line, column });
  };
}

function copyOf(state: State): State {
  return { ...state, fields: state.fields.slice() };
}

interface Place {
  readonly line: number;
  readonly column: number;
}

function isAfter(state: State, { line, column }: Place): boolean {
  return state.line > line || (state.line === line && (state.fields[0] ?? 0) > column);
}

/** The last note that is not after the place. */
function nearest(notes: readonly State[], place: Place): State | undefined {
  let low = 0;
  let high = notes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const note = notes[middle];
    if (note === undefined || isAfter(note, place)) high = middle;
    else low = middle + 1;
  }
  return notes[low - 1];
}

function find(mappings: string, state: State, place: Place): Original | null {
  let best = originalAt(state, place.line);
  while (state.at < mappings.length) {
    decode(mappings, state, state.at + 1);
    if (isAfter(state, place)) break;
    best = originalAt(state, place.line);
  }
  return best;
}

function originalAt({ line: at, fields, mapped }: State, wanted: number): Original | null {
  const [, source = 0, line = 0, column = 0] = fields;
  const valid = mapped && source >= 0 && line >= 0 && column >= 0;
  return valid && at === wanted ? { source, line, column } : null;
}

const FIELDS = 5;
const MAX_SHIFT = 30;
const [INVALID, COMMA, SEMICOLON] = [64, 65, 66];
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/** What each ASCII character stands for: a digit of base 64, a separator, or nothing. */
const MEANING = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code);
  const digit = ALPHABET.indexOf(character);
  return digit >= 0 ? digit : character === "," ? COMMA : character === ";" ? SEMICOLON : INVALID;
});

/** Decodes up to the first separator at or behind `until`; false when a segment is malformed. */
function decode(mappings: string, state: State, until: number): boolean {
  let field = 0;
  let value = 0;
  let shift = 0;
  for (; state.at < mappings.length; state.at += 1) {
    const meaning = MEANING[mappings.charCodeAt(state.at)] ?? INVALID;
    if (meaning >= INVALID) {
      if (meaning === INVALID || !endSegment(state, field, shift)) return false;
      if (state.at >= until) return true;
      if (meaning === SEMICOLON) beginLine(state);
      field = 0;
    } else {
      if (shift > MAX_SHIFT) return false;
      value |= (meaning & 31) << shift;
      shift += 5;
      if (meaning >= 32) continue;
      add(state.fields, field, value);
      field += 1;
      value = 0;
      shift = 0;
    }
  }
  return endSegment(state, field, shift);
}

/** The lowest bit of a number is its sign. */
function add(fields: Int32Array, field: number, value: number): void {
  fields[field] = (fields[field] ?? 0) + ((value & 1) === 1 ? -(value >>> 1) : value >>> 1);
}

function endSegment(state: State, field: number, shift: number): boolean {
  if (field > 0) state.mapped = field >= 4;
  return shift === 0 && (field <= 1 || field === 4 || field === FIELDS);
}

function beginLine(state: State): void {
  state.line += 1;
  state.fields[0] = 0;
  state.mapped = false;
}
