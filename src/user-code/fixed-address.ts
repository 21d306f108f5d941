// Addresses that only one thread of the process can have. Every thread loads the modules of a project, so
// where one of them takes such an address, the next one cannot.
import type { Socket } from 'node:dgram';

export interface FixedAddress {
  /** `port 3000`, for messages. */
  readonly text: string;
  /** The TCP port; undefined for another kind of address. */
  readonly port?: number;
}

/** What is given to `listen` and `bind`. */
interface Wanted {
  readonly port?: unknown;
  readonly path?: unknown;
  readonly reusePort?: unknown;
}

/** The state of a UDP socket. Node.js keeps it in a member that has no public name. */
interface UdpState {
  /** Null when the socket is closed. */
  readonly handle?: object | null;
  readonly reuseAddr?: boolean;
  /** Undefined where Node.js does not know the option. */
  readonly reusePort?: boolean;
}

/** From 22.12 and 23.1 on. Older versions ignore `reusePort` of `listen`, so that the second thread fails. */
const KNOWS_REUSE_PORT = /^(22\.(1[2-9]|[2-9]\d)|23\.[1-9]|2[4-9]|[3-9]\d)/.test(process.versions.node);

/**
 * The address that a call of `listen` asks for.
 * @returns undefined for one that each thread can have: a port that the kernel chooses, or one that is shared
 */
export function addressOfServer({ port, path, reusePort }: Wanted): FixedAddress | undefined {
  if (isFixed(port)) {
    const isShared = reusePort === true && KNOWS_REUSE_PORT;
    return isShared ? undefined : { text: `port ${Number(port)}`, port: Number(port) };
  }
  // An abstract name begins with a zero byte, which is written so.
  return typeof path === 'string' ? { text: `the socket ${path.replace(/^\0/, '@')}` } : undefined;
}

/**
 * The address that a call of `bind` asks for.
 * @param first its first argument: a port, an object with a port, or none of both
 */
export function addressOfUdp(socket: Socket, first: unknown): FixedAddress | undefined {
  const port = typeof first === 'object' && first !== null ? (first as Wanted).port : first;
  if (!isFixed(port)) return undefined;
  const { reuseAddr, reusePort } = stateOf(socket);
  return reuseAddr || reusePort ? undefined : { text: `UDP port ${Number(port)}` };
}

/** Whether a UDP socket that had an address is not closed. */
export const isOpenUdp = (socket: Socket): boolean => stateOf(socket).handle !== null;

const isFixed = (port: unknown): boolean => Number(port) > 0;

function stateOf(socket: Socket): UdpState {
  const name = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'state symbol');
  return (name && (socket as unknown as Record<symbol, UdpState | undefined>)[name]) ?? {};
}
