// Reaches every cause of a 503 and checks that the response reports whether the handler ran (docs/errors.md).
import { expect } from 'chai';
import { ERROR_TABLE } from '#src/errors.js';
import { expectProblem } from '#test/support/problem.js';
import { admin } from './admin.js';
import { needed } from './needed.js';
import { dataPlaneProbes, refused } from './refused.js';
import { sites, sitesIn } from './sites.js';

/** Throw sites that cause no response, or that pass on an error of another site. */
const WITHOUT_RESPONSE: Readonly<Record<string, string>> = {
  'src/saga/orchestrator.ts STARTING': 'the reason of an aborted step, which no request waits for',
  'src/saga/orchestrator.ts DRAINING': 'the reason of an aborted step, which no request waits for',
  'src/db/idempotent-effect.ts ?':
    'the stored refusal of an earlier request, which was thrown in its handler',
  'src/services/checkout/participants.ts ? x2': 'thrown in a saga step: the saga records it',
  'src/upstream/single-flight-outcome.ts ?': 'the failure of a call in another worker, thrown there already',
  'src/upstream/grpc-response.ts 503':
    'what a call of this process is judged by; its handler has run, and gets an RpcError',
  'src/worker/system-routes.ts 503 x2': 'the probes of the data plane, which have a test of their own',
};

const ways = [...refused, ...needed, ...admin];

describe('every cause of a 503', () => {
  for (const { title, code, executed, reach } of ways) {
    const says = executed === 'probe' ? 'a state' : executed ? 'that the handler ran' : 'that nothing ran';
    it(`reports ${says}: ${title}, ${code}`, async () => {
      const responses = await reach();
      expect(responses).to.not.have.length(0);
      for (const response of responses) {
        const isProbe = executed === 'probe';
        const problem = await expectProblem(response, 503, code, { isProbe });
        expect(problem.executed).to.equal(isProbe ? undefined : executed);
      }
    });
  }

  it('has only Retry-After for a probe of the data plane', async () => {
    for (const response of await dataPlaneProbes()) {
      const { headers, status } = response!;
      const field = (name: string): string | null | undefined =>
        headers instanceof Headers ? headers.get(name) : headers[name];
      expect([status, field('retry-after')]).to.deep.equal([503, '1']);
      expect(field('x-multilane-executed') ?? undefined).to.equal(undefined);
    }
  });

  it('is listed here: every code and every throw of a 503 has a case', () => {
    const covered = new Set([...ways.flatMap((way) => way.sites), ...Object.keys(WITHOUT_RESPONSE)]);
    const known = sites();
    expect(known.filter((site) => !covered.has(site))).to.deep.equal([], 'without a way');
    expect([...covered].filter((site) => !known.includes(site))).to.deep.equal([], 'gone');
    const codes = Object.entries(ERROR_TABLE).filter(([, { status }]) => status === 503);
    const reached = new Set(ways.map(({ code }) => code));
    expect(codes.map(([code]) => code).filter((code) => !reached.has(code))).to.deep.equal([]);
  });

  it('is noticed when it is new, in whatever form it is thrown', () => {
    for (const text of [
      `throw new UnavailableError('MY_OWN', 'x');`,
      `throw new HttpError(\n  'DRAINING',\n  'x');`,
      `throw new ServerRefusal('OVERLOADED', 'x');`,
      `return new HttpError(code, 'x');`,
      `class Mine extends HttpError { constructor() { super('OVERLOADED', 'x'); } }`,
      `res.writeStatus('503 Service Unavailable');`,
      `ctx.status(503).json({});`,
      `response.writeHead(503, {}).end();`,
      `return { status: 503, json };`,
    ]) {
      expect(sitesIn('src/new.ts', text), text).to.have.length(1);
    }
    const twice = `new UnavailableError('STARTING', ''); new UnavailableError('STARTING', '');`;
    expect(sitesIn('src/new.ts', twice)).to.deep.equal(['src/new.ts STARTING x2']);
    expect(
      sitesIn('src/new.ts', `new HttpError('NOT_FOUND', ''); // new UnavailableError('X')`),
    ).to.deep.equal([]);
  });
});
