// The HTTP side of an OpenTelemetry collector for metrics and logs: it keeps every request, and decodes JSON
// and protobuf bodies. https://opentelemetry.io/docs/specs/otlp/#otlphttp
import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { within } from './cluster.js';
import { decodedOtlp } from './otlp-protobuf.js';

type Value = Readonly<Record<string, unknown>>;
interface KeyValue {
  readonly key: string;
  readonly value: Value;
}

export interface ExportedPoint {
  readonly name: string;
  readonly unit: string;
  readonly kind: 'sum' | 'gauge' | 'histogram';
  readonly isMonotonic: boolean;
  /** 2 is cumulative. */
  readonly temporality: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly resource: Readonly<Record<string, unknown>>;
  readonly startTimeUnixNano: bigint;
  readonly timeUnixNano: bigint;
  /** Value of a sum or gauge, count of a histogram. */
  readonly value: number;
  readonly sum: number;
  readonly bucketCounts: readonly number[];
  readonly explicitBounds: readonly number[];
}

export interface ExportedLine {
  readonly body: unknown;
  readonly severityText: string;
  readonly severityNumber: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly resource: Readonly<Record<string, unknown>>;
}

export interface CollectedRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: number;
}

interface Response {
  readonly status: number;
  readonly body: string;
}

const WAIT_MS = 40_000;

const contentOf = (value: Value | undefined): unknown => {
  const [content] = Object.values(value ?? {});
  return content;
};
const recordOf = (attributes: readonly KeyValue[] = []): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, contentOf(value)]));

export class OtlpCollector {
  readonly url: string;
  readonly requests: CollectedRequest[] = [];
  readonly points: ExportedPoint[] = [];
  readonly lines: ExportedLine[] = [];
  /** Names of spans. */
  readonly spans: string[] = [];
  /** The response to every request. */
  response: Response = { status: 200, body: '{}' };
  /** Responses to the next requests, in place of `response`. */
  readonly nextResponses: Response[] = [];
  /** No request gets its response before this is resolved. */
  held: Promise<unknown> = Promise.resolve();
  readonly #server: Server;
  readonly #arrived = new EventEmitter();

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(): Promise<OtlpCollector> {
    const server = createServer((request, response) => {
      void buffer(request).then((body) => {
        const { status, body: text } = collector.nextResponses.shift() ?? collector.response;
        collector.#take(request.url ?? '', request.headers, body, status);
        const isJson = request.headers['content-type'] === 'application/json';
        collector.#arrived.emit('request');
        void collector.held.then(() => {
          response.writeHead(status, { 'content-type': request.headers['content-type'] ?? '' });
          response.end(isJson ? text : '');
        });
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const collector = new OtlpCollector(server);
    return collector;
  }

  /** Resolves with what `find` returns, once it is defined. */
  async waitFor<T>(find: () => T | undefined, what: string): Promise<T> {
    const found = async (): Promise<T> => {
      for (;;) {
        const value = find();
        if (value !== undefined) return value;
        await once(this.#arrived, 'request');
      }
    };
    return within(
      WAIT_MS,
      found(),
      () => `no ${what} among ${this.points.length} points, ${this.lines.length} lines`,
    );
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  #take(path: string, headers: IncomingHttpHeaders, body: Buffer, status: number): void {
    this.requests.push({ path, headers, bytes: body.length });
    if (status !== 200) return;
    const isJson = headers['content-type'] === 'application/json';
    const request = isJson ? (JSON.parse(body.toString()) as never) : decodedOtlp(path, body);
    if (path === '/v1/metrics') this.points.push(...pointsOf(request));
    if (path === '/v1/logs') this.lines.push(...linesOf(request));
    if (path === '/v1/traces') this.spans.push(...spansOf(request));
  }
}

interface RawPoint {
  readonly attributes?: readonly KeyValue[];
  readonly startTimeUnixNano: string;
  readonly timeUnixNano: string;
  readonly asDouble?: number;
  readonly asInt?: number;
  readonly count?: number;
  readonly sum?: number;
  readonly bucketCounts?: readonly number[];
  readonly explicitBounds?: readonly number[];
}
interface RawData {
  readonly dataPoints: readonly RawPoint[];
  readonly isMonotonic?: boolean;
  readonly aggregationTemporality?: number;
}
interface MetricsRequest {
  readonly resourceMetrics: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] };
    readonly scopeMetrics: readonly {
      readonly metrics: readonly ({ readonly name: string; readonly unit?: string } & Partial<
        Record<ExportedPoint['kind'], RawData>
      >)[];
    }[];
  }[];
}

function pointsOf({ resourceMetrics }: MetricsRequest): ExportedPoint[] {
  return resourceMetrics.flatMap(({ resource, scopeMetrics }) =>
    scopeMetrics.flatMap(({ metrics }) =>
      metrics.flatMap((metric) => {
        const kind = (['sum', 'gauge', 'histogram'] as const).find((one) => metric[one])!;
        const { dataPoints, isMonotonic = false, aggregationTemporality = 0 } = metric[kind]!;
        return dataPoints.map((point) => ({
          name: metric.name,
          unit: metric.unit ?? '',
          kind,
          isMonotonic,
          temporality: Number(aggregationTemporality),
          attributes: recordOf(point.attributes),
          resource: recordOf(resource.attributes),
          startTimeUnixNano: BigInt(point.startTimeUnixNano),
          timeUnixNano: BigInt(point.timeUnixNano),
          value: Number(point.asDouble ?? point.asInt ?? point.count ?? 0),
          sum: point.sum ?? 0,
          bucketCounts: (point.bucketCounts ?? []).map(Number),
          explicitBounds: point.explicitBounds ?? [],
        }));
      }),
    ),
  );
}

interface TracesRequest {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly { readonly spans: readonly { readonly name: string }[] }[];
  }[];
}

const spansOf = ({ resourceSpans }: TracesRequest): string[] =>
  resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans.map(({ name }) => name)));

interface LogsRequest {
  readonly resourceLogs: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] };
    readonly scopeLogs: readonly {
      readonly logRecords: readonly {
        readonly body: Value;
        readonly severityText: string;
        readonly severityNumber: number;
        readonly traceId?: string;
        readonly spanId?: string;
        readonly attributes?: readonly KeyValue[];
      }[];
    }[];
  }[];
}

function linesOf({ resourceLogs }: LogsRequest): ExportedLine[] {
  return resourceLogs.flatMap(({ resource, scopeLogs }) =>
    scopeLogs.flatMap(({ logRecords }) =>
      logRecords.map(({ body, severityText, severityNumber, traceId = '', spanId = '', attributes }) => ({
        body: contentOf(body),
        severityText,
        severityNumber: Number(severityNumber),
        traceId,
        spanId,
        attributes: recordOf(attributes),
        resource: recordOf(resource.attributes),
      })),
    ),
  );
}
