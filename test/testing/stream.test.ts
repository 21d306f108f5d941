import { expect } from 'chai';
import { createTestApp, type TestApp } from '#src/testing.js';
import { demo } from './fixtures/demo.js';

describe('a streamed response of a test app', () => {
  let app: TestApp;
  before(async () => {
    app = await createTestApp({ services: [demo] });
  });
  after(() => app.close());

  it('is complete when inject resolves', async () => {
    const response = await app.inject('/events');
    expect(response.headers).to.include({ 'content-type': 'text/event-stream' });
    expect(response.text()).to.equal(':\n\nevent: tick\ndata: {"n":1}\n\nevent: tick\ndata: {"n":2}\n\n');
  });

  it('can be read as it arrives, by a client that disconnects', async () => {
    const { status, headers, body } = await app.stream('/endless');
    expect(status).to.equal(200);
    expect(headers).to.include({ 'content-type': 'text/event-stream' });
    let text = '';
    for await (const chunk of body) {
      text += String(chunk);
      if (text.includes('id: 1000\n')) break;
    }
    expect(text).to.match(/^:\n\nid: 1\ndata: 1\n\nid: 2\ndata: 2\n\n/);
    while (!app.logs.some(({ msg }) => msg === 'the client has disconnected'))
      await new Promise(setImmediate);
  });

  it('waits for its reader', async () => {
    const { body } = await app.stream('/endless');
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
    expect(body.readableLength).to.be.lessThan(2 * body.readableHighWaterMark);
    body.destroy();
  });

  it('ends also for a response that is no stream', async () => {
    const { status, body } = await app.stream('/hello/ada');
    expect([status, String(await body.toArray())]).to.deep.equal([200, '{"hello":"ada","q":[]}']);
  });

  it('ends when the signal aborts, with its reason', async () => {
    const leaving = new AbortController();
    const { body } = await app.stream({ path: '/endless', signal: leaving.signal });
    const read = body.toArray().then(
      () => undefined,
      (error: unknown) => error,
    );
    const reason = new Error('enough');
    leaving.abort(reason);
    expect(await read).to.equal(reason);
    const late = app.inject({ path: '/hello/ada', signal: leaving.signal });
    expect(await late.catch((error: unknown) => error)).to.equal(reason);
  });
});
