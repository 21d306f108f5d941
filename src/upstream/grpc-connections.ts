// The connections of one channel. grpc-js makes them in a way that leaves sockets open: it does not close one
// that is still being made when its channel closes, and waits without an end for streams that the peer never
// admits. It has no limit to the time of connecting either. So the sockets are made, counted and closed here.
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders, Settings } from 'node:http2';
import { constants } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { delayResets, destroyLater, resetLater } from '../grpc/http2-ends.js';
import { ConnectLimit } from './connect-limit.js';
import { oldAt } from './connection-age.js';
import { HeldStreams } from './held-streams.js';
import { ResetBudget } from './reset-budget.js';
import { SENT_FIELD } from './rpc-fields.js';

/** What grpc-js is given in place of its own way to connect (grpc-js.ts). */
export interface Connecting {
  /** @throws the error of the socket, or an error when the time is up */
  connect(address: Address): Promise<Socket>;
  /** Resolves as `secured`; rejects when the socket closes first. */
  whileOpen<T>(socket: Socket, secured: Promise<T>): Promise<T>;
  /** The peer has sent its first frame of HTTP/2. */
  ready(session: ClientHttp2Session): void;
  /** The connection that was being made has failed. @param error any value */
  failed(error: unknown): void;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface GrpcConnectionsOptions {
  /** Milliseconds in which a connection must be made. */
  readonly connectTimeoutMs: number;
  /** Milliseconds for which a connection may take calls. */
  readonly connectionAgeMs: number;
  /** How many calls of the channel run. */
  readonly running: () => number;
  /** The channel should take no more calls, because its connection is, or soon will be, refused. */
  readonly onSpent: () => void;
  /** A connection was made or could not be made, or the peer admits another number of streams. */
  readonly onChanged: () => void;
}

/**
 * A connection on which nothing has come for this time is tested by TCP. Servers of gRPC in other languages
 * refuse clients that test with frames of HTTP/2 more often than every five minutes.
 */
const TCP_KEEPALIVE_MS = 30_000;
/** Streams that were cancelled and that the peer has not admitted, or not read. Their messages are kept. */
const MOST_UNADMITTED = 250;
/** A peer that admits as many streams does not run out of them by cancelled calls. */
const MOST_COUNTED = 1_000;
/** The stream of a cancelled call keeps its place for this time, when no call waits for it. */
const KEPT_MS = 1_000;
/** A peer is given this time to read the ends of streams. */
const CLOSE_MS = 1_000;

export class GrpcConnections implements Connecting {
  readonly #options: GrpcConnectionsOptions;
  /** The socket that is being made. */
  #connecting: Socket | undefined;
  #limit: ConnectLimit | undefined;
  readonly #sessions = new Map<Socket, ClientHttp2Session | undefined>();
  readonly #lost = new WeakMap<Socket, Promise<never>>();
  /** Streams that are not closed. */
  #streams = 0;
  readonly #resets = new ResetBudget();
  /** The session that takes calls. */
  #session: ClientHttp2Session | undefined;
  #held: HeldStreams | undefined;
  #admitted: number | undefined;
  #endsAt = Number.POSITIVE_INFINITY;
  #failure: unknown;
  #isClosed = false;
  #refusal: string | undefined;

  constructor(options: GrpcConnectionsOptions) {
    this.#options = options;
  }

  /** How many streams the peer admits at a time; undefined while there is no connection. */
  get admitted(): number | undefined {
    return this.#admitted;
  }

  /** How many streams of cancelled calls the peer may count as running still. */
  get held(): number {
    return this.#held?.count ?? 0;
  }

  /** Call when a call is cancelled. */
  hold(): void {
    // A connection ends before it has more resets (reset-budget.ts), so room is left. Where the peer admits
    // none, no stream has begun.
    const { admitted = 0 } = this;
    if (admitted > 0 && admitted < MOST_COUNTED) this.#held?.add();
  }

  /** A call waits for the place of one that was cancelled. */
  askForPlaces(): void {
    void this.#held?.ask();
  }

  /** The time by `performance.now()` at which the connection that takes calls is old. */
  get endsAt(): number {
    return this.#endsAt;
  }

  /** Why the last connection could not be made; undefined: it could, or none was made yet. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Why the peer has closed a connection with ENHANCE_YOUR_CALM; undefined: it has closed none so. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  connect({ host, port }: Address): Promise<Socket> {
    if (this.#isClosed) return Promise.reject(new Error('The channel is closed.'));
    const { connectTimeoutMs } = this.#options;
    const socket = connect({ host, port, keepAlive: true, keepAliveInitialDelay: TCP_KEEPALIVE_MS });
    this.#connecting = socket;
    this.#sessions.set(socket, undefined);
    this.#limit?.lift();
    const late = (): void => void socket.destroy(new Error(`no connection within ${connectTimeoutMs} ms`));
    this.#limit = new ConnectLimit(connectTimeoutMs, late);
    const lost = new Promise<never>((_resolve, reject) => {
      socket.once('error', reject);
      socket.once('close', () => {
        this.#sessions.delete(socket);
        if (this.#connecting === socket) this.#settled();
        reject(new Error('The connection was closed.'));
      });
    });
    // An error of a connection that is made is reported by its session.
    lost.catch(() => undefined);
    socket.on('error', () => undefined);
    this.#lost.set(socket, lost);
    const made = new Promise<Socket>((resolve) => socket.once('connect', () => resolve(socket)));
    return this.whileOpen(socket, made);
  }

  whileOpen<T>(socket: Socket, secured: Promise<T>): Promise<T> {
    return Promise.race([secured, this.#lost.get(socket)!]);
  }

  ready(session: ClientHttp2Session): void {
    const socket = this.#connecting;
    this.#settled();
    if (socket !== undefined) this.#sessions.set(socket, session);
    if (socket === undefined || this.#isClosed) {
      destroyLater(session);
      return;
    }
    refusePushes(session);
    session.on('remoteSettings', (settings) => {
      if (this.#session === session) this.#admit(settings);
    });
    const request = session.request.bind(session);
    session.request = (...args) => this.#observe(request(...args));
    session.once('close', () => this.#lostSession(session));
    session.on('goaway', (code: number, _last: number, data?: Uint8Array) => {
      this.#lostSession(session);
      if (code === constants.NGHTTP2_ENHANCE_YOUR_CALM) this.#refused(data);
      // The library would make another connection beside this one, which ends with its calls.
      else this.#options.onSpent();
    });
    this.#failure = undefined;
    this.#session = session;
    this.#held = new HeldStreams({ session, keptMs: KEPT_MS, onFreed: this.#options.onChanged });
    this.#endsAt = oldAt(this.#options.connectionAgeMs);
    this.#admit(session.remoteSettings);
  }

  /** The session takes no more calls. The library makes another one with the next call. */
  #lostSession(session: ClientHttp2Session): void {
    if (this.#session !== session) return;
    this.#session = undefined;
    this.#held = undefined;
    this.#admitted = undefined;
    this.#options.onChanged();
  }

  #admit({ maxConcurrentStreams = Number.POSITIVE_INFINITY }: Settings): void {
    this.#admitted = maxConcurrentStreams;
    this.#options.onChanged();
  }

  failed(error: unknown): void {
    this.#endConnecting();
    this.#failure = error ?? new Error('The connection was closed.');
    this.#admitted = undefined;
    this.#options.onChanged();
  }

  #endConnecting(): void {
    this.#connecting?.destroy();
    this.#settled();
  }

  #settled(): void {
    this.#limit?.lift();
    this.#connecting = undefined;
  }

  #refused(data: Uint8Array | undefined): void {
    const isPings = data !== undefined && Buffer.from(data).toString() === 'too_many_pings';
    this.#refusal = isPings ? 'too many PINGs' : 'too many cancelled calls, or other frames';
    this.#options.onSpent();
  }

  #observe(stream: ClientHttp2Stream): ClientHttp2Stream {
    this.#streams++;
    delayResets(stream);
    stream.once('response', markSent);
    stream.once('trailers', markSent);
    stream.once('close', () => {
      this.#streams--;
      if (stream.rstCode !== constants.NGHTTP2_CANCEL) return;
      this.#resets.spend(performance.now());
      // All calls that run may be cancelled at once. Only streams that the peer has admitted can be reset.
      const running = Math.min(this.#options.running(), this.#admitted ?? Number.POSITIVE_INFINITY);
      if (this.#resets.left <= running) this.#options.onSpent();
    });
    if (this.#streams - this.#options.running() > MOST_UNADMITTED) this.#options.onSpent();
    return stream;
  }

  /** Call when the channel is closed and none of its calls runs. */
  close(): void {
    this.#isClosed = true;
    this.#endConnecting();
    if (this.#sessions.size > 0) setTimeout(() => this.destroy(), CLOSE_MS).unref();
  }

  /** Closes all connections at once. */
  destroy(): void {
    this.#isClosed = true;
    this.#settled();
    for (const [socket, session] of this.#sessions) {
      if (session !== undefined) destroyLater(session);
      // A session that is closed waits until its peer has read everything.
      setImmediate(() => socket.destroy());
    }
  }
}

/**
 * Nothing of gRPC is pushed. The setting precedes all requests of the connection, and a peer that pushes all
 * the same must not end the thread: the error of a stream without a listener would.
 */
function refusePushes(session: ClientHttp2Session): void {
  session.on('stream', (pushed) => {
    pushed.on('error', () => undefined);
    resetLater(pushed, constants.NGHTTP2_REFUSED_STREAM);
  });
  session.settings({ enablePush: false });
}

/**
 * Marks a status that the peer has sent. The library makes some of its own, with texts that a peer may send
 * too, and removes the field of the status from what it reports.
 */
function markSent(headers: IncomingHttpHeaders): void {
  if (headers['grpc-status'] === undefined) delete headers[SENT_FIELD];
  else headers[SENT_FIELD] = '1';
}
