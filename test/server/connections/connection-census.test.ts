import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect } from 'chai';
import fc from 'fast-check';
import { addressKeys } from '#src/memory/address-cells.js';
import { Block } from '#src/memory/block.js';
import { ConnectionShares } from '#src/memory/connection-shares.js';
import { Connections } from '#src/memory/open-connections.js';
import { censusOf, restAfter, takeCensus } from '#src/server/connections/connection-census.js';
import { countConnections, readTable } from '#src/server/connections/kernel-connections.js';
import { until } from '#test/support/until.js';

const HEAD =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
const line = (local: string, remote: string, state: string): string =>
  `   0: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000     0        0 1 1 0 20 4 30 10 -1\n`;

describe('a census of connections', () => {
  it('counts the open connections of some ports by client address, of IPv6 by network', async () => {
    const counts = new Map<string, number>();
    await countConnections(
      Readable.from([
        HEAD +
          line('0100007F:1F90', '0200007F:C001', '01') +
          line('0100007F:1F90', '0200007F:C002', '08') +
          line('0100007F:1F90', '0300007F:C003', '06') +
          line('0100007F:1F90', '00000000:0000', '0A') +
          line('0100007F:C383', '0200007F:C006', '01') +
          line('0100007F:1F91', '0200007F:C004', '01'),
      ]),
      [8080, 50_051],
      counts,
    );
    const loopback = '00000000000000000000000001000000';
    await countConnections(
      Readable.from([
        HEAD +
          line(`${loopback}:1F90`, 'B80D0120000000000000000001000000:C001', '01') +
          line(`${loopback}:1F90`, 'B80D0120000000000000000002000000:C001', '01') +
          line(`${loopback}:1F90`, '0000000000000000FFFF00000200007F:C005', '01'),
      ]),
      [8080, 50_051],
      counts,
    );
    expect([...counts]).to.deep.equal([
      ['127.0.0.2', 4],
      ['2001:db8:0:0::/64', 2],
    ]);
  });

  it('finds the connections that are really open on this machine', async function () {
    if (process.platform !== 'linux') this.skip();
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const sockets: Socket[] = [];
    for (const localAddress of ['127.0.0.2', '127.0.0.2', '127.0.0.3']) {
      const socket = connect({ host: '127.0.0.1', port, localAddress });
      await once(socket, 'connect');
      sockets.push(socket);
    }
    const counts = new Map<string, number>();
    await countConnections(readTable('/proc/self/net/tcp'), [port], counts);
    expect(Object.fromEntries(counts)).to.deep.equal({ '127.0.0.2': 2, '127.0.0.3': 1 });
    for (const socket of sockets) socket.destroy();
    server.close();
  });
});

const MOST = 40;
/** Steps: connections of one address open, half of them close, or the kernel's table becomes (un)readable. */
type Event =
  | { readonly do: 'open'; readonly address: number; readonly count: number }
  | { readonly do: 'close'; readonly address: number }
  | { readonly do: 'table'; readonly is: 'there' | 'unreadable' };

const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('open' as const),
      address: fc.nat(2),
      count: fc.integer({ min: 1, max: 20 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('close' as const), address: fc.nat(2) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('table' as const), is: fc.constantFrom('there', 'unreadable') }),
  },
);

/** A census of a table that the test writes. */
class Site {
  readonly #folder = mkdtempSync(join(tmpdir(), 'census-'));
  readonly table = join(this.#folder, 'tcp');
  readonly block = Block.create({ workers: 1 });
  readonly warnings: unknown[] = [];
  readonly open = [0, 0, 0];
  isReadable = true;
  readonly #keyOf = addressKeys(this.block);
  readonly #connections = new Connections(this.block, 1, MOST);
  readonly shares = new ConnectionShares(this.block, 1);
  nowMs = 0;
  readonly #of: Parameters<typeof censusOf> = [
    this.block,
    () => [8080],
    MOST,
    { warn: (fields: unknown) => this.warnings.push(fields) },
    [this.table, join(this.#folder, 'tcp6')],
    () => this.nowMs,
  ];
  readonly #round = censusOf(...this.#of);

  enter(address: number): void {
    if (!this.#connections.enter()) return;
    this.shares.opened(this.#key(address));
    this.open[address]!++;
  }

  leave(address: number): void {
    this.open[address]!--;
    this.#connections.leave();
  }

  /** Starts a count: the table has the connections that are open at this moment. */
  count(): Promise<void> {
    this.writeTable();
    return this.#round();
  }

  /** @returns a function that ends it */
  take(): () => void {
    return takeCensus(...this.#of);
  }

  writeTable(): void {
    rmSync(this.table, { force: true, recursive: true });
    const lineOf = (address: number): string => line('0100007F:1F90', `0${address + 2}00007F:C001`, '01');
    if (this.isReadable) {
      writeFileSync(
        this.table,
        HEAD + this.open.map((count, address) => lineOf(address).repeat(count)).join(''),
      );
    } else mkdirSync(this.table);
  }

  remove(): Promise<void> {
    rmSync(this.table, { force: true, recursive: true });
    return this.#round();
  }

  of(address: number): number {
    return this.shares.of(this.#key(address));
  }

  dispose(): void {
    rmSync(this.#folder, { recursive: true });
  }

  #key(address: number) {
    return this.#keyOf(`127.0.0.${address + 2}`);
  }
}

describe('the rest between two counts', () => {
  it('is nine tenths of the time while counts are short, and never so long that the counts become old', () => {
    const countMs = fc.double({ min: 0, max: 1e9, noNaN: true });
    fc.assert(
      fc.property(countMs, (ms) => {
        const restMs = restAfter(ms);
        expect(restMs).to.be.within(1_000, 30_000);
        if (restMs < 30_000) expect(restMs).to.be.at.least(9 * ms);
      }),
    );
  });
});

describe('repeated counts of connections', () => {
  let site: Site;
  beforeEach(() => {
    site = new Site();
  });
  afterEach(() => site.dispose());
  const fill = (address: number, count: number): void => {
    for (let n = 0; n < count; n++) site.enter(address);
  };

  it('never show fewer connections of an address than there are, whatever happens between counts', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.array(event, { maxLength: 4 }), fc.array(event, { maxLength: 4 })), {
          maxLength: 8,
        }),
        async (rounds) => {
          site.dispose();
          site = new Site();
          const happen = (events: readonly Event[]): void => {
            for (const one of events) {
              if (one.do === 'open') fill(one.address, one.count);
              else if (one.do === 'table') site.isReadable = one.is === 'there';
              else for (let n = Math.ceil(site.open[one.address]! / 2); n > 0; n--) site.leave(one.address);
              for (const [address, count] of site.open.entries()) {
                expect(site.of(address)).to.be.at.least(count);
              }
            }
          };
          for (const [before, during] of rounds) {
            happen(before);
            const round = site.count();
            happen(during);
            await round;
            happen([{ do: 'open', address: 0, count: 1 }]);
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  it('drop connections that have closed, with many or few open', async () => {
    for (const others of [0, MOST / 2]) {
      fill(1, others);
      for (let n = 0; n < 10 * MOST; n++) {
        site.enter(0);
        site.leave(0);
      }
      expect(site.of(0)).to.be.at.least(10 * MOST);
      await site.count();
      expect(site.of(0)).to.equal(0);
    }
  });

  it('continue with the last numbers after a table could not be read, which is logged once', async () => {
    fill(0, MOST / 2);
    await site.count();
    site.isReadable = false;
    for (let n = 0; n < 3; n++) await site.count();
    expect(site.of(0)).to.equal(MOST / 2);
    expect(site.warnings).to.have.length(1);
    for (let n = 0; n < 5; n++) site.leave(0);
    site.isReadable = true;
    await site.count();
    expect(site.of(0)).to.equal(MOST / 2 - 5);
    site.isReadable = false;
    await site.count();
    expect(site.warnings).to.have.length(2);
  });

  it('know only newly opened connections where there are no tables, which is logged once', async () => {
    fill(0, MOST / 2);
    for (let n = 0; n < 3; n++) await site.remove();
    expect(site.of(0)).to.equal(0);
    expect(site.warnings).to.have.length(1);
  });

  it('are reset at most once a second without tables, however often a count is requested', async () => {
    fill(0, MOST / 4);
    await site.remove();
    fill(0, MOST / 4);
    site.nowMs = 999;
    await site.remove();
    expect(site.of(0)).to.equal(MOST / 4);
    site.nowMs = 1000;
    await site.remove();
    expect(site.of(0)).to.equal(0);
  });

  it('are made as often as a worker requests them', async () => {
    const end = site.take();
    try {
      fill(1, MOST / 2);
      site.writeTable();
      for (let n = 0; n < 30; n++) {
        site.enter(0);
        site.leave(0);
        expect(site.of(0)).to.equal(1);
        site.shares.askForCount();
        await until(
          () => Promise.resolve(site.of(0)),
          (connections) => connections === 0,
        );
      }
    } finally {
      end();
    }
  }).timeout(10_000);
});
