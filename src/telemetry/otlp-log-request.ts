// Requests to a collector with log lines. A request may have a thousand lines, and writing them takes several
// turns of the event loop. So it is written in parts, each of which is a request of its own, and the parts
// are joined as bytes.
import type { IExportLogsServiceResponse } from '@opentelemetry/otlp-transformer';
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import type { OtlpExportSettings } from '../config.js';
import type { Encoding } from './otlp-connection.js';
import type { OtlpSdk } from './otlp-sdk.js';

export interface LogRequest {
  /** At least one; each has at least one line. */
  readonly parts: readonly Uint8Array[];
  readonly lines: number;
}

export interface LogEncoding extends Encoding<LogRequest, IExportLogsServiceResponse> {
  /** @throws Error for records that cannot be written: one is nested too deeply, for example */
  write(records: ReadableLogRecord[]): Uint8Array;
}

/** The only member of a request in JSON is this list. */
const [HEAD, TAIL] = [Buffer.from('{"resourceLogs":['), Buffer.from(']}')];
const COMMA = Buffer.from(',');

export function logEncoding({ transformer }: OtlpSdk, protocol: OtlpExportSettings['protocol']): LogEncoding {
  const { JsonLogsSerializer, ProtobufLogsSerializer } = transformer;
  const isJson = protocol === 'http/json';
  const serializer = isJson ? JsonLogsSerializer : ProtobufLogsSerializer;
  return {
    write(records) {
      const part = serializer.serializeRequest(records);
      if (part === undefined) throw new Error('the lines cannot be written');
      return part;
    },
    serializer: {
      // Messages of Protocol Buffers that follow one another are one message with the lists of all of them:
      // https://protobuf.dev/programming-guides/encoding/#last-one-wins
      serializeRequest: ({ parts }) => (isJson ? joinedJson(parts) : Buffer.concat(parts)),
      deserializeResponse: (data) => serializer.deserializeResponse(data),
    },
    helper: { name: 'log', countItems: ({ lines }) => lines },
    rejectedIn: ({ partialSuccess }) => Number(partialSuccess?.rejectedLogRecords ?? 0),
  };
}

function joinedJson(parts: readonly Uint8Array[]): Buffer {
  const lists = parts.flatMap((part) => [COMMA, part.subarray(HEAD.length, part.length - TAIL.length)]);
  return Buffer.concat([HEAD, ...lists.slice(1), TAIL]);
}
