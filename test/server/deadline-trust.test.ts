// Which senders may shorten the deadline of a request by `x-request-deadline`.
import { expect } from 'chai';
import fc from 'fast-check';
import { meshTokens } from '#src/mesh-token.js';
import type { InjectedRequest } from '#src/server/inject-exchange.js';
import type { RequestContext } from '#src/server/request-context.js';
import { bench } from './kit.js';

const SECRET = '0123456789abcdef0123456789abcdef';
const tokenFor = meshTokens(SECRET);
const PROXY = '10.1.2.3';

/** Senders by what they can prove, and whether their deadline counts on a route of the service `demo`. */
const SENDERS: Readonly<
  Record<string, { readonly counts: boolean; readonly request: Partial<InjectedRequest> }>
> = {
  'a stranger': { counts: false, request: { remoteAddress: '192.0.2.1' } },
  'a stranger on this host, where instances are': { counts: false, request: { remoteAddress: '127.0.0.1' } },
  'a stranger that names a proxy': {
    counts: false,
    request: { remoteAddress: '192.0.2.1', headers: { 'x-forwarded-for': PROXY } },
  },
  'a process with the token of another service': {
    counts: false,
    request: { headers: { 'x-mesh-token': tokenFor('other') } },
  },
  'a process with the secret itself': { counts: false, request: { headers: { 'x-mesh-token': SECRET } } },
  'a process with the token of the service': {
    counts: true,
    request: { headers: { 'x-mesh-token': tokenFor('demo') } },
  },
  'a trusted proxy': { counts: true, request: { remoteAddress: PROXY } },
  'a service of this process': { counts: true, request: { inProcess: true } },
};

describe('x-request-deadline', () => {
  const { app, inject } = bench(
    (demo) => {
      for (const timeoutMs of [1_000, 5_000, 30_000]) {
        demo.get(`/${timeoutMs}`, { timeoutMs }, (ctx) => seen(ctx as unknown as RequestContext));
      }
    },
    { meshToken: SECRET, trustedProxies: ['10.0.0.0/8'] },
  );
  app.mount('other', () => {});

  /** The exact time-out of the request, and whether its deadline was shortened. */
  const seen = (ctx: RequestContext): object => ({
    timeoutMs: ctx.request.timeoutMs,
    isShortened: ctx.deadline.isShortened,
  });
  const answerTo = async (sender: string, budget: number, deadline: string) => {
    const { request } = SENDERS[sender]!;
    const headers = { ...request.headers, 'x-request-deadline': deadline };
    return (await inject({ ...request, url: `/${budget}`, headers })).json();
  };

  it('shortens the deadline for trusted proxies and peers, and has no effect for others', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...Object.keys(SENDERS)),
        fc.constantFrom(1_000, 5_000, 30_000),
        fc.oneof(
          fc.integer({ min: 1, max: 40_000 }).map(String),
          fc.constantFrom('', '-1', '1.5', 'x', '9999999999', '1e3'),
        ),
        async (sender, budget, deadline) => {
          const asked = /^\d{1,9}$/.test(deadline) ? Number(deadline) : Number.POSITIVE_INFINITY;
          const timeoutMs = SENDERS[sender]!.counts ? Math.min(asked, budget) : budget;
          const isShortened = timeoutMs < 0.9 * budget;
          expect(await answerTo(sender, budget, deadline)).to.deep.equal({ timeoutMs, isShortened });
        },
      ),
      { numRuns: 500 },
    );
  });

  for (const [sender, { counts }] of Object.entries(SENDERS)) {
    it(`that has passed is ${counts ? 'a 504' : 'ignored'} from ${sender}`, async () => {
      const { code } = await answerTo(sender, 1_000, '0');
      expect(code).to.equal(counts ? 'DEADLINE_EXCEEDED' : undefined);
    });
  }
});
