// JSON over the admin plane of a running process, and what to tell a person when it does not work.
import { CommandFailure } from './failure.js';

/** The admin plane answers from memory; one that takes this long does not answer. */
const ANSWER_MS = 10_000;

interface Problem {
  readonly code?: string;
  readonly detail?: string;
}

export class AdminClient {
  readonly url: string;
  readonly #token: string | undefined;

  /** @param url without a path */
  constructor(url: string, token: string | undefined) {
    this.url = url;
    this.#token = token;
  }

  /** @throws CommandFailure when nobody answers, or with a refusal */
  get<T>(path: string): Promise<T> {
    return this.#ask<T>('GET', path);
  }

  /** @throws CommandFailure */
  post<T>(path: string, body?: unknown): Promise<T> {
    return this.#ask<T>('POST', path, body);
  }

  async #ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    let status: number;
    let text: string;
    try {
      const answer = await fetch(`${this.url}${path}`, {
        method,
        headers: this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        redirect: 'error',
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      status = answer.status;
      text = await answer.text();
    } catch (error) {
      throw new CommandFailure(`no admin plane answers at ${this.url}: ${reasonOf(error)}`, { cause: error });
    }
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch (cause) {
      throw new CommandFailure(`${this.url} is no admin plane: ${status}, and no JSON`, { cause });
    }
    if (status < 200 || status > 299) throw new CommandFailure(refusalOf(status, json));
    return json as T;
  }
}

/** `fetch` says "fetch failed" and hides the reason in its cause. */
function reasonOf(error: unknown): string {
  const { cause } = error as { readonly cause?: NodeJS.ErrnoException };
  if (cause?.code === 'ECONNREFUSED') return 'nothing listens there; is the process running?';
  if (error instanceof DOMException && error.name === 'TimeoutError') return `nothing within ${ANSWER_MS} ms`;
  return cause?.message || (error as Error).message;
}

function refusalOf(status: number, json: unknown): string {
  const { code, detail } = (json ?? {}) as Problem;
  const hint = status === 401 ? ' Set ADMIN_TOKEN, or name a file by --token-file.' : '';
  return `${status} ${code ?? 'without a code'}: ${detail ?? 'refused'}${hint}`;
}
