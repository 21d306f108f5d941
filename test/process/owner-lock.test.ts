import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { StartError } from '#src/errors.js';
import { acquireOwnerLock, type OwnerLock } from '#src/process/owner-lock.js';
import { childrenOf } from '#src/process/proc.js';
import { silentLog } from '#test/support/silent-log.js';
import { until } from '#test/support/until.js';
import { rejection } from '../db/fixtures/open.js';

type Child = ChildProcessByStdio<Writable, Readable, null>;

describe('the owner lock', () => {
  let folder: string;
  const children: Child[] = [];
  const locks: OwnerLock[] = [];
  let warnings: string[];
  const log = { warn: (...args: readonly unknown[]) => void warnings.push(String(args.at(-1))) };
  beforeEach(async () => {
    warnings = [];
    folder = await mkdtemp(join(tmpdir(), 'multilane-lock-'));
  });
  afterEach(async () => {
    await Promise.all(children.splice(0).map(end));
    // A lock that is held goes on making its files, and would warn in a later test that the folder is gone.
    await Promise.allSettled(locks.splice(0).map((lock) => lock.release()));
    await rm(folder, { recursive: true });
  });

  /** Acquires the lock; an owner without a sign of life is watched for a tenth of a second. */
  const acquire = async (slot: string | null = null): Promise<OwnerLock> => {
    const lock = await acquireOwnerLock({ folder, slot, log, watchMs: 100, beatEveryMs: 20 });
    locks.push(lock);
    return lock;
  };
  const contend = async (
    slot?: string,
    before: readonly string[] = [],
  ): Promise<{ readonly child: Child; readonly output: string }> => {
    const script = fileURLToPath(new URL('./fixtures/lock-contender.js', import.meta.url));
    const [program, ...args] = [...before, process.execPath, script, folder];
    const named = slot === undefined ? [] : [slot];
    const child = spawn(program!, [...args, ...named], { stdio: ['pipe', 'pipe', 'inherit'] });
    children.push(child);
    const [output] = (await once(child.stdout, 'data')) as [Buffer];
    return { child, output: output.toString().trim() };
  };
  const end = async (child: Child): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };

  it('is refused while another process holds it, with the pid and the folder', async () => {
    const { child, output } = await contend();
    expect(output).to.equal('owner 1');
    const error = await rejection(acquire());
    expect(error).to.be.instanceOf(StartError);
    expect(error.message).to.equal(
      `another multilane (pid ${child.pid}) owns DATA_DIR ${folder}; stop it, or set DATA_DIR to another folder`,
    );
  });

  it('is free again at once when its owner was killed', async () => {
    const { child } = await contend();
    await end(child);
    expect((await acquire()).owner.generation).to.equal(2);
  });

  it('is free again when its owner has released it, and the generations go on', async () => {
    for (let generation = 1; generation <= 3; generation++) {
      const lock = await acquire();
      expect(lock.owner.generation).to.equal(generation);
      await lock.release();
    }
    expect(await readdir(folder)).to.deep.equal(['owner-3.json', 'owner-3.released']);
  });

  it('is refused to a second start in the same process', async () => {
    await acquire();
    expect(await rejection(acquire())).to.be.instanceOf(StartError);
  });

  it('is acquired by exactly one of several processes that start at once, whether a stale lock is there or none', async () => {
    for (let round = 0; round < 2; round++) {
      const contenders = await Promise.all(Array.from({ length: 4 }, () => contend()));
      const owners = contenders.filter(({ output }) => output.startsWith('owner'));
      expect(owners.map(({ output }) => output)).to.have.length(1);
      await Promise.all(contenders.map(({ child }) => end(child)));
    }
  });

  const record = async (changes: object): Promise<void> => {
    const lock = await acquire();
    await lock.release();
    const entry = join(folder, `owner-${lock.owner.generation}`);
    await rm(`${entry}.released`);
    await writeFile(`${entry}.json`, JSON.stringify({ ...lock.owner, ...changes }));
  };
  /** A heartbeat as of a process on another machine. */
  const beating = (): NodeJS.Timeout => {
    let beats = 0;
    return setInterval(() => writeFileSync(join(folder, 'owner-1.beat'), String(beats++)), 20);
  };

  it('is free when a process that started later has the pid', async () => {
    await record({ startTime: '1' });
    await acquire();
  });

  for (const [where, changes] of [
    ['before a reboot, even if pid and start time agree', { bootId: 'another boot' }],
    ['in another container', { pidNamespace: 'another container' }],
    ['at an unknown place, since it cannot be read', { pid: null }],
  ] as const) {
    it(`is free when its owner lived ${where} and gives no sign of life for some time`, async () => {
      await record(changes);
      await acquire();
      expect(warnings).to.have.length(2);
      expect(warnings.join()).to.include(folder).and.include('taking over').and.not.include('pid 0');
    });

    it(`is held when its owner lived ${where} and its heartbeat goes on`, async () => {
      await record(changes);
      const timer = beating();
      const error = await rejection(acquire()).finally(() => clearInterval(timer));
      expect(error).to.be.instanceOf(StartError);
      expect(error.message).to.include(`owns DATA_DIR ${folder}`);
    });
  }

  it('is held as long as pid, start time, boot and namespace match', async () => {
    await record({});
    expect(await rejection(acquire())).to.be.instanceOf(StartError);
  });

  for (const text of ['', 'null', '[]', '{}', '"owner"', '{"pid":"1"}', '\0'.repeat(64)]) {
    it(`is free if the entry has the text ${JSON.stringify(text)} and no process listens at its socket`, async () => {
      await writeFile(join(folder, 'owner-7.json'), text);
      const lock = await acquire();
      expect(lock.owner.generation).to.equal(8);
      await writeFile(join(folder, 'owner-8.json'), text);
      expect((await rejection(acquire())).message)
        .to.include('owner-8.json')
        .and.include(folder);
    });
  }

  for (const [what, args] of [
    ['a FIFO', ['mkfifo']],
    ['a folder', ['mkdir']],
    ['a device', ['ln', '-s', '/dev/zero']],
  ] as const) {
    it(`is refused with the path when ${what} is in the place of an entry`, async () => {
      const entry = join(folder, 'owner-1.json');
      spawnSync(args[0], [...args.slice(1), entry]);
      const error = await rejection(acquire());
      expect(error).to.be.instanceOf(StartError);
      expect(error.message).to.include(entry).and.include('not a regular file');
    });
  }

  it('does not wait for a FIFO in the place of a heartbeat', async () => {
    await record({ bootId: 'another boot' });
    for (const generation of [1, 2]) spawnSync('mkfifo', [join(folder, `owner-${generation}.beat`)]);
    expect((await acquire()).owner.generation).to.equal(2);
    expect(warnings.join()).to.include('has no heartbeat');
  });

  it('is refused at once across PID namespaces, also when the path is too long for a socket', async function () {
    const container = ['unshare', '-p', '-i', '-f', '--kill-child', '--mount-proc'];
    if (spawnSync(container[0]!, [...container.slice(1), 'true']).status !== 0) this.skip();
    for (const depth of [0, 3]) {
      folder = join(folder, ...Array<string>(depth).fill('x'.repeat(60)));
      await mkdir(folder, { recursive: true });
      const elder = await contend('3', container);
      expect(elder.output).to.equal('owner 1');
      for (const [slot, before] of [
        ['3', []],
        ['3', container],
        [undefined, container],
      ] as const) {
        const { output } = await contend(slot, before);
        expect(output).to.match(
          /^refused another multilane \(pid 1 in another container or on another machine\)/,
        );
      }
      const [inside] = childrenOf(elder.child.pid!);
      process.kill(inside!, 'SIGSTOP');
      expect((await rejection(acquire())).message).to.include('another container');
      const exited = once(elder.child, 'exit');
      process.kill(inside!, 'SIGKILL');
      await exited;
      expect((await acquire()).owner.generation).to.equal(2);
      expect(warnings, 'no process listens at its socket').to.deep.equal([]);
    }
  });

  it('is held by an owner whose entry was removed, because its socket accepts connections', async () => {
    await acquire();
    await rm(join(folder, 'owner-1.json'));
    expect((await rejection(acquire())).message)
      .to.include('owner-1.json')
      .and.include(folder);
  });

  it('makes its files again when they are removed', async () => {
    const lock = await acquire();
    lock.onOwnershipLost(() => expect.fail('it still owns it'));
    for (const kind of ['json', 'sock', 'beat']) {
      const file = join(folder, `owner-1.${kind}`);
      await rm(file);
      await until(
        () => existsSync(file),
        (isThere) => isThere,
      );
      expect(existsSync(file), kind).to.equal(true);
    }
    expect(await rejection(acquire())).to.be.instanceOf(StartError);
  });

  /** A socket in the folder on which this process listens, until it is closed. */
  const listening = async (...path: string[]): Promise<Server> => {
    const server = createServer((connection) => connection.destroy()).listen(join(folder, 'aside.sock'));
    await once(server, 'listening');
    await mkdir(join(folder, ...path.slice(0, -1)), { recursive: true });
    await rename(join(folder, 'aside.sock'), join(folder, ...path));
    return server;
  };
  const close = (server: Server): Promise<unknown> => new Promise((resolve) => server.close(resolve));

  for (const socket of ['refuses', 'is missing']) {
    it(`is held for a dead owner in another container if its PostgreSQL lives (its socket ${socket})`, async () => {
      const { child } = await contend();
      await end(child);
      const entry = join(folder, 'owner-1.json');
      const text = await readFile(entry, 'utf8');
      const postgres = await listening('pg', 'alive.sock');
      if (socket === 'is missing') await rm(join(folder, 'owner-1.sock'));
      for (const elsewhere of [{ pidNamespace: 'another container' }, { bootId: 'another boot' }]) {
        await writeFile(entry, JSON.stringify({ ...JSON.parse(text), ...elsewhere }));
        expect((await rejection(acquire())).message)
          .to.include(`PostgreSQL still runs on DATA_DIR ${folder}`)
          .and.include(`pid ${child.pid} in another container`);
      }
      expect(warnings, 'at once').to.deep.equal([]);
      await writeFile(entry, text);
      const lock = await acquire();
      expect(warnings, 'the PostgreSQL of this container is used').to.deep.equal([]);
      // The PostgreSQL that lives is its own from now on, whatever entries of others appear.
      let reason: string | undefined;
      lock.onOwnershipLost((why) => (reason = why));
      const { pid } = child;
      const dead = { ...lock.owner, pid, pidNamespace: 'another container', generation: 9 };
      await writeFile(join(folder, 'owner-9.json'), JSON.stringify(dead));
      await rm(join(folder, 'owner-2.json'));
      await until(
        () => reason ?? existsSync(join(folder, 'owner-2.json')),
        (isSettled) => isSettled !== false,
      );
      expect(reason).to.equal(undefined);
      await lock.release();
      await close(postgres);
    });
  }

  it('is refused when it cannot be known whether its owner or a PostgreSQL lives', async () => {
    await record({ pidNamespace: 'another container' });
    await mkdir(join(folder, 'pg'));
    for (const name of ['owner-1.sock', 'owner-1.beat', 'pg/alive.sock']) {
      await symlink(name.split('/').at(-1)!, join(folder, name)); // ELOOP
      const error = await rejection(acquire());
      expect(error).to.be.instanceOf(StartError);
      expect(error.message).to.include(join(folder, name)).and.include('ELOOP');
      await rm(join(folder, name));
    }
    expect((await readdir(folder)).filter((name) => name.startsWith('owner-'))).to.deep.equal([
      'owner-1.json',
    ]);
  });

  it('is free in a copy of a folder whose owner lives', async () => {
    await acquire();
    const copy = `${folder}-copy`;
    spawnSync('cp', ['-a', folder, copy]);
    const lock = await acquireOwnerLock({ folder: copy, log, watchMs: 100 });
    expect(lock.owner.generation).to.equal(2);
    await lock.release();
    await rm(copy, { recursive: true });
  });

  it('names the file to remove when a folder and its copy on another disk look alike', async () => {
    const lock = await acquire();
    const copy = `${folder}-copy`;
    await mkdir(copy);
    await writeFile(join(copy, 'owner-1.json'), JSON.stringify({ ...lock.owner, device: 'another' }));
    const error = await rejection(acquireOwnerLock({ folder: copy, log, watchMs: 100 }));
    expect(error.message).to.match(/copy of the folder that it uses, remove owner-1\.json/);
    await rm(join(copy, 'owner-1.json'));
    await (await acquireOwnerLock({ folder: copy, log, watchMs: 100 })).release();
    await rm(copy, { recursive: true });
  });

  it('is held although the socket refuses on another file system, if the heartbeat goes on', async () => {
    const { child } = await contend();
    const file = join(folder, 'owner-1.json');
    await end(child);
    const { pid, startTime, bootId, ...rest } = JSON.parse(await readFile(file, 'utf8')) as Record<
      string,
      unknown
    >;
    const elsewhere = { pid, startTime, bootId, ...rest, device: 'another', pidNamespace: 'another' };
    await writeFile(file, JSON.stringify(elsewhere));
    const timer = beating();
    expect(await rejection(acquire()).finally(() => clearInterval(timer))).to.be.instanceOf(StartError);
  });

  it('reports that another process has taken the folder over', async () => {
    const lock = await acquire();
    const reason = new Promise<string>((resolve) => lock.onOwnershipLost(resolve));
    // The new entry comes first: without it the next beat would make the missing one again.
    await writeFile(join(folder, 'owner-2.json'), JSON.stringify({ ...lock.owner, generation: 2 }));
    for (const kind of ['json', 'sock', 'beat']) await rm(join(folder, `owner-1.${kind}`));
    expect(await reason).to.include(`pid ${process.pid}`);
  });

  it('leaves no files when it is refused, and removes those that others have left', async () => {
    await writeFile(join(folder, '.owner-of-one-that-was-killed'), '');
    await acquire();
    expect((await readdir(folder)).filter((name) => name.startsWith('.'))).to.deep.equal([]);
    await rejection(acquire());
    expect(await readdir(folder)).to.have.length(3);
  });

  it('is shared with a successor in the same slot, which becomes the eldest when its predecessor is killed', async () => {
    const { child, output } = await contend('3');
    expect(output).to.equal('owner 1');
    for (const stranger of ['4', null]) {
      expect(await rejection(acquire(stranger))).to.be.instanceOf(StartError);
    }
    const successor = await acquire('3');
    expect(await successor.status()).to.equal('successor');
    expect((await contend('3')).output, 'two owners are a take-over that is under way').to.match(/^refused /);
    await end(child);
    expect(await successor.status()).to.equal('eldest');
    expect(await successor.leave()).to.equal(true);
  });

  it('is released by a predecessor that leaves, so that the successor is the last and stops the server', async () => {
    const elder = await acquire('3');
    const successor = await acquire('3');
    expect(await elder.leave()).to.equal(false);
    expect(await successor.status()).to.equal('behind-leaving-elder');
    await elder.release();
    expect(await successor.status()).to.equal('eldest');
    expect(await successor.leave()).to.equal(true);
    await successor.release();
    expect((await acquire()).owner.generation).to.equal(3);
    expect(await readdir(folder)).to.deep.equal(['owner-3.beat', 'owner-3.json', 'owner-3.sock']);
  });

  it('stores pid and slot of its owner, for a successor in the same slot', async () => {
    await acquire('3');
    const stored = JSON.parse(await readFile(join(folder, 'owner-1.json'), 'utf8')) as unknown;
    expect(stored).to.include({ pid: process.pid, slot: '3', generation: 1 });
  });

  it('is refused with a StartError and the path if the folder does not exist', async () => {
    const error = await rejection(acquireOwnerLock({ folder: join(folder, 'missing'), log: silentLog }));
    expect(error).to.be.instanceOf(StartError);
    expect(error.message).to.include(join(folder, 'missing'));
  });
});
