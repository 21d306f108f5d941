// Requests to the HTTP gateway of etcd. The endpoints of the cluster take turns, so that a new link after a
// failure goes to another one.
import http, { type ClientRequest, type Agent as HttpAgent, type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { EtcdClient, WatchMessage } from '../registry/backends/etcd-backend.js';

const TIMEOUT_MS = 5_000;
/** Characters of a message; etcd limits a request to 1.5 MiB, and sends several changes in a message. */
const MOST_LINE = 1 << 26;

/** Parts of `etcd://user:password@host:port,host:port`. */
export interface EtcdCluster {
  readonly origins: readonly string[];
  readonly user: { readonly name: string; readonly password: string } | undefined;
}

/** @returns undefined for text that is no such URL */
export function parseEtcdUrl(url: string): EtcdCluster | undefined {
  const [, scheme, account, hosts = ''] = /^(etcds?):\/\/(?:([^@/]*)@)?([^@/?#]+)\/?$/i.exec(url) ?? [];
  if (scheme === undefined) return undefined;
  const origins = hosts.split(',').map((host) => `${/s$/i.test(scheme) ? 'https' : 'http'}://${host}`);
  if (!origins.every((origin) => URL.canParse(origin) && new URL(origin).port !== '')) return undefined;
  if (account === undefined) return { origins, user: undefined };
  const [name = '', password = ''] = account.split(':').map(decoded);
  return name === '' ? undefined : { origins, user: { name, password } };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** @returns a function that opens the next endpoint */
export function etcdClients({ origins, user }: EtcdCluster): () => Promise<EtcdClient> {
  let turn = 0;
  return async () => {
    const client = new HttpGateway(origins[turn++ % origins.length]!);
    if (user !== undefined) await client.logIn(user.name, user.password);
    return client;
  };
}

class HttpGateway implements EtcdClient {
  readonly #origin: string;
  readonly #agent: HttpAgent;
  readonly #running = new Set<ClientRequest>();
  #token: string | undefined;

  constructor(origin: string) {
    this.#origin = origin;
    const { Agent } = origin.startsWith('https:') ? https : http;
    this.#agent = new Agent({ keepAlive: true, maxSockets: 4 });
  }

  async logIn(name: string, password: string): Promise<void> {
    const { token } = await this.post<{ token: string }>('/v3/auth/authenticate', { name, password });
    this.#token = token;
  }

  async post<R>(path: string, body: object): Promise<R> {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(new Error(LATE)), TIMEOUT_MS);
    try {
      const response = await this.#respond(path, body, limit.signal);
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      const text = Buffer.concat(chunks).toString();
      const { statusCode } = response;
      if (statusCode === 200) return JSON.parse(text) as R;
      throw new Error(`etcd responded to ${path} with status ${statusCode}: ${messageOf(text)}`);
    } finally {
      clearTimeout(timer);
    }
  }

  watch(body: object, heard: (message: WatchMessage) => void, ended: (error: Error) => void): void {
    this.#read(body, heard).then(
      () => ended(new Error('etcd has ended the watch')),
      (error: unknown) => ended(error as Error),
    );
  }

  async #read(body: object, heard: (message: WatchMessage) => void): Promise<void> {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(new Error(LATE)), TIMEOUT_MS);
    const response = await this.#respond('/v3/watch', body, limit.signal).finally(() => clearTimeout(timer));
    if (response.statusCode !== 200)
      throw new Error(`etcd responded to /v3/watch with status ${response.statusCode}`);
    response.setEncoding('utf8');
    let rest = '';
    for await (const chunk of response) {
      const lines = (rest + String(chunk)).split('\n');
      rest = lines.pop()!;
      if (rest.length > MOST_LINE) throw new Error('a message of the watch is too long');
      for (const line of lines) if (line !== '') heard(JSON.parse(line) as WatchMessage);
    }
  }

  /** Resolves when a response begins. */
  #respond(path: string, body: object, signal: AbortSignal): Promise<IncomingMessage> {
    const content = JSON.stringify(body);
    const { request } = this.#origin.startsWith('https:') ? https : http;
    return new Promise((resolve, reject) => {
      const sent = request(`${this.#origin}${path}`, {
        method: 'POST',
        agent: this.#agent,
        signal,
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(content),
          ...(this.#token !== undefined && { authorization: this.#token }),
        },
      });
      this.#running.add(sent);
      sent.once('error', (error) => reject((signal.reason as Error | undefined) ?? error));
      sent.once('close', () => this.#running.delete(sent));
      sent.once('response', resolve);
      sent.end(content);
    });
  }

  close(): void {
    for (const request of this.#running) request.destroy();
    this.#agent.destroy();
  }
}

const LATE = 'etcd does not respond in time';

/** The message of a failure, which is not ours and may be long. */
function messageOf(text: string): string {
  try {
    const { message = '', error = '' } = JSON.parse(text) as {
      readonly message?: string;
      readonly error?: string;
    };
    return String(message || error).slice(0, 200);
  } catch {
    return text.slice(0, 200);
  }
}
