// The form that every error body must have: docs/contract.md, RFC 9457.
import { expect } from 'chai';
import type { WireResponse } from './wire.js';

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly code: string;
  readonly traceId: string;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
  readonly [member: string]: unknown;
}

const LEAKS = /\bat .+:\d+:\d+|node_modules|\bselect\b.+\bfrom\b|insert into|\/tmp\/|\/dist\//i;

/**
 * Asserts the form of a problem document and returns it, so that the test can check its own members.
 * @param options.isProbe whether a 503 reports a state, as that of /readyz: it has no member `executed`
 */
export async function expectProblem(
  response: Response | WireResponse | undefined,
  status: number,
  code: string,
  { isProbe = false }: { readonly isProbe?: boolean } = {},
): Promise<Problem> {
  if (response === undefined) throw new Error(`expected ${status} ${code}, but the connection ended`);
  const wire = !(response instanceof Response);
  const field = (name: string): string | null =>
    wire ? (response.headers[name] ?? null) : response.headers.get(name);
  const text = wire ? response.body.toString('utf8') : await response.text();
  expect(`${response.status} ${text}`).to.match(new RegExp(`^${status} .*"code":"${code}"`));
  expect(field('content-type')).to.match(/^application\/problem\+json\b/);
  const problem = JSON.parse(text) as Problem;
  expect(problem.status).to.equal(status);
  expect(problem.type).to.equal(`urn:multilane:problem:${code.toLowerCase().replaceAll('_', '-')}`);
  expect(problem.title).to.be.a('string').with.length.greaterThan(0);
  expect(problem.detail).to.be.a('string').that.does.not.match(LEAKS);
  expect(problem.instance).to.equal(`urn:multilane:request:${field('x-request-id')}`);
  expect(problem.traceId).to.match(/^[0-9a-f]{32}$/);
  if (status === 503) {
    expect(Number(field('retry-after')), 'Retry-After').to.be.at.least(1);
    if (!isProbe) expect(problem.executed, 'executed').to.be.a('boolean');
  }
  const proof = problem.executed === false ? 'false' : null;
  expect(field('x-multilane-executed'), 'x-multilane-executed').to.equal(proof);
  return problem;
}
