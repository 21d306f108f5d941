import { expect } from 'chai';
import type { SagaView } from 'multilane';
import { compensated, hasEnded, idsOf, prefersAsync } from '#src/services/checkout/rules.js';

const view = (members: Partial<SagaView>): SagaView => ({
  sagaId: '01890a5d-ac96-774b-bcce-b302099a8057',
  saga: 'checkout',
  version: 1,
  status: 'compensated',
  steps: [],
  results: {},
  error: null,
  createdAt: '2026-01-01T00:00:00.000Z',
  updatedAt: '2026-01-01T00:00:00.000Z',
  reason: null,
  ...members,
});

describe('the preference for a response at once', () => {
  const yes = [
    ['respond-async'],
    ['Respond-Async'],
    ['wait=5, respond-async'],
    ['a', 'respond-async; x=1 , b'],
    ['respond-async=""'],
    ['x="a, \\" b", respond-async'],
  ];
  for (const fields of yes) {
    it(`is in ${JSON.stringify(fields)}`, () => expect(prefersAsync(fields)).to.equal(true));
  }
  const no = [
    [],
    [''],
    ['respond-asynchronously'],
    ['x; respond-async'],
    ['wait=5'],
    ['"respond-async"'],
    ['x=", respond-async, "'],
  ];
  for (const fields of no) {
    it(`is not in ${JSON.stringify(fields)}`, () => expect(prefersAsync(fields)).to.equal(false));
  }
});

describe('the end of a checkout', () => {
  it('is reached when nothing more happens by itself', () => {
    for (const status of ['completed', 'compensated', 'needs-attention'] as const) {
      expect(hasEnded(status), status).to.equal(true);
    }
    for (const status of ['running', 'waiting', 'compensating'] as const) {
      expect(hasEnded(status), status).to.equal(false);
    }
  });

  it('in success has the ids of the created objects', () => {
    const results = {
      'create-user': { userId: 1 },
      'create-order': { orderId: 2 },
      'capture-payment': { paymentId: 3 },
      'confirm-order': null,
    };
    expect(idsOf(results)).to.deep.equal({ userId: 1, orderId: 2, paymentId: 3 });
  });

  const refusals: [string, string, number][] = [
    ['capture-payment', 'PAYMENT_DECLINED', 402],
    ['capture-payment', 'NO_INSTANCE', 402],
    ['create-user', 'EMAIL_TAKEN', 409],
    ['confirm-order', 'NOT_FOUND', 409],
  ];
  for (const [failedStep, code, status] of refusals) {
    it(`with ${code} at ${failedStep} is a problem with status ${status}`, () => {
      const { sagaId, error, ...rest } = view({ error: { code, message: 'not shown', failedStep } });
      const problem = compensated({ sagaId, error, ...rest });
      expect(problem).to.include({ code: 'SAGA_COMPENSATED', status });
      expect(problem.members).to.deep.equal({ sagaId, failedStep, cause: { code } });
    });
  }
});
