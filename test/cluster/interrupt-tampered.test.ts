import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import fc from 'fast-check';
import { interruptThread } from '#src/cluster/interrupt.js';
import { parseReply, replyOf } from '#src/cluster/interrupt-protocol.js';
import { InspectorError, resultOf } from '#src/cluster/thread-inspector.js';
import type { Tampering } from './tampering-thread.js';

const KEY = `Symbol.for('multilane.interrupt')`;
const replaced = (value: string): string => `Object.defineProperty(globalThis, ${KEY}, { value: ${value} })`;

/** Scripts by which code of a service replaces parts of the runtime in its thread. */
const SCRIPTS: Readonly<Record<string, string>> = {
  'text that is not JSON': replaced(`() => 'not json'`),
  'half of a JSON text': replaced(`() => '{"stack":['`),
  'half of a surrogate pair': replaced(`() => '\\ud800'`),
  'nothing at all': replaced('undefined'),
  'a function that returns nothing': replaced('() => undefined'),
  'a function that returns an object': replaced('() => ({ where: "request", stack: [] })'),
  'a function that returns a number': replaced('() => 10n'),
  'a function that returns a promise': replaced('async () => "responsive"'),
  'a function that returns a text without end': replaced(`() => 'x'.repeat(2 ** 28)`),
  'a function that throws': replaced('() => { throw new Error("no") }'),
  'a function that throws a text without end': replaced(`() => { throw 'x'.repeat(2 ** 28) }`),
  'a getter that throws': `Object.defineProperty(globalThis, ${KEY}, { get() { throw null } })`,
  'a Proxy that throws': replaced('new Proxy(() => {}, { apply() { throw new Error("no") } })'),
  'another Symbol': 'globalThis.Symbol = undefined',
  'another JSON': `JSON.stringify = () => 'not json'`,
  'a toJSON of its own': `String.prototype.toJSON = () => 'not json'; Object.prototype.toJSON = () => ({})`,
  'a clock that throws': 'process.hrtime.bigint = () => { throw new Error("no") }',
  'members of other types': replaced(`() => JSON.stringify({ where: 'request', route: {}, stack: [] })`),
  'a stack of other types': replaced(`() => JSON.stringify({ where: 'request', stack: [null] })`),
};

const ofPrepare = (how: string): string => `Object.defineProperty(Error, 'prepareStackTrace', ${how})`;

/** Scripts by which code of a service changes the stacks of errors. */
const STACKS: Readonly<Record<string, string>> = {
  'a formatter that returns call sites': 'Error.prepareStackTrace = (_, sites) => sites',
  'a formatter that throws': 'Error.prepareStackTrace = () => { throw new Error("no") }',
  'a formatter that returns nothing': 'Error.prepareStackTrace = () => undefined',
  'no frames': 'Error.stackTraceLimit = 0',
  'a limit that is no number': 'Error.stackTraceLimit = "none"',
  'a formatter that stays': ofPrepare('{ value: () => "none" }'),
  'a getter that throws': ofPrepare('{ get() { throw new Error("no") }, set() { throw new Error("no") } }'),
  'no frames and a frozen Error': 'Error.stackTraceLimit = 0; Object.freeze(Error)',
  'another Error': 'globalThis.Error = class {}',
};

describe('interrupting a thread whose code has tampered with it', () => {
  const threads: Worker[] = [];

  async function start(tampering: Partial<Tampering>): Promise<Worker> {
    const given: Tampering = { script: '', posts: [], channel: 'none', ...tampering };
    const thread = new Worker(new URL('./tampering-thread.js', import.meta.url), { workerData: given });
    threads.push(thread);
    await once(thread, 'message');
    return thread;
  }

  afterEach(async () => {
    await Promise.all(threads.splice(0).map((thread) => thread.terminate()));
  });

  for (const [what, script] of Object.entries(SCRIPTS)) {
    it(`does not reject when it finds ${what}`, async () => {
      const thread = await start({ script });
      expect(await interruptThread(thread.threadId)).to.be.oneOf(['responsive', 'unreachable']);
    });
  }

  for (const [what, script] of Object.entries(STACKS)) {
    it(`works when the code has changed the stacks of errors: ${what}`, async () => {
      const thread = await start({ script: `${script}; setTimeout(function standing() { for (;;); })` });
      let answer: Awaited<ReturnType<typeof interruptThread>> = 'responsive';
      while (answer === 'responsive') answer = await interruptThread(thread.threadId);
      expect(answer).to.have.property('where', 'elsewhere');
      expect(answer)
        .to.have.property('stack')
        .that.satisfies(([first = '']: string[]) => first.includes('standing'));
    });
  }

  it('ignores messages on its channel that are not of its handshake', async () => {
    const posts = [
      null,
      undefined,
      0,
      'prepared',
      [],
      {},
      { type: 'prepared' },
      { type: 'prepared', atNs: 1 },
    ];
    const target = await start({ script: replaced('() => { for (;;); }') });
    const posting = await start({ posts, channel: `multilane.interrupt.${target.threadId}` });
    const answer = interruptThread(target.threadId);
    posting.postMessage('now');
    await once(posting, 'message');
    expect(await answer).to.equal('unreachable');
  });

  it('accepts a reply only in the form that the runtime writes, without further members', () => {
    fc.assert(
      fc.property(fc.anything(), fc.jsonValue(), (value, json) => {
        for (const reply of [value, JSON.stringify(json), String(JSON.stringify(value))]) {
          const answer = parseReply(reply);
          if (typeof answer === 'string')
            expect(answer).to.be.oneOf(['responsive', 'retry', 'between-microtasks', 'unreachable']);
          else expect(answer.stack.every((frame) => typeof frame === 'string')).to.equal(true);
        }
      }),
    );
    const stall = { where: 'request', method: 'GET', route: '/a', requestId: 'r', stack: ['at a'] };
    expect(parseReply(JSON.stringify({ ...stall, level: 10 }))).to.deep.equal(stall);
    const anywhere = { where: 'elsewhere', stack: [] };
    expect(parseReply(JSON.stringify(anywhere))).to.deep.equal(anywhere);
  });

  it('tries again when the script was not entered because the stack of the thread is full', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (description, className) => {
        const error = { type: 'object', subtype: 'error', description };
        expect(replyOf({ ...error, className: 'RangeError' })).to.equal('retry');
        const isRangeError = className === 'RangeError';
        expect(replyOf({ ...error, className })).to.equal(isRangeError ? 'retry' : 'unreachable');
      }),
    );
    expect(replyOf({ value: '"responsive"' })).to.equal('responsive');
    expect(replyOf({})).to.equal('unreachable');
  });

  it('treats a reply of the inspector that is not a JSON object as a failure', () => {
    for (const reply of ['', 'null', '{', 'no', '"text"', '1']) {
      expect(() => resultOf(reply), reply)
        .to.throw(InspectorError)
        .with.property('code', 'BAD_REPLY');
    }
    expect(resultOf('{"id":1,"result":{"value":1}}')).to.deep.equal({ value: 1 });
    const error = { error: { message: 'no such method' } };
    expect(() => resultOf(JSON.stringify(error)))
      .to.throw('no such method')
      .with.property('code', 'REFUSED');
  });
});
