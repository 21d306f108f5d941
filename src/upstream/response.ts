// A whole answer in memory. Every reading makes new values, so no caller can change what another one reads,
// also when both live in one worker.
import { HttpError } from '../errors.js';
import type { CallResponse } from './call.js';

const UTF_8 = new TextDecoder();

export class BufferedResponse implements CallResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly #body: Uint8Array;

  /** @param body owned by the response from now on */
  constructor(status: number, headers: Readonly<Record<string, string>>, body: Uint8Array) {
    this.status = status;
    this.headers = headers;
    this.#body = body;
  }

  /** @throws HttpError BAD_UPSTREAM when the body is not JSON */
  json<T = unknown>(): T {
    try {
      return JSON.parse(this.text()) as T;
    } catch (cause) {
      throw new HttpError('BAD_UPSTREAM', 'The answer of the called service is not JSON.', { cause });
    }
  }

  text(): string {
    return UTF_8.decode(this.#body);
  }

  bytes(): Uint8Array {
    // Not slice(): that of a Buffer shares its memory.
    return new Uint8Array(this.#body);
  }
}
