// Metadata of gRPC as header fields, and back. Fields are texts: binary ones, whose names end in `-bin`, are
// in base64, as they are sent (grpc/grpc doc/PROTOCOL-HTTP2.md).
import type { Metadata } from '@grpc/grpc-js';
import { isBinary } from '../grpc/metadata-text.js';
import { MAX_TIMER_MS } from '../resilience/cancellation.js';
import type { OutgoingRequest } from './transport.js';

type Fields = Readonly<Record<string, string>>;

/** It is sent as `grpc-timeout`, which every server of gRPC knows. */
const DEADLINE_FIELD = 'x-request-deadline';
/** A timeout has eight digits at most. */
const MOST_TIMEOUT = 99_999_999;

/** Adds the fields of a request, and its deadline. @param metadata empty */
export function addRequestFields(metadata: Metadata, { headers, deadline }: OutgoingRequest): void {
  for (const name in headers) {
    if (name === DEADLINE_FIELD) continue;
    const value = headers[name]!;
    metadata.set(name, isBinary(name) ? Buffer.from(value, 'base64') : value);
  }
  metadata.set('grpc-timeout', timeoutText(deadline.remainingMs()));
}

/** Servers on Node.js take a longer time than their timers have for none at all. */
function timeoutText(ms: number): string {
  const left = Math.min(MAX_TIMER_MS, Math.max(1, Math.floor(ms)));
  return left <= MOST_TIMEOUT ? `${left}m` : `${Math.floor(left / 1000)}S`;
}

/** The fields of a response, from the metadata before its message and those after it. */
export function responseFields(...sources: readonly (Metadata | undefined)[]): Record<string, string> {
  const fields = Object.create(null) as Record<string, string>;
  for (const source of sources) {
    if (source === undefined) continue;
    const map = source.toHttp2Headers();
    for (const name in map) {
      if (isOfProtocol(name)) continue;
      const value = map[name];
      if (value === undefined) continue;
      const text = Array.isArray(value) ? value.join(', ') : String(value);
      const before = fields[name];
      fields[name] = before === undefined ? text : `${before}, ${text}`;
    }
  }
  return fields;
}

/** `grpc-status-details-bin` is of the service. */
const isOfProtocol = (name: string): boolean =>
  name === 'content-type' || (name.startsWith('grpc-') && !isBinary(name));

/**
 * Metadata as a caller gets them: binary ones as bytes, of several values the first. White space around a
 * text cannot be sent over a network, so it is removed from that of an instance in the same process too.
 */
export function callerMetadata(fields: Fields): Record<string, string | Uint8Array> {
  const metadata = Object.create(null) as Record<string, string | Uint8Array>;
  for (const name in fields) {
    if (isOfProtocol(name)) continue;
    const value = fields[name]!;
    metadata[name] = isBinary(name) ? bytesOf(value) : value.trim();
  }
  return metadata;
}

function bytesOf(values: string): Uint8Array {
  const [first = ''] = values.split(',');
  return new Uint8Array(Buffer.from(first, 'base64'));
}
