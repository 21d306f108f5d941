// A server whose WebSockets are upgraded late, in a process of its own: what the core prints goes to its
// stderr. Its argument is the name of the core.
import { WebSocketClient } from '#test/support/websocket-client.js';
import { CORES } from './cores.js';
import { bench, settled } from './kit.js';

const SOCKETS = 50;

const world = bench((app) => {
  const echo = (ws: { send(data: string | Uint8Array): unknown }, data: string | Uint8Array): void =>
    void ws.send(data);
  app.ws('/upgrade', {
    async upgrade(ctx) {
      await settled();
      ctx.header('x-late', 'yes');
      return 'data';
    },
    message: echo,
  });
  app.group('/hook', (group) => {
    group.hook('preHandler', async () => {
      await settled();
    });
    group.ws('/', { message: echo });
  });
});
const core = CORES.find(({ name }) => name === process.argv[2])!;
const server = core.serverOf(world.app);
const url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
let heard = 0;
for (let n = 0; n < SOCKETS; n++) {
  const client = await WebSocketClient.connect(`${url}/${n % 2 === 0 ? 'upgrade' : 'hook'}`);
  client.send(`${n}`);
  if ((await client.next()) === `${n}`) heard++;
  client.destroy();
}
server.close();
process.stdout.write(`${heard} of ${SOCKETS}`);
