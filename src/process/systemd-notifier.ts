// What systemd is told of the life cycle (sd_notify(3)), when it asks: a unit of Type=notify.
//
// Node.js cannot send datagrams over a Unix socket, so each message is sent by systemd-notify(1), which is
// there wherever systemd is. It is another process than ours: the unit needs NotifyAccess=all.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Logger } from 'pino';
import type { Settings } from '../config.js';

const PROGRAM = 'systemd-notify';
/** It sends one datagram. A manager that takes none has to do without. */
const PATIENCE_MS = 1_000;

export class SystemdNotifier {
  readonly #options: Settings['notify'];
  readonly #log: Pick<Logger, 'warn'>;
  /** One after the other: READY=1 must not overtake RELOADING=1. */
  #sent: Promise<void> = Promise.resolve();
  #watchdog: NodeJS.Timeout | undefined;
  #hasFailed = false;
  #onTheirWay = 0;
  /** Reloads that are under way or wait for one. */
  #reloads = 0;

  constructor(options: Settings['notify'], log: Pick<Logger, 'warn'>) {
    this.#options = options;
    this.#log = log;
  }

  ready(status: string): void {
    this.#send('READY=1', `STATUS=${status}`);
    const { watchdogMs } = this.#options ?? {};
    if (watchdogMs === undefined) return;
    // Twice as often as is asked for; a primary whose loop stands still says nothing, and is killed.
    this.#watchdog ??= setInterval(() => this.#beat(), watchdogMs / 2);
  }

  /** @param done settles when the reload is over, however it went */
  reloading(done: Promise<unknown>): void {
    this.#send(
      'RELOADING=1',
      `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`,
      'STATUS=replacing workers',
    );
    this.#reloads += 1;
    const over = (): void => {
      this.#reloads -= 1;
      // Behind the last one: systemd takes a service that is ready for one that is not reloading.
      if (this.#reloads === 0) this.#send('READY=1', 'STATUS=serving');
    };
    void done.then(over, over);
  }

  stopping(): void {
    this.#send('STOPPING=1', 'STATUS=draining');
  }

  /** What was told is on its way. */
  async close(): Promise<void> {
    clearInterval(this.#watchdog);
    await this.#sent;
  }

  /** Not behind one that is still on its way. */
  #beat(): void {
    if (this.#onTheirWay === 0) this.#send('WATCHDOG=1');
  }

  #send(...assignments: string[]): void {
    const options = this.#options;
    if (options === null) return;
    this.#onTheirWay += 1;
    this.#sent = this.#sent.then(async () => {
      await this.#run(options.socket, assignments);
      this.#onTheirWay -= 1;
    });
  }

  /** The service goes on when it cannot be told; systemd has time-outs of its own. */
  async #run(socket: string, assignments: readonly string[]): Promise<void> {
    try {
      const child = spawn(PROGRAM, assignments, {
        env: { PATH: '/usr/bin:/bin', NOTIFY_SOCKET: socket },
        stdio: 'ignore',
        timeout: PATIENCE_MS,
        killSignal: 'SIGKILL',
      });
      const [code] = (await once(child, 'exit')) as [number | null];
      if (code !== 0) throw new Error(`${PROGRAM} ended with ${code}`);
    } catch (error) {
      if (!this.#hasFailed) this.#log.warn({ err: error, assignments }, 'systemd cannot be told');
      this.#hasFailed = true;
    }
  }
}
