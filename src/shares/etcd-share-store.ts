// The texts of the members in etcd: for each one a key with the text, and one with its version. Versions are
// random numbers, so that no two texts ever have the same one: revisions of etcd come again after it was set
// back. A text is read again only when its version is not known.
import { randomBytes } from 'node:crypto';
import { base64, rangeBelow, textOf } from '../etcd-text.js';
import type { EtcdClient, OpenEtcd } from '../registry/backends/etcd-api.js';
import type { ShareStore, StoredText, StoredTexts } from './share-store.js';

interface Range {
  readonly kvs?: readonly { readonly key: string; readonly value?: string }[];
}

interface Readings {
  readonly header: { readonly revision: string };
  readonly responses: readonly { readonly response_range: Range }[];
}

const PREFIX = '/multilane/limits/v1/';
const VERSIONS = `${PREFIX}version/`;
const keyOf = (name: string): string => base64(PREFIX + name);
const versionKeyOf = (name: string): string => base64(VERSIONS + name);
const ALL = rangeBelow(PREFIX);
const ALL_VERSIONS = rangeBelow(VERSIONS);

const newVersion = (): string => randomBytes(8).toString('hex');

export class EtcdShareStore implements ShareStore {
  readonly #open: readonly OpenEtcd[];
  #client: EtcdClient | undefined;
  /** Attempts to open an endpoint. */
  #attempts = 0;
  /** What was read last, and the revision that it was of. */
  #known: StoredTexts = new Map();
  #revision = 0n;

  /** @param open one for each endpoint of the cluster: after a failure the next one is opened */
  constructor(open: readonly OpenEtcd[]) {
    this.#open = open;
  }

  /** etcd reads with the agreement of its members, unless it is told otherwise. */
  async read(): Promise<StoredTexts> {
    const [changed, missing] = await this.#readSince(this.#revision + 1n);
    if (missing === 0) return changed;
    // It was set back, or a key was removed by hand.
    const [all] = await this.#readSince(0n);
    return all;
  }

  replace(name: string, version: string | undefined, text: string): Promise<boolean> {
    return this.#swap(name, version, [
      { request_put: { key: keyOf(name), value: base64(text) } },
      { request_put: { key: versionKeyOf(name), value: base64(newVersion()) } },
    ]);
  }

  async remove(name: string, version: string): Promise<void> {
    const keys = [keyOf(name), versionKeyOf(name)];
    await this.#swap(
      name,
      version,
      keys.map((key) => ({ request_delete_range: { key } })),
    );
  }

  async close(): Promise<void> {
    this.#client?.close();
    this.#client = undefined;
  }

  /**
   * Reads all versions, and the texts that have changed, at one moment.
   * @param revision the first one whose changes are read
   * @returns all texts, and the number of those that are neither known nor were read
   */
  async #readSince(revision: bigint): Promise<[texts: StoredTexts, missing: number]> {
    const ranges = [ALL_VERSIONS, { ...ALL, min_mod_revision: String(revision) }];
    const success = ranges.map((range) => ({ request_range: range }));
    const { header, responses } = await this.#post<Readings>('/v3/kv/txn', { success });
    const [versions = [], changed = []] = responses.map(({ response_range }) => response_range.kvs ?? []);
    const values = new Map(changed.map(({ key, value = '' }) => [textOf(key), value]));
    const texts = new Map<string, StoredText>();
    for (const { key, value: encoded = '' } of versions) {
      const [name, version] = [textOf(key).slice(VERSIONS.length), textOf(encoded)];
      const [known, value] = [this.#known.get(name), values.get(PREFIX + name)];
      if (known?.version === version) texts.set(name, known);
      else if (value !== undefined) texts.set(name, { text: textOf(value), version });
    }
    this.#known = texts;
    this.#revision = BigInt(header.revision);
    return [texts, versions.length - texts.size];
  }

  async #swap(name: string, version: string | undefined, success: readonly object[]): Promise<boolean> {
    const isSame =
      version === undefined
        ? { key: keyOf(name), target: 'VERSION', result: 'EQUAL', version: '0' }
        : { key: versionKeyOf(name), target: 'VALUE', result: 'EQUAL', value: base64(version) };
    const body = { compare: [isSame], success };
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
