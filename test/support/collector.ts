// The HTTP side of an OpenTelemetry collector: it accepts POST /v1/traces in OTLP/JSON and keeps the spans.
// https://opentelemetry.io/docs/specs/otlp/#otlphttp
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { within } from './cluster.js';

export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly name: string;
  /** SpanKind of OTLP: 1 internal, 2 server, 3 client. */
  readonly kind: number;
  readonly attributes: Readonly<Record<string, string>>;
  /** `service.name` of the resource. */
  readonly service: string | undefined;
}

interface KeyValue {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}
interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly attributes?: readonly KeyValue[];
}
interface OtlpRequest {
  readonly resourceSpans: readonly {
    readonly resource?: { readonly attributes?: readonly KeyValue[] };
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  }[];
}

const SPANS_MS = 20_000;

const toRecord = (attributes: readonly KeyValue[] = []): Record<string, string> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, String(Object.values(value)[0])]));

export class Collector {
  readonly url: string;
  readonly #spans: CollectedSpan[] = [];
  readonly #watchers = new Set<() => void>();
  readonly #close: () => Promise<void>;

  private constructor(url: string, close: () => Promise<void>) {
    this.url = url;
    this.#close = close;
  }

  static async start(): Promise<Collector> {
    const server = createServer((request, response) => {
      void text(request).then((body) => {
        if (request.url === '/v1/traces') collector.#take(JSON.parse(body) as OtlpRequest);
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const collector = new Collector(`http://127.0.0.1:${port}`, async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    });
    return collector;
  }

  trace(traceId: string): CollectedSpan[] {
    return this.#spans.filter((span) => span.traceId === traceId);
  }

  /**
   * Resolves with the spans of a trace when `enough` accepts them. @throws Error with their names after 20 s
   */
  async waitFor(traceId: string, enough: (spans: CollectedSpan[]) => boolean): Promise<CollectedSpan[]> {
    const seen = new Promise<CollectedSpan[]>((resolve) => {
      const look = (): void => {
        const spans = this.trace(traceId);
        if (!enough(spans)) return;
        this.#watchers.delete(look);
        resolve(spans);
      };
      this.#watchers.add(look);
      look();
    });
    const names = (): string =>
      this.trace(traceId)
        .map((span) => span.name)
        .join(', ');
    return within(SPANS_MS, seen, () => `only these spans: ${names()}`);
  }

  close(): Promise<void> {
    return this.#close();
  }

  #take(request: OtlpRequest): void {
    for (const { resource, scopeSpans } of request.resourceSpans) {
      const service = toRecord(resource?.attributes)['service.name'];
      for (const span of scopeSpans.flatMap((scope) => scope.spans)) {
        const { traceId, spanId, name, kind } = span;
        const parentSpanId = span.parentSpanId === '' ? undefined : span.parentSpanId;
        this.#spans.push({
          traceId,
          spanId,
          parentSpanId,
          name,
          kind,
          attributes: toRecord(span.attributes),
          service,
        });
      }
    }
    for (const look of [...this.#watchers]) look();
  }
}
