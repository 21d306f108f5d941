import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect } from 'chai';
import type { AdminRequest, AdminRoute } from '#src/admin/admin-route.js';
import { StartError } from '#src/errors.js';
import { get } from '#test/support/client.js';
import { Wire } from '#test/support/wire.js';
import { closePlanes, plane } from './admin-fixture.js';

describe('the server of the admin plane from start to close', () => {
  afterEach(closePlanes);

  it('names the address when the port is taken', async () => {
    const squatter = createServer();
    squatter.listen(0, '127.0.0.1');
    await once(squatter, 'listening');
    const { port } = squatter.address() as { port: number };
    const error = await plane([], { port }).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(StartError);
    expect((error as Error).message).to.contain(`127.0.0.1:${port} is already in use`);
    squatter.close();
    const elsewhere = await plane([], { host: '203.0.113.7' }).catch((reason: unknown) => reason);
    expect((elsewhere as Error).message).to.contain('203.0.113.7:0 is no address of this host');
  });

  it('answers running requests when it closes, and refuses new ones', async () => {
    let release: (() => void) | undefined;
    const started = new Promise<void>((begun) => {
      release = begun;
    });
    let finish: (() => void) | undefined;
    const slow: AdminRoute = {
      method: 'GET',
      path: '/slow',
      handler: async () => {
        release?.();
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
        return { status: 200, json: 'done' };
      },
    };
    const { url, close } = await plane([slow]);
    const answer = get(`${url}/slow`);
    await started;
    const closed = close();
    finish?.();
    expect(await (await answer).json()).to.equal('done');
    await closed;
    expect(await get(`${url}/slow`).catch(() => 'refused')).to.equal('refused');
    await close();
  });

  it('cuts requests that do not end when it closes', async () => {
    let arrived: (request: AdminRequest) => void = () => {};
    const request = new Promise<AdminRequest>((resolve) => {
      arrived = resolve;
    });
    const hanging: AdminRoute = {
      method: 'POST',
      path: '/hang',
      handler: (given) => {
        arrived(given);
        return new Promise(() => {});
      },
    };
    const { url, close } = await plane([hanging], { limits: { closeMs: 50 } });
    const wire = await Wire.open(url);
    wire.write('POST /hang HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n');
    const { signal } = await request;
    const aborted = once(signal, 'abort');
    await close();
    await wire.closed();
    await aborted;
  });
});
