// Why an address cannot be listened on, and what to do next. Node.js reports a code of the system. The HTTP
// core on uWebSockets.js reports only that it cannot, so the reason is found from what the system says of its
// addresses and of the rights of this process.
import { readFileSync } from 'node:fs';
import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { errorMessage } from '../error-text.js';
import { listenersOn } from '../port-listeners.js';

/** The settings that say where a listener is, for messages. */
export interface ListenSettings {
  readonly host: 'HOST' | 'GRPC_HOST';
  readonly port: 'PORT' | 'GRPC_PORT';
}

const DATA_PLANE: ListenSettings = { host: 'HOST', port: 'PORT' };

/** An attempt to listen that has failed. */
export interface ListenAttempt {
  /** An IP address; a name counts as one of this machine. */
  readonly host: string;
  readonly port: number;
  /** The error of the system; undefined where it is not known. */
  readonly cause?: unknown;
  /** @default those of the data plane */
  readonly settings?: ListenSettings;
  /**
   * This process has had the port, and tries again: a thread that has not given it up may have it.
   * @default false
   */
  readonly isOwnPort?: boolean;
}

/** What the reason depends on where the system gives none. */
export interface ListenFacts {
  /** Addresses of the network interfaces of this machine. */
  readonly addresses: readonly string[];
  /** The lowest port that needs no right. */
  readonly firstOpenPort: number;
  /** Whether this process may listen on all ports. */
  readonly mayUseAllPorts: boolean;
  /** Whether this process listens on the port already. */
  holds(port: number): boolean;
}

/** CAP_NET_BIND_SERVICE of capabilities(7). */
const MAY_BIND = 1n << 10n;
const FIRST_OPEN_PORT = 1_024;

/** @returns what is wrong and what to do next, with the code of the system where it is known */
export function listenFailure(attempt: ListenAttempt, facts: ListenFacts = factsOfSystem()): string {
  const { cause } = attempt;
  if (cause === undefined) return reasonOf(attempt, guessedCode(attempt, facts), facts);
  const { code } = cause as NodeJS.ErrnoException;
  return code === undefined ? errorMessage(cause) : `${reasonOf(attempt, code, facts)} (${code})`;
}

function guessedCode({ host, port }: ListenAttempt, facts: ListenFacts): string {
  if (!isOfThisMachine(host, facts.addresses)) return 'EADDRNOTAVAIL';
  return needsRight(port, facts) ? 'EACCES' : 'EADDRINUSE';
}

function reasonOf(attempt: ListenAttempt, code: string, facts: ListenFacts): string {
  const { host, port, cause, settings = DATA_PLANE, isOwnPort = false } = attempt;
  switch (code) {
    case 'EADDRINUSE':
      if (isOwnPort)
        return 'the port is in use by a thread that has not given it up yet, or by another program; it is tried again';
      return facts.holds(port)
        ? `the port is taken by this process itself: another of its settings names it, or code that is loaded ` +
            `before it listens there; change that, or set ${settings.port} to another one`
        : `the port is taken; stop the process that has it, or set ${settings.port} to another one`;
    case 'EADDRNOTAVAIL':
      return `${host} is no address of this machine; correct ${settings.host}, or leave it out`;
    case 'EACCES':
      return needsRight(port, facts)
        ? `a port below ${facts.firstOpenPort} needs a right that this user does not have; ` +
            `set ${settings.port} to ${facts.firstOpenPort} or more, or grant CAP_NET_BIND_SERVICE`
        : `the system does not allow it; set ${settings.port} to another port, or change the rules that confine ` +
            'this process (SELinux, AppArmor, seccomp)';
    case 'EMFILE':
    case 'ENFILE':
      return (
        'too many files are open; raise the limit (ulimit -n, LimitNOFILE=, fs.file-max) or lower ' +
        'MAX_CONNECTIONS'
      );
    case 'EAFNOSUPPORT':
      return `this machine has no addresses of this kind; set ${settings.host} to one that it has`;
    default:
      return (
        `${errorMessage(cause)}; set ${settings.host} and ${settings.port} to an address and a port on which ` +
        'this machine can listen'
      );
  }
}

const needsRight = (port: number, { firstOpenPort, mayUseAllPorts }: ListenFacts): boolean =>
  port > 0 && port < firstOpenPort && !mayUseAllPorts;

function isOfThisMachine(host: string, addresses: readonly string[]): boolean {
  if (isIP(withoutZone(host)) === 0) return true; // a name, which was resolved before
  const own = new BlockList();
  own.addSubnet('127.0.0.0', 8, 'ipv4');
  for (const address of ['0.0.0.0', '::', '::1', ...addresses.map(withoutZone)])
    own.addAddress(address, familyOf(address));
  return own.check(withoutZone(host), familyOf(withoutZone(host)));
}

const withoutZone = (address: string): string => address.replace(/%.*$/, '');
const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4');

function factsOfSystem(): ListenFacts {
  const rights = /^CapEff:\s*([\da-f]+)/m.exec(contentOf('/proc/self/status'))?.[1];
  const firstOpenPort = contentOf('/proc/sys/net/ipv4/ip_unprivileged_port_start').trim();
  return {
    addresses: Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address)),
    firstOpenPort: firstOpenPort === '' ? FIRST_OPEN_PORT : Number(firstOpenPort),
    mayUseAllPorts:
      rights === undefined ? process.getuid?.() === 0 : (BigInt(`0x${rights}`) & MAY_BIND) !== 0n,
    holds: (port) => listenersOn(port).length > 0,
  };
}

/** Empty for a file that cannot be read: not on Linux, or hidden. */
function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
