// Requests to the admin plane of another process, whose registry this one shares.
import type { RegistryClient, WatchEvent } from '../registry/backends/http-backend.js';
import { LineClient } from './line-client.js';

/** @param token REGISTRY_TOKEN */
export function registryClients(url: string, token: string | undefined): () => RegistryClient {
  const { origin } = new URL(url);
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return () => new AdminPlaneClient(origin, headers);
}

class AdminPlaneClient implements RegistryClient {
  readonly #client: LineClient;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(origin: string, headers: Readonly<Record<string, string>>) {
    this.#client = new LineClient(origin);
    this.#headers = headers;
  }

  async request(method: string, path: string, body?: object): ReturnType<RegistryClient['request']> {
    const { status, text } = await this.#client.text({ method, path, headers: this.#headers, body });
    return { status, json: jsonOf(text) };
  }

  watch(since: string, heard: (event: WatchEvent) => void, ended: (error: Error) => void): void {
    const path = `/registry/v1/watch?since=${encodeURIComponent(since)}`;
    let type = '';
    let data = '';
    const hear = (line: string): void => {
      if (line.startsWith('event:')) type = line.slice('event:'.length).trim();
      else if (line.startsWith('data:')) data += line.slice('data:'.length).trim();
      else if (line === '' && data !== '') {
        heard({ type, data: jsonOf(data) });
        [type, data] = ['', ''];
      }
    };
    this.#client.lines({ method: 'GET', path, headers: this.#headers }, hear).then(
      () => ended(new Error('the registry has ended the watch')),
      (error: unknown) => ended(error as Error),
    );
  }

  close(): void {
    this.#client.close();
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
