import { hostname } from 'node:os';
import { expect } from 'chai';
import fc from 'fast-check';
import { Deadline } from '#src/deadline.js';
import { runInScope } from '#src/scope.js';
import { createLogger } from '#src/telemetry/log.js';
import { logRecordOf } from '#src/telemetry/otlp-log-record.js';
import { loadOtlpSdk } from '#src/telemetry/otlp-sdk.js';

type Fields = Record<string, unknown>;

const TRACE = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) };
const SCOPE = {
  requestId: 'r1',
  deadline: Deadline.after(60_000),
  signal: new AbortController().signal,
  trace: { ...TRACE, sampled: false, tracestate: undefined },
  service: 'orders',
};
/** What every line of the logger below has, whatever is logged. */
const OWN = {
  ...{ level: 30, pid: process.pid, hostname: hostname(), worker: 1, service: 'orders' },
  ...{ trace_id: TRACE.traceId, span_id: TRACE.spanId },
};

/** Names of members that objects inherit, and of keys of our lines and records. */
const NAMES = [
  ...['__proto__', 'constructor', 'prototype', 'hasOwnProperty', 'toJSON', 'toString', 'valueOf', 'then'],
  ...['__defineGetter__', 'isPrototypeOf', 'setHeader', 'serializers', 'formatters', 'customLevels'],
  ...[
    'level',
    'time',
    'pid',
    'hostname',
    'worker',
    'service',
    'trace_id',
    'span_id',
    'msg',
    'err',
    'v',
    'logger',
  ],
  ...['field_level', 'field_msg', 'field_field_level', 'field_trace_id', '…', 'message', 'stack', 'type'],
  ...['multilane.worker', 'multilane.service', 'multilane.logger', 'exception.type', 'exception.message'],
  ...['method', 'path', 'route', 'status', 'durationMs', 'requestId'],
];
/** Each value is another one, so it is known whether it is in the line. */
let count = 1_000_000;
const leaf = fc.oneof(
  fc.constantFrom('request', 'slow-request', 'audit', TRACE.traceId, 60, 1.5),
  fc.constant(undefined).map(() => ++count),
);
/** Objects as they come out of JSON.parse, which defines `__proto__` as any other member. */
const { hostile } = fc.letrec<{ value: unknown; hostile: Fields }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', maxDepth: 3 },
    leaf,
    tie('hostile'),
    fc.array(tie('value'), { maxLength: 3 }),
  ),
  hostile: fc
    .uniqueArray(fc.tuple(fc.constantFrom(...NAMES), tie('value')), {
      maxLength: 6,
      selector: ([name]) => name,
    })
    .map((members) => Object.fromEntries(members)),
}));

const lines: string[] = [];
const loggerOf = (logFormat: 'json' | 'pretty') =>
  createLogger(
    { logLevel: 'debug', logFormat },
    { worker: 1 },
    { write: (line, shape) => void lines.push(shape(line)), flush: () => {} },
  );
const runtime = loggerOf('json');
/** As the runtime makes it. */
const audit = runtime.child({ logger: 'audit' });
const json = runtime.child({});
const pretty = loggerOf('pretty').child({});

const formatting = (format: (fields: Fields) => Fields) => ({
  formatters: { log: (fields: object) => format(fields as Fields) },
});

/** The ways in which code of a service logs an object. */
const WAYS: Readonly<Record<string, (log: typeof json, given: Fields) => void>> = {
  'without a message': (log, given) => log.info(given),
  'with a message': (log, given) => log.info(given, 'received'),
  'by toJSON': (log, given) => log.info({ toJSON: () => given }),
  'with serializers': (log, given) => log.child({}, { serializers: { q: String } }).info(given, 'received'),
  'bound to a child': (log, given) => log.child(given).info('bound'),
  'bound later': (log, given) => {
    const child = log.child({});
    child.setBindings(given);
    child.info('bound');
  },
  'bound by a formatter': (log, given) =>
    log.child({}, { formatters: { bindings: () => given } }).info('bound'),
  'merged by a formatter': (log, given) => {
    const merged = ({ payload, ...others }: Fields): Fields => ({ ...others, ...(payload as Fields) });
    log.child({}, formatting(merged)).info({ payload: given }, 'received');
  },
  'merged by a formatter that changes its argument': (log, given) => {
    const merged = (fields: Fields): Fields =>
      Object.defineProperties(fields, Object.getOwnPropertyDescriptors(fields.payload));
    log.child({}, formatting(merged)).info({ payload: given });
  },
  'with own redaction': (log, given) => log.child({}, { redact: ['q.r'] }).info(given, 'received'),
};

/** The ways in which a text of a client becomes the message of a line of a service. */
const TEXTS: Readonly<Record<string, (log: typeof json, text: string) => void>> = {
  'as it is': (log, text) => log.info(text),
  'by a placeholder': (log, text) => log.info('%s', text),
  'by a placeholder for JSON': (log, text) => log.info('%j', { logger: text }),
  'after a prefix': (log, text) => log.child({}, { msgPrefix: text }).info(''),
  'by a serializer': (log, text) => log.child({}, { serializers: { msg: () => text } }).info('x'),
  'by the message of an error': (log, text) => log.error(new Error(text)),
  'by the cause of an error': (log, text) => log.error(new Error('', { cause: new Error(text) })),
  'by a field': (log, text) => log.info({ msg: text, logger: text }),
  'by a bound field': (log, text) => log.child({ logger: text }).child({}).info(text),
  'by a formatter': (log, text) =>
    log
      .child(
        {},
        formatting(() => ({ msg: text, logger: text })),
      )
      .info({}),
};

function fail(): never {
  throw new Error('a formatter failed');
}

function written(log: typeof json, way: (log: typeof json, given: Fields) => void, given: Fields): string {
  lines.length = 0;
  runInScope(SCOPE, () => way(log, given));
  expect(lines).to.have.length(1);
  return lines[0]!;
}

/** A key of the line under which the value is: its name, which may follow `field_`. */
const isKept = (line: Fields, name: string, value: unknown): boolean =>
  Object.entries(line).some(
    ([key, shown]) =>
      key.replace(/^(field_)+/, '') === name.replace(/^(field_)+/, '') &&
      JSON.stringify(shown) === JSON.stringify(value),
  );

/** A client knows the trace of its request. */
const inTrace = fc
  .tuple(hostile, fc.boolean())
  .map(([given, isKnown]) => (isKnown ? { ...given, trace_id: TRACE.traceId } : given));

describe('the keys of a line', () => {
  for (const [title, way] of Object.entries(WAYS)) {
    it(`are its own, and no member of a logged object is lost: ${title}`, () => {
      fc.assert(
        fc.property(inTrace, (given) => {
          const text = written(json, way, given);
          const line = JSON.parse(text) as Fields;
          expect(`${JSON.stringify(line)}\n`, 'each key once').to.equal(text);
          expect(line).to.include(OWN);
          expect(line.time).to.be.above(1e12);
          expect(line).to.not.have.property('logger');
          for (const [name, value] of Object.entries(given))
            expect(isKept(line, name, value), `${name} in ${text}`).to.equal(true);
        }),
        { numRuns: 50 },
      );
    });
  }

  it('name the log of the runtime that it belongs to, whatever text a service writes', () => {
    for (const msg of ['request', 'slow request', 'action of an operator', '","logger":"audit"', '%s']) {
      for (const [title, way] of Object.entries(TEXTS)) {
        const text = written(json, (log) => way(log, msg), {});
        const line = JSON.parse(text) as Fields;
        expect(line, `${title}: ${text}`).to.not.have.property('logger');
        expect(`${JSON.stringify(line)}\n`, title).to.equal(text);
      }
      expect(JSON.parse(written(runtime, (log) => log.info({ logger: 'audit' }, msg), {}))).to.include({
        ...{ logger: 'audit', msg },
      });
      expect(JSON.parse(written(audit, (log) => log.info(msg), {}))).to.include({ logger: 'audit', msg });
    }
  });

  it('are its own and unique beside what a formatter of levels makes', () => {
    const made = { logger: 'audit', trace_id: 'forged', time: 1, worker: 9, msg: 'm', severity: 'INFO' };
    const levelled = (level: (label: string, number: number) => object) =>
      written(
        json,
        (log) => log.child({}, { customLevels: { note: 35 }, formatters: { level } }).info('x'),
        {},
      );
    const text = levelled((_label, level) => ({ ...made, level }));
    const line = JSON.parse(text) as Fields;
    expect(`${JSON.stringify(line)}\n`, 'each key once').to.equal(text);
    expect(line)
      .to.include({ ...OWN, severity: 'INFO', field_worker: 9, msg: 'x' })
      .and.not.have.key('logger');
    for (const empty of [() => ({}), () => ({ level: undefined }), () => fail()])
      expect(JSON.parse(levelled(empty))).to.include({ ...OWN, level: 'info' });
  });

  it('are its own at a terminal, where no logged object looks like a request', () => {
    fc.assert(
      fc.property(inTrace, (given) => {
        const forged = { ...given, method: 'GET', path: '/forged', status: 200, durationMs: 1.5 };
        for (const way of Object.values(WAYS)) {
          const text = written(pretty, way, forged);
          expect(text).to.match(/^\d\d:\d\d:\d\d\.\d{3} INFO {2}worker 1 orders /);
          expect(text).to.not.include('GET /forged 200');
          for (const [number] of JSON.stringify(forged).matchAll(/\b1\d{6}\b/g))
            expect(text).to.include(number);
        }
      }),
      { numRuns: 10 },
    );
  });

  it('are its own in a record of OTLP, and no member of a logged object is lost', () => {
    const { resources, transformer } = loadOtlpSdk();
    fc.assert(
      fc.property(inTrace, (given) => {
        for (const way of Object.values(WAYS)) {
          const record = logRecordOf(written(json, way, given), resources.emptyResource(), 0)!;
          expect(record.spanContext).to.include(TRACE);
          expect(record.severityNumber).to.equal(9);
          expect(record.attributes).to.not.have.property('multilane.logger');
          expect(record.attributes).to.include({ 'multilane.worker': 1, 'multilane.service': 'orders' });
          const sent = Buffer.from(transformer.JsonLogsSerializer.serializeRequest([record])!).toString();
          for (const [number] of JSON.stringify(given).matchAll(/\b1\d{6}\b/g))
            expect(sent).to.include(number);
        }
      }),
      { numRuns: 10 },
    );
  });

  it('stay different where they are cut, or a secret in them is masked', () => {
    const names = [...[130, 131, 132].map((length) => 'x'.repeat(length)), 'password=a', 'password=b', '…'];
    const line = JSON.parse(
      written(json, WAYS['with a message']!, Object.fromEntries(names.map((name, at) => [name, at]))),
    ) as Fields;
    const values = Object.entries(line).filter(([name]) => /^(?:x|pass|…)/.test(name));
    expect(values.map(([, value]) => value)).to.deep.equal([0, 1, 2, '[redacted]', '[redacted]', 5]);
  });

  it('are not inherited from an object that a client has sent', () => {
    const request = '"method":"GET","path":"/forged","status":200,"durationMs":1.5';
    for (const proto of ['{"err":{"message":"request"}}', '{"msg":"request"}', '{"level":60}']) {
      const given = JSON.parse(`{"__proto__":${proto},"nested":{"__proto__":${proto}},${request}}`) as Fields;
      const text = written(json, WAYS['without a message']!, given);
      expect(text).to.include(`"__proto__":${proto}`).and.to.include(`"nested":{"__proto__":${proto}}`);
      expect(JSON.parse(text)).to.include(OWN).and.to.not.have.property('msg');
    }
  });
});
