// A mounted application in a process, which runs the bundle: over its sockets.
import { expect } from 'chai';
import { get } from '#test/support/client.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { Wire } from '#test/support/wire.js';
import { MOUNTED } from './fixtures/paths.js';

describe('a mounted application in a process', () => {
  const cluster = useCluster({ config: MOUNTED, env: { WORKERS: '1' } });
  const post = (path: string, body: string, headers: Record<string, string> = {}) =>
    fetch(`${cluster.url}${path}`, { method: 'POST', body, headers });

  it('gets a clone of the request with the fields as a middleware has left them', async () => {
    const response = await post('/guarded', 'body', { 'x-user-id': 'admin' });
    expect(await response.text()).to.equal('null body');
  });

  it('gets methods that no other route has', async () => {
    const response = await fetch(`${cluster.url}/any`, { method: 'PROPFIND' });
    expect(await response.text()).to.equal('PROPFIND');
    const text = await (await get(`${cluster.adminUrl}/metrics`)).text();
    expect(text).to.match(/http_request_method="_OTHER"[^\n]*http_route="\/\*"/);
  });

  it('streams both ways: each piece is sent on before the next one has come', async () => {
    const pieces = new TransformStream<Uint8Array, Uint8Array>();
    const writer = pieces.writable.getWriter();
    const options = { method: 'POST', body: pieces.readable, duplex: 'half' } as RequestInit;
    const first = writer.write(Buffer.from('one'));
    const response = await fetch(`${cluster.url}/echo`, options);
    await first;
    const reader = response.body!.getReader();
    expect(String(Buffer.from((await reader.read()).value!))).to.equal('one');
    const second = writer.write(Buffer.from('two'));
    expect(String(Buffer.from((await reader.read()).value!))).to.equal('two');
    await second;
    await writer.close();
    expect((await reader.read()).done).to.equal(true);
  });

  it('reads to its end what it reads beside the response', async () => {
    const wire = await Wire.open(cluster.url);
    wire.write('POST /save HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\none');
    expect(String((await wire.response())?.body)).to.equal('ok');
    wire.write('two');
    const saved = async (): Promise<string> => (await get(`${cluster.url}/saved`)).text();
    await until(saved, (text) => text === '["onetwo"]');
    wire.destroy();
  });
});
