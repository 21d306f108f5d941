// Sends a planned storm, each request on a connection of its own, and reports the responses.
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { planned } from './plan.js';

export interface Storm {
  readonly seed: number;
  readonly count: number;
  /** Responses by status; 0 counts requests without a response. */
  readonly statuses: ReadonlyMap<number, Answers>;
  /** Requests that got a response. On a busy machine some clients leave before that. */
  readonly answered: number;
  /**
   * Requests whose response has a request id, which only our code sets; the other responses are of the core.
   */
  readonly reached: number;
  /** Requests that got a 500, as text that can be read and sent again. */
  readonly failures: readonly string[];
}

export interface Answers {
  readonly count: number;
  /** Kinds of the good requests whose mutations led to this status. */
  readonly kinds: ReadonlySet<string>;
}

const AT_ONCE = 64;
/**
 * A client that receives nothing for this long leaves, since the server may wait for the rest of its request.
 */
const SILENCE_MS = 100;
/** A client waits so long for more responses after the first one. */
const QUIET_MS = 15;
/** Pause before the second packet, so that it is not merged with the first. */
const BETWEEN_PACKETS_MS = 2;

export async function storm(url: string, seed: number, count: number): Promise<Storm> {
  const statuses = new Map<number, { count: number; kinds: Set<string> }>();
  let answered = 0;
  let reached = 0;
  const failures: string[] = [];
  let n = 0;
  const client = async (): Promise<void> => {
    while (n < count) {
      const index = n++;
      const { kind, mutations, packets } = planned(seed, index);
      const received = await exchange(url, packets);
      const found = [...received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
      for (const status of found.length === 0 ? [0] : found) {
        const responses = statuses.get(status) ?? { count: 0, kinds: new Set() };
        responses.count++;
        responses.kinds.add(kind);
        statuses.set(status, responses);
      }
      if (received !== '') answered++;
      if (received.includes('\r\nx-request-id: ')) reached++;
      if (found.includes(500)) {
        const sent = JSON.stringify(Buffer.concat(packets).toString('latin1').slice(0, 2000));
        failures.push(
          `planned(${seed}, ${index}), ${mutations.join(', ')}: ${sent} -> ${received.slice(0, 500)}`,
        );
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, client));
  return { seed, count, statuses, answered, reached, failures };
}

/** @returns the bytes received until the server closed or paused @throws Error when it cannot be reached */
async function exchange(url: string, packets: readonly Buffer[]): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  const received: string[] = [];
  let isOpen = false;
  const closed = new Promise<void>((resolve, reject) => {
    socket.on('connect', () => {
      isOpen = true;
    });
    socket.on('error', (error) => !isOpen && reject(error)); // later a reset counts as an ordinary end
    socket.on('close', () => resolve());
  });
  socket.setTimeout(SILENCE_MS, () => socket.resetAndDestroy());
  socket.on('data', (chunk) => {
    received.push(chunk.toString('latin1'));
    socket.setTimeout(QUIET_MS);
  });
  await send(socket, packets);
  await closed;
  return received.join('');
}

async function send(socket: Socket, packets: readonly Buffer[]): Promise<void> {
  for (const [i, packet] of packets.entries()) {
    if (i > 0) await sleep(BETWEEN_PACKETS_MS);
    if (!socket.destroyed) socket.write(packet);
  }
}

/** The open connections of all workers, as the admin plane counts them. */
export async function openConnections(adminUrl: string): Promise<number> {
  const views = (await (await fetch(`${adminUrl}/workers`)).json()) as { connections: number }[];
  return views.reduce((sum, { connections }) => sum + connections, 0);
}
