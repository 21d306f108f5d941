import { expect } from 'chai';
import { Deadline } from '#src/deadline.js';
import { DeadlineExceededError, HttpError } from '#src/errors.js';
import { BufferedResponse } from '#src/upstream/buffered-response.js';
import { judge, judgeError, judgeResponse } from '#src/upstream/verdict.js';
import { jsonResponse, problem } from './endpoints.js';

const open = new AbortController().signal;

describe('the verdict on a response', () => {
  const cases: readonly [status: number, outcome: string, mayRepeat: boolean][] = [
    [200, 'success', false],
    [301, 'success', false],
    [402, 'success', false],
    [404, 'success', false],
    [409, 'success', false],
    [429, 'ignored', false],
    [500, 'failure', false],
    [501, 'success', false],
    [502, 'failure', true],
    [503, 'failure', true],
    [504, 'failure', true],
  ];
  for (const [status, outcome, mayRepeat] of cases) {
    it(`${status} is ${outcome}${mayRepeat ? ' and may be repeated' : ''}`, () => {
      expect(judgeResponse(jsonResponse(status))).to.include({ outcome, mayRepeat });
    });
  }

  it('OVERLOADED is ignored, and the request may be repeated at another endpoint', () => {
    expect(judgeResponse(problem(503, 'OVERLOADED'))).to.include({ outcome: 'ignored', mayRepeat: true });
    expect(judgeResponse(problem(503, 'DRAINING'))).to.include({ outcome: 'failure', mayRepeat: true });
  });

  it('a problem document that cannot be read is judged by its status', () => {
    const { headers } = problem(503, 'OVERLOADED');
    const garbage = new BufferedResponse(503, headers, Buffer.from('{'));
    expect(judgeResponse(garbage)).to.include({ outcome: 'failure', mayRepeat: true });
    expect(judgeResponse(jsonResponse(503, null, 'application/problem+json'))).to.include({
      outcome: 'failure',
    });
  });
});

describe('the verdict for outlier ejection', () => {
  const cases: readonly [status: number, reached: string][] = [
    [200, 'success'],
    [404, 'success'],
    [429, 'ignored'],
    // The endpoint has a fault but responds: other instances would do no better.
    [500, 'success'],
    [502, 'failure'],
    [503, 'failure'],
    [504, 'failure'],
  ];
  for (const [status, reached] of cases) {
    it(`${status} is ${reached}`, () => expect(judgeResponse(jsonResponse(status))).to.include({ reached }));
  }

  it('the lack of a response is a failure; OVERLOADED and a caller that left are ignored', () => {
    expect(judgeResponse(problem(503, 'OVERLOADED'))).to.include({ reached: 'ignored' });
    expect(judgeError(new HttpError('BAD_UPSTREAM', ''), open)).to.include({ reached: 'failure' });
    expect(judgeError(new DeadlineExceededError(), open)).to.include({ reached: 'failure' });
    expect(judgeError(new Error('left'), AbortSignal.abort())).to.include({ reached: 'ignored' });
  });
});

describe('the verdict on the lack of a response', () => {
  it('a broken connection is a failure, and the request may be repeated', () => {
    expect(judgeError(new HttpError('BAD_UPSTREAM', ''), open)).to.include({
      outcome: 'failure',
      mayRepeat: true,
    });
  });

  it('no response before the deadline is a failure, and there is no time to repeat the request', () => {
    const late = AbortSignal.abort(new DeadlineExceededError());
    expect(judgeError(new DeadlineExceededError(), late)).to.include({
      outcome: 'failure',
      mayRepeat: false,
    });
  });

  it('a caller that left is ignored', () => {
    const left = AbortSignal.abort();
    expect(judgeError(left.reason, left)).to.include({ outcome: 'ignored', mayRepeat: false });
    expect(judgeError(new HttpError('BAD_UPSTREAM', ''), left)).to.include({
      outcome: 'ignored',
      mayRepeat: false,
    });
  });

  it('a time limit of the caller is a failure when it was long enough to show that the endpoint hangs', () => {
    const error = new DOMException('The operation was aborted due to timeout', 'TimeoutError');
    const verdictAfter = (tookMs: number) =>
      judge({ kind: 'failed', error }, AbortSignal.abort(error), Deadline.after(9_000), tookMs);
    expect(verdictAfter(999)).to.include({ outcome: 'ignored', reached: 'ignored', mayRepeat: false });
    expect(verdictAfter(1_000)).to.include({ outcome: 'failure', reached: 'failure', mayRepeat: false });
    const result = { kind: 'failed', error } as const;
    const unsent = judge(result, AbortSignal.abort(error), Deadline.after(9_000), 5_000, false);
    expect(unsent).to.include({ outcome: 'ignored', reached: 'ignored' });
    expect(unsent.isUnanswered ?? false).to.equal(false);
  });

  it('a mistake of this process is ignored', () => {
    expect(judgeError(new TypeError('mine'), open)).to.include({ outcome: 'ignored', mayRepeat: false });
  });
});

describe('the verdict on a call that a deadline has ended', () => {
  const verdictWith = (deadline: Deadline) =>
    judge({ kind: 'failed', error: new DeadlineExceededError() }, open, deadline, 50);

  it('is a failure when its own deadline has passed', () => {
    expect(verdictWith(Deadline.after(0))).to.include({ outcome: 'failure', reached: 'failure' });
  });

  it('is ignored when that is ahead: its caller has ended it', () => {
    expect(verdictWith(Deadline.after(40))).to.include({ outcome: 'ignored', reached: 'ignored' });
  });

  it('leaves the question open whether other endpoints would have responded, whatever the deadline was', () => {
    const began = performance.now() - 999;
    const shortened = verdictWith(Deadline.allowed(began, 100, 1_000));
    expect(shortened).to.include({ outcome: 'ignored', reached: 'ignored', isUnanswered: true });
    expect(verdictWith(Deadline.after(40))).to.include({ reached: 'ignored', isUnanswered: true });
    expect(verdictWith(Deadline.after(0))).to.include({ reached: 'failure', isUnanswered: true });
  });

  it('is ignored when a stranger has taken the least part of the budget', () => {
    const began = performance.now() - 999;
    expect(verdictWith(Deadline.allowed(began, 998, 1_000, true))).to.include({ outcome: 'ignored' });
    expect(verdictWith(Deadline.allowed(began, 998, 1_000))).to.include({ outcome: 'failure' });
    expect(verdictWith(Deadline.allowed(began, 899, 1_000))).to.include({ outcome: 'ignored' });
  });
});

describe('the verdict on a 503 under a deadline that a caller has shortened', () => {
  for (const [leftMs, outcome] of [
    [61, 'failure'],
    [59, 'ignored'],
  ] as const) {
    it(`is ${outcome} when ${leftMs} ms are left`, () => {
      const deadline = { isShortened: true, remainingMs: () => leftMs } as unknown as Deadline;
      expect(judge({ kind: 'returned', value: jsonResponse(503) }, open, deadline, 0)).to.include({
        outcome,
      });
    });
  }
});
