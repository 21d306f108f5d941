// Every ambiguous request to the real process, with a second one after it: in the same packet, in the
// packet of its body, in that of the body's end, in one that follows at once, and in one that comes when the
// first has had its response. The handler of the second one records that it was executed.

import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { CORE } from '#test/support/core.js';
import { useCluster } from '#test/support/use-cluster.js';
import { Wire } from '#test/support/wire.js';
import { EVERYTHING } from './fixtures/paths.js';
import { CHUNKED, NAMELESS, namelessChunks, namelessLength, UNTRUSTED } from './smuggling/cases.js';

type Case = readonly [what: string, bytes: string];

const follower = (token: string): string => `GET /count/${token} HTTP/1.1\r\nHost: x\r\n\r\n`;
let tokens = 0;
/** Tokens of equal length. */
const newToken = (): string => String(++tokens).padStart(6, '0');
/** A server that waits for the rest of a body sends nothing. */
const SILENCE_MS = 400;
/** The second request is a packet of its own, while the response to the first may be under way. */
const SOON_MS = 2;
/** The bytes of the last chunk, in which a body ends: requests are split before them. */
const END_BYTES = 4;
const AT_ONCE = 60;

for (const mode of ['reject', 'accept'] as const) {
  describe(`a second request, with CHUNKED_BODIES=${mode}`, () => {
    // One worker has one list of what was executed.
    const cluster = useCluster({ config: EVERYTHING, env: { WORKERS: '1', CHUNKED_BODIES: mode } });

    const silent = (wire: Wire, ms: number): Promise<unknown> =>
      ms === SOON_MS ? sleep(ms) : Promise.race([wire.closed(), wire.response(), sleep(ms)]);

    /**
     * Sends the cases in all their splits. @returns those whose second request was executed, as `case, how`
     */
    async function executedBehind(cases: readonly Case[]): Promise<string[]> {
      const attempts = cases.flatMap(([what, bytes]) => {
        const [same, body, end] = [newToken(), newToken(), newToken()];
        const [soon, later] = [newToken(), newToken()];
        const [bodyAt, endAt] = [bytes.indexOf('\r\n\r\n') + 4, bytes.length - END_BYTES];
        const split = (at: number, token: string): string[] => [
          bytes.slice(0, at),
          bytes.slice(at) + follower(token),
        ];
        const inParts = [
          { what: `${what}, its body's packet`, token: body, pauseMs: SOON_MS, packets: split(bodyAt, body) },
          { what: `${what}, its end's packet`, token: end, pauseMs: SOON_MS, packets: split(endAt, end) },
        ];
        return [
          ...(bodyAt > 3 && endAt > bodyAt ? inParts : []),
          { what: `${what}, same packet`, token: same, pauseMs: 0, packets: [bytes + follower(same)] },
          { what: `${what}, soon`, token: soon, pauseMs: SOON_MS, packets: [bytes, follower(soon)] },
          {
            what: `${what}, later packet`,
            token: later,
            pauseMs: SILENCE_MS,
            packets: [bytes, follower(later)],
          },
        ];
      });
      const waiting = [...attempts];
      const client = async (): Promise<void> => {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
          const wire = await Wire.open(cluster.url);
          const { packets, pauseMs } = next;
          for (const [i, packet] of packets.entries()) {
            wire.write(Buffer.from(packet, 'latin1'));
            await silent(wire, i === packets.length - 1 ? SILENCE_MS : pauseMs);
          }
          wire.destroy();
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, client));
      const counted = new Set(await executed());
      return attempts.filter(({ token }) => counted.has(token)).map(({ what }) => what);
    }

    const executed = async (): Promise<string[]> =>
      (await (await fetch(`${cluster.url}/executed`)).json()) as string[];

    it('is executed after a well-formed one, so that the tests below can fail', async () => {
      const good = 'POST /text HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc';
      expect(await executedBehind([['a length', good]])).to.include('a length, later packet');
      expect(await executedBehind([['no body', 'GET /who HTTP/1.1\r\nHost: x\r\n\r\n']])).to.deep.equal([
        'no body, same packet',
        'no body, soon',
        'no body, later packet',
      ]);
    });

    it('is not executed after one whose framing cannot be trusted', async () => {
      // RFC 9112 section 3 permits to take several spaces for one, and the parser of Node.js does so.
      const spaces = ['same packet', 'soon', 'later packet'].map(
        (packet) => `a head with two spaces in the request line, ${packet}`,
      );
      expect(await executedBehind(UNTRUSTED)).to.deep.equal({ uws: [], node: spaces }[CORE]);
    }).timeout(60_000);

    it('is not executed after a chunked body', async () => {
      expect(await executedBehind(CHUNKED)).to.deep.equal([]);
    }).timeout(60_000);

    const hidden = { uws: 'is executed', node: 'is not executed' }[CORE];
    it(`${hidden} after a length that an empty field name hides, where no body is expected`, async () => {
      // This is the gap that SECURITY.md names: when the core closes it, this test and SECURITY.md change.
      const { length } = follower(newToken());
      const hiding = (lines: readonly string[]): Case[] =>
        Object.values(NAMELESS).flatMap((field) =>
          lines.map((line): Case => [`${line} ${field}`, namelessLength(line, field, length)]),
        );
      const whole = hiding(['GET /who', 'HEAD /large', 'DELETE /unread', 'OPTIONS /paints']);
      const others = hiding(['POST /text', 'PUT /bytes', 'PATCH /echo']);
      const executed = await executedBehind([...whole, ...others]);
      if (CORE === 'node') {
        expect(executed).to.deep.equal([]);
        return;
      }
      const always = whole.flatMap(([what]) =>
        ['same packet', 'soon', 'later packet'].map((packet) => `${what}, ${packet}`),
      );
      expect(executed).to.include.members(always);
      expect(executed).to.include.members(others.map(([what]) => `${what}, later packet`));
      const samePacket = others.map(([what]) => `${what}, same packet`);
      expect(executed.filter((what) => samePacket.includes(what))).to.deep.equal([]);
    });

    it('is not executed after chunks that an empty field name hides: their size is no request line', async () => {
      const lines = ['GET /who', 'POST /text', 'DELETE /unread', 'PATCH /echo'];
      const cases = Object.values(NAMELESS).flatMap((field) =>
        lines.map((line): Case => [`${line} ${field}`, namelessChunks(line, field)]),
      );
      expect(await executedBehind(cases)).to.deep.equal([]);
    }).timeout(60_000);
  });
}
