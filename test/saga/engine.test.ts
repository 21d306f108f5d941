import { expect } from 'chai';
import { pino } from 'pino';
import { Deadline } from '#src/deadline.js';
import { BusinessError } from '#src/errors.js';
import type { Json, StepContext } from '#src/saga/saga.js';
import type { SagaObserver, StepEvent } from '#src/saga/saga-observer.js';
import { currentScope, runInScope, type Scope } from '#src/scope.js';
import type { Step } from './harness.js';
import { LONG, useEngines } from './use-engines.js';

describe('the saga engine', () => {
  const world = useEngines();

  it('passes every step its input, its stable key and the earlier results', async () => {
    const seen: object[] = [];
    const look = (input: never, { key, attempt, results, result, tools }: StepContext): Json => {
      seen.push({ input, key, attempt, results, result, tools });
      return { n: seen.length };
    };
    const tools = { shop: 'x' };
    const view = await world().ends(
      [
        { name: 'a', run: look },
        { name: 'b', run: look },
      ],
      { tools },
    );
    const { sagaId } = view;
    const input = { amount: 1 };
    expect(seen).to.deep.equal([
      { input, key: `${sagaId}/a`, attempt: 1, results: {}, result: undefined, tools },
      { input, key: `${sagaId}/b`, attempt: 1, results: { a: { n: 1 } }, result: undefined, tools },
    ]);
    expect(view).to.deep.include({ status: 'completed', results: { a: { n: 1 }, b: { n: 2 } }, error: null });
  });

  it('passes copies to steps and callers, so that their changes do not affect others', async () => {
    const copies: object[] = [];
    const spoil = (value: { list: unknown[] }): void => {
      copies.push(structuredClone(value));
      value.list.push(10n, value);
    };
    const steps: Step[] = ['a', 'b', 'c'].map((name) => ({
      name,
      run(input: never, { results }: StepContext): Json {
        spoil(input);
        for (const result of Object.values(results)) spoil(result as never);
        if (name === 'c') throw new BusinessError('NO_CREDIT', 'none');
        return { list: [name] };
      },
      compensate(input: never, { results, result }: StepContext): void {
        spoil(input);
        spoil(result as never);
        spoil(results.a as never);
      },
    }));
    const { sagas } = world().start(steps);
    const { sagaId } = await sagas.start('transfer', { list: ['input'] });
    for (const view of [await sagas.wait(sagaId, LONG), await sagas.get(sagaId)]) {
      expect(view).to.deep.include({
        status: 'compensated',
        results: { a: { list: ['a'] }, b: { list: ['b'] } },
      });
      spoil(view.results.a as never);
    }
    for (const value of copies) expect(value).to.have.property('list').of.length(1);
    expect(copies.length).to.equal(3 + 3 + 6 + 2);
  });

  it('adds the tools to the context, but never replaces its own members', async () => {
    const tools = { shop: 'x', key: 'not this' };
    const run = (_: never, ctx: StepContext) => ({ shop: (ctx as { shop?: string }).shop!, key: ctx.key });
    const view = await world().ends([{ name: 'a', run }], { tools });
    expect(view.results).to.deep.equal({ a: { shop: 'x', key: `${view.sagaId}/a` } });
  });

  it('compensates a refused saga in reverse, with the results of the steps and undo keys', async () => {
    const undone: unknown[] = [];
    const compensate = (_: never, { key, result }: StepContext): void => void undone.push([key, result]);
    const view = await world().ends([
      { name: 'a', run: () => 'ra', compensate },
      { name: 'b', run: () => undefined, compensate },
      {
        name: 'c',
        run: () => {
          throw new BusinessError('PAYMENT_DECLINED', 'The card was declined.');
        },
        compensate,
      },
    ]);
    expect(undone).to.deep.equal([
      [`${view.sagaId}/b/undo`, null],
      [`${view.sagaId}/a/undo`, 'ra'],
    ]);
    expect(view).to.deep.include({
      status: 'compensated',
      error: { code: 'PAYMENT_DECLINED', message: 'The card was declined.', failedStep: 'c' },
    });
    expect(view.steps.map(({ status }) => status)).to.deep.equal(['compensated', 'compensated', 'failed']);
  });

  it('shows an unforeseen error without details', async () => {
    const view = await world().ends([
      { name: 'a', run: () => Promise.reject(new Error('password=1')), retry: { attempts: 1 } },
    ]);
    expect(view.error).to.deep.equal({
      code: 'INTERNAL',
      message: 'The step failed unexpectedly.',
      failedStep: 'a',
    });
  });

  it('counts anything that a step throws, readable or not, as a failed attempt', async () => {
    const { proxy, revoke } = Proxy.revocable(new BusinessError('GONE', 'gone'), {});
    revoke();
    const unreadable = (name: string): BusinessError =>
      Object.defineProperty(new BusinessError('NO', 'no'), name, {
        get: () => {
          throw new Error('not to be read');
        },
      });
    const nothing: unknown = Object.create(null);
    const numbered = Object.assign(new BusinessError('NO', 'no'), { code: 42 });
    const bare = Object.assign(new BusinessError('NO', 'no'), { message: nothing });
    // biome-ignore lint/suspicious/noThenProperty: some libraries throw one
    const thenable = { then: () => undefined };
    const all = [proxy, unreadable('code'), unreadable('message'), nothing, numbered, bare, thenable];
    for (const thrown of [...all, null]) {
      const fail = (): never => {
        throw thrown;
      };
      let tries = 0;
      const view = await world().ends([
        {
          name: 'a',
          retry: { backoffMs: 1 },
          run: () => 1,
          compensate: () => (tries++ === 0 ? fail() : undefined),
        },
        { name: 'b', retry: { attempts: 1 }, run: fail, resolve: fail },
      ]);
      const code = thrown === numbered ? '42' : 'INTERNAL';
      expect(view).to.include({ status: 'compensated' });
      expect(view.error).to.include({ code });
      expect(tries).to.equal(2);
    }
  });

  it('interrupts a step at its timeout and finds its result by `resolve`', async () => {
    const resolved: string[] = [];
    let signalled = false;
    const view = await world().ends([
      {
        name: 'a',
        timeoutMs: 5,
        retry: { attempts: 1, backoffMs: 1 },
        run: (_, { signal }) =>
          new Promise((resolve) => {
            signal.addEventListener('abort', () => {
              signalled = true;
              resolve('too late');
            });
          }),
        resolve: async (_, { key }) => {
          resolved.push(key);
          return { done: 'found' };
        },
      },
    ]);
    expect(view).to.deep.include({ status: 'completed', results: { a: 'found' } });
    expect(resolved).to.deep.equal([`${view.sagaId}/a`]);
    expect(signalled).to.equal(true);
  });

  it('repeats `resolve` when that is refused, and compensates a step of unknown outcome', async () => {
    const events: string[] = [];
    const record = (what: string) => async () => void events.push(what);
    const view = await world().ends(
      [
        {
          name: 'a',
          retry: { attempts: 2, backoffMs: 1 },
          run: () => Promise.reject(new Error('line cut')),
          resolve: () => {
            events.push('resolve');
            throw new BusinessError('FORBIDDEN', 'who are you?', { status: 403 });
          },
          compensate: record('undo a'),
        },
      ],
      { sleep: () => new Promise((resolve) => void setImmediate(resolve)) },
    );
    expect(view.status).to.equal('compensated');
    expect(events).to.deep.equal(['resolve', 'resolve', 'undo a']);
  });

  it('counts a result that is not JSON as a failed attempt', async () => {
    const results: unknown[] = [1n, 'a\0', { fine: true }];
    const run = (): never => results.shift() as never;
    const view = await world().ends([{ name: 'a', run, retry: { backoffMs: 1 } }]);
    expect(view).to.deep.include({ status: 'completed', results: { a: { fine: true } } });
    expect(view.steps[0]?.attempts).to.equal(3);
  });

  it('runs each attempt in a scope of its own, in the trace of the request that started the saga', async () => {
    const scopes: (Scope | undefined)[] = [];
    const trace = {
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      sampled: true,
      tracestate: 'a=1',
    };
    const request: Scope = {
      requestId: 'r',
      deadline: Deadline.after(0),
      signal: AbortSignal.abort(),
      trace,
      service: 'web',
    };
    const run = async (): Promise<void> => void scopes.push(currentScope());
    const { sagas } = world().start([{ name: 'a', run, timeoutMs: 5000 }], { service: 'checkout' });
    const { sagaId } = await runInScope(request, () => sagas.start('transfer', {}));
    await sagas.wait(sagaId, LONG);
    const [scope] = scopes;
    expect(scope?.trace).to.deep.equal(trace);
    expect(scope?.service).to.equal('checkout');
    expect(scope?.signal.aborted, 'the request is gone, the saga goes on').to.equal(false);
    expect(scope?.deadline.remainingMs()).to.be.within(1, 5000);
  });

  it('reports every attempt, retry and end to its observer, and runs the step in its span', async () => {
    const events: unknown[] = [];
    const trace = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true, tracestate: undefined };
    const observer: SagaObserver = {
      stepStarted({ kind, step, attempt }: StepEvent) {
        events.push(`${kind} ${step} ${attempt}`);
        return { trace, end: (outcome) => events.push(outcome) };
      },
      stepRetried: (saga, step) => events.push(`retry ${saga} ${step}`),
      sagaEnded: (saga, outcome) => events.push(`${saga} ${outcome}`),
    };
    let spans = 0;
    const run = (_: never, { attempt }: StepContext): void => {
      if (currentScope()?.trace === trace) spans++;
      if (attempt === 1) throw new Error('once');
      throw new BusinessError('NO', 'no');
    };
    await world().ends([{ name: 'a', run, retry: { backoffMs: 1 } }], { observer });
    expect(events).to.deep.equal([
      'run a 1',
      'unknown',
      'retry transfer a',
      'run a 2',
      'refused',
      'transfer compensated',
    ]);
    expect(spans).to.equal(2);
  });

  it('logs with a logger of its own, which a step cannot change through its context', async () => {
    const lines: Record<string, unknown>[] = [];
    const write = (line: string): void => void lines.push(JSON.parse(line) as Record<string, unknown>);
    const run = (_: never, { log, attempt }: StepContext): string => {
      log.setBindings({ userId: 'alice' });
      Object.assign(log, { level: 'silent', warn: undefined });
      if (attempt === 1) throw new Error('once');
      return 'done';
    };
    const view = await world().ends([{ name: 'a', run, retry: { backoffMs: 1 } }], {
      log: pino({}, { write }),
    });
    expect(view.status).to.equal('completed');
    expect(lines).to.have.length(1);
    const { sagaId } = view;
    expect(lines[0]).to.include({ saga: 'transfer', sagaId, step: 'a', attempt: 1 });
    expect(lines[0]).to.not.have.property('userId');
  });

  it('continues when the journal fails for a while', async () => {
    let failures = 3;
    const view = await world().ends([{ name: 'a', run: () => 1 }], {
      sleep: () => new Promise((resolve) => void setImmediate(resolve)),
      wrap: (journal) => {
        const write = journal.write.bind(journal);
        journal.write = (...args) =>
          failures-- > 0 ? Promise.reject(new Error('database away')) : write(...args);
        return journal;
      },
    });
    expect(view.status).to.equal('completed');
    expect(failures).to.equal(-1);
  });
});
