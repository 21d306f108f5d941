// Writes a value as JSON for an assistant: within a limit of bytes, and with a mark around every text that
// may have been written by a stranger. The result is valid JSON however much of the value was left out.

/**
 * Members whose values are written by clients, by other programs or by failing code. Such a value is shown
 * as `{"untrusted": …}`. Names of services, routes and workers come from the project itself.
 */
const UNTRUSTED: ReadonlySet<string> = new Set([
  ...['input', 'results', 'idempotencyKey', 'reason', 'reasons', 'message', 'error', 'detail'],
  ...['statusMessage', 'attributes', 'metadata', 'requestId', 'healthCheckUrl'],
]);
/** Characters of one text. */
const MAX_TEXT = 4_000;
const MAX_NAME = 200;
const MAX_LEVELS = 24;
/** Bytes that the note about omitted members and the closing bracket of one level may take. */
const RESERVE = 64;

/** Characters that people do not see but an assistant reads, and those that change what people see. */
const UNSEEN = /[\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}\u007f-\u009f]/gu;

export interface MarkedJson {
  readonly text: string;
  /** Whether something of the value was left out. */
  readonly isCut: boolean;
}

/** @param limit bytes of the text in UTF-8, at least 4 KiB */
export function markedJson(value: unknown, limit: number): MarkedJson {
  const writer = new Writer(limit);
  writer.write(value, false, 0);
  return writer.result;
}

class Writer {
  readonly #pieces: string[] = [];
  #left: number;
  #isCut = false;

  constructor(limit: number) {
    this.#left = limit;
  }

  get result(): MarkedJson {
    return { text: this.#pieces.join(''), isCut: this.#isCut };
  }

  write(given: unknown, isMarked: boolean, level: number): void {
    const value = plainValue(given);
    if (typeof value === 'string') this.#text(value, level);
    else if (typeof value !== 'object' || value === null) this.#add(JSON.stringify(value) ?? 'null');
    else if (level >= MAX_LEVELS) this.#omit('"…"');
    else if (Array.isArray(value)) this.#list(value, isMarked, level);
    else this.#members(value as Readonly<Record<string, unknown>>, isMarked, level);
  }

  #list(items: readonly unknown[], isMarked: boolean, level: number): void {
    this.#add('[');
    for (const [at, item] of items.entries()) {
      if (at > 0) this.#add(',');
      if (!this.#hasRoom(level)) {
        this.#omit(`"… ${items.length - at} more left out"`);
        break;
      }
      this.write(item, isMarked, level + 1);
    }
    this.#add(']');
  }

  #members(members: Readonly<Record<string, unknown>>, isMarked: boolean, level: number): void {
    this.#add('{');
    const entries = Object.entries(members).filter(([, value]) => value !== undefined);
    for (const [at, [name, value]] of entries.entries()) {
      if (at > 0) this.#add(',');
      const shown = quoted(cut(name, MAX_NAME));
      if (!this.#hasRoom(level, Buffer.byteLength(shown))) {
        this.#omit(`"…":"${entries.length - at} more left out"`);
        break;
      }
      this.#add(`${shown}:`);
      const isMark = !isMarked && UNTRUSTED.has(name) && mayCarryText(value);
      if (isMark) this.#add('{"untrusted":');
      this.write(value, isMarked || isMark, level + 1);
      if (isMark) this.#add('}');
    }
    this.#add('}');
  }

  #text(text: string, level: number): void {
    if (text.length > MAX_TEXT) this.#isCut = true;
    const shown = quoted(cut(text, MAX_TEXT));
    if (this.#hasRoom(level, Buffer.byteLength(shown))) this.#add(shown);
    else this.#omit('"…"');
  }

  /** Whether a value of some bytes fits, besides what the open levels still need. */
  #hasRoom(level: number, bytes = RESERVE): boolean {
    return this.#left > bytes + RESERVE * (level + 2);
  }

  #omit(note: string): void {
    this.#isCut = true;
    this.#add(note);
  }

  #add(piece: string): void {
    this.#left -= Buffer.byteLength(piece);
    this.#pieces.push(piece);
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

const quoted = (text: string): string =>
  JSON.stringify(text).replaceAll(UNSEEN, (char) =>
    Array.from({ length: char.length }, (_, at) => escaped(char.charCodeAt(at))).join(''),
  );

const escaped = (unit: number): string => `\\u${unit.toString(16).padStart(4, '0')}`;
