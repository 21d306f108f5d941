import { expect } from 'chai';
import { Deadline } from '#src/deadline.js';
import { DeadlineExceededError, HttpError } from '#src/errors.js';
import { RequestBodyError } from '#src/request-body-error.js';
import { abortError } from '#src/upstream/undici-response.js';
import { HANGS_MS, judgeBody } from '#src/upstream/verdict.js';

const BROKEN = new HttpError('BAD_UPSTREAM', 'cut off');
const [SHORT_MS, LONG_MS] = [HANGS_MS - 1, HANGS_MS];
const [NOTHING, UNANSWERED, FAILURE] = ['ignored', 'ignored, unanswered', 'failure'] as const;

describe('the verdict on a body that has begun', () => {
  const ends: readonly [how: string, error: unknown, hasAborted: boolean, short: string, long: string][] = [
    ['the endpoint has cut it off', BROKEN, false, FAILURE, FAILURE],
    ['the caller has left', new HttpError('CLIENT_CLOSED', 'left'), true, NOTHING, UNANSWERED],
    ['the caller has aborted the call', new DOMException('', 'AbortError'), true, NOTHING, UNANSWERED],
    ['the caller has had a time-out', new DOMException('', 'TimeoutError'), true, NOTHING, FAILURE],
    ['the reader has cancelled it', abortError(), false, NOTHING, UNANSWERED],
    ['the deadline has passed', new DeadlineExceededError(), true, NOTHING, FAILURE],
    ['the body of the request has failed', new RequestBodyError(new Error()), false, NOTHING, NOTHING],
  ];
  for (const [how, error, aborted, short, long] of ends)
    for (const [waitedMs, expected] of [
      [SHORT_MS, short],
      [LONG_MS, long],
    ] as const)
      it(`is ${expected} when its reader has waited ${waitedMs} ms and ${how}`, () => {
        const verdict = judgeBody({ kind: 'failed', error }, { aborted }, Deadline.after(0), waitedMs);
        expect(verdict.reached).to.equal(verdict.outcome);
        const isOpen = verdict.isUnanswered === true && verdict.reached === 'ignored';
        expect(isOpen ? UNANSWERED : verdict.outcome).to.equal(expected);
      });
});
