// Every span that has ended reaches the collector or is counted as dropped, whatever the collector does.
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { pino } from 'pino';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { readTotals } from '#src/memory/metrics/totals.js';
import type { Tracing } from '#src/telemetry/span.js';
import { initTracing } from '#src/telemetry/tracing.js';
import { spansOf } from './collector.js';

const ENDED = 40;
/** The spans of each batch that a collector accepts which does not accept all. */
const TAKEN = 3;
const ENVIRONMENT = {
  OTEL_BSP_MAX_QUEUE_SIZE: '16',
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '8',
  OTEL_BSP_SCHEDULE_DELAY: '60000',
  OTEL_BSP_EXPORT_TIMEOUT: '30000',
  /** Shorter than the pause of the exporter before it retries. */
  OTEL_EXPORTER_OTLP_TIMEOUT: '790',
};

/** The behaviour of a collector: its reply, and the number of spans that it accepts of a batch. */
interface Behaviour {
  readonly answer: RequestListener;
  readonly takes: (batch: number) => number;
}

const json =
  (status: number, body: object): RequestListener =>
  (request, response) => {
    request.resume().on('end', () => response.writeHead(status).end(JSON.stringify(body)));
  };
const nothing = (): number => 0;
const HANGS: Behaviour = { answer: (request) => void request.resume(), takes: nothing };
/** It never ends its response, and is never silent for long. */
const DRIPS: Behaviour = {
  answer: (request, response) => {
    request.resume();
    response.writeHead(200);
    const timer = setInterval(() => response.write(' '), 5);
    response.on('close', () => clearInterval(timer));
  },
  takes: nothing,
};
const ACCEPTS: Behaviour = { answer: json(200, {}), takes: (batch) => batch };

describe('spans that do not reach the collector', () => {
  const before: Record<string, string | undefined> = {};
  const closing: (() => Promise<unknown>)[] = [];

  beforeEach(() => {
    for (const [name, value] of Object.entries(ENVIRONMENT)) {
      before[name] = process.env[name];
      process.env[name] = value;
    }
  });
  afterEach(async () => {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    for (const close of closing.splice(0)) await close();
  });

  /** @param ends true: the thread ends before any span is sent */
  async function start(first: Behaviour, ends = false) {
    const collector = { behaviour: first, taken: 0, connections: 0 };
    const server = createServer((request, response) => {
      const { answer, takes } = collector.behaviour;
      void spansOf(request).then(
        (spans) => {
          collector.taken += takes(spans.length);
        },
        () => {}, // the connection was cut
      );
      answer(request, response);
    });
    server.on('connection', () => collector.connections++);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const close = async (): Promise<void> => {
      if (!server.listening) return;
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    };
    closing.push(close);
    if (ends) await close();
    const memory = new SeriesMemory();
    const otel = {
      disabled: false,
      serviceName: 'shop',
      endpoint: `http://127.0.0.1:${port}/v1/traces`,
      headers: {},
      sampler: 'always_on',
      samplerArg: 1,
      resourceAttributes: {},
    };
    const log = pino({ level: 'silent' });
    const recorder = new SeriesTable(memory.of(1));
    const tracing = initTracing({ otel }, { worker: 1, instanceId: 'i' }, { log, recorder });
    const dropped = (): Record<string, number> =>
      Object.fromEntries(readTotals(memory).series.map(({ labels, value }) => [labels.reason!, value]));
    return { tracing, dropped, collector };
  }

  const end = (tracing: Tracing, spans: number): void => {
    for (let n = 0; n < spans; n++) tracing.begin('work', 'internal', undefined).end();
  };

  const NONE = { queue_full: 0, refused: 0, timeout: 0, unreachable: 0, shutdown: 0 };
  const queued =
    Number(ENVIRONMENT.OTEL_BSP_MAX_QUEUE_SIZE) + Number(ENVIRONMENT.OTEL_BSP_MAX_EXPORT_BATCH_SIZE);
  const cases: readonly (readonly [what: string, Behaviour, dropped: object, ends?: boolean])[] = [
    ['accepts all spans', ACCEPTS, {}],
    ['never replies', HANGS, { timeout: queued }],
    ['refuses a batch', { answer: json(400, {}), takes: nothing }, { refused: queued }],
    ['is overloaded', { answer: json(503, {}), takes: nothing }, { refused: queued }],
    [
      'accepts a part of a batch',
      {
        answer: json(200, { partialSuccess: { rejectedSpans: `${8 - TAKEN}`, errorMessage: 'too large' } }),
        takes: () => TAKEN,
      },
      { refused: (queued / 8) * (8 - TAKEN) },
    ],
    [
      'claims to have rejected more than was sent',
      { answer: json(200, { partialSuccess: { rejectedSpans: '999999999' } }), takes: nothing },
      { refused: queued },
    ],
    ['is not running', HANGS, { unreachable: queued }, true],
    [
      'cuts the connection',
      { answer: (request) => void request.socket.destroy(), takes: nothing },
      { unreachable: queued },
    ],
  ];
  for (const [what, behaviour, dropped, ends] of cases) {
    it(`are counted when the collector ${what}`, async () => {
      const run = await start(behaviour, ends);
      expect(run.dropped(), 'at the start').to.deep.equal(NONE);
      end(run.tracing, ENDED);
      await run.tracing.flush();
      await run.tracing.shutdown();
      const counted = run.dropped();
      expect(counted).to.deep.equal({ ...NONE, queue_full: ENDED - queued, ...dropped });
      const lost = Object.values(counted).reduce((sum, spans) => sum + spans, 0);
      expect(run.collector.taken + lost).to.equal(ENDED);
    });
  }

  it('are counted when the collector replies a byte at a time, and keep no later ones from being sent', async () => {
    process.env.OTEL_EXPORTER_OTLP_TIMEOUT = '40';
    const { tracing, dropped, collector } = await start(DRIPS);
    // Two batches at a time: one is sent when it is full, the other when it is flushed.
    const [rounds, each] = [18, 15];
    for (let round = 0; round < rounds; round++) {
      end(tracing, each);
      await tracing.flush();
    }
    process.env.OTEL_EXPORTER_OTLP_TIMEOUT = '60000';
    collector.behaviour = ACCEPTS;
    end(tracing, each);
    await tracing.flush();
    await tracing.shutdown();
    expect(dropped()).to.deep.equal({ ...NONE, timeout: rounds * each });
    // A request that was cut in the last round may have been read after that.
    expect(collector.taken).to.be.at.least(each);
  });

  it('are not those of batches that follow one another, which share a connection', async () => {
    const { tracing, collector } = await start(ACCEPTS);
    for (let sent = 1; sent <= 10; sent++) {
      end(tracing, 1);
      await tracing.flush();
    }
    await tracing.shutdown();
    expect(collector.taken).to.equal(10);
    expect(collector.connections).to.be.below(5);
  });

  it('are counted when their thread ends before the collector replies', async () => {
    process.env.OTEL_EXPORTER_OTLP_TIMEOUT = '60000';
    process.env.OTEL_BSP_EXPORT_TIMEOUT = '50';
    const run = await start(HANGS);
    end(run.tracing, 10);
    await run.tracing.shutdown();
    expect(run.dropped()).to.deep.equal({ ...NONE, shutdown: 10 });
  });
});
