import { expect } from 'chai';
import { lookAtFleet, MOST_LISTED } from '#src/admin/views/fleet.js';
import type { EndpointState } from '#src/registry/endpoint.js';
import type { BreakerState } from '#src/resilience/breaker-contract.js';

const CLOSED: BreakerState = { state: 'closed', calls: 0, failures: 0 };
const FORCED: BreakerState = { state: 'forced-open' };

function look(
  services: Readonly<Record<string, readonly EndpointState[]>>,
  breakerOf: (slot: number) => BreakerState = () => CLOSED,
) {
  const turns = { passed: 0 };
  let slot = 0;
  const fleet = lookAtFleet({
    registry: {
      services: () => Object.fromEntries(Object.entries(services).map(([name, all]) => [name, all.length])),
      *views(service) {
        for (const [n, state] of services[service]!.entries()) yield { id: `i${n}`, slot: slot++, state };
      },
    },
    namedBreakers: () => [{ service: 'mailer', instance: '~smtp', slot: 99_999 }],
    breakers: { state: breakerOf, tripped: () => undefined },
    rest: async () => void turns.passed++,
  });
  return { fleet, turns };
}

describe('a look at all instances', () => {
  it('counts them by service and state', async () => {
    const { services } = await look({ orders: ['healthy', 'healthy', 'ejected'], users: [] }).fleet;
    expect([...services]).to.deep.equal([
      ['orders', { states: { healthy: 2, ejected: 1 }, instances: 3, named: { ejected: ['i2'] } }],
      ['users', { states: {}, instances: 0, named: {} }],
    ]);
  });

  it('names the breakers that are not closed or are forced, and those that services have by name', async () => {
    const { notable, notableCount } = await look({ orders: ['healthy', 'healthy'] }, (slot) =>
      slot === 0 ? CLOSED : FORCED,
    ).fleet;
    expect(notable.map(({ service, instance }) => `${service} ${instance}`)).to.deep.equal([
      'orders i1',
      'mailer ~smtp',
    ]);
    expect(notableCount).to.equal(2);
  });

  it('names a few of the instances that are not healthy', async () => {
    const { services } = await look({ orders: Array.from({ length: 9 }, () => 'ejected' as const) }).fleet;
    expect(services.get('orders')?.named).to.deep.equal({ ejected: ['i0', 'i1', 'i2', 'i3', 'i4'] });
  });

  it('takes turns, and lists a bounded number of many', async () => {
    const many = Array.from({ length: 10_000 }, (): EndpointState => 'healthy');
    const { fleet, turns } = look({ orders: many }, () => FORCED);
    const { notable, notableCount } = await fleet;
    expect([notable.length, notableCount]).to.deep.equal([MOST_LISTED, 10_001]);
    expect(turns.passed, 'after each 32 instances').to.equal(312);
  });
});
