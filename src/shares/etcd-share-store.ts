// The texts of the members in etcd: one key for each, which is replaced on condition that its revision is
// still the same.
import { base64, rangeBelow, textOf } from '../etcd-text.js';
import type { EtcdClient, OpenEtcd } from '../registry/backends/etcd-api.js';
import type { ShareStore, StoredTexts } from './share-store.js';

interface Range {
  readonly kvs?: readonly { readonly key: string; readonly value?: string; readonly mod_revision: string }[];
}

const PREFIX = '/multilane/limits/v1/';
const keyOf = (name: string): string => base64(PREFIX + name);
const ALL = rangeBelow(PREFIX);

export class EtcdShareStore implements ShareStore {
  readonly #open: readonly OpenEtcd[];
  #client: EtcdClient | undefined;
  /** Attempts to open an endpoint. */
  #attempts = 0;

  /** @param open one for each endpoint of the cluster: after a failure the next one is opened */
  constructor(open: readonly OpenEtcd[]) {
    this.#open = open;
  }

  /** etcd reads with the agreement of its members, unless it is told otherwise. */
  async read(): Promise<StoredTexts> {
    const { kvs = [] } = await this.#post<Range>('/v3/kv/range', ALL);
    return new Map(
      kvs.map(({ key, value = '', mod_revision: version }) => [
        textOf(key).slice(PREFIX.length),
        { text: textOf(value), version },
      ]),
    );
  }

  replace(name: string, version: string | undefined, text: string): Promise<boolean> {
    // A key that is not there has the revision 0.
    return this.#swap(name, version ?? '0', { request_put: { key: keyOf(name), value: base64(text) } });
  }

  async remove(name: string, version: string): Promise<void> {
    await this.#swap(name, version, { request_delete_range: { key: keyOf(name) } });
  }

  async close(): Promise<void> {
    this.#client?.close();
    this.#client = undefined;
  }

  async #swap(name: string, version: string, operation: object): Promise<boolean> {
    const compare = [{ key: keyOf(name), target: 'MOD', result: 'EQUAL', mod_revision: version }];
    const body = { compare, success: [operation] };
    const { succeeded = false } = await this.#post<{ readonly succeeded?: boolean }>('/v3/kv/txn', body);
    return succeeded;
  }

  async #post<R>(path: string, body: object): Promise<R> {
    this.#client ??= await this.#open[this.#attempts++ % this.#open.length]!();
    const client = this.#client;
    try {
      return await client.post<R>(path, body);
    } catch (error) {
      // Another endpoint is used for the next request.
      if (this.#client === client) this.#client = undefined;
      client.close();
      throw error;
    }
  }
}
