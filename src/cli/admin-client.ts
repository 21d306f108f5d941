// JSON over the admin plane of a running process, and what to tell a person when it does not work. Whoever
// listens there may be something else, or another version: what a command reads is checked before it is used.
import { errorMessage } from '../error-text.js';
import { CommandFailure } from './command-failure.js';
import type { View, ViewName } from './plane-views.js';

/** The admin plane answers from memory; one that takes this long does not answer. */
const ANSWER_MS = 10_000;
/** Far above the largest response of a plane: a page of sagas. */
const MAX_BYTES = 64 * 1024 * 1024;
/** Levels of objects and arrays in a response. */
const MAX_LEVELS = 1_000;

export class AdminClient {
  readonly url: string;
  readonly #token: string | undefined;

  /** @param url without a path */
  constructor(url: string, token: string | undefined) {
    this.url = url;
    this.#token = token;
  }

  /**
   * @param view what is read of the response; it may have more members
   * @throws CommandFailure when nobody answers, with a refusal, or when something else is in the response
   */
  get<Name extends ViewName>(path: string, view: Name): Promise<View<Name>> {
    return this.#ask('GET', path, view);
  }

  /** @throws CommandFailure as `get` */
  post<Name extends ViewName>(path: string, view: Name, body?: unknown): Promise<View<Name>> {
    return this.#ask('POST', path, view, body);
  }

  async #ask<Name extends ViewName>(
    method: string,
    path: string,
    view: Name,
    body?: unknown,
  ): Promise<View<Name>> {
    const { status, text } = await this.#exchange(method, path, body);
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch (cause) {
      throw new CommandFailure(`${this.url} is no admin plane: ${status}, and no JSON`, { cause });
    }
    if (status < 200 || status > 299) throw new CommandFailure(refusalOf(this.url, status, json));
    const { mismatchIn } = await import('./plane-views.js');
    const isDeep = hasMoreLevels(json, MAX_LEVELS);
    const fault = isDeep ? `more than ${MAX_LEVELS} levels` : mismatchIn(view, json);
    if (fault === undefined) return json as View<Name>;
    const response = `the response to ${method} ${path}`;
    throw new CommandFailure(
      `${this.url} is no admin plane of this version: ${response} is not as expected (${fault})`,
    );
  }

  async #exchange(method: string, path: string, body: unknown): Promise<{ status: number; text: string }> {
    let answer: Response | undefined;
    try {
      answer = await fetch(`${this.url}${path}`, {
        method,
        headers: this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        redirect: 'error',
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      return { status: answer.status, text: await textOf(answer) };
    } catch (error) {
      if (error instanceof CommandFailure) throw error;
      const what = answer === undefined ? 'no admin plane answers at' : 'no whole response came from';
      throw new CommandFailure(`${what} ${this.url}: ${reasonOf(error)}`, { cause: error });
    }
  }
}

/** @throws CommandFailure for a body that is too large, without reading the rest */
async function textOf(answer: Response): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of answer.body ?? []) {
    pieces.push(piece as Uint8Array);
    bytes += (piece as Uint8Array).length;
    if (bytes > MAX_BYTES) {
      throw new CommandFailure(
        `${new URL(answer.url).origin} is no admin plane: more than ${MAX_BYTES} bytes`,
      );
    }
  }
  return Buffer.concat(pieces).toString();
}

/** `fetch` says "fetch failed" and hides the reason in its cause. */
function reasonOf(error: unknown): string {
  const { cause } = error as { readonly cause?: NodeJS.ErrnoException };
  if (cause?.code === 'ECONNREFUSED') return 'nothing listens there; is the process running?';
  if (error instanceof DOMException && error.name === 'TimeoutError') return `nothing within ${ANSWER_MS} ms`;
  return cause?.message || errorMessage(error);
}

function refusalOf(url: string, status: number, json: unknown): string {
  const { code, detail } = (json ?? {}) as { readonly code?: unknown; readonly detail?: unknown };
  const hint = status === 401 ? ' Set ADMIN_TOKEN, or name a file by --token-file.' : '';
  if (typeof code !== 'string' || code === '') return `${url} answers ${status} without a code.${hint}`;
  return `${status} ${code}: ${typeof detail === 'string' ? detail : 'refused'}${hint}`;
}

function hasMoreLevels(json: unknown, levels: number): boolean {
  let level: readonly unknown[] = [json];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > levels) return true;
    level = level.flatMap((value) =>
      typeof value === 'object' && value !== null ? Object.values(value) : [],
    );
  }
  return false;
}
