// Where a handler may loop, and what each of them leads to. npm test runs some of them, chosen by a seed;
// npm run test:long runs all.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { get, json, post } from '#test/support/client.js';
import type { CORE } from '#test/support/core.js';
import { until } from '#test/support/until.js';
import { Wire } from '#test/support/wire.js';
import {
  allReadyOf,
  generations,
  replacedOf,
  requestsDumped,
  STALL_MS,
  stallingCluster,
} from './stalling.js';

const PLACES = [
  ['synchronously', 'GET', '/stall/handler', 'request'],
  ['in a route with a parameter', 'GET', '/stall/parameter/7', 'request'],
  ['synchronously before its body is there', 'POST', '/stall/handler-before-body', 'request'],
  ['in a regular expression', 'GET', '/stall/regex', 'request'],
  ['in the check of its schema', 'GET', `/stall/schema?n=x&p=${'a'.repeat(40)}!`, 'request'],
  ['in the serializer of its response', 'GET', '/stall/serializer', 'request'],
  ['behind an await', 'GET', '/stall/await', 'continuation'],
  ['behind its body', 'POST', '/stall/body', 'continuation'],
  ['behind the check of its body', 'POST', '/stall/checked-body', 'continuation'],
  ['in the check of its body', 'POST', '/stall/body-schema', 'continuation'],
  ['in a timer', 'GET', '/stall/timer', 'continuation'],
  ['at the end of its stack', 'GET', '/stall/stack', 'request'],
  ['at the end of its stack behind an await', 'GET', '/stall/stack-behind-await', 'continuation'],
  ['at the end of its stack in a timer', 'GET', '/stall/stack-in-timer', 'continuation'],
  ['in an immediate', 'GET', '/stall/immediate', 'continuation'],
  ['in the second of two immediates', 'GET', '/stall/second-immediate', 'continuation'],
  ['in a tick', 'GET', '/stall/tick', 'continuation'],
  ['in ticks without end', 'GET', '/stall/ticks', 'continuation'],
  ['in awaits without end', 'GET', '/stall/awaits', 'continuation'],
  ['in code that was made from a text', 'GET', '/stall/evaluated', 'continuation'],
  ['in an event listener', 'GET', '/stall/event', 'continuation'],
  ['in a callback of fs', 'GET', '/stall/file', 'continuation'],
] as const;

const CHUNKED = 'Host: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n';
const LENGTH = 'Host: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n';
const PACKETS = [
  ['in one packet', [`${CHUNKED}2\r\n{}\r\n0\r\n\r\n`]],
  ['in two packets', [`${CHUNKED}2\r\n{}\r\n`, '0\r\n\r\n']],
] as const;
const CHUNKED_BODIES = ['/stall/checked-body', '/stall/body-schema', '/stall/resource-behind-body'].flatMap(
  (path) => PACKETS.map(([how, packets]) => ({ path, how, packets })),
);

const IN_PARSER = [
  ['in its handler', 'GET /stall/handler HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['before its body is there', `POST /stall/handler-before-body HTTP/1.1\r\n${LENGTH}`],
  ['in the check of its body', `POST /stall/body-schema HTTP/1.1\r\n${LENGTH}{}`],
] as const;

/** @param chosen the kinds that run, out of all */
export function stallKinds(
  core: typeof CORE,
  title: string,
  chosen: <T>(all: readonly T[]) => readonly T[],
): void {
  describe(`${title}, on the ${core} core`, () => {
    const cluster = stallingCluster(core);
    const line = (text: string) =>
      until(
        () => cluster.logs().find(({ msg }) => msg === text),
        (found) => found !== undefined,
      );
    let stalls = 0;

    for (const [what, method, path, where] of chosen(PLACES)) {
      const route = path.split('?')[0]!.replace('/7', '/{id}');
      it(`gets 500 HANDLER_STALLED when it loops ${what}, and its worker is replaced`, async () => {
        stalls += 1;
        const before = await allReadyOf(cluster, core);
        const began = performance.now();
        const response = await (method === 'GET' ? get : post)(`${cluster.url}${path}`, {} as never);
        const took = performance.now() - began;
        expect((await json<{ code: string }>(response, 500)).code).to.equal('HANDLER_STALLED');
        expect(took).to.be.greaterThan(STALL_MS);

        const logged = await line(`handler stalled, interrupted: ${method} ${route}`);
        expect(logged).to.include({ where, route });
        expect(logged?.stack).to.be.an('array').with.property('length').above(0);
        expect(requestsDumped(cluster, 'stalled').at(-1)?.requests).to.deep.include({
          method,
          route,
          status: null,
        });
        expect(generations(await replacedOf(cluster, before, core))).to.equal(generations(before) + 1);
        const metrics = await (await get(`${cluster.adminUrl}/metrics`)).text();
        expect(metrics).to.include(`multilane_handler_stalls_total{route="${route}"} 1`);
      });
    }

    for (const { path, how, packets } of chosen(CHUNKED_BODIES)) {
      it(`gets 500 when its body comes in chunks, ${how}: ${path}`, async () => {
        stalls += 1;
        const before = await allReadyOf(cluster, core);
        const wire = await Wire.open(cluster.url);
        wire.write(`POST ${path} HTTP/1.1\r\n`);
        for (const packet of packets) {
          wire.write(packet);
          await sleep(20);
        }
        expect((await wire.response())?.status).to.equal(500);
        wire.destroy();
        expect(generations(await replacedOf(cluster, before, core))).to.equal(generations(before) + 1);
      });
    }

    // The parser gets no result of an interrupted callback, so it reads nothing any more.
    for (const [what, request] of core === 'node' ? chosen(IN_PARSER) : []) {
      it(`gets the last response of its connection when it loops ${what}`, async () => {
        stalls += 1;
        const before = await allReadyOf(cluster, core);
        const wire = await Wire.open(cluster.url);
        wire.write(`${request}GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n`);
        expect(await wire.response()).to.include({ status: 500, closes: true });
        await wire.closed();
        expect(wire.rest).to.equal('');
        await replacedOf(cluster, before, core);
      });
    }

    it('is counted by reason when its worker is replaced, and restarts no process', async () => {
      const metrics = await (await get(`${cluster.adminUrl}/metrics`)).text();
      // A stall that was found only at a second try, in a thread given up by then, has another reason; and on
      // a shared machine more than these loops may have stalled a worker.
      const restarts = [...metrics.matchAll(/^multilane_worker_restarts_total\{reason="(\w+)"\} (\d+)$/gm)];
      expect(restarts.map(([, reason]) => reason)).to.include('stalled');
      expect(restarts.reduce((sum, [, , count]) => sum + Number(count), 0)).to.be.at.least(stalls);
      expect(cluster.stderr.filter((text) => text.startsWith('multilane ready'))).to.have.length(1);
    });
  });
}
