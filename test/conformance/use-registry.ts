// A registry that several processes share, for the tests of one suite: its server, and processes that end
// with each test.
import { needsEtcd } from '#test/support/etcd.js';
import { until } from '#test/support/until.js';
import { RegistryProcess } from './registry-process.js';
import { type RegistryServer, SERVERS } from './registry-servers.js';

export interface UsedRegistry {
  readonly server: RegistryServer;
  /** @param isThrough the process reaches the server through its proxy @default false */
  readonly join: (owner: string, port?: number, isThrough?: boolean) => RegistryProcess;
  /** Cuts off a process that has joined through the proxy. */
  readonly setOff: (process: RegistryProcess) => Promise<void>;
}

/** Starts the server before the tests, and empties it after each of them. */
export function useRegistry(name: keyof typeof SERVERS): UsedRegistry {
  let server: RegistryServer;
  const processes: RegistryProcess[] = [];
  before(async function () {
    if (name === 'etcd') needsEtcd(this);
    server = await SERVERS[name]();
  });
  afterEach(async () => {
    await server.proxy.listen();
    await Promise.all(processes.splice(0).map((process) => process.sync.close()));
    await server.clear();
  });
  after(() => server?.close());
  return {
    get server() {
      return server;
    },
    join(owner, port, isThrough = false) {
      const process = new RegistryProcess(owner, server.backend(owner, isThrough), port);
      processes.push(process);
      return process;
    },
    async setOff(process) {
      await server.proxy.refuse();
      await until(
        () => process.sync.isAvailable,
        (is) => !is,
      );
    },
  };
}
