// How grpc-js is configured: the bounds of what one connection can make the process hold, and the
// certificate.
import { readFileSync } from 'node:fs';
import type * as grpcjs from '@grpc/grpc-js';
import type { Settings } from '../../config.js';

export interface GrpcTls {
  readonly certFile: string;
  readonly keyFile: string;
  /** Clients must have a certificate of this authority. @default none: clients need no certificate */
  readonly clientCaFile?: string;
}

/** Calls of one connection at a time. */
const MAX_STREAMS = 100;
/** A connection that is silent for so long is asked for a sign of life, and cut when none comes. */
const KEEPALIVE_MS = 60_000;
const KEEPALIVE_TIMEOUT_MS = 20_000;

export const channelOptions = ({ maxBodyBytes }: Pick<Settings, 'maxBodyBytes'>): grpcjs.ChannelOptions => ({
  'grpc.max_receive_message_length': maxBodyBytes,
  'grpc.max_send_message_length': -1,
  'grpc.max_concurrent_streams': MAX_STREAMS,
  'grpc.keepalive_time_ms': KEEPALIVE_MS,
  'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
  // Its records of every connection and call serve a protocol that is not offered.
  'grpc.enable_channelz': 0,
});

/** Reads the files, so a replacement of the thread serves a renewed certificate. */
export function serverCredentials(
  { ServerCredentials }: Pick<typeof grpcjs, 'ServerCredentials'>,
  tls: GrpcTls | undefined,
): grpcjs.ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const { certFile, keyFile, clientCaFile } = tls;
  const pair = { cert_chain: readFileSync(certFile), private_key: readFileSync(keyFile) };
  const ca = clientCaFile === undefined ? null : readFileSync(clientCaFile);
  return ServerCredentials.createSsl(ca, [pair], ca !== null);
}
