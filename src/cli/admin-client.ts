// A client for the admin plane of a running process, with error messages for people. Another program or
// version may listen at the address, so responses are checked before a command uses them.
import { errorMessage } from '../error-text.js';
import { CommandFailure } from './command-failure.js';
import type { View, ViewName } from './plane-views.js';

/** Time limit of a request. The admin plane serves from memory, so it responds much faster. */
const RESPONSE_MS = 10_000;
/** Far more than the largest response of an admin plane, which is a page of sagas. */
const MAX_BYTES = 64 * 1024 * 1024;
/** The most levels of nested objects and arrays in a response. */
const MAX_LEVELS = 1_000;

/** A response with an error status. */
class Refusal extends CommandFailure {
  readonly code: string | undefined;

  constructor(message: string, code: string | undefined) {
    super(message);
    this.code = code;
  }
}

export class AdminClient {
  readonly url: string;
  readonly #token: string | undefined;

  /** @param url without a path */
  constructor(url: string, token: string | undefined) {
    this.url = url;
    this.#token = token;
  }

  /**
   * @param view the members that are read from the response, which may have others too
   * @throws CommandFailure when there is no response, when it is a refusal, and when it has another form
   */
  get<Name extends ViewName>(path: string, view: Name): Promise<View<Name>> {
    return this.#request('GET', path, view);
  }

  /**
   * As `get`; undefined when the plane does not have the path, because it is of an older version.
   * @throws CommandFailure as `get`
   */
  async find<Name extends ViewName>(path: string, view: Name): Promise<View<Name> | undefined> {
    try {
      return await this.get(path, view);
    } catch (error) {
      if (error instanceof Refusal && error.code === 'ROUTE_NOT_FOUND') return undefined;
      throw error;
    }
  }

  /** The text of a successful response that is no JSON. @throws CommandFailure as `get` */
  async getText(path: string): Promise<string> {
    const { status, text } = await this.#exchange('GET', path, undefined);
    if (status === 200) return text;
    throw new CommandFailure(`${this.url}${path} responds with ${status}`);
  }

  /** @throws CommandFailure as `get` */
  post<Name extends ViewName>(path: string, view: Name, body?: unknown): Promise<View<Name>> {
    return this.#request('POST', path, view, body);
  }

  async #request<Name extends ViewName>(
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
    if (status < 200 || status > 299) throw refusalOf(this.url, status, json);
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
    let response: Response | undefined;
    try {
      response = await fetch(`${this.url}${path}`, {
        method,
        headers: this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        redirect: 'error',
        signal: AbortSignal.timeout(RESPONSE_MS),
      });
      return { status: response.status, text: await textOf(response) };
    } catch (error) {
      if (error instanceof CommandFailure) throw error;
      const what =
        response === undefined ? 'no admin plane responds at' : 'no complete response was received from';
      throw new CommandFailure(`${what} ${this.url}: ${reasonOf(error)}`, { cause: error });
    }
  }
}

/** @throws CommandFailure for a body that is too large, without reading the rest of it */
async function textOf(response: Response): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of response.body ?? []) {
    pieces.push(piece as Uint8Array);
    bytes += (piece as Uint8Array).length;
    if (bytes > MAX_BYTES) {
      throw new CommandFailure(
        `${new URL(response.url).origin} is no admin plane: more than ${MAX_BYTES} bytes`,
      );
    }
  }
  return Buffer.concat(pieces).toString();
}

/** The reason of a failure. `fetch` throws "fetch failed" and has the reason in its cause. */
function reasonOf(error: unknown): string {
  const { cause } = error as { readonly cause?: NodeJS.ErrnoException };
  if (cause?.code === 'ECONNREFUSED')
    return 'nothing listens there; does the process run? Its address is ADMIN_HOST and ADMIN_PORT, or name it with --admin URL';
  if (error instanceof DOMException && error.name === 'TimeoutError')
    return `nothing within ${RESPONSE_MS} ms`;
  return cause?.message || errorMessage(error);
}

function refusalOf(url: string, status: number, json: unknown): Refusal {
  const { code, detail, errors } = (json ?? {}) as Readonly<Record<string, unknown>>;
  const hint = status === 401 ? ' Set ADMIN_TOKEN, or name a file by --token-file.' : '';
  if (typeof code !== 'string' || code === '')
    return new Refusal(`${url} responds with ${status} and without a code.${hint}`, undefined);
  const text = `${status} ${code}: ${typeof detail === 'string' ? detail : 'refused'}${faultsIn(errors)}${hint}`;
  // Every command asks for paths that an admin plane of this version has.
  const isOther = code === 'ROUTE_NOT_FOUND';
  return new Refusal(isOther ? `${url} is no admin plane of this version: ${text}` : text, code);
}

/** Faults of one request that are printed. */
const MOST_FAULTS = 5;

/** What a problem with the code VALIDATION_FAILED says of each value. */
function faultsIn(errors: unknown): string {
  if (!Array.isArray(errors)) return '';
  const texts = errors.slice(0, MOST_FAULTS).map((one: unknown) => {
    const { path, message } = (one ?? {}) as Readonly<Record<string, unknown>>;
    return typeof path === 'string' && typeof message === 'string' ? ` ${path} ${message}.` : '';
  });
  return texts.join('');
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
