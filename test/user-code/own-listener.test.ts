// A configuration whose modules take an address by themselves while they are loaded, as an application that
// was written for a process of its own.

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { sharesPort } from '#src/cluster/shares-port.js';

const MODULE = import.meta.resolve('#src/user-code/module.js');

/** The first six lines: a port that is free, one that the kernel has chosen, and one that is not. */
const PORTS = `import { createServer } from 'node:net'; import { createSocket } from 'node:dgram';
import { once } from 'node:events'; import * as rpc from '@grpc/grpc-js'; import * as eager from 'eager';
const probe = createServer().listen(0);
await once(probe, 'listening'); const { port } = probe.address();
await once(probe.close(), 'close');
const taken = Number(process.env.TAKEN);
`;

/** A package that listens in a callback of its own, as those of gRPC and of Fastify do. */
const EAGER = `import { createServer } from 'node:net';
export const listenOn = (...address) => void process.nextTick(() => createServer().listen(...address));
`;

const LISTENS = 'it listens on port \\d+ by itself, which the next thread that loads it cannot do';
const REMOVE = 'Remove the call of `listen`: the process listens by itself';
const OWN_PROCESS = 'what needs an address of its own needs a process of its own';
const FAILS = 'it cannot listen on port \\d+ by itself: listen EADDRINUSE';

describe('a module that listens while it is loaded', () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'multilane-')));
  const other = createServer();
  before(async () => {
    await once(other.listen(0), 'listening');
    for (const name of ['eager', '@grpc/grpc-js']) {
      const path = join(folder, 'node_modules', name);
      mkdirSync(path, { recursive: true });
      const manifest = { name, type: 'module', exports: './index.js' };
      writeFileSync(join(path, 'package.json'), JSON.stringify(manifest));
      writeFileSync(join(path, 'index.js'), EAGER);
    }
  });
  after(() => {
    other.close();
    rmSync(folder, { recursive: true });
  });

  /** @returns the exit code and the message of the error, or `loaded` */
  const loading = (text: string): string => {
    writeFileSync(join(folder, 'app.mjs'), PORTS + text);
    writeFileSync(join(folder, 'multilane.config.mjs'), "import './app.mjs';\nexport default {};\n");
    const path = JSON.stringify(join(folder, 'multilane.config.mjs'));
    const load = `
      const { importConfigModule } = await import(${JSON.stringify(MODULE)});
      console.log(await importConfigModule(${path}).then(() => 'loaded', (error) => error.exitCode + ' ' + error.message));
      process.exit();`;
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ['--conditions=multilane-unbundled', '--input-type=module', '-e', load],
      {
        cwd: folder,
        encoding: 'utf8',
        env: { ...process.env, TAKEN: String((other.address() as AddressInfo).port) },
      },
    );
    return stdout.trim() || stderr;
  };

  for (const [what, call, place, message = LISTENS, next = REMOVE] of [
    ['a fixed port', 'createServer().listen(port);', ':7:16'],
    [
      'a fixed port of a host',
      "await once(createServer().listen({ port, host: '127.0.0.1' }), 'listening');",
      ':7:27',
    ],
    ['a fixed port that is a string', 'createServer().listen(String(port), () => {});', ':7:16'],
    ['a fixed port soon after', 'setImmediate(() => createServer().listen(port));', ':7:35'],
    ['a fixed port that is taken', 'createServer().listen(taken);', ':7:16', FAILS],
    [
      'a fixed port that is taken, where its failure fails the load',
      "await once(createServer().listen(taken), 'listening');",
      ':7:27',
      FAILS,
    ],
    [
      'a fixed port that is taken, where nothing handles the rejection',
      "once(createServer().listen(taken), 'listening');",
      ':7:21',
      FAILS,
    ],
    [
      'a socket of the file system',
      "createServer().listen('./a.sock');",
      ':7:16',
      'it listens on the socket ./a.sock by itself',
      OWN_PROCESS,
    ],
    [
      'an abstract socket',
      "createServer().listen({ path: '\\0multilane' });",
      ':7:16',
      'it listens on the socket @multilane by itself',
      OWN_PROCESS,
    ],
    [
      'a UDP port',
      "createSocket('udp4').bind(port);",
      ':7:22',
      'it listens on UDP port \\d+ by itself',
      OWN_PROCESS,
    ],
    [
      'a UDP port of an object',
      "createSocket('udp4').bind({ port, address: '127.0.0.1' });",
      ':7:22',
      'it listens on UDP port \\d+ by itself',
      OWN_PROCESS,
    ],
  ] as const)
    it(`is refused with its line and the next step: ${what}`, () => {
      const refused = loading(call);
      expect(refused).to.match(new RegExp(`^78 app\\.mjs${place}: ${message}`));
      expect(refused).to.include(next);
      expect(existsSync(join(folder, 'a.sock'))).to.equal(false);
    });

  for (const [name, call, next] of [
    ['eager', 'eager.listenOn(port);', 'Mount its application by `mountNode`'],
    ['@grpc/grpc-js', 'rpc.listenOn(port);', 'Declare its methods as `grpc` of a service'],
    ['eager', "eager.listenOn('./a.sock');", OWN_PROCESS],
  ] as const)
    it(`is refused with the package where no line of the project is on the stack: ${call}`, () => {
      const refused = loading(call);
      expect(refused).to.match(new RegExp(`^78 multilane\\.config\\.mjs: the package ${name} listens on `));
      expect(refused).to.include(next);
    });

  it('is refused with node:cluster where that listens for a child process', () => {
    writeFileSync(join(folder, 'child.cjs'), "require('node:net').createServer().listen(+process.argv[2]);");
    const refused = loading(`const { default: cluster } = await import('node:cluster');
      cluster.setupPrimary({ exec: './child.cjs', args: [port], execArgv: [] });
      await once(cluster.fork(), 'listening');`);
    expect(refused).to.match(/^78 multilane\.config\.mjs: node:cluster listens on port \d+ by itself/);
    expect(refused).to.include('Remove the calls of `fork`');
  });

  for (const [what, call] of [
    ['a port that the kernel chooses', 'createServer().listen(0);'],
    [
      'a port that is closed in its callback, as in a search for a free one',
      'const server = createServer().listen(port, () => server.close());',
    ],
    [
      'a server that is closed before the load has ended',
      `const server = createServer().listen(port);
      await once(server, 'listening');
      await new Promise((resolve) => setImmediate(resolve));
      await once(server.close(), 'close');`,
    ],
    ['a taken port where the module handles that', "await once(createServer().listen(taken), 'error');"],
    ['a UDP socket that only sends', "createSocket('udp4').send('a', port, '127.0.0.1');"],
    ['a UDP socket that is connected', "createSocket('udp4').connect(port, '127.0.0.1');"],
    ['a UDP port that the kernel chooses', "createSocket('udp4').bind();"],
    [
      'a UDP port that others may have as well',
      "createSocket({ type: 'udp4', reuseAddr: true }).bind(port);",
    ],
    [
      'a UDP socket that is closed again',
      "const socket = createSocket('udp4'); socket.bind(port, () => socket.close());",
    ],
  ] as const)
    it(`is loaded: ${what}`, () => {
      expect(loading(call)).to.equal('loaded');
    });

  it('is loaded with a port that several threads can have, where Node.js and the system can do that', async () => {
    const loaded = loading('createServer().listen({ port, reusePort: true });');
    if (await sharesPort()) expect(loaded).to.equal('loaded');
    else expect(loaded).to.match(new RegExp(`^78 app\\.mjs:7:16: ${LISTENS}`));
  });
});
