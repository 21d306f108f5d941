import { expect } from 'chai';
import { get } from '#test/support/client.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { WebSocketClient } from '#test/support/websocket-client.js';
import { HAZARDS } from './fixtures/paths.js';

describe('a script of node:vm with a timeout, in code of a service', () => {
  const cluster = useCluster({ config: HAZARDS });

  it('may be interrupted in any call of the runtime: the worker runs all later callbacks', async () => {
    for (let sockets = 1; sockets <= 3; sockets++) {
      const client = await WebSocketClient.connect(`${cluster.url}/script`);
      client.send('go');
      expect(await client.next()).to.equal('done');
      client.destroy();
      const closed = await until(
        () => cluster.logs().filter(({ msg }) => msg === 'the socket of a script has closed'),
        (lines) => lines.length === sockets,
      );
      expect(closed).to.have.length(sockets);
    }
    expect((await get(`${cluster.url}/thread`)).status).to.equal(200);
  });
});
