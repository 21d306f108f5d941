import { getEventListeners } from 'node:events';
import { expect } from 'chai';
import { Deadline } from '#src/deadline.js';
import { HttpError } from '#src/errors.js';
import { InProcessTransport } from '#src/upstream/in-process-transport.js';
import type { Dispatch, Dispatched, OutgoingRequest } from '#src/upstream/transport.js';
import { endpoint } from './endpoints.js';

const rawResponse = (status: number, body: unknown = {}): Dispatched => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: Buffer.from(JSON.stringify(body)),
});

const request = (signal = new AbortController().signal): OutgoingRequest => ({
  method: 'GET',
  path: '/',
  headers: {},
  body: undefined,
  deadline: Deadline.after(1_000),
  signal,
});

describe('the in-process transport', () => {
  it('runs the request in the service of the endpoint', async () => {
    const seen: unknown[] = [];
    const dispatch: Dispatch = async (service, { method, path }) => {
      seen.push([service, method, path]);
      return rawResponse(201, { id: 1 });
    };
    const response = await new InProcessTransport(dispatch).send(endpoint('i1'), request());
    expect(seen).to.deep.equal([['orders', 'GET', '/']]);
    expect(response.status).to.equal(201);
    expect(response.json()).to.deep.equal({ id: 1 });
  });

  it('makes new values of what the pipeline returns, so that callers share nothing with it', async () => {
    const headers = { 'content-type': 'application/json' };
    const transport = new InProcessTransport(async () => ({ ...rawResponse(200, { list: [1] }), headers }));
    const [first, second] = [
      await transport.send(endpoint('i1'), request()),
      await transport.send(endpoint('i1'), request()),
    ];
    first.json<{ list: number[] }>().list.push(2);
    first.bytes().fill(0);
    (first.headers as Record<string, string>)['content-type'] = 'changed';
    for (const response of [first, second]) expect(response.json()).to.deep.equal({ list: [1] });
    expect(second.headers['content-type']).to.equal('application/json');
    expect(headers['content-type']).to.equal('application/json');
  });

  it('leaves no listener at the signal when the call has ended, in whatever way', async () => {
    const { signal } = new AbortController();
    const well = new InProcessTransport(async () => rawResponse(200));
    await well.send(endpoint('i1'), request(signal));
    const broken = new InProcessTransport(() => Promise.reject(new Error('bug')));
    await broken.send(endpoint('i1'), request(signal)).catch(() => undefined);
    expect(getEventListeners(signal, 'abort')).to.deep.equal([]);
  });

  it('rejects with BAD_UPSTREAM when the pipeline itself fails, and passes typed errors on', async () => {
    const failing = (error: unknown) =>
      new InProcessTransport(() => Promise.reject(error))
        .send(endpoint('i1'), request())
        .catch((reason: unknown) => reason);
    expect(await failing(new RangeError('bug'))).to.include({ code: 'BAD_UPSTREAM' });
    const draining = new HttpError('DRAINING', '');
    expect(await failing(draining)).to.equal(draining);
  });
});
