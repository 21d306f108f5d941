// The head of a call by gRPC: its metadata as header fields, as the pipeline reads them from HTTP too.
import type { Metadata } from '@grpc/grpc-js';
import { RequestHead } from '../request-head.js';
import type { RpcCall } from './rpc-call.js';

/** The library makes a plain object of the fields, which loses the one of this name. */
const LOST = '__proto__';

/** The head of a call, with the bytes of its metadata. */
export class RpcHead extends RequestHead {
  /** Bytes of all names and values. */
  readonly bytes: number;
  /** The client's own deadline, on the clock of `performance.now()`. */
  readonly #endsAt: number;

  constructor(path: string, metadata: Metadata, call: RpcCall) {
    super('POST', path, '', false);
    this.isRpc = true;
    // A client may send neither `:authority` nor `host`.
    this.add('host', String(call.getHost() ?? ''));
    let bytes = 0;
    const add = (name: string, values: unknown): void => {
      for (const value of [values].flat()) {
        const text = String(value);
        bytes += name.length + text.length;
        this.add(name, text);
      }
    };
    for (const [name, values] of Object.entries(metadata.toHttp2Headers())) add(name, values);
    add(LOST, metadata.get(LOST));
    this.bytes = bytes;
    this.#endsAt = performance.now() + Number(call.getDeadline()) - Date.now();
  }

  /** The request begins now: what is left of the client's own time is its time-out. */
  begin(): void {
    this.ownTimeoutMs = Math.max(0, this.#endsAt - performance.now());
  }
}
