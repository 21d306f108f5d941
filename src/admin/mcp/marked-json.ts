// Writes a value as JSON for an assistant: within a limit of bytes, and with a mark around every text that
// may have been written by a stranger. The result is valid JSON however much of the value was left out. The
// thread that writes it also accepts connections, so it writes in turns of its event loop.
import { Pace } from '../../telemetry/pace.js';

/**
 * Members whose texts the process itself has made: words of a fixed list, times, and ids that it has drawn or
 * checked. Every other text is shown as `{"untrusted": …}`, because a client, another process or failing code
 * may have written it.
 */
const OWN: ReadonlySet<string> = new Set([
  ...['state', 'states', 'status', 'severity', 'kind', 'protocol', 'unit', 'code', 'nextCursor'],
  ...['at', 'since', 'startedAt', 'finishedAt', 'createdAt', 'updatedAt', 'lastHeartbeat', 'ejectedUntil'],
  ...['sagaId', 'traceId', 'spanId', 'parentSpanId'],
]);
/** Members whose values are written by strangers with all that is inside them, so they are marked once. */
const FOREIGN: ReadonlySet<string> = new Set([
  ...['input', 'results', 'error', 'attributes', 'metadata', 'reasons', 'refused'],
]);
/** Names that members have here. Others may be texts of strangers. */
const NAME = /^[\w.-]{1,64}$/;
const MARK = '{"untrusted":';
/** Characters of one text. */
const MAX_TEXT = 4_000;
const MAX_NAME = 200;
const MAX_LEVELS = 24;
/** Bytes that the note about omitted members and the closing bracket of one level may take. */
const RESERVE = 64;

/** Characters that people do not see but an assistant reads, and those that change what people see. */
const UNSEEN = /[\p{Cf}\p{Co}\p{Cn}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\u2800\u007f-\u009f]/gu;

export interface MarkedJson {
  readonly text: string;
  /** Whether something of the value was left out. */
  readonly isCut: boolean;
}

/**
 * @param limit bytes of the text in UTF-8, at least 4 KiB
 * @param own further members whose texts the process itself has made, such as `route` in a list of routes
 */
export async function markedJson(
  value: unknown,
  limit: number,
  own: readonly string[] = [],
): Promise<MarkedJson> {
  const writer = new Writer(limit, own);
  const { rest } = new Pace();
  for (const _ of writer.write(value, { name: '', level: 0, isMarked: false })) {
    const resting = rest();
    if (resting !== undefined) await resting;
  }
  return writer.result;
}

/** Where a value stands. */
interface Place {
  /** The name of the member; the items of a list have that of the list. */
  readonly name: string;
  readonly level: number;
  /** Whether a mark is around it. */
  readonly isMarked: boolean;
}

class Writer {
  readonly #own: ReadonlySet<string>;
  #written = '';
  #left: number;
  #isCut = false;
  /** Whether something did not fit: nothing but notes and closing brackets follows. */
  #isFull = false;

  constructor(limit: number, own: readonly string[]) {
    this.#left = limit;
    this.#own = own.length === 0 ? OWN : new Set([...OWN, ...own]);
  }

  get result(): MarkedJson {
    return { text: this.#written, isCut: this.#isCut };
  }

  /** Yields after each object and each list: there writing may pause. */
  *write(given: unknown, place: Place): Generator<undefined> {
    const value = plainValue(given);
    const isMark = !place.isMarked && this.#isForeign(value, place.name);
    if (isMark) this.#add(MARK);
    yield* this.#value(value, isMark ? { ...place, isMarked: true } : place);
    if (isMark) this.#add('}');
  }

  *#value(value: unknown, place: Place): Generator<undefined> {
    if (typeof value === 'string') this.#text(value, place.level);
    else if (typeof value !== 'object' || value === null) this.#add(plainJson(value));
    else if (place.level >= MAX_LEVELS) this.#omit('"…"');
    else if (Array.isArray(value)) yield* this.#list(value, place);
    else yield* this.#members(value as Readonly<Record<string, unknown>>, place);
  }

  /** Whether a value has texts that strangers may have written. */
  #isForeign(value: unknown, name: string): boolean {
    if (typeof value === 'string') return value !== '' && !this.#own.has(name);
    if (typeof value !== 'object' || value === null) return false;
    if (FOREIGN.has(name)) return true;
    if (Array.isArray(value)) return !this.#own.has(name) && value.some((item) => typeof item === 'string');
    return !Object.keys(value).every((member) => NAME.test(member));
  }

  *#list(items: readonly unknown[], place: Place): Generator<undefined> {
    const { level } = place;
    const inside = { ...place, level: level + 1 };
    this.#add('[');
    for (const [at, item] of items.entries()) {
      if (at > 0) this.#add(',');
      if (!this.#hasRoom(level)) {
        this.#omit(`"… ${items.length - at} more left out"`);
        break;
      }
      yield* this.write(item, inside);
    }
    this.#add(']');
    yield;
  }

  *#members(members: Readonly<Record<string, unknown>>, { level, isMarked }: Place): Generator<undefined> {
    this.#add('{');
    const names = Object.keys(members).filter((name) => members[name] !== undefined);
    for (const [at, name] of names.entries()) {
      if (at > 0) this.#add(',');
      const shown = quoted(cut(name, MAX_NAME));
      if (!this.#hasRoom(level, bytesOf(shown))) {
        this.#omit(`"…":"${names.length - at} more left out"`);
        break;
      }
      this.#add(`${shown}:`);
      yield* this.write(members[name], { name, level: level + 1, isMarked });
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
