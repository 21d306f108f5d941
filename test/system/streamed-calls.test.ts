import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { expect } from 'chai';
import { get, json } from '#test/support/client.js';
import { TestInstance } from '#test/support/instance.js';
import { residentMb } from '#test/support/resident-memory.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { STREAMING } from './fixtures/paths.js';

const PIECE = Buffer.alloc(64 * 1024, 'x');
/** Pieces of 100 MiB. */
const PIECES = 1600;
/** Growth of the whole process, most of it garbage of chunks that have passed. */
const MOST_MB = 160;

const digestOf = (pieces: number): string => {
  const hash = createHash('sha256');
  for (let i = 0; i < pieces; i++) hash.update(PIECE);
  return hash.digest('hex');
};

/** Sends pieces no faster than they are taken. */
async function post(url: string, pieces: number): Promise<IncomingMessage> {
  const sending = request(url, { method: 'POST' });
  const responded = once(sending, 'response') as Promise<[IncomingMessage]>;
  const write = async (): Promise<void> => {
    for (let i = 0; i < pieces; i++) if (!sending.write(PIECE)) await once(sending, 'drain');
    sending.end();
  };
  const [[response]] = await Promise.all([responded, write()]);
  return response;
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return text;
}

async function digestRead(body: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of body) hash.update(chunk);
  return hash.digest('hex');
}

describe('calls with streamed bodies', function () {
  this.timeout(120_000);

  const cluster = useCluster({ config: STREAMING, env: { WORKERS: '2' } });

  for (const prefer of ['', '?prefer=network']) {
    it(`carry 100 MiB each way in bounded memory ${prefer === '' ? 'in-process' : 'over HTTP'}`, async function () {
      if (process.platform !== 'linux') this.skip();
      const expected = digestOf(PIECES);
      // What the process keeps of a first stream is no growth.
      await post(`${cluster.url}/upload/files${prefer}`, 100);
      const before = residentMb(cluster.pid);
      let most = before;
      const watch = setInterval(() => {
        most = Math.max(most, residentMb(cluster.pid));
      }, 20);
      try {
        const down = await get(`${cluster.url}/download/files/${PIECES}${prefer}`);
        expect(await digestRead(down.body as unknown as AsyncIterable<Uint8Array>)).to.equal(expected);
        const up = await post(`${cluster.url}/upload/files${prefer}`, PIECES);
        expect(JSON.parse(await textOf(up))).to.deep.equal({
          bytes: PIECES * PIECE.length,
          sha256: expected,
        });
        const both = await echoed(`${cluster.url}/both/files${prefer}`);
        expect([both.statusCode, await digestRead(both)]).to.deep.equal([200, expected]);
      } finally {
        clearInterval(watch);
      }
      console.log(`      100 MiB each way: ${Math.round(most - before)} MiB more resident`);
      expect(most - before).to.be.below(MOST_MB);
    });
  }

  /** Sends and receives at the same time. */
  async function echoed(url: string): Promise<IncomingMessage> {
    const sending = request(url, { method: 'POST' });
    const responded = once(sending, 'response') as Promise<[IncomingMessage]>;
    const write = async (): Promise<void> => {
      for (let i = 0; i < PIECES; i++) if (!sending.write(PIECE)) await once(sending, 'drain');
      sending.end();
    };
    void write();
    return (await responded)[0];
  }

  describe('release what they hold', () => {
    const cluster = useCluster({ config: STREAMING, env: { WORKERS: '2', STREAM_IDLE_MS: '1000' } });
    let instance: TestInstance;
    before(async () => {
      instance = await TestInstance.start(cluster.adminUrl, 'things', 't');
    });
    after(() => instance.stop());

    interface Listed {
      readonly instances: readonly { readonly inFlight: number }[];
    }
    const inFlight = async (): Promise<number> => {
      const listed = await json<Listed>(await get(`${cluster.adminUrl}/registry/v1/services/things`), 200);
      return listed.instances[0]!.inFlight;
    };
    /** Permits of bulkheads. */
    const permits = async (): Promise<string | undefined> => {
      const text = await (await get(`${cluster.adminUrl}/metrics`)).text();
      return /^multilane_permits_held\{kind="bulkhead"\} (\d+)/m.exec(text)?.[1];
    };
    const expectReleased = async (): Promise<void> => {
      await until(inFlight, (count) => count === 0);
      await until(permits, (count) => count === '0');
    };
    /** Begins a response that goes on until its client has left. */
    const endless = (_request: IncomingMessage, response: import('node:http').ServerResponse): void => {
      const more = (): void => {
        while (response.writable && response.write(PIECE));
        response.once('drain', more);
      };
      more();
    };

    it('when the caller never reads the response', async () => {
      instance.behave = endless;
      const abandoned = instance.abandoned;
      expect(await json(await get(`${cluster.url}/keep/things`), 200)).to.deep.equal({ status: 200 });
      expect(await inFlight()).to.equal(1);
      await until(
        () => instance.abandoned - abandoned,
        (count) => count === 1,
      );
      await expectReleased();
    });

    it('when the instance dies in the middle of the body', async () => {
      instance.behave = (_request, response) => {
        response.write('half', () => response.destroy());
      };
      for (let i = 0; i < 8; i++) await get(`${cluster.url}/keep/things`);
      await expectReleased();
    });

    it('when the client of the caller leaves', async () => {
      instance.behave = endless;
      const controller = new AbortController();
      const { signal } = controller;
      const response = await fetch(`${cluster.url}/download/things/1`, { signal });
      await response.body!.getReader().read();
      expect(await inFlight()).to.equal(1);
      controller.abort();
      await expectReleased();
    });

    it('when the instance responds before the end of the request', async () => {
      instance.behave = (_request, response) => response.end();
      expect(await json(await get(`${cluster.url}/send/things`), 200)).to.deep.equal({ status: 200 });
      await expectReleased();
    });

    it('when the instance cuts the request off, which is not repeated', async () => {
      instance.behave = (incoming) => incoming.once('data', () => incoming.socket.destroy());
      const received = instance.received;
      const failure = { code: 'BAD_UPSTREAM' };
      expect(await json(await get(`${cluster.url}/send/things`), 200)).to.deep.equal(failure);
      expect(instance.received - received).to.equal(1);
      await expectReleased();
    });

    it('when the instance takes no more of the request until the deadline', async () => {
      instance.behave = (incoming) => incoming.pause();
      const failure = { code: 'DEADLINE_EXCEEDED' };
      expect(await json(await get(`${cluster.url}/send/things`), 200)).to.deep.equal(failure);
      await expectReleased();
    });
  });
});
