// What becomes of one request, whatever the collector does.
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import { expect } from 'chai';
import { logRecordOf } from '#src/telemetry/otlp-log-record.js';
import { loadOtlpSdk } from '#src/telemetry/otlp-sdk.js';
import { OtlpSender } from '#src/telemetry/otlp-sender.js';

const TIMEOUT_MS = 300;
const LINES = 5;

const replies =
  (status: number, body: object, headers: Record<string, string> = {}): RequestListener =>
  (request, response) => {
    request.resume().on('end', () => response.writeHead(status, headers).end(JSON.stringify(body)));
  };
const ACCEPTS = replies(200, {});
const claims = (rejected: unknown) =>
  replies(200, { partialSuccess: { rejectedLogRecords: rejected, errorMessage: 'no' } });
const silent: RequestListener = (request) => void request.resume();
/** It never ends its response, but is never silent for as long as the time-out. */
const drips: RequestListener = (request, response) => {
  request.resume();
  response.writeHead(200);
  const timer = setInterval(() => response.write(' '), TIMEOUT_MS / 10);
  response.on('close', () => clearInterval(timer));
};

describe('a request of OTLP', () => {
  const closing: (() => Promise<unknown>)[] = [];

  beforeEach(() => {
    process.env.OTEL_EXPORTER_OTLP_TIMEOUT = String(TIMEOUT_MS);
  });
  afterEach(async () => {
    delete process.env.OTEL_EXPORTER_OTLP_TIMEOUT;
    for (const close of closing.splice(0)) await close();
  });

  async function start(first: RequestListener) {
    const collector = { answer: first, sockets: [] as Socket[] };
    const server = createServer((request, response) => collector.answer(request, response));
    server.on('connection', (socket: Socket) => collector.sockets.push(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const close = async (): Promise<void> => {
      if (!server.listening) return;
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    };
    closing.push(close);
    const { port } = server.address() as AddressInfo;
    const sdk = loadOtlpSdk();
    const dropped: Record<string, number> = {};
    const messages: string[] = [];
    const sender = new OtlpSender<ReadableLogRecord[], { partialSuccess?: { rejectedLogRecords?: number } }>(
      sdk,
      {
        signal: 'logs',
        endpoint: `http://user:hush@127.0.0.1:${port}/v1/logs?key=hush`,
        headers: {},
        protocol: 'http/json',
      },
      {
        serializer: sdk.transformer.JsonLogsSerializer,
        helper: sdk.transformer.LogsExporterMetricsHelper,
        rejectedIn: ({ partialSuccess }) => Number(partialSuccess?.rejectedLogRecords ?? 0),
      },
      {
        dropped: (reason, items) => {
          dropped[reason] = (dropped[reason] ?? 0) + items;
        },
        log: { warn: (_fields: unknown, message: string) => void messages.push(message) } as never,
      },
    );
    const line = logRecordOf('{"level":30,"msg":"x"}', sdk.resources.emptyResource(), 0)!;
    const send = () => sender.send(new Array<ReadableLogRecord>(LINES).fill(line), LINES);
    return { collector, sender, send, dropped, close, messages, port };
  }

  for (const [what, answer, step] of [
    ['refuses it', replies(400, {}), /read the log of the collector, and check OTEL_EXPORTER_OTLP_HEADERS/],
    ['rejects a part of it', claims(1), /read the log of the collector/],
    ['does not reply', silent, /OTEL_EXPORTER_OTLP_TIMEOUT/],
    ['is not there', undefined, /check that a collector listens there, and OTEL_EXPORTER_OTLP_ENDPOINT/],
  ] as const) {
    it(`is logged with its address, without secrets, and the next step when the collector ${what}`, async () => {
      const { send, messages, close, port } = await start(answer ?? ACCEPTS);
      if (answer === undefined) await close();
      await send();
      expect(messages).to.have.length(1);
      expect(messages[0]).to.include(`export of logs to http://127.0.0.1:${port}/v1/logs failed`);
      expect(messages[0]).to.match(step).and.not.include('hush');
    });
  }

  it('that is accepted is not counted', async () => {
    const { send, dropped } = await start(ACCEPTS);
    expect(await send()).to.equal(undefined);
    expect(dropped).to.deep.equal({});
  });

  it('ends when its time is over, although the collector sends a byte now and then', async () => {
    const { collector, send, dropped } = await start(drips);
    expect(await send()).to.deep.equal({ reason: 'timeout', isWorthless: true });
    expect(dropped).to.deep.equal({ timeout: LINES });
    const [socket] = collector.sockets;
    // The collector may see the end of the connection as an error.
    if (!socket!.closed) await new Promise((resolve) => void socket!.once('close', resolve));
    collector.answer = ACCEPTS;
    expect(await send(), 'over another connection').to.equal(undefined);
    expect(dropped).to.deep.equal({ timeout: LINES });
  });

  it('ends when its time is over, although the wall clock is set back', async () => {
    const { now } = Date;
    let set = 0;
    Date.now = () => now() - ++set * 3_600_000;
    try {
      const { send, dropped } = await start(replies(503, {}, { 'retry-after': '1' }));
      expect(await send()).to.deep.equal({ reason: 'timeout', isWorthless: true });
      expect(dropped).to.deep.equal({ timeout: LINES });
    } finally {
      Date.now = now;
    }
  });

  it('that is refused says nothing about the next one', async () => {
    const { send, dropped } = await start(replies(413, {}));
    expect(await send()).to.deep.equal({ reason: 'refused', isWorthless: false });
    expect(dropped).to.deep.equal({ refused: LINES });
  });

  it('that is refused until its time is over makes the next one worthless', async () => {
    const { send, dropped } = await start(replies(503, {}));
    expect(await send()).to.deep.equal({ reason: 'refused', isWorthless: true });
    expect(dropped).to.deep.equal({ refused: LINES });
  });

  it('without a collector makes the next one worthless', async () => {
    const { send, dropped, close } = await start(ACCEPTS);
    await close();
    expect(await send()).to.deep.equal({ reason: 'unreachable', isWorthless: true });
    expect(dropped).to.deep.equal({ unreachable: LINES });
  });

  for (const [claimed, refused] of [
    ['3', 3],
    ['1000000000', LINES],
    [1e300, LINES],
    ['many', undefined],
    [-3, undefined],
  ] as const) {
    it(`of which ${claimed} lines are said to be rejected counts ${refused ?? 'none'} of ${LINES}`, async () => {
      const { send, dropped } = await start(claims(claimed));
      expect(await send()).to.equal(undefined);
      expect(dropped).to.deep.equal(refused === undefined ? {} : { refused });
    });
  }

  it('ends at once when the export is abandoned, and is counted once', async () => {
    process.env.OTEL_EXPORTER_OTLP_TIMEOUT = '600000';
    const { collector, sender, send, dropped } = await start(silent);
    const asked = new Promise<void>((resolve) => {
      collector.answer = () => resolve();
    });
    const sent = send();
    await asked;
    sender.abandon();
    expect(dropped).to.deep.equal({ shutdown: LINES });
    expect(await sent).to.deep.equal({ reason: 'shutdown', isWorthless: true });
    expect(await send()).to.deep.equal({ reason: 'shutdown', isWorthless: true });
    expect(dropped).to.deep.equal({ shutdown: 2 * LINES });
  });
});
