// Responses as a transport received them: the fields of the runtime are read and removed, and claims of the
// body count only together with these fields.
import { expect } from 'chai';
import { Deadline } from '#src/deadline.js';
import { BufferedResponse, MAX_PROBLEM_BYTES, receive } from '#src/upstream/buffered-response.js';
import { failureIn } from '#src/upstream/fallback-response.js';
import { InProcessTransport } from '#src/upstream/in-process-transport.js';
import { judgeResponse } from '#src/upstream/verdict.js';
import { endpoint } from './endpoints.js';

const PROBLEM = 'application/problem+json';

interface Sent {
  readonly status?: number;
  readonly type?: string;
  readonly executed?: unknown;
  readonly field?: string | undefined;
  readonly final?: string | undefined;
}

function fieldsOf({ type = PROBLEM, field, final }: Sent): Record<string, string> {
  return {
    'content-type': type,
    'retry-after': '1',
    ...(field !== undefined && { 'x-multilane-executed': field }),
    ...(final !== undefined && { 'x-multilane-final': final }),
    'x-multilane-anything': 'x',
  };
}
const bodyOf = ({ executed }: Sent): Buffer => Buffer.from(JSON.stringify({ code: 'STARTING', executed }));
const received = (sent: Sent) => receive(sent.status ?? 503, fieldsOf(sent), bodyOf(sent));

describe('a received response', () => {
  const cases: readonly (readonly [what: string, sent: Sent, notExecuted: boolean])[] = [
    ['member and field agree', { executed: false, field: 'false' }, true],
    ['the field is not there', { executed: false }, false],
    ['the field has another value', { executed: false, field: 'true' }, false],
    ['the field comes twice', { executed: false, field: 'false, false' }, false],
    ['the member is not there', { field: 'false' }, false],
    ['the member is true', { executed: true, field: 'false' }, false],
    ['the member is not a boolean', { executed: 'false', field: 'false' }, false],
    ['the status is another one', { status: 504, executed: false, field: 'false' }, false],
    ['the body is no problem document', { type: 'application/json', executed: false, field: 'false' }, false],
  ];
  for (const [what, sent, notExecuted] of cases) {
    it(`${notExecuted ? 'proves' : 'does not prove'} that nothing was executed when ${what}`, () => {
      expect(received(sent).notExecuted).to.equal(notExecuted);
    });
  }

  it('does not prove that nothing was executed with a body that is not JSON, or null', () => {
    for (const body of ['{', 'null', '']) {
      const { notExecuted } = receive(503, fieldsOf({ field: 'false' }), Buffer.from(body));
      expect(notExecuted, body).to.equal(false);
    }
  });

  it('contains all header fields except those of the runtime', () => {
    const { headers } = received({ executed: false, field: 'false', final: '1' });
    expect(headers).to.deep.equal({ 'content-type': PROBLEM, 'retry-after': '1' });
  });

  it('is the same when it comes from a service of this process', async () => {
    const sent = { executed: false, field: 'false', final: '1' };
    const transport = new InProcessTransport(async () => ({
      status: 503,
      headers: fieldsOf(sent),
      body: bodyOf(sent),
    }));
    const { signal } = new AbortController();
    const response = await transport.send(endpoint('a'), {
      method: 'GET',
      path: '/',
      headers: {},
      body: undefined,
      deadline: Deadline.after(1000),
      signal,
    });
    expect(response).to.include({ notExecuted: true, isFinal: true });
    const { date, ...headers } = response.headers;
    expect(headers).to.deep.equal({ 'content-type': PROBLEM, 'retry-after': '1' });
    expect(date).to.be.a('string');
  });

  for (const status of [502, 503, 504]) {
    it(`with status ${status} is repeated unless the callee passed the failure on`, () => {
      expect(judgeResponse(received({ status }))).to.include({ outcome: 'failure', mayRepeat: true });
      expect(judgeResponse(received({ status, final: '1' }))).to.include({
        outcome: 'failure',
        mayRepeat: false,
      });
      expect(judgeResponse(received({ status, final: 'no' }))).to.include({ mayRepeat: true });
    });
  }

  describe('with a problem document', () => {
    /** A document of exactly this many bytes. */
    const overloaded = (bytes: number, filler = 'x'): string => {
      const [head, tail] = ['{"code":"OVERLOADED","executed":false,"detail":"', '"}'];
      return head + filler.repeat((bytes - head.length - tail.length) / Buffer.byteLength(filler)) + tail;
    };
    const kinds: readonly (readonly [kind: string, of: (text: string) => Buffer | string])[] = [
      ['bytes', (text) => Buffer.from(text)],
      ['a text', (text) => text],
    ];
    for (const [kind, of] of kinds) {
      it(`as ${kind} of 64 KiB is judged by it`, () => {
        const response = receive(503, fieldsOf({ field: 'false' }), of(overloaded(MAX_PROBLEM_BYTES)));
        expect(response).to.include({ notExecuted: true });
        expect(judgeResponse(response)).to.include({ outcome: 'ignored', hasNotRun: true });
        expect(failureIn('orders', response)).to.include({ code: 'OVERLOADED' });
      });

      it(`as ${kind} of more than 64 KiB is judged as if it had none, which the caller still reads`, () => {
        const filler = 'é';
        const body = overloaded(MAX_PROBLEM_BYTES + filler.length * 2, filler);
        const response = receive(503, fieldsOf({ field: 'false' }), of(body));
        expect(response).to.include({ notExecuted: false, problem: undefined });
        expect(judgeResponse(response)).to.include({ outcome: 'failure', mayRepeat: true });
        expect(failureIn('orders', response)).to.include({ code: 'BAD_UPSTREAM' });
        expect(response.json()).to.include({ code: 'OVERLOADED' });
      });
    }

    it('is parsed at most once for all questions', () => {
      const { parse } = JSON;
      let parsed = 0;
      JSON.parse = (...args) => {
        parsed++;
        return parse(...args);
      };
      try {
        for (const body of ['{"code":"OVERLOADED"}', '{']) {
          parsed = 0;
          const response = receive(503, fieldsOf({ field: 'false' }), body);
          judgeResponse(response);
          failureIn('orders', response);
          expect(parsed, body).to.equal(1);
        }
        const unasked = new BufferedResponse(503, fieldsOf({}), '{"code":"OVERLOADED"}');
        expect(parsed).to.equal(1);
        judgeResponse(unasked);
        failureIn('orders', unasked);
        expect(parsed).to.equal(2);
      } finally {
        JSON.parse = parse;
      }
    });
  });

  it('is not repeated for an OVERLOADED that the callee passed on', () => {
    const body = Buffer.from('{"code":"OVERLOADED"}');
    const judged = judgeResponse(receive(503, fieldsOf({ final: '1' }), body));
    expect(judged).to.include({ outcome: 'ignored', mayRepeat: false });
  });
});
