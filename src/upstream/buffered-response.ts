// A whole response in memory. Every read makes new values, so that no caller can change what another one
// reads, even when both run in one worker.
import { EXECUTED_FIELD, FINAL_FIELD, HttpError, isRuntimeField, LOAD_FIELD } from '../errors.js';
import { PROBLEM_JSON } from '../problem.js';
import type { Received, ReceivedProblem } from './transport.js';

const UTF_8 = new TextDecoder();
const UTF_8_BYTES = new TextEncoder();
const BYTE_ORDER_MARK = 0xfeff;

/**
 * A longer document is none for the runtime, which reads the document of a failure before its caller does:
 * JSON of 16 MiB takes seconds to parse, and a document of a service of Multilane has some hundred bytes.
 */
export const MAX_PROBLEM_BYTES = 64 * 1024;

/** What the runtime of the callee reports about a response, in fields that no handler can set. */
export interface Marks extends Pick<Received, 'notExecuted' | 'isFinal' | 'load'> {
  /** @default false */
  readonly isFallback?: boolean;
  /**
   * The problem document; null: it has none.
   * @default read when it is asked for
   */
  readonly problem?: ReceivedProblem | null;
}

const NO_MARKS: Marks = { notExecuted: false, isFinal: false };
const FINAL_MARKS: Marks = { notExecuted: false, isFinal: true };

export class BufferedResponse implements Received {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly notExecuted: boolean;
  readonly isFinal: boolean;
  readonly isFallback: boolean;
  readonly load: string | undefined;
  readonly #body: Uint8Array | string;
  /** Undefined until it is asked for, null when there is none. */
  #problem: ReceivedProblem | null | undefined;

  /** @param body owned by the response from now on; a text is what its bytes in UTF-8 would be read as */
  constructor(
    status: number,
    headers: Readonly<Record<string, string>>,
    body: Uint8Array | string,
    { notExecuted, isFinal, load, isFallback = false, problem }: Marks = NO_MARKS,
  ) {
    this.status = status;
    this.headers = headers;
    this.notExecuted = notExecuted;
    this.isFinal = isFinal;
    this.isFallback = isFallback;
    this.load = load;
    this.#body = body;
    this.#problem = problem;
  }

  get problem(): ReceivedProblem | undefined {
    if (this.#problem === undefined) this.#problem = problemIn(this.headers, this.#body);
    return this.#problem ?? undefined;
  }

  /** @throws HttpError BAD_UPSTREAM when the body is not JSON */
  json<T = unknown>(): T {
    try {
      return JSON.parse(this.text()) as T;
    } catch (cause) {
      throw new HttpError('BAD_UPSTREAM', 'The response of the called service is not JSON.', { cause });
    }
  }

  text(): string {
    return textOf(this.#body);
  }

  bytes(): Uint8Array {
    // Not slice(): the slice of a Buffer shares its memory.
    return typeof this.#body === 'string' ? UTF_8_BYTES.encode(this.#body) : new Uint8Array(this.#body);
  }
}

function textOf(body: Uint8Array | string): string {
  if (typeof body !== 'string') return UTF_8.decode(body);
  // What a decoder does: it omits a byte order mark, and replaces what is no character.
  const text = body.charCodeAt(0) === BYTE_ORDER_MARK ? body.slice(1) : body;
  return text.toWellFormed();
}

/** @returns null when there is none, it is too long, or it is not JSON */
function problemIn(
  { 'content-type': type = '' }: Readonly<Record<string, string>>,
  body: Uint8Array | string,
): ReceivedProblem | null {
  // A text has as many bytes as characters at least.
  if (!type.startsWith(PROBLEM_JSON) || body.length > MAX_PROBLEM_BYTES) return null;
  if (typeof body === 'string' && Buffer.byteLength(body) > MAX_PROBLEM_BYTES) return null;
  try {
    const { code, executed } = JSON.parse(textOf(body)) as ReceivedProblem;
    // The rest of the document is not kept.
    return { code, executed };
  } catch {
    return null;
  }
}

/**
 * Makes the response that a transport received. It reads the fields of the runtime, and copies the others.
 * @param fields by lower-case names @param body owned by the response from now on
 */
export function receive(
  status: number,
  fields: Readonly<Record<string, string>>,
  body: Uint8Array | string,
): Received {
  const headers = Object.create(null) as Record<string, string>;
  for (const name in fields) if (!isRuntimeField(name)) headers[name] = fields[name]!;
  const { [LOAD_FIELD]: load, [EXECUTED_FIELD]: executed } = fields;
  const isFinal = fields[FINAL_FIELD] === '1';
  const isRefusal = status === 503 && executed === 'false';
  if (!isRefusal && load === undefined)
    return new BufferedResponse(status, headers, body, isFinal ? FINAL_MARKS : NO_MARKS);
  if (!isRefusal) return new BufferedResponse(status, headers, body, { notExecuted: false, isFinal, load });
  const problem = problemIn(headers, body);
  const notExecuted = problem?.executed === false;
  return new BufferedResponse(status, headers, body, { notExecuted, isFinal, load, problem });
}
