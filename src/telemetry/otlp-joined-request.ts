// Requests to a collector that are written in several turns of the event loop, because they may have very
// many items. A request is written in parts, each of which is a request of its own, and the parts are joined
// as bytes.
import type { IExporterMetricsHelper, ISerializer } from '@opentelemetry/otlp-transformer';
import type { OtlpExportSettings } from '../config.js';
import type { Encoding } from './otlp-connection.js';

export interface JoinedRequest {
  /** At least one; each has at least one item. */
  readonly parts: readonly Uint8Array[];
  /** Log lines or data points in all parts. */
  readonly items: number;
}

export interface JoinedEncoding<Part, Response> extends Encoding<JoinedRequest, Response> {
  /** @throws Error for items that cannot be written: one is nested too deeply, for example */
  write(part: Part): Uint8Array;
}

interface JoinedOptions<Part, Response> {
  readonly protocol: OtlpExportSettings['protocol'];
  /** Writes a part, in the encoding of the protocol. */
  readonly serializer: ISerializer<Part, Response>;
  /** The only member of a request in JSON, which is a list. */
  readonly list: string;
  readonly helper: Pick<IExporterMetricsHelper<JoinedRequest>, 'name'>;
  readonly rejectedIn: (response: Response) => number;
}

export function joinedEncoding<Part, Response>({
  protocol,
  serializer,
  list,
  helper: { name },
  rejectedIn,
}: JoinedOptions<Part, Response>): JoinedEncoding<Part, Response> {
  const join =
    protocol === 'http/json' ? joinedJson(list) : (parts: readonly Uint8Array[]) => Buffer.concat(parts);
  return {
    write(part) {
      const written = serializer.serializeRequest(part);
      if (written === undefined) throw new Error('the items cannot be written');
      return written;
    },
    serializer: {
      // Messages of Protocol Buffers that follow one another are one message with the lists of all of them:
      // https://protobuf.dev/programming-guides/encoding/#last-one-wins
      serializeRequest: ({ parts }) => join(parts),
      deserializeResponse: (data) => serializer.deserializeResponse(data),
    },
    helper: { name, countItems: ({ items }) => items },
    rejectedIn,
  };
}

const COMMA = Buffer.from(',');

function joinedJson(list: string): (parts: readonly Uint8Array[]) => Buffer {
  const [head, tail] = [Buffer.from(`{"${list}":[`), Buffer.from(']}')];
  return (parts) => {
    const items = parts.flatMap((part) => [COMMA, part.subarray(head.length, part.length - tail.length)]);
    return Buffer.concat([head, ...items.slice(1), tail]);
  };
}
