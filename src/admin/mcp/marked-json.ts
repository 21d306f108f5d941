// Writes a value as JSON for an assistant: within a limit of bytes, and with a mark around every text that
// may have been written by a stranger. The result is valid JSON however much of the value was left out. The
// thread that writes it also accepts connections, so it writes in turns of its event loop.
import { setImmediate as turn } from 'node:timers/promises';

/**
 * Members whose values are written by clients, by other programs or by failing code. Such a value is shown
 * as `{"untrusted": …}`. Names of services, routes and workers come from the project itself.
 */
const UNTRUSTED: ReadonlySet<string> = new Set([
  ...['input', 'results', 'idempotencyKey', 'reason', 'reasons', 'message', 'error', 'detail'],
  ...['statusMessage', 'attributes', 'metadata', 'requestId', 'healthCheckUrl', 'host', 'zone', 'version'],
]);
/** Characters of one text. */
const MAX_TEXT = 4_000;
const MAX_NAME = 200;
const MAX_LEVELS = 24;
/** When writing has taken this many milliseconds, it goes on in the next turn. */
const TURN_MS = 1;
/** Bytes that the note about omitted members and the closing bracket of one level may take. */
const RESERVE = 64;

/** Characters that people do not see but an assistant reads, and those that change what people see. */
const UNSEEN = /[\p{Cf}\p{Co}\p{Cn}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\u2800\u007f-\u009f]/gu;

export interface MarkedJson {
  readonly text: string;
  /** Whether something of the value was left out. */
  readonly isCut: boolean;
}

/** @param limit bytes of the text in UTF-8, at least 4 KiB */
export async function markedJson(value: unknown, limit: number): Promise<MarkedJson> {
  const writer = new Writer(limit);
  let begun = performance.now();
  for (const _ of writer.write(value, false, 0)) {
    if (performance.now() - begun < TURN_MS) continue;
    await turn();
    begun = performance.now();
  }
  return writer.result;
}

class Writer {
  #written = '';
  #left: number;
  #isCut = false;
  /** Whether something did not fit: nothing but notes and closing brackets follows. */
  #isFull = false;

  constructor(limit: number) {
    this.#left = limit;
  }

  get result(): MarkedJson {
    return { text: this.#written, isCut: this.#isCut };
  }

  /** Yields after each object and each list: there writing may pause. */
  *write(given: unknown, isMarked: boolean, level: number): Generator<undefined> {
    const value = plainValue(given);
    if (typeof value === 'string') this.#text(value, level);
    else if (typeof value !== 'object' || value === null) this.#add(plainJson(value));
    else if (level >= MAX_LEVELS) this.#omit('"…"');
    else if (Array.isArray(value)) yield* this.#list(value, isMarked, level);
    else yield* this.#members(value as Readonly<Record<string, unknown>>, isMarked, level);
  }

  *#list(items: readonly unknown[], isMarked: boolean, level: number): Generator<undefined> {
    this.#add('[');
    for (const [at, item] of items.entries()) {
      if (at > 0) this.#add(',');
      if (!this.#hasRoom(level)) {
        this.#omit(`"… ${items.length - at} more left out"`);
        break;
      }
      yield* this.write(item, isMarked, level + 1);
    }
    this.#add(']');
    yield;
  }

  *#members(
    members: Readonly<Record<string, unknown>>,
    isMarked: boolean,
    level: number,
  ): Generator<undefined> {
    this.#add('{');
    const names = Object.keys(members).filter((name) => members[name] !== undefined);
    for (const [at, name] of names.entries()) {
      const value = members[name];
      if (at > 0) this.#add(',');
      const shown = quoted(cut(name, MAX_NAME));
      if (!this.#hasRoom(level, bytesOf(shown))) {
        this.#omit(`"…":"${names.length - at} more left out"`);
        break;
      }
      this.#add(`${shown}:`);
      const isMark = !isMarked && UNTRUSTED.has(name) && mayCarryText(value);
      if (isMark) this.#add('{"untrusted":');
      yield* this.write(value, isMarked || isMark, level + 1);
      if (isMark) this.#add('}');
    }
    this.#add('}');
    yield;
  }

  #text(text: string, level: number): void {
    if (text.length > MAX_TEXT) this.#isCut = true;
    const shown = this.#hasRoom(level, Math.min(text.length, MAX_TEXT)) ? quoted(cut(text, MAX_TEXT)) : '';
    if (shown !== '' && this.#hasRoom(level, bytesOf(shown))) this.#add(shown);
    else {
      this.#isFull = true;
      this.#omit('"…"');
    }
  }

  /** Whether a value of some bytes fits, besides what the open levels still need. */
  #hasRoom(level: number, bytes = RESERVE): boolean {
    return !this.#isFull && this.#left > bytes + RESERVE * (level + 2);
  }

  #omit(note: string): void {
    this.#isCut = true;
    this.#add(note);
  }

  #add(piece: string): void {
    this.#left -= bytesOf(piece);
    this.#written += piece;
  }
}

/** Dates and other values with a form of their own in JSON, in this form. */
function plainValue(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null || !('toJSON' in value)) return value;
  return typeof value.toJSON === 'function' ? (value.toJSON() as unknown) : value;
}

const mayCarryText = (value: unknown): boolean =>
  typeof value === 'string' || (typeof value === 'object' && value !== null);

function cut(text: string, characters: number): string {
  if (text.length <= characters) return text;
  return `${text.slice(0, characters)}… (${text.length - characters} more characters)`;
}

/** Texts that JSON shows as they are, which most are. */
const PLAIN = /^[ !#-[\]-~]*$/;

function quoted(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  return JSON.stringify(text).replaceAll(UNSEEN, (char) =>
    char.length === 1 ? escaped(char, 0) : escaped(char, 0) + escaped(char, 1),
  );
}

const escaped = (char: string, at: number): string =>
  `\\u${char.charCodeAt(at).toString(16).padStart(4, '0')}`;

const bytesOf = (piece: string): number => (PLAIN.test(piece) ? piece.length : Buffer.byteLength(piece));

/** A value that is neither a text nor an object; what JSON does not have is null. */
const plainJson = (value: unknown): string =>
  typeof value === 'boolean' || Number.isFinite(value) ? String(value) : 'null';
