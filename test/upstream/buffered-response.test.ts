// Responses as a transport received them: the fields of the runtime are read and removed, and claims of the
// body count only together with these fields.
import { expect } from 'chai';
import { Deadline } from '#src/deadline.js';
import { receive } from '#src/upstream/buffered-response.js';
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

  it('is not repeated for an OVERLOADED that the callee passed on', () => {
    const body = Buffer.from('{"code":"OVERLOADED"}');
    const judged = judgeResponse(receive(503, fieldsOf({ final: '1' }), body));
    expect(judged).to.include({ outcome: 'ignored', mayRepeat: false });
  });
});
