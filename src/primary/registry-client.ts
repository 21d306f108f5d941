// Requests to the admin plane of another process, whose registry this one shares.
import { SECRET_HEADER } from '../admin/process-routes.js';
import { type RegistryClient, RegistryFailure, type WatchEvent } from '../registry/backends/http-api.js';
import { LineClient, StatusError } from './line-client.js';

/** Bytes of a response, and characters of an event: more than the other process ever sends. */
const LIMITS = { mostBytes: 1 << 19, mostLine: 1 << 16 } as const;
/** An admin plane sends a comment every 15 s: a watch without any for this time is lost. */
const SILENCE_MS = 35_000;

/** @param token REGISTRY_TOKEN */
export function registryClients(
  url: string,
  token: string | undefined,
  silenceMs = SILENCE_MS,
): (secret: string) => RegistryClient {
  const { origin } = new URL(url);
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return (secret) => new AdminPlaneClient(origin, { ...authorization, [SECRET_HEADER]: secret }, silenceMs);
}

class AdminPlaneClient implements RegistryClient {
  readonly #client: LineClient;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #silenceMs: number;

  constructor(origin: string, headers: Readonly<Record<string, string>>, silenceMs: number) {
    this.#client = new LineClient(origin, LIMITS);
    this.#headers = headers;
    this.#silenceMs = silenceMs;
  }

  async request(method: string, path: string, body?: object): Promise<unknown> {
    const response = await this.#client.text({ method, path, headers: this.#headers, body });
    const { status, text, retryAfterSeconds } = response;
    const json = text === '' ? undefined : jsonOf(text);
    if (status >= 200 && status < 300) return json;
    const { detail } = (json ?? {}) as { readonly detail?: unknown };
    throw new RegistryFailure(status, typeof detail === 'string' ? detail : undefined, retryAfterSeconds);
  }

  watch(path: string, heard: (event: WatchEvent) => void, ended: (error: Error) => void): Promise<void> {
    const hear = eventReader(heard);
    const request = { method: 'GET', path, headers: this.#headers };
    return new Promise((resolve, reject) => {
      let hasBegun = false;
      const begun = (): void => {
        hasBegun = true;
        resolve();
      };
      this.#client.lines(request, hear, { begun, silenceMs: this.#silenceMs }).then(
        () => ended(new Error('the registry has ended the watch')),
        (error: unknown) => {
          if (hasBegun) ended(error as Error);
          else reject(failureOf(error));
        },
      );
    });
  }

  close(): void {
    this.#client.close();
  }
}

const failureOf = (error: unknown): unknown =>
  error instanceof StatusError
    ? new RegistryFailure(error.status, undefined, error.retryAfterSeconds)
    : error;

/** @returns what reads the lines of a stream of events. @throws Error for an event that is too long */
function eventReader(heard: (event: WatchEvent) => void): (line: string) => void {
  let [type, id, data] = ['', '', ''];
  return (line) => {
    if (line.startsWith('event:')) type = line.slice('event:'.length).trim();
    else if (line.startsWith('id:')) id = line.slice('id:'.length).trim();
    else if (line.startsWith('data:')) data += line.slice('data:'.length).trim();
    else if (line === '' && data !== '') {
      heard({ type, id, data: jsonOf(data), size: data.length });
      [type, id, data] = ['', '', ''];
    }
    if (data.length > LIMITS.mostLine) throw new Error('the registry has sent an event that is too long');
  };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
