// The part of the API of etcd that its HTTP gateway offers and the registry uses. Bytes are Base64, and
// numbers of 64 bits are texts.

export interface KeyValue {
  readonly key: string;
  /** The revision of its last change. */
  readonly mod_revision?: string;
  /** Leases do not repeat. @default 0, for a key without one */
  readonly lease?: string;
  readonly value?: string;
}

/** A message of a watch. */
export interface WatchMessage {
  readonly result?: {
    readonly canceled?: boolean;
    readonly cancel_reason?: string;
    readonly compact_revision?: string;
    readonly events?: readonly { readonly type?: 'PUT' | 'DELETE'; readonly kv: KeyValue }[];
  };
  readonly error?: { readonly message?: string };
}

/** Requests to one endpoint of the cluster. */
export interface EtcdClient {
  /**
   * @throws EtcdRefusal for a request that is not admitted; Error when there is no response, or another
   *   failure
   */
  post<R>(path: string, body: object): Promise<R>;
  /** @param ended the stream has ended, for whatever reason */
  watch(body: object, heard: (message: WatchMessage) => void, ended: (error: Error) => void): void;
  close(): void;
}

/**
 * Opens one endpoint of the cluster, and logs in where that is needed.
 * @param limitMs how long that may take @default as long as a request
 */
export type OpenEtcd = (limitMs?: number) => Promise<EtcdClient>;

/** The words of etcd when its quota is used up: it admits no change until its operator makes room. */
export const NO_SPACE = 'database space exceeded';

/** etcd does not admit a request. */
export class EtcdRefusal extends Error {}
