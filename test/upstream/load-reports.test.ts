import { expect } from 'chai';
import { BufferedResponse, receive } from '#src/upstream/buffered-response.js';
import { setUp, two } from './call-kit.js';
import { jsonResponse } from './endpoints.js';

const FIELD = 'x-multilane-load';
const responding = (load: string) => receive(200, { [FIELD]: load, 'x-own': 'kept' }, '{}');

describe('a report of load with a response', () => {
  it('is stored for the instance, without the calls of this process, and kept from the caller', async () => {
    const { call, load } = setUp(two, () => responding('12;us=6400'));
    const { headers } = await call('orders').get('/x');
    expect({ ...headers }).to.deep.equal({ 'x-own': 'kept' });
    expect(load.look(1, 0)).to.include({ others: 12, latency: 6_400 });
    expect(load.hasReported(2)).to.equal(false);
  });

  it('may have further parameters', async () => {
    const { call, load, observed } = setUp(two, () => responding('3;us=64;cpu=0.5'));
    await call('orders').get('/x');
    expect(load.look(1, 0).others).to.equal(3);
    expect(observed.join()).to.not.include('rejected');
  });

  for (const text of [
    '',
    '-1;us=5',
    '3',
    '3;us=',
    '3;us=-1',
    '1e3;us=5',
    '9999999999;us=1',
    'x'.repeat(9_000),
  ]) {
    it(`is ignored and counted when it is ${text.slice(0, 20) || 'empty'}`, async () => {
      const { call, load, observed } = setUp(two, () => responding(text));
      expect((await call('orders').get('/x')).status).to.equal(200);
      expect(load.hasReported(1)).to.equal(false);
      expect(observed).to.include('rejected orders');
    });
  }

  it('rides on a failure as well', async () => {
    const { call, load } = setUp(two, ({ slot }) =>
      slot === 1 ? receive(503, { [FIELD]: '40;us=900' }, '') : jsonResponse(200),
    );
    await call('orders').get('/x');
    expect(load.look(1, 0).others).to.equal(40);
  });

  it('counts failures of the instance, and none for what it protects itself from', async () => {
    for (const [status, isFailing] of [
      [500, true],
      [503, true],
      [429, false],
      [404, false],
    ] as const) {
      const { call, load } = setUp(two.slice(0, 1), () => new BufferedResponse(status, {}, ''));
      for (let n = 0; n < 3; n++) await call('orders').get('/x', { retries: 0 });
      expect(load.look(1, 0).isFailing, String(status)).to.equal(isFailing);
    }
  });
});
