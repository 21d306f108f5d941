import { expect } from 'chai';
import { type Attempt, type Blast, verdictOf } from './verdict.js';

const attempt = (changed: Partial<Attempt>): Attempt => ({
  sentAt: 100,
  endedAt: 200,
  status: 200,
  code: undefined,
  notExecuted: false,
  idleMs: 0,
  thread: 7,
  ...changed,
});
const blast = (changed: Partial<Blast> = {}): Blast => ({
  thread: 7,
  isDeadly: false,
  from: 150,
  to: 180,
  ...changed,
});
const stalled = { status: 500, code: 'HANDLER_STALLED' };

describe('the verdict on a request during chaos', () => {
  for (const [what, changed, blasts, verdict] of [
    ['a 200', {}, [], 'answered'],
    ['500 HANDLER_STALLED in a blast on its worker', stalled, [blast()], 'stalled beside it'],
    [
      'such a response during a blast that is not over',
      stalled,
      [blast({ to: Infinity })],
      'stalled beside it',
    ],
    [
      'such a response from an unknown worker',
      { ...stalled, thread: undefined },
      [blast()],
      'stalled beside it',
    ],
    ['such a response after a blast', { ...stalled, sentAt: 190 }, [blast()], 'unexplained'],
    ['such a response before a blast', { ...stalled, endedAt: 140 }, [blast()], 'unexplained'],
    ['such a response on another worker', { ...stalled, thread: 8 }, [blast()], 'unexplained'],
    ['500 of another kind in a blast', { status: 500, code: 'INTERNAL' }, [blast()], 'unexplained'],
    [
      '503 with the proof that nothing was executed',
      { status: 503, code: 'NO_WORKER', notExecuted: true },
      [],
      'refused (503)',
    ],
    ['503 without that proof', { status: 503, code: 'NO_WORKER' }, [], 'unexplained'],
    ['a connection that ended', { status: 0, code: 'closed' }, [blast()], 'unexplained'],
    ['one that had been idle', { status: 0, code: 'closed', idleMs: 2_100 }, [], 'was idle'],
    ['one that had been idle for a second', { status: 0, code: 'closed', idleMs: 1_000 }, [], 'unexplained'],
    [
      'an idle one that was cut during its response',
      { status: 0, code: 'cut', idleMs: 2_100 },
      [],
      'unexplained',
    ],
    [
      'one that ended before any response',
      { status: 0, code: 'closed', thread: undefined },
      [],
      'unexplained',
    ],
    ['a refused connection', { status: 0, code: 'ECONNREFUSED' }, [], 'unexplained'],
    ['504', { status: 504, code: 'DEADLINE_EXCEEDED' }, [blast()], 'unexplained'],
  ] as const) {
    it(`${what}: ${verdict}`, () => expect(verdictOf(attempt(changed), blasts, 'uws')).to.equal(verdict));
  }

  const closed = { status: 0, code: 'closed' };
  const deadly = blast({ isDeadly: true });
  for (const [what, changed, blasts, verdict] of [
    ['a connection that ended with its thread', closed, [deadly], 'ended with its thread'],
    ['one that was cut by that', { ...closed, code: 'cut' }, [deadly], 'ended with its thread'],
    ['one of another thread', { ...closed, thread: 8 }, [deadly], 'unexplained'],
    ['one beside a stall that ends no thread', closed, [blast()], 'unexplained'],
    ['one that ended before any response', { ...closed, thread: undefined }, [], 'not accepted'],
    [
      'one that was cut in its first response',
      { ...closed, code: 'cut', thread: undefined },
      [],
      'unexplained',
    ],
  ] as const) {
    it(`on the core node, ${what}: ${verdict}`, () =>
      expect(verdictOf(attempt(changed), blasts, 'node')).to.equal(verdict));
  }
});
