// Checks the options of a call by gRPC, and makes its metadata. As with calls of HTTP, everything that a
// transport could not send is rejected here.
import { types } from 'node:util';
import { isBinary, isName, isPrintable } from '../grpc/metadata-text.js';
import { checkOptions, describeValue, type OptionsShape, shapeOf, typeErrorFor } from '../options.js';
import type { RpcCallOptions } from './call.js';
import { CALL_KINDS } from './call-options.js';
import { IDEMPOTENCY_KEY, NO_FIELDS, pairsOf, RESERVED_FIELDS } from './call-request.js';

const {
  idempotencyKey,
  timeoutMs,
  retries,
  hedgeMs,
  maxConcurrent,
  version,
  hashKey,
  picker,
  signal,
  fallback,
  headers,
} = CALL_KINDS;
const OPTIONS: OptionsShape = shapeOf<RpcCallOptions>('{ timeoutMs: 500 }', {
  metadata: headers,
  idempotencyKey,
  timeoutMs,
  retries,
  hedgeMs,
  maxConcurrent,
  version,
  hashKey,
  picker,
  signal,
  fallback,
});

const fault = typeErrorFor('call');

/**
 * More metadata cannot be relied upon to arrive: Node.js takes 128 fields, of which the protocol and the
 * runtime use some, and an HTTP/2 peer cuts the whole connection at 64 KiB.
 */
const MOST_FIELDS = 100;
const MOST_BYTES = 48 * 1024;

/** @throws TypeError for an unknown option, and for metadata or a key that cannot be sent */
export function rpcFields(options: RpcCallOptions): Readonly<Record<string, string>> {
  checkOptions(options, OPTIONS, fault);
  const { metadata, idempotencyKey: key } = options;
  if (metadata === undefined && key === undefined) return NO_FIELDS;
  const fields = Object.create(null) as Record<string, string>;
  if (metadata !== undefined) {
    addFields(fields, metadata);
    refuseTooMany(fields);
  }
  if (key !== undefined) {
    if (!IDEMPOTENCY_KEY.test(key)) throw fault('an idempotency key is 1 to 255 visible ASCII characters');
    fields['idempotency-key'] = key;
  }
  return fields;
}

function addFields(fields: Record<string, string>, given: NonNullable<RpcCallOptions['metadata']>): void {
  for (const [written, value] of pairsOf('metadata', given)) {
    const name = written.toLowerCase();
    if (!isName(name)) throw fault(`${JSON.stringify(written)} is not a name of metadata`);
    if (value === undefined) continue;
    const text = isBinary(name) ? base64(name, value) : asciiText(name, value);
    if (!isReserved(name)) fields[name] = text;
  }
}

function refuseTooMany(fields: Readonly<Record<string, string>>): void {
  const all = Object.entries(fields);
  if (all.length > MOST_FIELDS)
    throw fault(`the metadata has ${all.length} fields; at most ${MOST_FIELDS} can be sent`);
  const bytes = all.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (bytes > MOST_BYTES) throw fault(`the metadata has ${bytes} bytes; at most ${MOST_BYTES} can be sent`);
}

function base64(name: string, value: unknown): string {
  if (!types.isUint8Array(value))
    throw fault(
      `the metadata ${name} must be a Uint8Array, as its name ends in -bin, not ${describeValue(value)}`,
    );
  return Buffer.from(value).toString('base64');
}

function asciiText(name: string, value: unknown): string {
  if (typeof value !== 'string')
    throw fault(
      `the metadata ${name} must be a string, or undefined to leave it out, not ${describeValue(value)}`,
    );
  if (!isPrintable(value))
    throw fault(`the metadata ${name} may have printable ASCII only; use a name that ends in -bin for bytes`);
  if (value !== value.trim())
    throw fault(`the metadata ${name} may not begin or end with a space, which would not arrive`);
  return value;
}

/** Like the fields that HTTP reserves, these are omitted, so that metadata of a client can be passed on. */
const isReserved = (name: string): boolean =>
  RESERVED_FIELDS.has(name) ||
  name.startsWith('grpc-') ||
  name === 'content-type' ||
  name === 'accept-encoding';
