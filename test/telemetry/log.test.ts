import { expect } from 'chai';
import { Deadline } from '#src/deadline.js';
import { HttpError } from '#src/errors.js';
import { runInScope } from '#src/scope.js';
import { createLogger } from '#src/telemetry/log.js';
import { type LogLevel, levelNumber } from '#src/telemetry/log-level.js';
import type { LogSink } from '#src/telemetry/log-sink.js';

type Line = Record<string, unknown>;

function capture(format: 'json' | 'pretty' = 'json', worker?: number, lowest?: () => number) {
  const texts: string[] = [];
  const sink: LogSink = { write: (line, shape) => void texts.push(shape(line)), flush: () => {} };
  const settings = { logLevel: 'debug', logFormat: format } as const;
  const log = createLogger(settings, worker === undefined ? {} : { worker }, sink, lowest);
  return { log, texts, last: () => JSON.parse(texts.at(-1)!) as Line };
}

const scope = (service: string | undefined) => ({
  requestId: 'r1',
  deadline: Deadline.after(1000),
  signal: new AbortController().signal,
  trace: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: false, tracestate: undefined },
  service,
});

describe('the logger', () => {
  it('writes one JSON object per line, whatever the text contains', () => {
    const { log, texts } = capture();
    log.info({ note: 'two\nlines' }, 'and\r\nmore\u2028');
    expect(texts).to.have.length(1);
    expect(texts[0]!.indexOf('\n')).to.equal(texts[0]!.length - 1);
    expect(JSON.parse(texts[0]!)).to.include({ level: 30, msg: 'and\r\nmore\u2028', note: 'two\nlines' });
  });

  it('escapes what some readers of lines take for line breaks', () => {
    const { log, texts, last } = capture();
    const text = 'a\u2028b\u2029c\u0085d\u009be\u007ff';
    log.info({ [text]: text, err: new Error(text) }, text);
    expect(texts[0]).to.not.match(/[\u007f-\u009f\u2028\u2029]/);
    expect(last()).to.include({ msg: text, [text]: text });
  });

  it('writes the number of the worker, and none in the primary', () => {
    const worker = capture('json', 3);
    worker.log.info('x');
    expect(worker.last().worker).to.equal(3);
    const primary = capture();
    primary.log.info('x');
    expect(primary.last()).to.not.have.property('worker');
  });

  it('writes trace ids and service of the running scope', async () => {
    const { log, last } = capture();
    await runInScope(scope('users'), async () => {
      await Promise.resolve();
      log.warn('inside');
    });
    expect(last()).to.include({ service: 'users', trace_id: 'a'.repeat(32), span_id: 'b'.repeat(16) });
    log.warn('outside');
    expect(last()).to.not.have.any.keys('service', 'trace_id', 'span_id');
  });

  it('never writes a key twice: fields of a child have precedence over the scope', () => {
    const { log, texts } = capture('json', 1);
    const child = log.child({ service: 'orders', worker: 9 }).child({ part: 'x' });
    runInScope(scope('users'), () => child.info('x'));
    expect(texts[0]!.match(/"service":/g)).to.have.length(1);
    expect(texts[0]!.match(/"worker":/g)).to.have.length(1);
    expect(JSON.parse(texts[0]!)).to.include({ service: 'orders', worker: 9, part: 'x' });
  });

  it('keeps level, time and trace of a line, whatever fields the caller logs', () => {
    const { log, texts, last } = capture();
    const mine = { level: 60, time: 5, trace_id: 'mine', span_id: 'mine' };
    const renamed = { field_level: 60, field_time: 5, field_trace_id: 'mine', field_span_id: 'mine' };
    const own = { level: 30, trace_id: 'a'.repeat(32), span_id: 'b'.repeat(16) };
    const child = log.child(mine);
    runInScope(scope('users'), () => {
      log.info(mine, 'x');
      child.info('x');
    });
    for (const text of texts) {
      expect(JSON.parse(text)).to.include({ ...own, ...renamed });
      expect(JSON.parse(text).time).to.be.above(1e12);
      for (const key of Object.keys(mine)) expect(text.split(`"${key}":`), key).to.have.length(2);
    }
    runInScope(scope('users'), () => log.info({ span_id: 'c' }, 'x'));
    expect(last()).to.include({ ...own, field_span_id: 'c' });
  });

  it('writes the span that a line of the runtime is about, and never one that a service logs', () => {
    const { log, last } = capture();
    const about = { trace_id: 'a'.repeat(32), span_id: 'c'.repeat(16) };
    const others = { trace_id: 'c'.repeat(32), span_id: 'd'.repeat(16) };
    runInScope(scope('users'), () => log.info(about, 'of the same trace'));
    expect(last()).to.include(about);
    log.info(others, 'without a scope');
    expect(last()).to.include(others);
    const service = log.child({ service: 'users' });
    for (const given of [about, others, { ...about, span_id: 'not a span' }, { span_id: null }]) {
      const renamed = Object.entries(given).map(([name, value]) => [`field_${name}`, value]);
      runInScope(scope('users'), () => service.info(given));
      expect(last()).to.include({ trace_id: 'a'.repeat(32), span_id: 'b'.repeat(16) });
      expect(last()).to.deep.include(Object.fromEntries(renamed));
      service.info(given, 'without a scope');
      expect(last()).to.not.have.any.keys('trace_id', 'span_id');
      expect(last()).to.deep.include(Object.fromEntries(renamed));
    }
  });

  it('keeps the place and the message of a line of a service, whatever object it logs', () => {
    const { log, texts, last } = capture('json', 1);
    const place = { worker: 7, service: 'payments', pid: 1, hostname: 'forged', logger: 'request' };
    const request = { ...place, msg: 'request', method: 'DELETE', path: '/x', status: 200, durationMs: 1.5 };
    const bound = log.child({ service: 'orders' }).child({});
    runInScope(scope('orders'), () => {
      for (const mine of [log.child({}), bound]) {
        mine.info(request);
        mine.info(request, 'received');
        mine.info({ ...place, err: { message: 'slow request' }, status: 200, durationMs: 2 });
        mine.child(request).info('bound');
        const other = mine.child({});
        other.setBindings(request);
        other.info('set');
      }
    });
    expect(texts).to.have.length(10);
    for (const text of texts) {
      const { pid, hostname, ...line } = JSON.parse(text) as Line;
      expect(line).to.include({ worker: 1, service: 'orders', field_worker: 7, field_service: 'payments' });
      expect([pid, line.field_pid]).to.deep.equal([process.pid, 1]);
      expect([hostname === 'forged', line.field_hostname]).to.deep.equal([false, 'forged']);
      expect(line).to.include({ field_logger: 'request' }).and.to.not.have.property('logger');
      for (const key of ['msg', 'worker', 'service', 'pid', 'hostname'])
        expect(text.split(`"${key}":`), key).to.have.length(2);
    }
    const messages = texts.slice(0, 5).map((text) => (JSON.parse(text) as Line).msg);
    expect(messages).to.deep.equal(['request', 'received', 'slow request', 'bound', 'set']);
    expect(JSON.parse(texts[1]!)).to.include({ field_msg: 'request' });
    bound.info({ msg: 'of its own', part: 'x' });
    expect(last()).to.include({ msg: 'of its own', part: 'x' });
  });

  it('omits secrets at any depth, in errors, bindings and texts', () => {
    const { log, texts } = capture();
    const secret = 'hunter2hunter2hunter2';
    const error = Object.assign(new Error('no'), { config: { headers: { Authorization: secret } } });
    log.info({ password: secret, adminToken: secret, request: { headers: { cookie: secret } } });
    log.info({ list: [{ 'set-cookie': [secret] }], api_key: secret }, `Bearer ${secret}`);
    log.error(error, 'failed');
    log.error({ cause: error }, 'failed');
    log.child({ token: secret }).info('bound');
    log.warn(`cannot reach postgres://admin:${secret}@db.example:5432/users`);
    log.warn({ url: new URL(`postgres://admin:${secret}@db.example:5432/users`) }, 'no database');
    expect(texts).to.have.length(7);
    for (const text of texts) {
      expect(text).to.not.contain(secret);
      expect(text).to.contain('[redacted]');
    }
    expect(texts[5]).to.contain('postgres://admin:[redacted]@db.example:5432/users');
  });

  it('keeps values that only look like secrets', () => {
    const { log, last } = capture();
    log.info({ tokens: 5, token: undefined, hasPassword: true, idempotencyKey: 'k' }, 'bearer of news');
    expect(last()).to.include({ tokens: 5, hasPassword: true, idempotencyKey: 'k', msg: 'bearer of news' });
  });

  it('writes an error with type, message, stack and cause', () => {
    const { log, last } = capture();
    const error = new HttpError('BAD_UPSTREAM', 'no answer', { cause: new Error('ECONNRESET') });
    log.error(error);
    const { err, msg } = last() as { err: Line; msg: string };
    expect(msg).to.equal('no answer');
    expect(err).to.include({ type: 'HttpError', message: 'no answer: ECONNRESET', code: 'BAD_UPSTREAM' });
    expect(err.stack).to.contain('caused by: Error: ECONNRESET');
    log.error({ failure: new Error('elsewhere') }, 'x');
    expect((last().failure as Line).message).to.equal('elsewhere');
  });

  it('writes cycles, big integers, bytes and deeply nested values', () => {
    const { log, last } = capture();
    const cycle: Record<string, unknown> = {
      big: 2n ** 70n,
      bytes: new Uint8Array(9),
      map: new Map([['a', 1]]),
    };
    cycle.self = cycle;
    log.info(cycle, 'x');
    expect(last()).to.deep.include({ big: String(2n ** 70n), bytes: '[9 bytes]', map: [['a', 1]] });
  });

  it('never throws, whatever the serializers and formatters of a child do', () => {
    const { log, texts, last } = capture();
    const fails = (): never => {
      throw new Error('in a formatter');
    };
    const child = log.child({}, { formatters: { log: fails }, serializers: { msg: fails, part: fails } });
    child.info({ part: 'x', other: 'y' }, 'written');
    expect(last()).to.include({ part: '[unreadable]', other: 'y', msg: '[unreadable]' });
    child.error(new Error('e'));
    expect(texts).to.have.length(2);
  });

  it('obeys the level of the settings', () => {
    const { log, texts } = capture();
    log.trace('too fine');
    expect(texts).to.have.length(0);
  });

  it('reads the level at every line, also in children that exist already', () => {
    let level: LogLevel = 'info';
    const { log, texts } = capture('json', undefined, () => levelNumber(level));
    const child = log.child({ part: 'x' });
    const grandchild = child.child({ part: 'y' });
    const all = [log, child, grandchild];
    const written = (): number => {
      texts.length = 0;
      for (const one of all) one.debug('d');
      for (const one of all) one.error('e');
      return texts.length;
    };
    for (const [now, lines] of [
      ['info', 3],
      ['debug', 6],
      ['fatal', 0],
      ['silent', 0],
      ['error', 3],
    ] as const) {
      level = now;
      expect(written(), now).to.equal(lines);
      expect(all.map((one) => one.level)).to.deep.equal([now, now, now]);
      expect(all.map((one) => one.isLevelEnabled('debug'))).to.deep.equal(Array(3).fill(lines === 6));
    }
  });

  it('keeps the own level of a child, and of its children', () => {
    let level: LogLevel = 'fatal';
    const { log, texts } = capture('json', undefined, () => levelNumber(level));
    const loud = log.child({}, { level: 'debug' });
    const heir = loud.child({ part: 'x' });
    loud.debug('one');
    heir.debug('two');
    expect(texts).to.have.length(2);
    expect([loud.level, heir.level, log.level]).to.deep.equal(['debug', 'debug', 'fatal']);
    level = 'trace';
    loud.trace('too fine');
    expect(texts).to.have.length(2);
    expect([loud.isLevelEnabled('trace'), log.isLevelEnabled('trace')]).to.deep.equal([false, true]);
    loud.level = 'error';
    loud.warn('too fine');
    expect(texts).to.have.length(2);
  });

  it('formats the same fields for a terminal in one line, without control characters', () => {
    const { log, texts } = capture('pretty', 2);
    runInScope(scope('users'), () => log.info({ port: 80 }, 'up\x1b[2J\nERROR forged'));
    expect(texts[0]).to.match(
      /^\d\d:\d\d:\d\d\.\d{3} INFO {2}worker 2 users {2,}up\\x1b\[2J\\x0aERROR forged trace_id=a{32} port=80\n$/,
    );
    log.error(new Error('boom'));
    expect(texts[1]).to.match(/ERROR worker 2 +boom\n {4}Error: boom\n {8}at /);
  });

  it('escapes what changes the direction of a text at a terminal, or breaks its line', () => {
    const { log, texts } = capture('pretty');
    log.info({ path: 'a\u202eb\u2066c\u200fd\u2028e\u0085f\u009b' }, 'x');
    expect(texts[0]).to.include('path=a\\u202eb\\u2066c\\u200fd\\u2028e\\x85f\\x9b\n');
  });

  it('escapes names of fields at a terminal as it does values', () => {
    const { log, texts } = capture('pretty');
    log.info({ 'a\n12:00:00.000 ERROR primary forged\x1b[2J\u202e': 1 }, 'x');
    expect(texts[0]).to.include(' a\\x0a12:00:00.000 ERROR primary forged\\x1b[2J\\u202e=1\n');
    expect(texts[0]!.indexOf('\n')).to.equal(texts[0]!.length - 1);
  });

  it('shows lines at a terminal whose level a service has replaced', () => {
    const { log, texts } = capture('pretty');
    for (const level of ['constructor', '__proto__', 35, null, {}]) log.info({ level }, 'shown');
    expect(texts).to.have.length(5);
    for (const text of texts) expect(text).to.match(/INFO .* shown field_level=.*\n$/);
  });

  it('shows each cause of an error at a terminal on lines of its own, and no line of a message at the margin', () => {
    const { log, texts } = capture('pretty');
    const cause = new Error('the reason\nINFO forged');
    log.error(new Error('it failed', { cause }));
    const lines = texts[0]!.split('\n').slice(1, -1);
    expect(lines.length).to.be.greaterThan(4);
    for (const line of lines) expect(line).to.match(/^ {4}\S| {8}at /);
    expect(texts[0]).to.match(
      /\n {4}Error: it failed\n {8}at .*\n {4}caused by: Error: the reason\n {4}INFO forged\n/s,
    );
  });

  it('shows an error at a terminal that is no Error, the members of one, and the errors inside it', () => {
    const { log, texts } = capture('pretty');
    log.error({ err: 'connection refused' }, 'failed');
    log.error({ err: 42 }, 'failed');
    expect(texts[0]).to.match(/ failed err=connection refused\n$/);
    expect(texts[1]).to.match(/ failed err=42\n$/);
    const inner = Object.assign(new Error('inner\nINFO forged'), { code: 'ECONNREFUSED' });
    log.error(Object.assign(new AggregateError([inner], 'outer'), { code: 'ALL_FAILED', detail: 'a\nb' }));
    expect(texts[2]).to.match(
      /\n {4}AggregateError: outer\n {8}at .*\n {4}code=ALL_FAILED detail=a\\x0ab\n/s,
    );
    expect(texts[2]).to.match(/\n {8}Error: inner\n {8}INFO forged\n {12}at .*\n {8}code=ECONNREFUSED\n$/s);
  });

  it('writes a request at a terminal as one readable line', () => {
    const { log, texts } = capture('pretty', 1);
    const fields = {
      method: 'GET',
      route: '/users/{id}',
      path: '/users/7\x1b',
      requestId: 'r-1',
      durationMs: 3.2,
    };
    runInScope(scope('users'), () => {
      log.info({ logger: 'request', ...fields, status: 200 }, 'request');
      const slow = { logger: 'slow-request', ...fields, status: 503, error: 'OVERLOADED' };
      log.warn({ ...slow, phases: { dbMs: 3 } }, 'slow request');
    });
    const id = 'a'.repeat(32);
    expect(texts[0]).to.match(
      / INFO {2}worker 1 users {2,}GET \/users\/7\\x1b 200 3\.2 ms trace_id=a{32}\n$/,
    );
    expect(texts[1]!.trimEnd())
      .to.match(/WARN {2}worker 1 users/)
      .and.to.satisfy((line: string) =>
        line.endsWith(`503 3.2 ms slow trace_id=${id} error=OVERLOADED phases={"dbMs":3}`),
      );
  });
});
