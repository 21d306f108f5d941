// Requests to the HTTP gateway of etcd.
import {
  type EtcdClient,
  EtcdRefusal,
  NO_SPACE,
  type OpenEtcd,
  type WatchMessage,
} from '../registry/backends/etcd-api.js';
import { LineClient } from './line-client.js';

/** Parts of `etcd://user:password@host:port,host:port`. */
export interface EtcdCluster {
  readonly origins: readonly string[];
  readonly user: { readonly name: string; readonly password: string } | undefined;
}

/** A URL tells nothing of a port that is the default one. */
const WITH_PORT = /:\d{1,5}$/;
/** What is too large, not valid, or more than there is room for. */
const REFUSALS: ReadonlySet<number> = new Set([400, 413, 429]);

const MAKE_ROOM =
  '; compact and defragment it, disarm its alarm, and start it with --auto-compaction-retention';

/** @returns undefined for text that is no such URL */
export function parseEtcdUrl(url: string): EtcdCluster | undefined {
  const [, scheme, account, hosts = ''] = /^(etcds?):\/\/(?:([^@/]*)@)?([^@/?#]+)\/?$/i.exec(url) ?? [];
  if (scheme === undefined) return undefined;
  const origins = hosts.split(',').map((host) => `${/s$/i.test(scheme) ? 'https' : 'http'}://${host}`);
  if (!origins.every((origin) => WITH_PORT.test(origin) && URL.canParse(origin))) return undefined;
  if (account === undefined) return { origins, user: undefined };
  const [, name = '', password = ''] = /^([^:]+)(?::(.*))?$/.exec(account) ?? [];
  return name === '' ? undefined : { origins, user: { name: decoded(name), password: decoded(password) } };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** @returns for each endpoint a function that opens it */
export const etcdClients = ({ origins, user }: EtcdCluster): readonly OpenEtcd[] =>
  origins.map((origin) => async (limitMs) => {
    const client = new HttpGateway(origin);
    const limit = limitMs === undefined ? undefined : setTimeout(() => client.close(), limitMs);
    try {
      if (user !== undefined) await client.logIn(user.name, user.password);
      else await client.post('/v3/maintenance/status', {});
      return client;
    } catch (error) {
      client.close();
      throw error;
    } finally {
      clearTimeout(limit);
    }
  });

class HttpGateway implements EtcdClient {
  readonly #client: LineClient;
  #headers: Readonly<Record<string, string>> = {};

  constructor(origin: string) {
    this.#client = new LineClient(origin);
  }

  async logIn(name: string, password: string): Promise<void> {
    const { token } = await this.post<{ token: string }>('/v3/auth/authenticate', { name, password });
    this.#headers = { authorization: token };
  }

  async post<R>(path: string, body: object): Promise<R> {
    const { status, text } = await this.#client.text({ method: 'POST', path, headers: this.#headers, body });
    if (status === 200) return JSON.parse(text) as R;
    const reason = messageOf(text);
    const next = reason.includes(NO_SPACE) ? MAKE_ROOM : '';
    const message = `etcd responded to ${path} with status ${status}: ${reason}${next}`;
    throw REFUSALS.has(status) ? new EtcdRefusal(message) : new Error(message);
  }

  watch(body: object, heard: (message: WatchMessage) => void, ended: (error: Error) => void): void {
    const request = { method: 'POST', path: '/v3/watch', headers: this.#headers, body };
    const hear = (line: string): void => {
      if (line !== '') heard(JSON.parse(line) as WatchMessage);
    };
    this.#client.lines(request, hear).then(
      () => ended(new Error('etcd has ended the watch')),
      (error: unknown) => ended(error as Error),
    );
  }

  close(): void {
    this.#client.close();
  }
}

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
