// Codecs of messages that a test defines, and messages that are sent byte by byte.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import protobuf from 'protobufjs';
import { loadProto } from '#src/grpc/load-proto.js';
import type { MessageCodec } from '#src/grpc/rpc-method.js';

/** @param messages the definitions of messages, of which `M` gets the codec */
export async function codecOf(messages: string, syntax = 'proto3'): Promise<MessageCodec> {
  const folder = mkdtempSync(join(tmpdir(), 'multilane-proto-'));
  try {
    const file = join(folder, 'test.proto');
    writeFileSync(file, `syntax = "${syntax}"; ${messages} service S { rpc A(M) returns (M); }`);
    return (await loadProto(pathToFileURL(file))).get('/S/A')!.request;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A field that holds other fields: a message, an entry of a map, a packed list. */
export const part = (id: number, ...fields: readonly Uint8Array[]): Uint8Array =>
  protobuf.Writer.create()
    .uint32((id << 3) | 2)
    .bytes(Buffer.concat(fields))
    .finish();

export const varint = (id: number, value: number): Uint8Array =>
  protobuf.Writer.create()
    .uint32(id << 3)
    .int32(value)
    .finish();

export const text = (id: number, value: string): Uint8Array => part(id, Buffer.from(value));
