// MAX_CONNECTIONS on the node core: connections that have sent no header make room for new ones, the oldest
// first, and those that have sent one stay.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Block } from '#src/memory/block.js';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { readTotals } from '#src/memory/metrics/totals.js';
import { readConnections } from '#src/memory/open-connections.js';
import { connectionGate } from '#src/server/connections/connection-gate.js';
import { NodeServer } from '#src/server/node/node-server.js';
import { makeCertificate, needsOpenssl, type TestCertificate } from '#test/support/certificate.js';
import { Wire } from '#test/support/wire.js';
import { bench } from '../kit.js';
import { SETTINGS } from './mounted-kit.js';

const MOST = 4;
const HALF = 'GET / HTTP/1.1\r\nHost: x\r\n';

for (const isSecure of [false, true])
  describe(`room at MAX_CONNECTIONS, ${isSecure ? 'over TLS' : 'without TLS'}`, () => {
    let folder: string;
    let certificate: TestCertificate | undefined;
    let block: Block;
    let series: SeriesMemory;
    let server: NodeServer;
    let url: string;
    let wires: Wire[];
    let addresses: number;

    before(function () {
      if (!isSecure) return;
      needsOpenssl(this);
      folder = mkdtempSync(join(tmpdir(), 'multilane-room-'));
      certificate = makeCertificate(folder, 'server');
    });
    after(() => isSecure && rmSync(folder, { recursive: true, force: true }));

    beforeEach(async () => {
      [wires, addresses] = [[], 1];
      block = Block.create({ workers: 1 });
      series = new SeriesMemory();
      const gate = connectionGate(block, 1, MOST, new SeriesTable(series.of(1)));
      const { app } = bench((routes) => {
        routes.get('/', () => 'served');
      });
      server = new NodeServer(app, { settings: SETTINGS, tls: certificate, gate });
      const port = await server.listen(0, '127.0.0.1');
      url = `${isSecure ? 'https' : 'http'}://127.0.0.1:${port}`;
    });
    afterEach(() => {
      for (const wire of wires) wire.destroy();
      server.close();
      expect(readConnections(block)).to.equal(0);
    });

    /** Each client has an address of its own: one address is held to a share. */
    async function open(): Promise<Wire> {
      const wire = await Wire.open(url, certificate?.ca, `127.0.0.${++addresses}`);
      wires.push(wire);
      return wire;
    }
    async function served(): Promise<Wire> {
      const wire = await open();
      expect((await wire.request('GET', '/'))?.status).to.equal(200);
      return wire;
    }
    const shed = (): number =>
      readTotals(series).series.find(
        ({ metric, labels }) =>
          metric === 'multilane_requests_shed_total' && labels.reason === 'max_connections',
      )?.value ?? 0;

    it('is made by the oldest connection without a whole header', async () => {
      const kept = await served();
      const silent = await open();
      const half = await open();
      half.write(HALF);
      const late = await open();
      for (const victim of [silent, half, late]) {
        const wire = await served();
        await victim.closed();
        expect(server.connections).to.equal(MOST);
        expect((await wire.request('GET', '/'))?.status).to.equal(200);
      }
      expect((await kept.request('GET', '/'))?.status).to.equal(200);
      expect([shed(), readConnections(block)]).to.deep.equal([3, MOST]);
    });

    it('is not made by connections that have had requests: the new one is closed', async () => {
      const kept = [await served(), await served(), await served(), await served()];
      const refused = await open().catch(() => undefined);
      await refused?.closed();
      for (const wire of kept) expect((await wire.request('GET', '/'))?.status).to.equal(200);
      expect([shed(), readConnections(block)]).to.deep.equal([1, MOST]);
    });
  });
