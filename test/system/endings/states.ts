// States in which a process may get a signal to end. Each state is entered in a real process, and the test
// waits until it is entered.
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { childrenOf } from '#src/process/proc.js';
import { type Launched, launchCluster } from '#test/support/cluster.js';
import { until } from '#test/support/until.js';
import { Wire } from '#test/support/wire.js';
import { ENDING } from '../fixtures/paths.js';

export interface Entering {
  readonly cluster: Launched;
  readonly url: string;
  readonly adminUrl: string;
  /** Registers a function that undoes changes to the machine as soon as the process has ended. */
  readonly after: (undo: () => unknown) => void;
}

export interface State {
  readonly name: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Program and arguments through which Node.js is started. */
  readonly within?: readonly string[];
  /** Runs before the process is started; `after` registers clean-up for the end of the test. */
  prepare?(dataDir: string, after: Entering['after']): Promise<Readonly<Record<string, string>> | undefined>;
  /** Enters the state when the process runs or, unless `whileStarting`, when it is ready. */
  enter(entering: Entering): Promise<void>;
  /** Whether the process gets its signal before it is ready. */
  readonly whileStarting?: true;
  /** Whether the process cannot end at once, so that the test can check that it is not ready. */
  readonly drains?: true;
  /** Whether the end may be by a signal: Node.js before 22.15 cannot end with a code in this state. */
  readonly mayEndBySignal?: true;
  /** The reason why this machine cannot enter the state; undefined when it can. */
  readonly missing?: () => string | undefined;
}

const begun = async (what: string, isSo: () => unknown): Promise<void> => {
  if (!(await until(isSo, Boolean))) throw new Error(`not entered: ${what}`);
};

/** Sends a request that does not end; the file that its handler makes shows that it has begun. */
async function request({ url, cluster }: Entering, path: string): Promise<Wire> {
  const file = join(cluster.dataDir, `begun${path.replaceAll('/', '-')}`);
  const wire = await Wire.open(url);
  wire.write(`GET ${path}?file=${encodeURIComponent(file)} HTTP/1.1\r\nHost: test\r\n\r\n`);
  await begun(path, () => existsSync(file));
  return wire;
}

const inRequest =
  (path: string) =>
  async (entering: Entering): Promise<void> =>
    void (await request(entering, path));

const logged = (cluster: Launched, text: string): boolean =>
  cluster.stdout.some((line) => line.includes(text));

const postmaster = (dataDir: string): number =>
  Number(readFileSync(join(dataDir, 'pg/data/postmaster.pid'), 'utf8').split('\n')[0]);

function run(program: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`);
}

/** The process has made a folder in its place meanwhile, for its flight record. */
function renameBack(dataDir: string): void {
  rmSync(dataDir, { recursive: true, force: true });
  renameSync(`${dataDir}-renamed`, dataDir);
}

const asRoot = (): string | undefined => (process.getuid?.() === 0 ? undefined : 'needs root');

const NAME_SERVER = '127.53.0.1';
/** Gives the process a resolv.conf of its own. */
const OWN_NAME_SERVER = `mount --make-rprivate / &&
  printf 'nameserver ${NAME_SERVER}\\noptions timeout:30 attempts:5\\n' > "$DATA_DIR/resolv.conf" &&
  mount --bind "$DATA_DIR/resolv.conf" /etc/resolv.conf && exec "$@"`;

/** A start that waits for a name server that never responds. Entered when the server has got the query. */
function withoutNames(env: Readonly<Record<string, string>>): Omit<State, 'name'> {
  let isAsked = false;
  return {
    env,
    whileStarting: true,
    mayEndBySignal: true,
    within: ['unshare', '-m', 'sh', '-c', OWN_NAME_SERVER, 'sh'],
    prepare: async (_dataDir, after) => {
      isAsked = false;
      const hole = createSocket('udp4', () => {
        isAsked = true;
      });
      await new Promise<void>((resolve) => hole.bind(53, NAME_SERVER, resolve));
      after(() => hole.close());
      return undefined;
    },
    enter: () => begun('a lookup', () => isAsked),
    missing: asRoot,
  };
}

export const STATES: readonly State[] = [
  { name: 'doing nothing', enter: async () => undefined },
  { name: 'just started', whileStarting: true, mayEndBySignal: true, enter: async () => undefined },
  {
    name: 'making its database files',
    whileStarting: true,
    enter: ({ cluster }) => begun('initdb', () => existsSync(join(cluster.dataDir, 'pg/password'))),
  },
  {
    name: 'starting PostgreSQL',
    whileStarting: true,
    enter: ({ cluster }) =>
      begun('postmaster', () => existsSync(join(cluster.dataDir, 'pg/data/postmaster.pid'))),
  },
  {
    name: 'starting PostgreSQL, which is paused when it accepts connections',
    whileStarting: true,
    enter: async ({ cluster: { dataDir } }) => {
      await begun('accepting', () => existsSync(join(dataDir, 'pg/socket/.s.PGSQL.5432')));
      process.kill(postmaster(dataDir), 'SIGSTOP');
    },
  },
  {
    name: 'starting PostgreSQL again, which is paused when it accepts connections',
    enter: async ({ cluster: { dataDir } }) => {
      const first = postmaster(dataDir);
      process.kill(first, 'SIGKILL');
      const socket = join(dataDir, 'pg/socket/.s.PGSQL.5432.lock');
      const second = (): number => Number(existsSync(socket) && readFileSync(socket, 'utf8').split('\n')[0]);
      await begun('accepting again', () => second() > 0 && second() !== first);
      process.kill(second(), 'SIGSTOP');
    },
  },
  {
    name: 'starting workers',
    whileStarting: true,
    enter: ({ cluster }) => begun('a worker', () => logged(cluster, '"msg":"worker ready"')),
  },
  {
    name: 'behind the owner of another machine, whose heartbeat it watches',
    whileStarting: true,
    prepare: async (dataDir) => {
      const owner = { pid: 1, startTime: '1', bootId: 'another', pidNamespace: 'another', slot: null };
      writeFileSync(join(dataDir, 'owner-1.json'), JSON.stringify(owner));
      return undefined;
    },
    enter: ({ cluster }) => begun('watching', () => logged(cluster, 'watching its heartbeat')),
  },
  {
    name: 'replacing its workers',
    enter: async ({ adminUrl }) => {
      const response = await fetch(`${adminUrl}/workers/reload`, { method: 'POST' });
      if (response.status !== 202) throw new Error(`the response to a reload was ${response.status}`);
    },
  },
  {
    name: 'replacing a worker that has crashed',
    enter: async (entering) => void (await (await fetch(`${entering.url}/crash`)).text()),
  },
  { name: 'in a handler that waits', drains: true, enter: inRequest('/wait') },
  { name: 'in a handler that loops', env: { STALL_MS: '60000' }, enter: inRequest('/loop') },
  { name: 'in a handler in native code', enter: inRequest('/native') },
  { name: 'in a task that loops', enter: inRequest('/task/loop') },
  { name: 'in a task in native code', enter: inRequest('/task/native') },
  {
    name: 'with a thread in native code whose task has reached its deadline',
    env: { REQUEST_TIMEOUT_MS: '1000' },
    enter: async (entering) => {
      const response = await (await request(entering, '/task/native')).response();
      if (response?.status !== 504) throw new Error(`the response to the task was ${response?.status}`);
    },
  },
  { name: 'in a handler that reads a file that hangs', mayEndBySignal: true, enter: inRequest('/files/1') },
  {
    name: 'in handlers whose files hold all pool threads of the process',
    drains: true,
    mayEndBySignal: true,
    enter: inRequest('/files/8'),
  },
  {
    name: 'with all pool threads held while it looks for a successor',
    env: { pm_id: '5' },
    drains: true,
    mayEndBySignal: true,
    enter: inRequest('/files/8'),
  },
  {
    name: 'in a handler that hashes hundreds of passwords',
    drains: true,
    mayEndBySignal: true,
    enter: inRequest('/hash'),
  },
  {
    name: 'in handlers whose listeners of ctx.signal throw',
    enter: async (entering) => {
      for (let n = 0; n < 20; n += 1) await request(entering, '/throwing');
    },
  },
  { name: 'in a transaction', enter: inRequest('/query') },
  { name: 'in a step of a saga', enter: inRequest('/saga') },
  {
    name: 'streaming to a client that does not read',
    enter: async (entering) => (await request(entering, '/stream')).pause(),
  },
  {
    name: 'with 300 open connections',
    enter: async ({ url }) => void (await Promise.all(Array.from({ length: 300 }, () => Wire.open(url)))),
  },
  {
    name: 'in a CPU profile of a worker',
    enter: async ({ adminUrl }) => {
      const wire = await Wire.open(adminUrl);
      wire.write('GET /workers/1/profile?seconds=30 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
      void wire.closed();
    },
  },
  {
    name: 'exporting to a collector that never responds',
    prepare: async (_dataDir, after) => {
      const hole = createServer(() => undefined).listen(0, '127.0.0.1');
      await new Promise((resolve) => hole.once('listening', resolve));
      after(() => hole.close());
      const { port } = hole.address() as { port: number };
      return { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`, OTEL_TRACES_SAMPLER: 'always_on' };
    },
    enter: async ({ url }) => {
      for (let n = 0; n < 20; n += 1) await (await fetch(`${url}/here`)).text();
    },
  },
  {
    name: 'with PostgreSQL paused',
    enter: async ({ cluster }) => void process.kill(postmaster(cluster.dataDir), 'SIGSTOP'),
  },
  {
    name: 'with PostgreSQL and all of its children paused',
    enter: async ({ cluster }) => {
      const pid = postmaster(cluster.dataDir);
      for (const one of [pid, ...childrenOf(pid)]) process.kill(one, 'SIGSTOP');
    },
  },
  {
    name: 'with PostgreSQL killed a moment ago',
    enter: async ({ cluster }) => {
      process.kill(postmaster(cluster.dataDir), 'SIGKILL');
      await begun('a restart', () => logged(cluster, ') has ended ('));
    },
  },
  {
    name: 'with its folder renamed',
    env: { pm_id: '5' }, // with a slot of pm2 the process looks for a successor
    enter: async ({ cluster: { dataDir }, after }) => {
      renameSync(dataDir, `${dataDir}-renamed`);
      after(() => renameBack(dataDir));
    },
  },
  {
    name: 'with a PostgreSQL that it has adopted, whose folder is renamed',
    prepare: async (dataDir) => {
      const before = launchCluster({ dataDir, config: ENDING });
      await before.ready();
      before.signal('SIGKILL');
      await before.exited;
      return undefined;
    },
    enter: async ({ cluster: { dataDir }, after }) => {
      renameSync(dataDir, `${dataDir}-renamed`);
      after(() => renameBack(dataDir));
      await sleep(200); // an adopted PostgreSQL is checked every 50 ms
    },
  },
  {
    name: 'with its owner files removed',
    enter: async ({ cluster: { dataDir } }) => {
      for (const name of readdirSync(dataDir).filter((one) => one.startsWith('owner-')))
        rmSync(join(dataDir, name));
    },
  },
  {
    name: 'without file descriptors',
    env: { pm_id: '5' },
    enter: async ({ cluster }) => {
      const open = readdirSync(`/proc/${cluster.pid}/fd`).length;
      run('prlimit', '--pid', String(cluster.pid), `--nofile=${open}:${open}`);
    },
    missing: () =>
      spawnSync('prlimit', ['--version']).status === 0 ? undefined : 'needs prlimit (util-linux)',
  },
  {
    name: 'with a full disk',
    prepare: async (dataDir, after) => {
      run('mount', '-t', 'tmpfs', '-o', 'size=200m,mode=0711', 'multilane-test', dataDir);
      after(() => run('umount', '-l', dataDir));
      return undefined;
    },
    enter: async ({ cluster: { dataDir }, after }) => {
      const file = join(dataDir, 'filling');
      spawnSync('dd', ['if=/dev/zero', `of=${file}`, 'bs=64k']);
      if (statfsSync(dataDir).bavail > 0) throw new Error('not entered: the disk is not full');
      after(() => rmSync(file, { force: true }));
    },
    missing: asRoot,
  },
  {
    name: 'with a successor that takes over',
    env: { pm_id: '5' },
    enter: async ({ cluster: { dataDir }, after }) => {
      const successor = launchCluster({ dataDir, config: ENDING, env: { pm_id: '5', DRAIN_MS: '500' } });
      after(() => successor.stop().catch(() => successor.signal('SIGKILL')));
      await begun('a take-over', () => readdirSync(dataDir).includes('owner-2.json'));
    },
  },
  {
    name: 'resolving HOST by a name server that hangs',
    ...withoutNames({ HOST: 'slow.example.com' }),
  },
  {
    name: 'resolving ADMIN_HOST by a name server that hangs',
    ...withoutNames({ ADMIN_HOST: 'slow.example.com', ADMIN_TOKEN: 'x'.repeat(40) }),
  },
];
